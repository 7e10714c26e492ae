-- What became of registrations, ours elsewhere and others' here: changes and failures, never mere refreshes.

CREATE TABLE registration_log (
    id         TEXT PRIMARY KEY,
    connection TEXT NOT NULL,
    account    TEXT NOT NULL,
    at         INTEGER NOT NULL,
    event      TEXT NOT NULL,
    row        TEXT NOT NULL
) STRICT;

CREATE INDEX registration_log_connection ON registration_log (connection, id);
CREATE INDEX registration_log_account ON registration_log (account, at);
