-- Subscriptions to a PIR: one row for each transaction that changes a PIR or the state of one of its effects.
ALTER TABLE changes
    DROP CONSTRAINT changes_topic_check,
    ADD CONSTRAINT changes_topic_check CHECK (topic IN ('BAG', 'FLIGHT', 'INCIDENT', 'BOARD', 'PIR'));
COMMENT ON COLUMN changes.ids IS 'Records that changed: bags, sorted, once for each new event; flights, PIRs or one incident; none for a board.';
