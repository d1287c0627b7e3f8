-- Statements of the peers with hand-written resolvers. Read by node/data.mjs, and by plain.py, which leaves out the
-- names in quotation marks. Both split the text at the lines that hold the name of a statement.

-- BAG_BY_TAG
SELECT bags.id, passenger_id AS "passengerId", flight_id AS "flightId",
       tag, state, state_at AS "stateAt", airport, place, weight_kg AS "weightKg", description, priority, version
FROM bag_tags JOIN bags ON bags.id = bag_tags.bag_id AND bags.airline_id = $1
WHERE bag_tags.airline_id = $1 AND number = $2
ORDER BY valid_from DESC
LIMIT 1

-- BAGS_PAGE
SELECT id, passenger_id AS "passengerId", flight_id AS "flightId",
       tag, state, state_at AS "stateAt", airport, place, weight_kg AS "weightKg", description, priority, version
FROM bags
WHERE airline_id = $1
ORDER BY id DESC
LIMIT $2

-- BAGS_OF_FLIGHT
SELECT bags.id, passenger_id AS "passengerId", bags.flight_id AS "flightId",
       tag, state, state_at AS "stateAt", airport, place, weight_kg AS "weightKg", description, priority, version
FROM (SELECT bag_id FROM bag_legs WHERE flight_id = $2 ORDER BY bag_id LIMIT $3) AS planned
JOIN bags ON bags.id = planned.bag_id AND bags.airline_id = $1
ORDER BY bags.id

-- FLIGHT_BY_DESIGNATOR
SELECT id, carrier || number || suffix AS designator, departure_date AS "departureDate", origin, destination,
       scheduled_departure AS "scheduledDeparture", scheduled_arrival AS "scheduledArrival",
       estimated_departure AS "estimatedDeparture", actual_departure AS "actualDeparture",
       actual_arrival AS "actualArrival", status, gate
FROM flights
WHERE airline_id = $1 AND carrier = $2 AND number = $3 AND suffix = $4 AND departure_date = $5
ORDER BY scheduled_departure, id
LIMIT 1

-- FLIGHTS_BY_ID
SELECT id, carrier || number || suffix AS designator, departure_date AS "departureDate", origin, destination,
       scheduled_departure AS "scheduledDeparture", scheduled_arrival AS "scheduledArrival",
       estimated_departure AS "estimatedDeparture", actual_departure AS "actualDeparture",
       actual_arrival AS "actualArrival", status, gate
FROM flights
WHERE airline_id = $1 AND id = ANY($2::bigint[])

-- PASSENGERS_BY_ID
SELECT passengers.id, surname, given_names AS "givenNames", locator, language
FROM passengers LEFT JOIN bookings ON bookings.id = booking_id
WHERE passengers.airline_id = $1 AND passengers.id = ANY($2::bigint[])

-- SCANS_OF_BAGS
SELECT bag_id AS "bagId", kind, at, received_at AS "receivedAt", airport, place, tag, method, device
FROM events
WHERE airline_id = $1 AND bag_id = ANY($2::bigint[])
ORDER BY bag_id, at, rank, id

-- LAST_SCANS_OF_BAGS
SELECT bag_id AS "bagId", kind, at, received_at AS "receivedAt", airport, place, tag, method, device
FROM unnest($2::bigint[]) AS parent(id)
CROSS JOIN LATERAL (SELECT * FROM events
                    WHERE events.bag_id = parent.id AND events.airline_id = $1
                    ORDER BY at DESC, rank DESC, events.id DESC
                    LIMIT $3) AS newest
ORDER BY bag_id, at, rank, newest.id

-- PIRS_OF_BAGS
SELECT DISTINCT ON (pir_bags.bag_id) pir_bags.bag_id AS "bagId", reference, kind, status, opened_at AS "openedAt"
FROM pir_bags JOIN pirs ON pirs.id = pir_bags.pir_id AND pirs.airline_id = $1
WHERE pir_bags.bag_id = ANY($2::bigint[])
ORDER BY pir_bags.bag_id, closed_at IS NOT NULL, opened_at DESC, pirs.id DESC
