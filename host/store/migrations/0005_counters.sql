-- What was counted of connections, accounts and the installation: one row each, as it was at the last group commit.

CREATE TABLE counters (
    of  TEXT PRIMARY KEY,
    row TEXT NOT NULL
) STRICT, WITHOUT ROWID;
