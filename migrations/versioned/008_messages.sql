-- What airports send, word for word, and what it says of bags. A message is known by its origin line and body: the id is
-- a digest of them, so that the same message twice is one row, whoever relays it.
CREATE TABLE messages (
    id          uuid PRIMARY KEY,
    airline_id  integer NOT NULL REFERENCES airlines,
    kind        text NOT NULL,
    sent_at     timestamptz,
    received_at timestamptz NOT NULL,
    source      text NOT NULL,
    body        text NOT NULL
);
CREATE INDEX messages_by_receipt ON messages (airline_id, received_at DESC, id);
COMMENT ON COLUMN messages.sent_at IS 'From the origin line; empty where there is none.';
COMMENT ON COLUMN messages.source IS 'The way in: HTTP, GRAPHQL, FILE, KAFKA, REPLAY or SEED.';

-- What could not be read: kept whole with line, column and reason, until it is corrected or set aside.
CREATE TABLE dead_letters (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    airline_id     integer NOT NULL REFERENCES airlines,
    digest         uuid NOT NULL,
    received_at    timestamptz NOT NULL,
    source         text NOT NULL,
    body           text NOT NULL,
    line           integer NOT NULL,
    position       integer NOT NULL,
    reason         text NOT NULL,
    settled_at     timestamptz,
    settled_by     text,
    replacement_id uuid,
    UNIQUE (airline_id, digest)
);
CREATE INDEX dead_letters_waiting ON dead_letters (airline_id, id DESC) WHERE settled_at IS NULL;
COMMENT ON COLUMN dead_letters.line IS 'Within the body, from 1, as is the position within the line.';
COMMENT ON COLUMN dead_letters.replacement_id IS 'The message that came of it; empty where it was set aside.';

-- What messages say of a bag before and beside its scans. Never changed; which bag a tag is of may be found out later.
CREATE TABLE instructions (
    bag_id     bigint NOT NULL REFERENCES bags,
    at         timestamptz NOT NULL,
    message_id uuid NOT NULL,
    tag        text NOT NULL CHECK (tag ~ '^[0-9]{10}$'),
    airline_id integer NOT NULL REFERENCES airlines,
    said       jsonb NOT NULL,
    PRIMARY KEY (bag_id, at, message_id, tag)
);
COMMENT ON COLUMN instructions.said IS 'The elements that stood in the message: those that did not are absent.';

-- The event log by months of event time: old ones can be detached and kept elsewhere. An event's identity is a digest of
-- its content, the time among it: the same scan twice meets itself in one partition.
ALTER TABLE events RENAME TO unpartitioned_events;
ALTER TABLE unpartitioned_events RENAME CONSTRAINT events_pkey TO unpartitioned_events_pkey;
ALTER INDEX events_by_bag RENAME TO unpartitioned_events_by_bag;
ALTER INDEX events_by_flight RENAME TO unpartitioned_events_by_flight;

CREATE TABLE events (
    id           uuid NOT NULL,
    airline_id   integer NOT NULL,
    bag_id       bigint REFERENCES bags,
    tag          text NOT NULL CONSTRAINT events_tag CHECK (tag ~ '^[0-9]*$'),
    kind         text NOT NULL CONSTRAINT events_kind CHECK (kind IN (
        'POSITION', 'EXPECTED', 'ACCEPTED', 'SCREENED', 'SORTED', 'LOADED', 'ARRIVED', 'TRANSFER_IN', 'AT_CLAIM',
        'DELIVERED', 'NOT_SEEN', 'OFFLOADED', 'LEFT_BEHIND', 'ON_HAND', 'DELAYED', 'LOCATED', 'RUSH_TAGGED',
        'FORWARDED', 'OUT_FOR_DELIVERY', 'DAMAGED', 'LOST', 'CLOSED')),
    rank         smallint NOT NULL,
    at           timestamptz NOT NULL,
    received_at  timestamptz NOT NULL,
    airport      text NOT NULL CONSTRAINT events_airport CHECK (airport ~ '^[A-Z0-9]*$'),
    place        text NOT NULL DEFAULT '',
    flight_id    bigint REFERENCES flights,
    giver        text,
    holder       text,
    method       text NOT NULL CONSTRAINT events_method CHECK (method IN ('LASER', 'RFID', 'MANUAL', 'MESSAGE')),
    device       text NOT NULL DEFAULT '',
    message_id   uuid,
    assumed      boolean NOT NULL DEFAULT false,
    unauthorised boolean NOT NULL DEFAULT false,
    transfer     boolean NOT NULL DEFAULT false,
    container    text NOT NULL DEFAULT '',
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE INDEX events_by_bag ON events (bag_id, at, rank, id);
CREATE INDEX events_by_flight ON events (flight_id, bag_id) WHERE flight_id IS NOT NULL;
COMMENT ON COLUMN events.airline_id IS 'No reference: each event would lock its airline, one row for all of them.';
COMMENT ON COLUMN events.bag_id IS 'Empty where a scanner saw a bag and could not read its tag.';
COMMENT ON COLUMN events.rank IS 'Place of the kind in the order of states: settles events of the same moment.';
COMMENT ON COLUMN events.assumed IS 'The message had no time: it stands before any scan of the bag.';
COMMENT ON COLUMN events.unauthorised IS 'Loaded although nobody had allowed it (.B/NAL).';
COMMENT ON COLUMN events.transfer IS 'A sortation of a transfer bag: the first at its airport takes the bag over.';
COMMENT ON COLUMN events.message_id IS 'The message that it was read from, if any.';

CREATE TABLE events_before_2025 PARTITION OF events FOR VALUES FROM (MINVALUE) TO ('2025-01-01 00:00:00+00');

-- Makes the partitions that events of these months need. Attaching lets the log be read and written meanwhile, which
-- making a table a partition from its birth does not.
CREATE FUNCTION ensure_event_partitions(months date[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wanted date;
    partition text;
BEGIN
    PERFORM pg_advisory_xact_lock(7533231);
    FOR wanted IN SELECT DISTINCT date_trunc('month', month)::date FROM unnest(months) AS month
                  WHERE month >= '2025-01-01' ORDER BY 1 LOOP
        partition := 'events_' || to_char(wanted, 'YYYY_MM');
        IF to_regclass(partition) IS NULL THEN
            EXECUTE format('CREATE TABLE %I (LIKE events INCLUDING ALL)', partition);
            EXECUTE format('ALTER TABLE events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', partition,
                           wanted::timestamp AT TIME ZONE 'UTC',
                           (wanted + interval '1 month')::timestamp AT TIME ZONE 'UTC');
        END IF;
    END LOOP;
END
$$;

SELECT ensure_event_partitions(array_agg(DISTINCT (at AT TIME ZONE 'UTC')::date)) FROM unpartitioned_events;
INSERT INTO events (id, airline_id, bag_id, tag, kind, rank, at, received_at, airport, place, flight_id, giver, holder,
                    method, device)
SELECT id, airline_id, bag_id, tag, kind, rank, at, received_at, airport, place, flight_id, giver, holder, method, device
FROM unpartitioned_events;
DROP TABLE unpartitioned_events;

-- A projection of what messages say, as the columns from state on are of events.
ALTER TABLE bags
    ADD COLUMN authorised boolean,
    ADD COLUMN deleted boolean NOT NULL DEFAULT false,
    ADD COLUMN events_from timestamptz NOT NULL DEFAULT 'infinity';
UPDATE bags SET events_from = first_at
FROM (SELECT bag_id, min(at) AS first_at FROM events GROUP BY bag_id) AS seen
WHERE seen.bag_id = bags.id;
COMMENT ON COLUMN bags.authorised IS 'Whether it may be loaded, as the last message says; empty where none does.';
COMMENT ON COLUMN bags.events_from IS 'No event of the bag is older: spares looking into older partitions.';

ALTER TABLE bag_legs
    ADD COLUMN authorised boolean,
    ADD COLUMN tag text;
COMMENT ON COLUMN bag_legs.authorised IS 'Whether the bag may be loaded on this flight; empty where no message says.';
COMMENT ON COLUMN bag_legs.tag IS 'The tag whose messages plan the leg; empty where it was planned otherwise.';

ALTER TABLE flights ADD COLUMN times_known boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN flights.times_known IS 'False where only messages named the flight: its scheduled times are assumed.';
