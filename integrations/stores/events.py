"""Events of bags in PostgreSQL: written once, never changed."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from integrations.records.events import BriefEvent, Event, Scan
from integrations.stores.postgres import Reader

EVENTS_OF_BAGS = """
SELECT id, airline_id, bag_id, tag, kind, rank, at, received_at, airport, place, flight_id, giver, holder, method,
       device
FROM events
WHERE airline_id = $1 AND bag_id = ANY($2::bigint[])
ORDER BY bag_id, at, rank, id
"""

# A list's answer is mostly events: one that asks for little of them is not sent the rest.
BRIEF_EVENTS_OF_BAGS = """
SELECT bag_id, kind, at, airport, place
FROM events
WHERE airline_id = $1 AND bag_id = ANY($2::bigint[])
ORDER BY bag_id, at, rank, id
"""

LAST_EVENTS_OF_BAGS = """
SELECT event.id, airline_id, bag_id, tag, kind, rank, at, received_at, airport, place, flight_id, giver, holder,
       method, device
FROM unnest($2::bigint[]) AS parent(id)
CROSS JOIN LATERAL (SELECT id, airline_id, bag_id, tag, kind, rank, at, received_at, airport, place, flight_id, giver,
                           holder, method, device
                    FROM events
                    WHERE events.bag_id = parent.id AND events.airline_id = $1
                    ORDER BY at DESC, rank DESC, id DESC
                    LIMIT $3) AS event
ORDER BY bag_id, at, rank, id
"""

LAST_BRIEF_EVENTS_OF_BAGS = """
SELECT event.bag_id, kind, at, airport, place
FROM unnest($2::bigint[]) AS parent(id)
CROSS JOIN LATERAL (SELECT id, bag_id, kind, rank, at, airport, place
                    FROM events
                    WHERE events.bag_id = parent.id AND events.airline_id = $1
                    ORDER BY at DESC, rank DESC, id DESC
                    LIMIT $3) AS event
ORDER BY event.bag_id, at, rank, event.id
"""

INSERT_EVENTS = """
INSERT INTO events (id, airline_id, bag_id, tag, kind, rank, at, received_at, airport, place, flight_id, giver, holder,
                    method, device)
SELECT id, $1, bag_id, tag, kind, rank, at, $2, airport, place, flight_id, giver, holder, method, device
FROM unnest($3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::smallint[], $8::timestamptz[], $9::text[],
            $10::text[], $11::bigint[], $12::text[], $13::text[], $14::text[], $15::text[])
     AS new(id, bag_id, tag, kind, rank, at, airport, place, flight_id, giver, holder, method, device)
ON CONFLICT (id) DO NOTHING
RETURNING id
"""


async def of_bags(records: Reader, airline_id: int, bag_ids: Sequence[int]) -> list[Event]:
    """All events of these bags, by bag and then in order of event time."""
    return await records.fetch(EVENTS_OF_BAGS, airline_id, bag_ids, name="EVENTS_OF_BAGS", record_class=Event)


async def last_of_bags(records: Reader, airline_id: int, bag_ids: Sequence[int], last: int) -> list[Event]:
    """The newest ``last`` events of each bag, by bag and then in order of event time."""
    return await records.fetch(
        LAST_EVENTS_OF_BAGS, airline_id, bag_ids, last, name="LAST_EVENTS_OF_BAGS", record_class=Event
    )


async def brief_of_bags(records: Reader, airline_id: int, bag_ids: Sequence[int]) -> list[BriefEvent]:
    """As ``of_bags``, with the few columns of ``BriefEvent``."""
    return await records.fetch(
        BRIEF_EVENTS_OF_BAGS, airline_id, bag_ids, name="BRIEF_EVENTS_OF_BAGS", record_class=BriefEvent
    )


async def last_brief_of_bags(records: Reader, airline_id: int, bag_ids: Sequence[int], last: int) -> list[BriefEvent]:
    """As ``last_of_bags``, with the few columns of ``BriefEvent``."""
    return await records.fetch(
        LAST_BRIEF_EVENTS_OF_BAGS,
        airline_id,
        bag_ids,
        last,
        name="LAST_BRIEF_EVENTS_OF_BAGS",
        record_class=BriefEvent,
    )


async def insert(
    records: Reader,
    airline_id: int,
    received_at: datetime,
    ids: Sequence[UUID],
    scans: Sequence[Scan],
    bag_ids: Sequence[int | None],
    flight_ids: Sequence[int | None],
    holders: Sequence[str | None],
) -> set[UUID]:
    """Stores the scans as events; the sequences run in parallel. Answers the ids that were new."""
    rows = await records.fetch(
        INSERT_EVENTS,
        airline_id,
        received_at,
        ids,
        bag_ids,
        [scan.tag for scan in scans],
        [scan.kind.value for scan in scans],
        [scan.kind.rank for scan in scans],
        [scan.at for scan in scans],
        [scan.airport for scan in scans],
        [scan.place for scan in scans],
        flight_ids,
        [scan.giver for scan in scans],
        holders,
        [scan.method.value for scan in scans],
        [scan.device for scan in scans],
        name="INSERT_EVENTS",
    )
    return {row["id"] for row in rows}
