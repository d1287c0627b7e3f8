-- Where bags change flights, and what makes them miss the next one.

-- A bag's change from the flight it comes with to the flight it is to leave with. Of several planned from the airport
-- before the bag comes back there, the last counts: it replaces what was missed. Where the bag is follows from its last
-- scan: beyond the airport, on board of the next flight, astray, left behind, in the transfer system, at the airport,
-- or still coming.
CREATE VIEW transfers AS
SELECT bags.airline_id, leaving.bag_id, departing.origin AS airport, way.inbound_id, leaving.flight_id AS outbound_id,
       leaving.authorised, bags.state_at, bags.version AS bag_version,
       CASE
           WHEN way.reached > leaving.seq OR bags.airport = departing.destination THEN 'BEYOND'
           WHEN bags.flight_id = leaving.flight_id AND bags.state IN ('LOADED', 'IN_FLIGHT') THEN 'ON_BOARD'
           WHEN bags.state IN ('MISROUTED', 'LOST') THEN 'ASTRAY'
           WHEN bags.state = 'LEFT_BEHIND'
                AND (bags.flight_id = leaving.flight_id OR bags.airport <> departing.origin) THEN 'LEFT_BEHIND'
           WHEN bags.airport = departing.origin AND bags.state IN ('TRANSFER_IN', 'SCREENED', 'SORTED')
               THEN 'TRANSFERRED'
           WHEN bags.airport = departing.origin THEN 'AT_AIRPORT'
           ELSE 'COMING'
       END AS position
FROM bag_legs AS leaving
JOIN flights AS departing ON departing.id = leaving.flight_id
JOIN bags ON bags.id = leaving.bag_id AND bags.airline_id = departing.airline_id
CROSS JOIN LATERAL (
    SELECT (array_agg(legs.flight_id ORDER BY legs.seq DESC)
            FILTER (WHERE legs.seq < leaving.seq AND flights.destination = departing.origin))[1] AS inbound_id,
           min(legs.seq) FILTER (WHERE legs.seq > leaving.seq AND flights.origin = departing.origin) AS again,
           min(legs.seq) FILTER (WHERE legs.seq > leaving.seq AND flights.destination = departing.origin) AS back,
           max(legs.seq) FILTER (WHERE legs.flight_id = bags.flight_id) AS reached
    FROM bag_legs AS legs
    JOIN flights ON flights.id = legs.flight_id
    WHERE legs.bag_id = leaving.bag_id) AS way
WHERE way.inbound_id IS NOT NULL AND NOT bags.deleted AND (way.again IS NULL OR way.back < way.again);

CREATE INDEX flights_by_off_block
    ON flights (airline_id, origin, (coalesce(actual_departure, estimated_departure, scheduled_departure)));

-- Flights that may make bags miss others.
CREATE INDEX flights_disturbed ON flights (scheduled_departure)
    WHERE status = 'CANCELLED' OR coalesce(actual_arrival, estimated_arrival) > scheduled_arrival
       OR coalesce(actual_departure, estimated_departure) < scheduled_departure;

CREATE TABLE incidents (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    airline_id      integer NOT NULL REFERENCES airlines,
    cause           text NOT NULL
                    CHECK (cause IN ('LATE_INBOUND', 'INBOUND_CANCELLED', 'EARLY_OUTBOUND', 'OUTBOUND_CANCELLED')),
    flight_id       bigint NOT NULL REFERENCES flights,
    airport         text NOT NULL,
    opened_at       timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by text,
    closed_at       timestamptz,
    closed_by       text,
    comment         text NOT NULL DEFAULT '',
    CHECK (closed_by IS NULL OR closed_at IS NOT NULL),
    CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL))
);
CREATE UNIQUE INDEX incidents_open ON incidents (airline_id, flight_id, cause) WHERE closed_at IS NULL;
CREATE INDEX incidents_by_flight ON incidents (flight_id);
CREATE INDEX incidents_by_airport ON incidents (airline_id, airport, id DESC);
CREATE INDEX incidents_newest ON incidents (airline_id, id DESC);
COMMENT ON COLUMN incidents.airport IS 'Where its bags change flights.';
COMMENT ON COLUMN incidents.closed_by IS 'Who closed it; empty where it closed by itself: no bag was at risk any more.';

-- The bags that a cause ever put at risk, each as it stood when the incident was looked at last.
CREATE TABLE incident_bags (
    airline_id  integer NOT NULL REFERENCES airlines,
    incident_id bigint NOT NULL REFERENCES incidents,
    bag_id      bigint NOT NULL REFERENCES bags,
    level       text NOT NULL,
    at_stake    boolean NOT NULL,
    bag_version integer NOT NULL,
    added_at    timestamptz NOT NULL,
    PRIMARY KEY (incident_id, bag_id)
);
CREATE INDEX incident_bags_by_bag ON incident_bags (bag_id);
COMMENT ON COLUMN incident_bags.at_stake IS 'Whether it would miss its flight for this cause: none left, and it is over.';
COMMENT ON COLUMN incident_bags.bag_version IS 'The bag''s when its level was computed: a higher one asks for a new look.';

INSERT INTO lanes (consumer, lane) SELECT 'incidents', lane FROM generate_series(0, 63) AS lane;

-- What is on flights, and what should be, at their departure or, before it, at a moment: by scans at their origin until
-- then, and by what messages say of authority to load (Resolution 753). Planned bags of which nothing is said and that
-- nobody has seen for the flight are in no category.
CREATE FUNCTION inventory(airline integer, asked bigint[], moment timestamptz)
RETURNS TABLE (flight_id bigint, bag_id bigint, category text) LANGUAGE sql STABLE AS $$
WITH asked_flights AS (
    SELECT id, origin, coalesce(actual_departure, moment) AS as_of
    FROM flights
    WHERE airline_id = airline AND id = ANY(asked)
), scanned AS (
    SELECT events.flight_id, events.bag_id, as_of,
           (array_agg(kind ORDER BY at DESC, rank DESC, events.id DESC)
            FILTER (WHERE kind IN ('LOADED', 'OFFLOADED')))[1] = 'LOADED' AS loaded,
           (array_agg(unauthorised ORDER BY at DESC, rank DESC, events.id DESC)
            FILTER (WHERE kind = 'LOADED'))[1] AS unauthorised,
           max(at) FILTER (WHERE kind = 'LOADED') AS loaded_at
    FROM asked_flights
    JOIN events ON events.airline_id = airline AND events.flight_id = asked_flights.id
               AND events.airport = asked_flights.origin AND events.at <= as_of
    WHERE events.bag_id IS NOT NULL
      AND kind IN ('POSITION', 'ACCEPTED', 'SCREENED', 'SORTED', 'LOADED', 'TRANSFER_IN', 'OFFLOADED', 'LEFT_BEHIND',
                   'ON_HAND')
    GROUP BY events.flight_id, events.bag_id, as_of
), seen AS (
    -- Who takes a bag off need not name the flight.
    SELECT scanned.flight_id, scanned.bag_id, unauthorised,
           loaded AND NOT EXISTS (SELECT FROM events
                                  WHERE events.airline_id = airline AND events.bag_id = scanned.bag_id
                                    AND kind = 'OFFLOADED' AND events.flight_id IS NULL
                                    AND at > loaded_at AND at <= as_of) AS loaded
    FROM scanned
), planned AS (
    SELECT bag_legs.flight_id, bag_legs.bag_id, bag_legs.authorised
    FROM asked_flights
    JOIN bag_legs ON bag_legs.flight_id = asked_flights.id
    JOIN bags ON bags.id = bag_legs.bag_id AND bags.airline_id = airline AND NOT deleted
), found AS (
    SELECT flight_id, bag_id,
           CASE
               WHEN loaded AND (unauthorised OR planned.bag_id IS NULL OR NOT authorised) THEN 'LOADED_NOT_AUTHORISED'
               WHEN loaded THEN 'LOADED'
               WHEN authorised THEN 'AUTHORISED_NOT_LOADED'
               WHEN seen.bag_id IS NOT NULL AND authorised IS NULL THEN 'UNKNOWN'
           END AS category
    FROM planned
    FULL JOIN seen USING (flight_id, bag_id)
)
SELECT flight_id, bag_id, category FROM found WHERE category IS NOT NULL
$$;
