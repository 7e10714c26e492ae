-- Call flows, and every version that was published: whatever puts a new one into a row leaves it here, too.

CREATE TABLE flows (
    id      TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    name    TEXT NOT NULL,
    row     TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX flows_name ON flows (account, name);

CREATE TABLE flow_versions (
    flow    TEXT NOT NULL,
    version INTEGER NOT NULL,
    -- Version, time and document, as the row had them.
    row     TEXT NOT NULL,
    PRIMARY KEY (flow, version)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER flow_published AFTER UPDATE OF row ON flows
WHEN json_extract(new.row, '$.published.version') IS NOT NULL
    AND json_extract(new.row, '$.published.version') IS NOT json_extract(old.row, '$.published.version')
BEGIN
    INSERT OR IGNORE INTO flow_versions (flow, version, row)
    VALUES (new.id, json_extract(new.row, '$.published.version'), json_extract(new.row, '$.published'));
END;

CREATE TRIGGER flow_created_published AFTER INSERT ON flows
WHEN json_extract(new.row, '$.published.version') IS NOT NULL
BEGIN
    INSERT OR IGNORE INTO flow_versions (flow, version, row)
    VALUES (new.id, json_extract(new.row, '$.published.version'), json_extract(new.row, '$.published'));
END;
