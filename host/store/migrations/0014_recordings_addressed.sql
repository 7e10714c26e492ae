-- A recording that is to become a message says where it belongs, so that a death of the process between the two loses nothing.

ALTER TABLE recordings ADD COLUMN mailbox TEXT;
ALTER TABLE recordings ADD COLUMN caller_name TEXT;
-- Why not all of it is there.
ALTER TABLE recordings ADD COLUMN problem TEXT;

-- What was written down of a recording goes with it.
CREATE TRIGGER recording_gone AFTER DELETE ON recordings
BEGIN
    DELETE FROM transcriptions WHERE subject = old.id;
END;
