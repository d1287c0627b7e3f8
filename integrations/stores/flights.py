"""Flights and the legs of bags in PostgreSQL."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from integrations.records.events import FlightKey
from integrations.records.flights import Flight, Leg
from integrations.records.page import Page
from integrations.stores.postgres import Reader

FLIGHTS_BY_ID = """
SELECT id, airline_id, carrier, number, suffix, departure_date, origin, destination, scheduled_departure,
       scheduled_arrival, estimated_departure, estimated_arrival, actual_departure, actual_arrival, status, aircraft,
       seats, gate, version
FROM flights
WHERE airline_id = $1 AND id = ANY($2::bigint[])
"""

LOCK_FLIGHT = """
SELECT id, airline_id, carrier, number, suffix, departure_date, origin, destination, scheduled_departure,
       scheduled_arrival, estimated_departure, estimated_arrival, actual_departure, actual_arrival, status, aircraft,
       seats, gate, version
FROM flights
WHERE airline_id = $1 AND id = $2
FOR NO KEY UPDATE
"""

FLIGHT_IDS_BY_KEY = """
SELECT wanted.seq, flights.id
FROM unnest($2::text[], $3::integer[], $4::text[], $5::date[], $6::text[])
     WITH ORDINALITY AS wanted(carrier, number, suffix, departure_date, origin, seq)
JOIN flights ON flights.airline_id = $1 AND flights.carrier = wanted.carrier AND flights.number = wanted.number
            AND flights.suffix = wanted.suffix AND flights.departure_date = wanted.departure_date
            AND flights.origin = wanted.origin
"""

# A loading and its flight's departure, recorded at the same moment, must see each other: one of them waits here.
SHARE_FLIGHTS = """
SELECT id FROM flights WHERE airline_id = $1 AND id = ANY($2::bigint[]) ORDER BY id FOR SHARE
"""

FLIGHTS_BY_DESIGNATOR = """
SELECT id, airline_id, carrier, number, suffix, departure_date, origin, destination, scheduled_departure,
       scheduled_arrival, estimated_departure, estimated_arrival, actual_departure, actual_arrival, status, aircraft,
       seats, gate, version
FROM flights
WHERE airline_id = $1 AND carrier = $2 AND number = $3 AND suffix = $4
  AND ($5::date IS NULL OR departure_date = $5)
ORDER BY abs(extract(epoch FROM scheduled_departure - $6::timestamptz)), id
LIMIT $7
"""

FLIGHTS_PAGE = """
SELECT id, airline_id, carrier, number, suffix, departure_date, origin, destination, scheduled_departure,
       scheduled_arrival, estimated_departure, estimated_arrival, actual_departure, actual_arrival, status, aircraft,
       seats, gate, version
FROM flights
WHERE airline_id = $1
  AND ($2::text IS NULL OR origin = $2)
  AND ($3::text IS NULL OR destination = $3)
  AND ($4::timestamptz IS NULL OR scheduled_departure >= $4)
  AND ($5::timestamptz IS NULL OR scheduled_departure < $5)
  AND ($6::timestamptz IS NULL OR (scheduled_departure, id) > ($6, $7::bigint))
ORDER BY scheduled_departure, id
LIMIT $8
"""

FLIGHTS_PAGE_BACKWARD = """
SELECT id, airline_id, carrier, number, suffix, departure_date, origin, destination, scheduled_departure,
       scheduled_arrival, estimated_departure, estimated_arrival, actual_departure, actual_arrival, status, aircraft,
       seats, gate, version
FROM flights
WHERE airline_id = $1
  AND ($2::text IS NULL OR origin = $2)
  AND ($3::text IS NULL OR destination = $3)
  AND ($4::timestamptz IS NULL OR scheduled_departure >= $4)
  AND ($5::timestamptz IS NULL OR scheduled_departure < $5)
  AND ($6::timestamptz IS NULL OR (scheduled_departure, id) < ($6, $7::bigint))
ORDER BY scheduled_departure DESC, id DESC
LIMIT $8
"""

LEGS_OF_BAGS = """
SELECT bag_legs.bag_id, bag_legs.seq, flights.id, airline_id, carrier, number, suffix, departure_date, origin,
       destination, scheduled_departure, scheduled_arrival, estimated_departure, estimated_arrival, actual_departure,
       actual_arrival, status, aircraft, seats, gate, version
FROM bag_legs
JOIN flights ON flights.id = bag_legs.flight_id AND flights.airline_id = $1
WHERE bag_legs.bag_id = ANY($2::bigint[])
ORDER BY bag_legs.bag_id, bag_legs.seq
"""

# Planned on it or scanned for it: whose state a change of the flight may change.
BAG_IDS_OF_FLIGHT = """
SELECT bag_legs.bag_id FROM bag_legs JOIN bags ON bags.id = bag_legs.bag_id AND bags.airline_id = $1
WHERE bag_legs.flight_id = $2
UNION
SELECT bag_id FROM events WHERE airline_id = $1 AND flight_id = $2
"""

UPDATE_FLIGHT = """
UPDATE flights
SET estimated_departure = $3, estimated_arrival = $4, actual_departure = $5, actual_arrival = $6, status = $7,
    gate = $8, version = version + 1, updated_at = $9
WHERE airline_id = $1 AND id = $2
RETURNING id, airline_id, carrier, number, suffix, departure_date, origin, destination, scheduled_departure,
          scheduled_arrival, estimated_departure, estimated_arrival, actual_departure, actual_arrival, status, aircraft,
          seats, gate, version
"""

BAG_COUNTS_OF_FLIGHTS = """
SELECT bag_legs.flight_id, count(*) AS bags
FROM bag_legs
JOIN flights ON flights.id = bag_legs.flight_id AND flights.airline_id = $1
WHERE bag_legs.flight_id = ANY($2::bigint[])
GROUP BY bag_legs.flight_id
"""

# New flights and the graph's notices of them.
INSERT_FLIGHTS = """
WITH made AS (
    INSERT INTO flights (id, airline_id, carrier, number, departure_date, origin, destination, scheduled_departure,
                         scheduled_arrival, estimated_departure, estimated_arrival, actual_departure, actual_arrival,
                         status, aircraft, seats, gate, updated_at)
    SELECT id, $1, carrier, number, departure_date, origin, destination, scheduled_departure, scheduled_arrival,
           estimated_departure, estimated_arrival, actual_departure, actual_arrival, status, aircraft, seats, gate, $3
    FROM unnest($4::bigint[], $5::text[], $6::integer[], $7::date[], $8::text[], $9::text[], $10::timestamptz[],
                $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[], $15::timestamptz[],
                $16::text[], $17::text[], $18::text[])
         AS new(id, carrier, number, departure_date, origin, destination, scheduled_departure, scheduled_arrival,
                estimated_departure, estimated_arrival, actual_departure, actual_arrival, status, aircraft, gate)
    JOIN aircraft_types ON aircraft_types.code = new.aircraft
    RETURNING id
)
INSERT INTO outbox (airline_id, consumer, lane, subject, subject_id)
SELECT $1, $2, id % 64, 'FLIGHT', id FROM made ORDER BY id
"""

INSERT_LEGS = """
INSERT INTO bag_legs (bag_id, seq, flight_id)
SELECT bag_id, seq, new.flight_id
FROM unnest($2::bigint[], $3::smallint[], $4::bigint[]) AS new(bag_id, seq, flight_id)
JOIN bags ON bags.id = bag_id AND bags.airline_id = $1
ON CONFLICT (bag_id, seq) DO NOTHING
"""


async def by_id(records: Reader, airline_id: int, ids: Sequence[int]) -> dict[int, Flight]:
    """The flights with these ids; unknown ones are absent."""
    rows = await records.fetch(FLIGHTS_BY_ID, airline_id, ids, name="FLIGHTS_BY_ID", record_class=Flight)
    return {flight.id: flight for flight in rows}


async def lock(records: Reader, airline_id: int, flight_id: int) -> Flight | None:
    """The flight, held until the transaction ends."""
    return await records.fetchrow(LOCK_FLIGHT, airline_id, flight_id, name="LOCK_FLIGHT", record_class=Flight)


async def ids_by_key(records: Reader, airline_id: int, keys: Sequence[FlightKey]) -> dict[FlightKey, int]:
    """Ids of the flights so named; unknown ones are absent."""
    rows = await records.fetch(
        FLIGHT_IDS_BY_KEY,
        airline_id,
        [key.carrier for key in keys],
        [key.number for key in keys],
        [key.suffix for key in keys],
        [key.departure_date for key in keys],
        [key.origin for key in keys],
        name="FLIGHT_IDS_BY_KEY",
    )
    return {keys[row["seq"] - 1]: row["id"] for row in rows}


async def share(records: Reader, airline_id: int, ids: Sequence[int]) -> None:
    """Keeps these flights from changing until the transaction ends."""
    await records.execute(SHARE_FLIGHTS, airline_id, ids, name="SHARE_FLIGHTS")


async def by_designator(
    records: Reader,
    airline_id: int,
    carrier: str,
    number: int,
    suffix: str,
    departure_date: date | None,
    near: datetime,
    limit: int,
) -> list[Flight]:
    """Flights of that designator, the one departing nearest to ``near`` first, at most ``limit``."""
    return await records.fetch(
        FLIGHTS_BY_DESIGNATOR,
        airline_id,
        carrier,
        number,
        suffix,
        departure_date,
        near,
        limit,
        name="FLIGHTS_BY_DESIGNATOR",
        record_class=Flight,
    )


async def page(
    records: Reader,
    airline_id: int,
    origin: str | None,
    destination: str | None,
    departing_from: datetime | None,
    departing_before: datetime | None,
    page: Page,
) -> list[Flight]:
    """Flights in order of scheduled departure, one more than the page holds where there are more."""
    statement, name = (
        (FLIGHTS_PAGE_BACKWARD, "FLIGHTS_PAGE_BACKWARD") if page.backward else (FLIGHTS_PAGE, "FLIGHTS_PAGE")
    )
    return await records.fetch(
        statement,
        airline_id,
        origin,
        destination,
        departing_from,
        departing_before,
        page.part(0),
        page.part(1),
        page.limit + 1,
        name=name,
        record_class=Flight,
        filtered=True,
    )


async def legs_of_bags(records: Reader, airline_id: int, bag_ids: Sequence[int]) -> list[Leg]:
    """The planned legs of these bags, by bag and in travel order."""
    return await records.fetch(LEGS_OF_BAGS, airline_id, bag_ids, name="LEGS_OF_BAGS", record_class=Leg)


async def bag_ids(records: Reader, airline_id: int, flight_id: int) -> list[int]:
    """Bags planned on the flight or scanned for it."""
    rows = await records.fetch(BAG_IDS_OF_FLIGHT, airline_id, flight_id, name="BAG_IDS_OF_FLIGHT")
    return [row["bag_id"] for row in rows]


async def bag_counts(records: Reader, airline_id: int, flight_ids: Sequence[int]) -> dict[int, int]:
    """How many bags are planned on each flight; flights without any are absent."""
    rows = await records.fetch(BAG_COUNTS_OF_FLIGHTS, airline_id, flight_ids, name="BAG_COUNTS_OF_FLIGHTS")
    return {row["flight_id"]: row["bags"] for row in rows}


async def update(
    records: Reader,
    airline_id: int,
    flight_id: int,
    *,
    estimated_departure: datetime | None,
    estimated_arrival: datetime | None,
    actual_departure: datetime | None,
    actual_arrival: datetime | None,
    status: str,
    gate: str | None,
    updated_at: datetime,
) -> Flight:
    """Writes the flight's changing columns and counts its version up; the flight must be locked."""
    row = await records.fetchrow(
        UPDATE_FLIGHT,
        airline_id,
        flight_id,
        estimated_departure,
        estimated_arrival,
        actual_departure,
        actual_arrival,
        status,
        gate,
        updated_at,
        name="UPDATE_FLIGHT",
        record_class=Flight,
    )
    assert row is not None
    return row


class NewFlight(NamedTuple):
    """A flight to write; the fields are the columns of ``INSERT_FLIGHTS`` in their order."""

    id: int
    carrier: str
    number: int
    departure_date: date
    origin: str
    destination: str
    scheduled_departure: datetime
    scheduled_arrival: datetime
    estimated_departure: datetime | None
    estimated_arrival: datetime | None
    actual_departure: datetime | None
    actual_arrival: datetime | None
    status: str
    aircraft: str
    gate: str | None


class NewLeg(NamedTuple):
    """A planned leg to write; the fields are the columns of ``INSERT_LEGS`` in their order."""

    bag_id: int
    seq: int
    flight_id: int


async def insert(
    records: Reader, airline_id: int, consumer: str, updated_at: datetime, flights: Sequence[NewFlight]
) -> None:
    """Adds flights, and leaves word of each for the consumer; the seats are those of the aircraft type."""
    await records.execute(
        INSERT_FLIGHTS, airline_id, consumer, updated_at, *zip(*flights, strict=True), name="INSERT_FLIGHTS"
    )


async def insert_legs(records: Reader, airline_id: int, legs: Sequence[NewLeg]) -> None:
    """Adds planned legs; those that are there stay as they are."""
    await records.execute(INSERT_LEGS, airline_id, *zip(*legs, strict=True), name="INSERT_LEGS")
