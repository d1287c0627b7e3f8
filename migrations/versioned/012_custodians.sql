-- The terms of IATA Resolution 753: a custodian holds a bag, and another party released it. Renaming a column of the
-- partitioned table renames it in every attached partition, and a new partition is made like the table. No index, view,
-- constraint or function names these columns.
ALTER TABLE bags RENAME COLUMN holder TO custodian;
ALTER TABLE events RENAME COLUMN holder TO custodian;
ALTER TABLE events RENAME COLUMN giver TO released_by;
COMMENT ON COLUMN bags.custodian IS 'Code of the party that holds the bag, as its events show; empty if unknown.';
COMMENT ON COLUMN events.custodian IS 'Code of the party that holds the bag after the event; empty if unchanged or unknown.';
COMMENT ON COLUMN events.released_by IS 'Code of the party that held the bag before; empty if unchanged or unknown.';
