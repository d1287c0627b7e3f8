"""Incidents and their bags in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from integrations.records.incidents import AffectedBag, AssessedBag, Incident, IncidentCause
from integrations.records.outbox import Consumer
from integrations.records.page import Page
from integrations.stores.postgres.manager import Reader

LOCK_KEY = 7_533_232

# Two workers that assess the same bags must not open two incidents: the second waits here, then finds the first one's.
LOCK_INCIDENTS = "SELECT pg_advisory_xact_lock($1, $2)"

INCIDENTS_BY_ID = """
SELECT id, airline_id, cause, flight_id, airport, opened_at, updated_at, acknowledged_at, acknowledged_by, closed_at,
       closed_by, comment
FROM incidents
WHERE airline_id = $1 AND id = ANY($2::bigint[])
"""

INCIDENTS_PAGE = """
SELECT id, airline_id, cause, flight_id, airport, opened_at, updated_at, acknowledged_at, acknowledged_by, closed_at,
       closed_by, comment
FROM incidents
WHERE airline_id = $1
  AND ($2::text IS NULL OR airport = $2)
  AND ($3::boolean IS NULL OR (closed_at IS NULL) = $3)
  AND ($4::bigint IS NULL OR id < $4)
ORDER BY id DESC
LIMIT $5
"""

INCIDENTS_PAGE_BACKWARD = """
SELECT id, airline_id, cause, flight_id, airport, opened_at, updated_at, acknowledged_at, acknowledged_by, closed_at,
       closed_by, comment
FROM incidents
WHERE airline_id = $1
  AND ($2::text IS NULL OR airport = $2)
  AND ($3::boolean IS NULL OR (closed_at IS NULL) = $3)
  AND ($4::bigint IS NULL OR id > $4)
ORDER BY id
LIMIT $5
"""

OPEN_INCIDENTS_BY_ID = """
SELECT id, airline_id, cause, flight_id, airport, opened_at, updated_at, acknowledged_at, acknowledged_by, closed_at,
       closed_by, comment
FROM incidents
WHERE airline_id = $1 AND id = ANY($2::bigint[]) AND closed_at IS NULL
FOR NO KEY UPDATE
"""

OPEN_INCIDENTS_OF_FLIGHTS = """
SELECT id, airline_id, cause, flight_id, airport, opened_at, updated_at, acknowledged_at, acknowledged_by, closed_at,
       closed_by, comment
FROM incidents
WHERE airline_id = $1 AND flight_id = ANY($2::bigint[]) AND closed_at IS NULL
FOR NO KEY UPDATE
"""

ASSESSED_BAGS = """
SELECT incident_id, bag_id, level, at_stake, bag_version, bags.version
FROM incident_bags
JOIN bags ON bags.id = bag_id AND bags.airline_id = $1
WHERE incident_bags.airline_id = $1 AND incident_id = ANY($2::bigint[])
  AND (incident_id = ANY($3::bigint[]) OR bag_id = ANY($4::bigint[]))
"""

# Bags of incidents that a person has closed.
DISMISSED_BAGS = """
SELECT cause, flight_id, bag_id
FROM incidents
JOIN incident_bags ON incident_id = incidents.id
WHERE incidents.airline_id = $1 AND flight_id = ANY($2::bigint[]) AND closed_by IS NOT NULL
"""

INSERT_INCIDENTS = """
INSERT INTO incidents (airline_id, cause, flight_id, airport, opened_at, updated_at)
SELECT $1, cause, flights.id, new.airport, $2, $2
FROM unnest($3::text[], $4::bigint[], $5::text[]) AS new(cause, flight_id, airport)
JOIN flights ON flights.id = flight_id AND flights.airline_id = $1
RETURNING id, airline_id, cause, flight_id, airport, opened_at, updated_at, acknowledged_at, acknowledged_by,
          closed_at, closed_by, comment
"""

WRITE_INCIDENT_BAGS = """
INSERT INTO incident_bags (airline_id, incident_id, bag_id, level, at_stake, bag_version, added_at)
SELECT $1, incidents.id, bag_id, level, at_stake, bag_version, $2
FROM unnest($3::bigint[], $4::bigint[], $5::text[], $6::boolean[], $7::integer[])
     AS new(incident_id, bag_id, level, at_stake, bag_version)
JOIN incidents ON incidents.id = incident_id AND incidents.airline_id = $1
ON CONFLICT (incident_id, bag_id) DO UPDATE
SET level = excluded.level, at_stake = excluded.at_stake, bag_version = excluded.bag_version
"""

UPDATE_INCIDENTS = """
UPDATE incidents
SET updated_at = $2::timestamptz,
    closed_at = CASE WHEN NOT EXISTS (SELECT FROM incident_bags
                                      WHERE airline_id = $1 AND incident_id = incidents.id AND at_stake)
                     THEN $2::timestamptz END
WHERE airline_id = $1 AND id = ANY($3::bigint[]) AND closed_at IS NULL
"""

ACKNOWLEDGE_INCIDENT = """
UPDATE incidents
SET acknowledged_at = $3, acknowledged_by = $4, comment = $5, updated_at = $3
WHERE airline_id = $1 AND id = $2 AND closed_at IS NULL
RETURNING id, airline_id, cause, flight_id, airport, opened_at, updated_at, acknowledged_at, acknowledged_by,
          closed_at, closed_by, comment
"""

CLOSE_INCIDENT = """
UPDATE incidents
SET closed_at = $3, closed_by = $4, comment = $5, updated_at = $3
WHERE airline_id = $1 AND id = $2 AND closed_at IS NULL
RETURNING id, airline_id, cause, flight_id, airport, opened_at, updated_at, acknowledged_at, acknowledged_by,
          closed_at, closed_by, comment
"""

BAGS_OF_INCIDENTS = """
SELECT bag.*, incidents.airport
FROM incidents
CROSS JOIN LATERAL (SELECT incident_id, bag_id, level, added_at
                    FROM incident_bags
                    WHERE incident_id = incidents.id AND incident_bags.airline_id = $1
                      AND ($3::bigint IS NULL OR CASE WHEN $5 THEN bag_id < $3 ELSE bag_id > $3 END)
                    ORDER BY CASE WHEN $5::boolean THEN -bag_id ELSE bag_id END
                    LIMIT $4) AS bag
WHERE incidents.airline_id = $1 AND incidents.id = ANY($2::bigint[])
ORDER BY incident_id, CASE WHEN $5 THEN -bag_id ELSE bag_id END
"""

LEVELS_OF_INCIDENTS = """
SELECT incident_id, level, count(*)::integer AS bags
FROM incident_bags
WHERE airline_id = $1 AND incident_id = ANY($2::bigint[])
GROUP BY incident_id, level
"""

# Bags of open incidents that have changed since they were assessed; only in the owner's lanes.
CHANGED_BAGS_OF_INCIDENTS = """
SELECT incidents.airline_id, incidents.id AS incident_id, bag_id
FROM incidents
JOIN lanes ON consumer = $1 AND lane = incidents.flight_id % 64 AND owner = $2 AND leased_until > now()
JOIN incident_bags ON incident_id = incidents.id
JOIN bags ON bags.id = bag_id AND bags.version <> bag_version
WHERE closed_at IS NULL
LIMIT $3
"""

# Flights off their schedule, on which bags may have been planned since, and flights of open incidents; only in the
# owner's lanes.
FLIGHTS_TO_ASSESS = """
SELECT affected.airline_id, affected.id AS flight_id
FROM (SELECT airline_id, id
      FROM flights
      WHERE scheduled_departure BETWEEN now() - $3::interval AND now() + $3::interval
        AND (status = 'CANCELLED' OR coalesce(actual_arrival, estimated_arrival) > scheduled_arrival
             OR coalesce(actual_departure, estimated_departure) < scheduled_departure)
      UNION
      SELECT airline_id, flight_id FROM incidents WHERE closed_at IS NULL) AS affected
JOIN lanes ON consumer = $1 AND lane = affected.id % 64 AND owner = $2 AND leased_until > now()
"""

# Airports where bags connect and have changed lately; announced by the owner of lane 0.
CHANGED_BOARDS = """
SELECT DISTINCT changes.airline_id, bags.airport
FROM changes
JOIN lanes ON consumer = $1 AND lane = 0 AND owner = $2 AND leased_until > now()
CROSS JOIN unnest(ids) AS bag_id
JOIN bags ON bags.id = bag_id AND bags.airline_id = changes.airline_id
JOIN connection_times ON connection_times.airline_id = changes.airline_id AND connection_times.airport = bags.airport
WHERE changes.at > now() - $3::interval AND topic = 'BAG'
"""


class AffectedFlight(NamedTuple):
    """A flight whose bags a worker has to assess."""

    airline_id: int
    flight_id: int


class ChangedBag(NamedTuple):
    """A bag of an open incident that a worker has to assess again."""

    airline_id: int
    incident_id: int
    bag_id: int


class ChangedBoard(NamedTuple):
    """An airport whose connection board has changed."""

    airline_id: int
    airport: str


class NewIncident(NamedTuple):
    """An incident to open."""

    cause: IncidentCause
    flight_id: int
    airport: str


class BagLevel(NamedTuple):
    """The risk of a bag of an incident. The fields are the arrays of ``WRITE_INCIDENT_BAGS``, in order.

    Args:
        level: value of ``ConnectionLevel``.
        at_stake: whether the bag would miss its flight for the incident's cause.
        bag_version: version of the bag that was assessed.
    """

    incident_id: int
    bag_id: int
    level: str
    at_stake: bool
    bag_version: int


async def lock(records: Reader, airline_id: int) -> None:
    """Lock the airline's incidents until the transaction ends."""
    await records.execute(LOCK_INCIDENTS, LOCK_KEY, airline_id, name="LOCK_INCIDENTS")


async def by_id(records: Reader, airline_id: int, ids: Sequence[int]) -> dict[int, Incident]:
    """The incidents with these ids; unknown ones are absent."""
    rows = await records.fetch(INCIDENTS_BY_ID, airline_id, ids, name="INCIDENTS_BY_ID", record_class=Incident)
    return {incident.id: incident for incident in rows}


async def page(
    records: Reader, airline_id: int, airport: str | None, is_open: bool | None, page: Page
) -> list[Incident]:
    """A page of incidents, newest first, with one row more than the page holds if there are more.

    Args:
        airport: IATA code of the airport where the bags change flights; None for any.
        is_open: whether the incident is open; None for either.
    """
    statement, name = (
        (INCIDENTS_PAGE_BACKWARD, "INCIDENTS_PAGE_BACKWARD") if page.backward else (INCIDENTS_PAGE, "INCIDENTS_PAGE")
    )
    filters = airport, is_open, page.part(0)
    return await records.fetch(
        statement, airline_id, *filters, page.limit + 1, name=name, record_class=Incident, custom_plan=True
    )


async def open_of_flights(records: Reader, airline_id: int, flight_ids: Sequence[int]) -> list[Incident]:
    """Lock the open incidents that these flights cause until the transaction ends."""
    return await records.fetch(
        OPEN_INCIDENTS_OF_FLIGHTS, airline_id, flight_ids, name="OPEN_INCIDENTS_OF_FLIGHTS", record_class=Incident
    )


async def open_by_id(records: Reader, airline_id: int, ids: Sequence[int]) -> list[Incident]:
    """Lock the open ones of these incidents until the transaction ends."""
    return await records.fetch(
        OPEN_INCIDENTS_BY_ID, airline_id, ids, name="OPEN_INCIDENTS_BY_ID", record_class=Incident
    )


async def assessed_bags(
    records: Reader, airline_id: int, incident_ids: Sequence[int], complete_ids: Sequence[int], bag_ids: Sequence[int]
) -> list[AssessedBag]:
    """Bags of incidents as they were last assessed.

    Args:
        incident_ids: the incidents.
        complete_ids: those of them whose bags are all returned.
        bag_ids: the bags that are returned of the others.
    """
    return await records.fetch(
        ASSESSED_BAGS,
        airline_id,
        incident_ids,
        complete_ids,
        bag_ids,
        name="ASSESSED_BAGS",
        record_class=AssessedBag,
    )


async def dismissed(records: Reader, airline_id: int, flight_ids: Sequence[int]) -> set[tuple[str, int, int]]:
    """Cause, flight id and bag id of the bags of incidents that a person has closed."""
    rows = await records.fetch(DISMISSED_BAGS, airline_id, flight_ids, name="DISMISSED_BAGS")
    return {tuple(row) for row in rows}


async def insert(
    records: Reader, airline_id: int, opened_at: datetime, incidents: Sequence[NewIncident]
) -> list[Incident]:
    """Insert incidents; none of the same cause and flight may be open."""
    return await records.fetch(
        INSERT_INCIDENTS,
        airline_id,
        opened_at,
        [one.cause.value for one in incidents],
        [one.flight_id for one in incidents],
        [one.airport for one in incidents],
        name="INSERT_INCIDENTS",
        record_class=Incident,
    )


async def write_bags(records: Reader, airline_id: int, added_at: datetime, levels: Sequence[BagLevel]) -> None:
    """Insert or update the bags of incidents."""
    await records.execute(
        WRITE_INCIDENT_BAGS, airline_id, added_at, *zip(*levels, strict=True), name="WRITE_INCIDENT_BAGS"
    )


async def update(records: Reader, airline_id: int, updated_at: datetime, incident_ids: Sequence[int]) -> None:
    """Set the update time of open incidents, and close those without a bag at stake."""
    await records.execute(UPDATE_INCIDENTS, airline_id, updated_at, incident_ids, name="UPDATE_INCIDENTS")


async def acknowledge(
    records: Reader, airline_id: int, incident_id: int, at: datetime, actor: str, comment: str
) -> Incident | None:
    """Acknowledge an open incident and return it; None if it is unknown or closed."""
    return await records.fetchrow(
        ACKNOWLEDGE_INCIDENT,
        airline_id,
        incident_id,
        at,
        actor,
        comment,
        name="ACKNOWLEDGE_INCIDENT",
        record_class=Incident,
    )


async def close(
    records: Reader, airline_id: int, incident_id: int, at: datetime, actor: str, comment: str
) -> Incident | None:
    """Close an open incident and return it; None if it is unknown or closed."""
    return await records.fetchrow(
        CLOSE_INCIDENT, airline_id, incident_id, at, actor, comment, name="CLOSE_INCIDENT", record_class=Incident
    )


async def bags(records: Reader, airline_id: int, incident_ids: Sequence[int], page: Page) -> list[AffectedBag]:
    """The bags of each incident, in order of bag; ``page`` applies to each incident."""
    return await records.fetch(
        BAGS_OF_INCIDENTS,
        airline_id,
        incident_ids,
        page.part(0),
        page.limit + 1,
        page.backward,
        name="BAGS_OF_INCIDENTS",
        record_class=AffectedBag,
    )


async def levels(records: Reader, airline_id: int, incident_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """The number of bags of each incident at each level; levels without any are absent."""
    found: dict[int, dict[str, int]] = {incident_id: {} for incident_id in incident_ids}
    for row in await records.fetch(LEVELS_OF_INCIDENTS, airline_id, incident_ids, name="LEVELS_OF_INCIDENTS"):
        found[row["incident_id"]][row["level"]] = row["bags"]
    return found


async def changed_bags(records: Reader, consumer: Consumer, owner: str, limit: int) -> list[ChangedBag]:
    """Bags of open incidents in the owner's lanes that have changed since they were assessed, at most ``limit``."""
    rows = await records.fetch(CHANGED_BAGS_OF_INCIDENTS, consumer, owner, limit, name="CHANGED_BAGS_OF_INCIDENTS")
    return [ChangedBag(*row) for row in rows]


async def flights_to_assess(records: Reader, consumer: Consumer, owner: str, within: timedelta) -> list[AffectedFlight]:
    """Flights off their schedule and flights of open incidents, in the owner's lanes.

    Args:
        within: distance of the scheduled departure from now, in the future or the past, for flights off their schedule.
    """
    rows = await records.fetch(FLIGHTS_TO_ASSESS, consumer, owner, within, name="FLIGHTS_TO_ASSESS")
    return [AffectedFlight(*row) for row in rows]


async def changed_boards(records: Reader, consumer: Consumer, owner: str, within: timedelta) -> list[ChangedBoard]:
    """Airports where bags connect and have changed during the last ``within``; none unless the owner has lane 0."""
    rows = await records.fetch(CHANGED_BOARDS, consumer, owner, within, name="CHANGED_BOARDS")
    return [ChangedBoard(*row) for row in rows]
