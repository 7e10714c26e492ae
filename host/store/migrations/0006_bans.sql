-- Sources that nobody listens to, and those that never may be banned.

CREATE TABLE bans (
    id      TEXT PRIMARY KEY,
    network TEXT NOT NULL,
    until   INTEGER,
    row     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX bans_until ON bans (until);
