-- A flight with stops on the way has one row for each airport where it boards: its bags may leave it at different
-- airports, which their messages name (docs/DOMAIN.md#rule-12).
ALTER TABLE bag_legs ADD COLUMN off_point text;
COMMENT ON COLUMN bag_legs.off_point IS
    'IATA code of the airport where the bag leaves the flight; empty where no message says: the flight''s destination.';

-- As before, with the airport where the bag leaves each flight in place of the flight's destination.
CREATE OR REPLACE VIEW transfers AS
SELECT bags.airline_id, leaving.bag_id, departing.origin AS airport, way.inbound_id, leaving.flight_id AS outbound_id,
       leaving.authorised, bags.state_at, bags.version AS bag_version,
       CASE
           WHEN way.reached > leaving.seq OR bags.airport = coalesce(leaving.off_point, departing.destination)
               THEN 'BEYOND'
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
            FILTER (WHERE legs.seq < leaving.seq
                      AND coalesce(legs.off_point, flights.destination) = departing.origin))[1] AS inbound_id,
           min(legs.seq) FILTER (WHERE legs.seq > leaving.seq AND flights.origin = departing.origin) AS again,
           min(legs.seq) FILTER (WHERE legs.seq > leaving.seq
                                   AND coalesce(legs.off_point, flights.destination) = departing.origin) AS back,
           max(legs.seq) FILTER (WHERE legs.flight_id = bags.flight_id) AS reached
    FROM bag_legs AS legs
    JOIN flights ON flights.id = legs.flight_id
    WHERE legs.bag_id = leaving.bag_id) AS way
WHERE way.inbound_id IS NOT NULL AND NOT bags.deleted AND (way.again IS NULL OR way.back < way.again);
