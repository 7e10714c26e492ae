-- Who may change the configuration. Keys and links are kept as SHA-256, passwords as Argon2id.

CREATE TABLE keys (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    account      TEXT,
    scopes       TEXT NOT NULL,
    hash         BLOB NOT NULL,
    prefix       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER
) STRICT;

CREATE UNIQUE INDEX keys_hash ON keys (hash);

CREATE TABLE admins (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    password   TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX admins_name ON admins (name);

CREATE TABLE setup_tokens (
    hash       BLOB PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Replies to POST requests that carried an Idempotency-Key; sealed, because they may show a password once.
CREATE TABLE idempotency (
    key       TEXT PRIMARY KEY,
    body_hash BLOB NOT NULL,
    status    INTEGER NOT NULL,
    response  BLOB NOT NULL,
    at        INTEGER NOT NULL
) STRICT;

CREATE INDEX idempotency_at ON idempotency (at);
