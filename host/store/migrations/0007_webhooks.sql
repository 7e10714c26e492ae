-- Endpoints that are told of events, and what is or was to be delivered to them.

CREATE TABLE webhooks (
    id       TEXT PRIMARY KEY,
    account  TEXT,
    secret   BLOB NOT NULL,
    previous BLOB,
    row      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
    id         TEXT PRIMARY KEY,
    webhook    TEXT NOT NULL,
    event      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    state      TEXT NOT NULL,
    next_at    INTEGER,
    body       TEXT NOT NULL,
    attempts   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_webhook ON deliveries (webhook, id);
CREATE INDEX deliveries_due ON deliveries (webhook, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_created_at ON deliveries (created_at);
