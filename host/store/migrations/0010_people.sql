-- People: whose connections ring for them, and what they want of calls to these.

CREATE TABLE people (
    id      TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    name    TEXT NOT NULL,
    row     TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX people_name ON people (account, name);
