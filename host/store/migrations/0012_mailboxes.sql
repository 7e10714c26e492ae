-- Mailboxes, the messages in them, and the e-mails that tell of these.

CREATE TABLE mailboxes (
    id         TEXT PRIMARY KEY,
    account    TEXT NOT NULL,
    name       TEXT NOT NULL,
    number     TEXT,
    connection TEXT,
    row        TEXT NOT NULL,
    secrets    BLOB
) STRICT;

CREATE UNIQUE INDEX mailboxes_name ON mailboxes (account, name);
CREATE UNIQUE INDEX mailboxes_number ON mailboxes (account, number) WHERE number IS NOT NULL;
CREATE UNIQUE INDEX mailboxes_connection ON mailboxes (connection) WHERE connection IS NOT NULL;

CREATE TABLE messages (
    id         TEXT PRIMARY KEY,
    account    TEXT NOT NULL,
    mailbox    TEXT NOT NULL,
    at         INTEGER NOT NULL,
    -- new, old or saved.
    state      TEXT NOT NULL,
    caller     TEXT NOT NULL,
    caller_name TEXT NOT NULL,
    dialled    TEXT NOT NULL,
    call       TEXT NOT NULL,
    length_ms  INTEGER NOT NULL,
    bytes      INTEGER NOT NULL
) STRICT;

CREATE INDEX messages_of ON messages (mailbox, id);

-- What waits to be sent, or failed; what was sent is gone.
CREATE TABLE mails (
    id         TEXT PRIMARY KEY,
    message    TEXT NOT NULL,
    recipient  TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- When it is tried next; none once it was given up.
    next_at    INTEGER,
    attempts   INTEGER NOT NULL,
    problem    TEXT NOT NULL
) STRICT;

CREATE INDEX mails_due ON mails (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX mails_of ON mails (message);

-- Whoever goes takes along what belongs to it.
CREATE TRIGGER mailbox_gone AFTER DELETE ON mailboxes
BEGIN
    DELETE FROM messages WHERE mailbox = old.id;
END;

CREATE TRIGGER message_gone AFTER DELETE ON messages
BEGIN
    DELETE FROM mails WHERE message = old.id;
    DELETE FROM transcriptions WHERE subject = old.id;
END;
