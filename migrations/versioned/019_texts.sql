-- The line of a message decides only about the order within one received text, so each receipt names its text. Processes
-- of the version before leave the default.
ALTER TABLE instructions
    ADD COLUMN text_id bigint NOT NULL DEFAULT 0,
    ADD COLUMN repeated_text_id bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN instructions.text_id IS
    'The received text that position counts lines of: a digest of its first message; 0 where it is not known.';
COMMENT ON COLUMN instructions.repeated_text_id IS 'The received text that repeated_position counts lines of.';
