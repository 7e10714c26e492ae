-- A call that left by a connection of another account belongs to both. The order of writing is the cursor of exports:
-- a long call is written long after shorter ones that began later.

ALTER TABLE history ADD COLUMN provider TEXT NOT NULL DEFAULT '';
ALTER TABLE history ADD COLUMN written_at INTEGER NOT NULL DEFAULT 0;
UPDATE history SET written_at = rowid;

CREATE INDEX history_provider ON history (provider, id, started_at) WHERE provider <> '';
CREATE INDEX history_written_at ON history (written_at);
