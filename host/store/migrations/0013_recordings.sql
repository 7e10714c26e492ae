-- What was recorded of calls; the audio lies beside the database.

CREATE TABLE recordings (
    id         TEXT PRIMARY KEY,
    account    TEXT NOT NULL,
    -- call, caller, or message until a mailbox has it.
    kind       TEXT NOT NULL,
    -- recording, stored, cut_off or failed.
    state      TEXT NOT NULL,
    call       TEXT NOT NULL,
    connection_in  TEXT,
    connection_out TEXT,
    caller     TEXT NOT NULL,
    dialled    TEXT NOT NULL,
    flow       TEXT,
    node       TEXT,
    started_at INTEGER NOT NULL,
    length_ms  INTEGER NOT NULL,
    channels   INTEGER NOT NULL,
    rate       INTEGER NOT NULL,
    bytes      INTEGER NOT NULL
) STRICT;

CREATE INDEX recordings_of_account ON recordings (account, id);
CREATE INDEX recordings_of_call ON recordings (call);
CREATE INDEX recordings_by_age ON recordings (started_at);
