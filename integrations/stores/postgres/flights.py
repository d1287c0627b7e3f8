"""Flights and the planned legs of bags in PostgreSQL."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from integrations.records.events import FlightKey
from integrations.records.flights import Flight, FlightStatus, Leg
from integrations.records.instructions import NamedFlight
from integrations.records.page import Page
from integrations.stores.postgres.manager import Reader

FLIGHTS_BY_ID = """
SELECT id, airline_id, carrier, number, suffix, departure_date, origin, destination, scheduled_departure,
       scheduled_arrival, estimated_departure, estimated_arrival, actual_departure, actual_arrival, status, aircraft,
       seats, gate, version
FROM flights
WHERE airline_id = $1 AND id = ANY($2::bigint[])
"""

FLIGHT_IDS_AFTER = """
SELECT id FROM flights WHERE airline_id = $1 AND id > $2 ORDER BY id LIMIT $3
"""

LOCK_FLIGHTS = """
SELECT id, airline_id, carrier, number, suffix, departure_date, origin, destination, scheduled_departure,
       scheduled_arrival, estimated_departure, estimated_arrival, actual_departure, actual_arrival, status, aircraft,
       seats, gate, version
FROM flights
WHERE airline_id = $1 AND id = ANY($2::bigint[])
ORDER BY id
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

# A loading and its flight's departure, stored at the same time, must see each other: one of them waits here.
LOCK_FLIGHTS_SHARED = """
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
       coalesce(bag_legs.off_point, flights.destination) AS destination, scheduled_departure, scheduled_arrival,
       estimated_departure, estimated_arrival, actual_departure, actual_arrival, status, aircraft, seats, gate, version,
       flights.destination AS flight_destination
FROM bag_legs
JOIN flights ON flights.id = bag_legs.flight_id AND flights.airline_id = $1
WHERE bag_legs.bag_id = ANY($2::bigint[])
ORDER BY bag_legs.bag_id, bag_legs.seq
"""

# As above, with only the columns that a bag's status is computed from.
STATIONS_OF_BAGS = """
SELECT bag_legs.bag_id, flights.id, origin, coalesce(bag_legs.off_point, flights.destination) AS destination,
       actual_departure
FROM bag_legs
JOIN flights ON flights.id = bag_legs.flight_id AND flights.airline_id = $1
WHERE bag_legs.bag_id = ANY($2::bigint[])
"""

DEPARTURES = "SELECT id, actual_departure FROM flights WHERE airline_id = $1 AND id = ANY($2::bigint[])"

# Bags that are planned on a flight or were scanned for it: a change of the flight may change their state.
BAG_IDS_OF_FLIGHTS = """
SELECT bag_legs.flight_id, bag_legs.bag_id FROM bag_legs
JOIN bags ON bags.id = bag_legs.bag_id AND bags.airline_id = $1
WHERE bag_legs.flight_id = ANY($2::bigint[])
UNION
SELECT flight_id, bag_id FROM events WHERE airline_id = $1 AND flight_id = ANY($2) AND bag_id IS NOT NULL
"""

UPDATE_FLIGHTS = """
UPDATE flights
SET estimated_departure = new.estimated_departure, estimated_arrival = new.estimated_arrival,
    actual_departure = new.actual_departure, actual_arrival = new.actual_arrival, status = new.status,
    gate = new.gate, version = version + 1, updated_at = $2
FROM unnest($3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[], $8::text[],
            $9::text[])
     AS new(id, estimated_departure, estimated_arrival, actual_departure, actual_arrival, status, gate)
WHERE airline_id = $1 AND flights.id = new.id
RETURNING flights.id, airline_id, carrier, number, suffix, departure_date, origin, destination, scheduled_departure,
          scheduled_arrival, flights.estimated_departure, flights.estimated_arrival, flights.actual_departure,
          flights.actual_arrival, flights.status, aircraft, seats, flights.gate, version
"""

# Airports where bags leave a flight elsewhere than at its destination.
STOPS_OF_FLIGHTS = """
SELECT flights.id, array_agg(DISTINCT bag_legs.off_point ORDER BY bag_legs.off_point) AS stops
FROM flights
JOIN bag_legs ON bag_legs.flight_id = flights.id AND bag_legs.off_point <> flights.destination
WHERE flights.airline_id = $1 AND flights.id = ANY($2::bigint[])
GROUP BY flights.id
"""

BAG_COUNTS_OF_FLIGHTS = """
SELECT bag_legs.flight_id, count(*) AS bags
FROM bag_legs
JOIN flights ON flights.id = bag_legs.flight_id AND flights.airline_id = $1
WHERE bag_legs.flight_id = ANY($2::bigint[])
GROUP BY bag_legs.flight_id
"""

INSERT_FLIGHTS = """
INSERT INTO flights (id, airline_id, carrier, number, departure_date, origin, destination, scheduled_departure,
                     scheduled_arrival, estimated_departure, estimated_arrival, actual_departure, actual_arrival,
                     status, aircraft, seats, gate, updated_at)
SELECT id, $1, carrier, number, departure_date, origin, destination, scheduled_departure, scheduled_arrival,
       estimated_departure, estimated_arrival, actual_departure, actual_arrival, status, aircraft, seats, gate, $2
FROM unnest($3::bigint[], $4::text[], $5::integer[], $6::date[], $7::text[], $8::text[], $9::timestamptz[],
            $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[],
            $15::text[], $16::text[], $17::text[])
     AS new(id, carrier, number, departure_date, origin, destination, scheduled_departure, scheduled_arrival,
            estimated_departure, estimated_arrival, actual_departure, actual_arrival, status, aircraft, gate)
JOIN aircraft_types ON aircraft_types.code = new.aircraft
"""

# Flights that only messages name. Their departure is assumed: noon of their date at the origin, in UTC where the origin
# is unknown.
INSERT_NAMED_FLIGHTS = """
INSERT INTO flights (airline_id, carrier, number, suffix, departure_date, origin, destination, scheduled_departure,
                     scheduled_arrival, status, times_known, updated_at)
SELECT $1, carrier, number, suffix, departure_date, origin, destination,
       (departure_date + time '12:00') AT TIME ZONE coalesce(time_zone, 'UTC'),
       (departure_date + time '13:00') AT TIME ZONE coalesce(time_zone, 'UTC'), $2, false, $3
FROM unnest($4::text[], $5::integer[], $6::text[], $7::date[], $8::text[], $9::text[])
     AS new(carrier, number, suffix, departure_date, origin, destination)
LEFT JOIN airports ON airports.iata = new.origin
ORDER BY carrier, number, suffix, departure_date, origin
ON CONFLICT (airline_id, carrier, number, suffix, departure_date, origin) DO NOTHING
RETURNING id
"""

PLANNED_LEG_ROWS = """
SELECT bag_legs.bag_id, bag_legs.seq, bag_legs.flight_id, bag_legs.tag, bag_legs.authorised, bag_legs.off_point
FROM bag_legs
JOIN bags ON bags.id = bag_legs.bag_id AND bags.airline_id = $1
WHERE bag_legs.bag_id = ANY($2::bigint[])
ORDER BY bag_legs.bag_id, bag_legs.seq
"""

DELETE_LEGS = """
DELETE FROM bag_legs USING bags
WHERE bags.id = bag_legs.bag_id AND bags.airline_id = $1 AND bag_legs.bag_id = ANY($2::bigint[])
"""

INSERT_PLANNED_LEGS = """
INSERT INTO bag_legs (bag_id, seq, flight_id, tag, authorised, off_point)
SELECT bag_id, seq, new.flight_id, new.tag, new.authorised, new.off_point
FROM unnest($2::bigint[], $3::smallint[], $4::bigint[], $5::text[], $6::boolean[], $7::text[])
     AS new(bag_id, seq, flight_id, tag, authorised, off_point)
JOIN bags ON bags.id = bag_id AND bags.airline_id = $1
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


async def ids_after(records: Reader, airline_id: int, after: int, limit: int) -> list[int]:
    """The ids of flights above ``after``, in ascending order, at most ``limit``."""
    rows = await records.fetch(FLIGHT_IDS_AFTER, airline_id, after, limit, name="FLIGHT_IDS_AFTER")
    return [row["id"] for row in rows]


async def lock(records: Reader, airline_id: int, ids: Sequence[int]) -> dict[int, Flight]:
    """Lock the flights with these ids until the transaction ends, in order of id; unknown ones are absent."""
    rows = await records.fetch(LOCK_FLIGHTS, airline_id, ids, name="LOCK_FLIGHTS", record_class=Flight)
    return {flight.id: flight for flight in rows}


async def ids_by_key(records: Reader, airline_id: int, keys: Sequence[FlightKey]) -> dict[FlightKey, int]:
    """The ids of the flights with these keys; unknown ones are absent."""
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


async def lock_shared(records: Reader, airline_id: int, ids: Sequence[int]) -> None:
    """Lock these flights against changes until the transaction ends."""
    await records.execute(LOCK_FLIGHTS_SHARED, airline_id, ids, name="LOCK_FLIGHTS_SHARED")


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
    """The flights with a designator, the departure nearest to ``near`` first, at most ``limit``.

    Args:
        suffix: operational suffix, empty for none.
        departure_date: scheduled local date at the origin; None for any.
    """
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
    """A page of flights in order of scheduled departure, with one row more than the page holds if there are more.

    Args:
        origin: IATA code; None for any.
        destination: IATA code; None for any.
        departing_from: start of the period of scheduled departures, included; None for no bound.
        departing_before: end of the period, excluded; None for no bound.
    """
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
        custom_plan=True,
    )


async def legs_of_bags(records: Reader, airline_id: int, bag_ids: Sequence[int]) -> list[Leg]:
    """The planned legs of these bags, in order of bag and of travel."""
    return await records.fetch(LEGS_OF_BAGS, airline_id, bag_ids, name="LEGS_OF_BAGS", record_class=Leg)


async def stations_of_bags(records: Reader, airline_id: int, bag_ids: Sequence[int]) -> list[Leg]:
    """The planned legs of these bags, unordered, with only the columns that a bag's status is computed from."""
    return await records.fetch(STATIONS_OF_BAGS, airline_id, bag_ids, name="STATIONS_OF_BAGS", record_class=Leg)


async def departures(records: Reader, airline_id: int, ids: Sequence[int]) -> dict[int, Flight]:
    """The flights with these ids, with only their id and actual departure; unknown ones are absent."""
    rows = await records.fetch(DEPARTURES, airline_id, ids, name="DEPARTURES", record_class=Flight)
    return {flight.id: flight for flight in rows}


async def bag_ids(records: Reader, airline_id: int, flight_ids: Sequence[int]) -> dict[int, list[int]]:
    """The ids of bags that are planned on each flight or were scanned for it; flights without any are absent."""
    found: dict[int, list[int]] = {}
    for row in await records.fetch(BAG_IDS_OF_FLIGHTS, airline_id, flight_ids, name="BAG_IDS_OF_FLIGHTS"):
        found.setdefault(row["flight_id"], []).append(row["bag_id"])
    return found


async def stops(records: Reader, airline_id: int, flight_ids: Sequence[int]) -> dict[int, list[str]]:
    """The airports where bags leave each flight elsewhere than at its destination; flights without any are absent."""
    rows = await records.fetch(STOPS_OF_FLIGHTS, airline_id, flight_ids, name="STOPS_OF_FLIGHTS")
    return {row["id"]: row["stops"] for row in rows}


async def bag_counts(records: Reader, airline_id: int, flight_ids: Sequence[int]) -> dict[int, int]:
    """The number of bags planned on each flight; flights without any are absent."""
    rows = await records.fetch(BAG_COUNTS_OF_FLIGHTS, airline_id, flight_ids, name="BAG_COUNTS_OF_FLIGHTS")
    return {row["flight_id"]: row["bags"] for row in rows}


class FlightValues(NamedTuple):
    """The columns of a flight that change. The fields are the arrays of ``UPDATE_FLIGHTS``, in order."""

    id: int
    estimated_departure: datetime | None
    estimated_arrival: datetime | None
    actual_departure: datetime | None
    actual_arrival: datetime | None
    status: str
    gate: str | None


async def update(
    records: Reader, airline_id: int, updated_at: datetime, new: Sequence[FlightValues]
) -> dict[int, Flight]:
    """Update the changing columns of locked flights, increment their versions, and return the flights by id."""
    rows = await records.fetch(
        UPDATE_FLIGHTS, airline_id, updated_at, *zip(*new, strict=True), name="UPDATE_FLIGHTS", record_class=Flight
    )
    return {flight.id: flight for flight in rows}


class NewFlight(NamedTuple):
    """A flight to insert. The fields are the columns of ``INSERT_FLIGHTS``, in order."""

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
    """A planned leg to insert. The fields are the columns of ``INSERT_LEGS``, in order."""

    bag_id: int
    seq: int
    flight_id: int


async def insert(records: Reader, airline_id: int, updated_at: datetime, flights: Sequence[NewFlight]) -> None:
    """Insert flights; their seats are those of the aircraft type."""
    await records.execute(INSERT_FLIGHTS, airline_id, updated_at, *zip(*flights, strict=True), name="INSERT_FLIGHTS")


async def insert_named(
    records: Reader, airline_id: int, updated_at: datetime, named: Sequence[NamedFlight]
) -> list[int]:
    """Insert flights that only messages name and return the ids of those that were new."""
    rows = await records.fetch(
        INSERT_NAMED_FLIGHTS,
        airline_id,
        FlightStatus.UNSCHEDULED.value,
        updated_at,
        *zip(*(flight.key for flight in named), strict=True),
        [flight.destination for flight in named],
        name="INSERT_NAMED_FLIGHTS",
    )
    return [row["id"] for row in rows]


class PlannedLegRow(NamedTuple):
    """A row of ``bag_legs``. The fields are the arrays of ``INSERT_PLANNED_LEGS``, in order.

    Args:
        seq: ordinal of the leg, from 1.
        tag: the tag whose messages plan the leg; None where no message does.
        authorised: whether the bag may be loaded on the flight; None where no message says.
        off_point: IATA code of the airport where the bag leaves the flight; None for the flight's destination.
    """

    bag_id: int
    seq: int
    flight_id: int
    tag: str | None
    authorised: bool | None
    off_point: str | None


async def planned_leg_rows(records: Reader, airline_id: int, bag_ids: Sequence[int]) -> dict[int, list[PlannedLegRow]]:
    """The planned legs of each bag in travel order, without the columns of their flights."""
    rows = await records.fetch(PLANNED_LEG_ROWS, airline_id, bag_ids, name="PLANNED_LEG_ROWS")
    found: dict[int, list[PlannedLegRow]] = {bag_id: [] for bag_id in bag_ids}
    for row in rows:
        found[row["bag_id"]].append(PlannedLegRow(*row))
    return found


async def replace_legs(records: Reader, airline_id: int, bag_ids: Sequence[int], legs: Sequence[PlannedLegRow]) -> None:
    """Replace the planned legs of bags; the bags must be locked."""
    await records.execute(DELETE_LEGS, airline_id, bag_ids, name="DELETE_LEGS")
    if legs:
        await records.execute(INSERT_PLANNED_LEGS, airline_id, *zip(*legs, strict=True), name="INSERT_PLANNED_LEGS")


async def insert_legs(records: Reader, airline_id: int, legs: Sequence[NewLeg]) -> None:
    """Insert planned legs; existing ones stay unchanged."""
    await records.execute(INSERT_LEGS, airline_id, *zip(*legs, strict=True), name="INSERT_LEGS")
