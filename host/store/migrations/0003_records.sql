-- What calls and registrations leave behind. Written in group commits.

CREATE TABLE history (
    id             TEXT NOT NULL,
    account        TEXT NOT NULL,
    started_at     INTEGER NOT NULL,
    connection_in  TEXT NOT NULL,
    connection_out TEXT NOT NULL,
    caller         TEXT NOT NULL,
    dialled        TEXT NOT NULL,
    outcome        TEXT NOT NULL,
    reason_code    TEXT NOT NULL,
    row            TEXT NOT NULL
) STRICT;

-- Ids sort by start, so started_at beside them lets a search by time run on the index alone.
CREATE UNIQUE INDEX history_id ON history (id, started_at);
CREATE INDEX history_account ON history (account, id, started_at);
CREATE INDEX history_connection_in ON history (connection_in, id);
CREATE INDEX history_connection_out ON history (connection_out, id);

CREATE TABLE open_calls (
    id             TEXT PRIMARY KEY,
    account        TEXT NOT NULL,
    started_at     INTEGER NOT NULL,
    answered_at    INTEGER,
    caller         TEXT NOT NULL,
    dialled        TEXT NOT NULL,
    connection_in  TEXT NOT NULL,
    connection_out TEXT NOT NULL,
    config_rev     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE bindings (
    connection TEXT NOT NULL,
    contact    TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    row        TEXT NOT NULL,
    PRIMARY KEY (connection, contact)
) STRICT;

CREATE INDEX bindings_expires_at ON bindings (expires_at);

CREATE TABLE refused (
    id          TEXT PRIMARY KEY,
    account     TEXT NOT NULL,
    source      TEXT NOT NULL,
    method      TEXT NOT NULL,
    reason_code TEXT NOT NULL,
    last_at     INTEGER NOT NULL,
    row         TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX refused_fold ON refused (source, method, reason_code, account);
CREATE INDEX refused_last_at ON refused (last_at, id);
