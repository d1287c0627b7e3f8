"""Events of bags in PostgreSQL: written once, never changed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

import orjson

from integrations.records.events import BriefEvent, Event, EventKind, Scan
from integrations.stores.postgres.manager import Reader

EVENTS_OF_BAGS = """
SELECT id, airline_id, bag_id, tag, kind, rank, at, received_at, airport, place, flight_id, released_by, custodian,
       method, device
FROM events
WHERE airline_id = $1 AND bag_id = ANY($2::bigint[])
ORDER BY bag_id, at, rank, id
"""

EVENTS_BY_ID = """
SELECT events.id, events.airline_id, events.bag_id, events.tag, kind, rank, at, received_at, events.airport,
       events.place, events.flight_id, released_by, events.custodian, method, device
FROM unnest($2::bigint[], $3::uuid[]) AS wanted(bag_id, id)
JOIN bags ON bags.id = wanted.bag_id AND bags.airline_id = $1
JOIN events ON events.bag_id = wanted.bag_id AND events.id = wanted.id AND events.at >= bags.events_from
ORDER BY bag_id, at, rank, id
"""

# What moves a bag, without what only readers of its history ask for.
SIGHTINGS_OF_BAGS = """
SELECT bag_id, kind, at, airport, place, flight_id, custodian, method
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
SELECT event.id, airline_id, bag_id, tag, kind, rank, at, received_at, airport, place, flight_id, released_by,
       custodian, method, device
FROM unnest($2::bigint[]) AS parent(id)
CROSS JOIN LATERAL (SELECT id, airline_id, bag_id, tag, kind, rank, at, received_at, airport, place, flight_id,
                           released_by, custodian, method, device
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

# Lists of events as finished JSON, which saves the server an object for each: for {object} stands what ``as_json``
# makes of the texts in JSON_OF; keys come as arguments.
EVENTS_OF_BAGS_AS_JSON = """
SELECT bag_id, '[' || string_agg({object}, ',' ORDER BY at, rank, id) || ']' AS events
FROM events
WHERE airline_id = $1 AND bag_id = ANY($2::bigint[])
GROUP BY bag_id
"""

LAST_EVENTS_OF_BAGS_AS_JSON = """
SELECT bag_id, '[' || string_agg({object}, ',' ORDER BY at, rank, id) || ']' AS events
FROM unnest($2::bigint[]) AS parent(asked)
CROSS JOIN LATERAL (SELECT id, bag_id, tag, kind, rank, at, received_at, airport, place, method, device
                    FROM events
                    WHERE events.bag_id = parent.asked AND events.airline_id = $1
                    ORDER BY at DESC, rank DESC, id DESC
                    LIMIT $3) AS event
GROUP BY bag_id
"""

# How a column, none of which is ever null, is written as JSON.
JSON_OF = {
    "kind": "kind",
    "at": "to_json(at)",
    "received_at": "to_json(received_at)",
    "airport": "airport",
    "place": "to_json(place)",
    "tag": "tag",
    "method": "method",
    "device": "to_json(device)",
}

# Constraints hold these to plain characters: they need no escaping, but quotation marks, which come with the keys.
PLAIN = frozenset({"kind", "airport", "tag", "method"})

# Clients ask for few layouts, again and again.
KEPT_LAYOUTS = 256

INSERT_EVENTS = """
INSERT INTO events (id, airline_id, bag_id, tag, kind, rank, at, received_at, airport, place, flight_id, released_by,
                    custodian, method, device, message_id, assumed, unauthorised, transfer, container)
SELECT id, $1, bag_id, tag, kind, rank, at, $2, airport, place, flight_id, released_by, custodian, method, device,
       message_id, assumed, unauthorised, transfer, container
FROM unnest($3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::smallint[], $8::timestamptz[], $9::text[],
            $10::text[], $11::bigint[], $12::text[], $13::text[], $14::text[], $15::text[], $16::uuid[],
            $17::boolean[], $18::boolean[], $19::boolean[], $20::text[])
     AS new(id, bag_id, tag, kind, rank, at, airport, place, flight_id, released_by, custodian, method, device,
            message_id, assumed, unauthorised, transfer, container)
ON CONFLICT (id, at) DO NOTHING
RETURNING id
"""

# Sortations of transfer bags: which of them takes the bag over is known only when all of them are.
TRANSFERS_OF_BAGS = """
SELECT id, bag_id, airport, at, kind FROM events WHERE airline_id = $1 AND bag_id = ANY($2::bigint[]) AND transfer
"""

UPDATE_TRANSFERS = """
UPDATE events SET kind = new.kind, rank = new.rank
FROM unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::smallint[]) AS new(id, at, kind, rank)
WHERE events.id = new.id AND events.at = new.at AND events.airline_id = $1
"""

ENSURE_PARTITIONS = "SELECT ensure_event_partitions($1::date[])"


class Partitions:
    """The months whose partition of the event log this process knows to be there."""

    def __init__(self) -> None:
        self._known: set[date] = set()

    async def ensure(self, records: Reader, moments: Iterable[datetime]) -> None:
        """Makes the partitions that events of these moments need, and those of the months after them.

        Best before a transaction that locks bags: making one waits for others that do, and they would wait for it.
        """
        months = {moment.astimezone(UTC).date().replace(day=1) for moment in moments}
        if not months <= self._known:
            needed = months | {_next(month) for month in months}
            await records.execute(ENSURE_PARTITIONS, sorted(needed), name="ENSURE_PARTITIONS")
            self._known |= needed


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


async def of_bags(records: Reader, airline_id: int, bag_ids: Sequence[int]) -> list[Event]:
    """All events of these bags, by bag and then in order of event time."""
    return await records.fetch(EVENTS_OF_BAGS, airline_id, bag_ids, name="EVENTS_OF_BAGS", record_class=Event)


async def by_id(records: Reader, airline_id: int, wanted: Mapping[int, Collection[UUID]]) -> list[Event]:
    """The events with these ids of these bags, by bag and then in order of event time."""
    pairs = [(bag_id, event_id) for bag_id, ids in wanted.items() for event_id in ids]
    return await records.fetch(
        EVENTS_BY_ID,
        airline_id,
        [bag_id for bag_id, _ in pairs],
        [event_id for _, event_id in pairs],
        name="EVENTS_BY_ID",
        record_class=Event,
    )


async def sightings(records: Reader, airline_id: int, bag_ids: Sequence[int]) -> list[Event]:
    """As ``of_bags``, with the columns that say where a bag stands and no others."""
    return await records.fetch(SIGHTINGS_OF_BAGS, airline_id, bag_ids, name="SIGHTINGS_OF_BAGS", record_class=Event)


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


async def json_of_bags(
    records: Reader, airline_id: int, bag_ids: Sequence[int], layout: tuple[tuple[str, str], ...]
) -> dict[int, str]:
    """All events of each bag as JSON text, laid out by keys and columns of ``JSON_OF``; bags without any are absent."""
    keys, sql = as_json(EVENTS_OF_BAGS_AS_JSON, layout, first=3)
    rows = await records.fetch(sql, airline_id, bag_ids, *keys, name="EVENTS_OF_BAGS_AS_JSON")
    return {row[0]: row[1] for row in rows}


async def last_json_of_bags(
    records: Reader, airline_id: int, bag_ids: Sequence[int], last: int, layout: tuple[tuple[str, str], ...]
) -> dict[int, str]:
    """As ``written``, of the newest ``last`` events of each bag."""
    keys, sql = as_json(LAST_EVENTS_OF_BAGS_AS_JSON, layout, first=4)
    rows = await records.fetch(sql, airline_id, bag_ids, last, *keys, name="LAST_EVENTS_OF_BAGS_AS_JSON")
    return {row[0]: row[1] for row in rows}


@lru_cache(KEPT_LAYOUTS)
def as_json(template: str, layout: tuple[tuple[str, str], ...], first: int) -> tuple[Sequence[str], str]:
    """The statement that writes objects of a layout, and what stands before its values: arguments from ``first`` on."""
    keys: list[str] = []
    parts: list[str] = []
    opening, closing = "{", "{}"
    for place, (key, column) in enumerate(layout, start=first):
        quote = '"' if column in PLAIN else ""
        keys.append(f"{opening}{orjson.dumps(key).decode()}:{quote}")
        parts.append(f"${place}::text, {JSON_OF[column]}, ")
        opening, closing = f"{quote},", f"{quote}}}"
    return keys, template.replace("{object}", f"concat({''.join(parts)}'{closing}')")


class EventTransfer(NamedTuple):
    """A sortation of a bag that changes flight at the airport: SORTED, or TRANSFER_IN for the first there."""

    id: UUID
    bag_id: int
    airport: str
    at: datetime
    kind: str


async def transfers(records: Reader, airline_id: int, bag_ids: Sequence[int]) -> list[EventTransfer]:
    """The sortations of these bags where they changed flight, in no order."""
    rows = await records.fetch(TRANSFERS_OF_BAGS, airline_id, bag_ids, name="TRANSFERS_OF_BAGS")
    return [EventTransfer(*row) for row in rows]


async def update_transfers(records: Reader, airline_id: int, changed: Sequence[EventTransfer]) -> None:
    """Writes what sortations turned out to be."""
    await records.execute(
        UPDATE_TRANSFERS,
        airline_id,
        [one.id for one in changed],
        [one.at for one in changed],
        [one.kind for one in changed],
        [EventKind(one.kind).rank for one in changed],
        name="UPDATE_TRANSFERS",
    )


class NewEvent(NamedTuple):
    """A scan to store as an event, with what the product has found out about it.

    Args:
        kind: what it says, given the bag's other events.
        message_id: the message that it was read from, if any.
    """

    id: UUID
    scan: Scan
    kind: EventKind
    bag_id: int | None
    flight_id: int | None
    released_by: str | None
    custodian: str | None
    message_id: UUID | None


async def insert(records: Reader, airline_id: int, received_at: datetime, new: Sequence[NewEvent]) -> set[UUID]:
    """Stores events; answers the ids that were new."""
    rows = await records.fetch(
        INSERT_EVENTS,
        airline_id,
        received_at,
        [event.id for event in new],
        [event.bag_id for event in new],
        [event.scan.tag for event in new],
        [event.kind.value for event in new],
        [event.kind.rank for event in new],
        [event.scan.at for event in new],
        [event.scan.airport for event in new],
        [event.scan.place for event in new],
        [event.flight_id for event in new],
        [event.released_by for event in new],
        [event.custodian for event in new],
        [event.scan.method.value for event in new],
        [event.scan.device for event in new],
        [event.message_id for event in new],
        [event.scan.assumed for event in new],
        [event.scan.unauthorised for event in new],
        [event.scan.transfer for event in new],
        [event.scan.container for event in new],
        name="INSERT_EVENTS",
    )
    return {row["id"] for row in rows}
