-- What subscribers are told: one row for each transaction and subject, written by the transaction that makes the change. A
-- reader takes rows of transactions that are older than any that is still open: what it has passed is complete, whenever
-- the others commit. Rows are dropped after a while: this is no record, the events are.
CREATE TABLE changes (
    airline_id integer NOT NULL REFERENCES airlines,
    xid        xid8 NOT NULL DEFAULT pg_current_xact_id(),
    position   bigint GENERATED ALWAYS AS IDENTITY,
    topic      text NOT NULL CHECK (topic IN ('BAG', 'FLIGHT', 'INCIDENT', 'BOARD')),
    ids        bigint[] NOT NULL,
    events     uuid[] NOT NULL DEFAULT '{}',
    airport    text CHECK (airport ~ '^[A-Z]{3}$'),
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (airline_id, xid, position)
);
CREATE INDEX changes_by_age ON changes (at);
COMMENT ON COLUMN changes.ids IS 'What changed: bags, sorted, once for each new event; one flight or incident; none for a board.';
COMMENT ON COLUMN changes.events IS 'For bags, beside the ids: the new events; empty where the bag changed without one.';
COMMENT ON COLUMN changes.at IS 'When the row was written, a little before its transaction committed.';
