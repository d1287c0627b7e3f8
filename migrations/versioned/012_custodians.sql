-- Resolution 753's words: a custodian holds a bag; another party released it.
ALTER TABLE bags RENAME COLUMN holder TO custodian;
ALTER TABLE events RENAME COLUMN holder TO custodian;
ALTER TABLE events RENAME COLUMN giver TO released_by;
