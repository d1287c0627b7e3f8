-- Instructions of one minute take effect in the order of their receipt, which is kept with each of them, and a text
-- without an origin line takes effect at its receipt. Processes of the version before leave the defaults.
ALTER TABLE messages ADD COLUMN position integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN messages.position IS 'Line of the received text where the message begins; 0 where it is not known.';
COMMENT ON COLUMN messages.received_at IS 'First receipt.';

ALTER TABLE instructions
    ADD COLUMN received_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN position integer NOT NULL DEFAULT 0,
    ADD COLUMN repeated_at timestamptz,
    ADD COLUMN repeated_position integer,
    ADD CONSTRAINT instructions_repeated CHECK ((repeated_at IS NULL) = (repeated_position IS NULL));
UPDATE instructions SET received_at = messages.received_at
FROM messages
WHERE messages.id = instructions.message_id;
COMMENT ON COLUMN instructions.received_at IS 'First receipt of the message, with the line where it begins in position.';
COMMENT ON COLUMN instructions.repeated_at IS 'Last receipt of a text without an origin line that came again.';
