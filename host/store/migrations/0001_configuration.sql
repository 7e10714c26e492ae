-- What an installation is configured with. The row is the resource as the API shows it; columns beside it exist
-- only where something is looked up or must be unique. Secrets are sealed with the master key (secret.rs).

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta (name, value) VALUES ('revision', 0);

CREATE TABLE accounts (
    id   TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    row  TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX accounts_name ON accounts (name);

CREATE TABLE domains (
    id      TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    host    TEXT NOT NULL,
    row     TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX domains_host ON domains (host);

CREATE TABLE connections (
    id         TEXT PRIMARY KEY,
    account    TEXT NOT NULL,
    domain     TEXT,
    user       TEXT,
    trunk_name TEXT,
    row        TEXT NOT NULL,
    secrets    BLOB
) STRICT;

CREATE UNIQUE INDEX connections_user ON connections (domain, user) WHERE user IS NOT NULL;
CREATE UNIQUE INDEX connections_trunk_name ON connections (trunk_name) WHERE trunk_name IS NOT NULL;

CREATE TABLE numbers (
    id      TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    e164    TEXT NOT NULL,
    -- The connection it comes in by; empty means any.
    via     TEXT NOT NULL,
    row     TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX numbers_e164 ON numbers (e164, via);

-- One row per name; today only 'limits'.
CREATE TABLE settings (
    id  TEXT PRIMARY KEY,
    row TEXT NOT NULL
) STRICT;

CREATE TABLE audit (
    id              TEXT PRIMARY KEY,
    at              INTEGER NOT NULL,
    actor           TEXT NOT NULL,
    via             TEXT NOT NULL,
    resource        TEXT NOT NULL,
    resource_id     TEXT NOT NULL,
    account         TEXT,
    before          TEXT,
    after           TEXT,
    secrets_changed INTEGER NOT NULL,
    revision        INTEGER NOT NULL
) STRICT;

CREATE INDEX audit_resource ON audit (resource_id, id);
CREATE INDEX audit_account ON audit (account, id);
