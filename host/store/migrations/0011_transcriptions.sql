-- Recordings that become text: what waits, what runs, what came of it. One for each subject.

CREATE TABLE transcriptions (
    subject    TEXT PRIMARY KEY,
    -- Path below the data folder.
    recording  TEXT NOT NULL,
    language   TEXT NOT NULL,
    state      TEXT NOT NULL,
    attempts   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    -- When it is due; absent while it runs and when it is settled.
    next_at    INTEGER,
    engine     TEXT,
    text       TEXT,
    why        TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX transcriptions_due ON transcriptions (next_at) WHERE next_at IS NOT NULL;
