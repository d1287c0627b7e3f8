"""Events of bags in PostgreSQL. An event is never deleted.

Only its bag is corrected, and the kind and the custodian of a transfer.
"""

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

# The columns that a bag's status is computed from, without those that only readers of its history need.
SIGHTINGS_OF_BAGS = """
SELECT bag_id, kind, at, airport, place, flight_id, custodian, method
FROM events
WHERE airline_id = $1 AND bag_id = ANY($2::bigint[])
ORDER BY bag_id, at, rank, id
"""

# Most of a list's rows are events, so a list that selects few of their columns does not fetch the others.
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

# Lists of events as JSON text, which saves the server an object for each event. ``as_json`` replaces {object} by
# expressions of JSON_OF; keys are arguments.
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

# SQL that writes each column as JSON. None of these columns is ever null.
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

# Constraints limit these to plain characters: they need no escaping, only quotation marks, which the keys supply.
PLAIN = frozenset({"kind", "airport", "tag", "method"})

# Clients use few layouts, again and again.
MAX_LAYOUTS = 256

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

# Sortations of transfer bags. Which one is the TRANSFER_IN is known only from all of them.
TRANSFERS_OF_BAGS = """
SELECT id, bag_id, airport, at, kind, custodian
FROM events
WHERE airline_id = $1 AND bag_id = ANY($2::bigint[]) AND transfer
"""

UPDATE_TRANSFERS = """
UPDATE events SET kind = new.kind, rank = new.rank, custodian = new.custodian
FROM unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::smallint[], $6::text[])
     AS new(id, at, kind, rank, custodian)
WHERE events.id = new.id AND events.at = new.at AND events.airline_id = $1
"""

ENSURE_PARTITIONS = "SELECT ensure_event_partitions($1::date[])"


class Partitions:
    """The months whose partition of the event log this process knows to exist."""

    def __init__(self) -> None:
        self._known: set[date] = set()

    async def ensure(self, records: Reader, times: Iterable[datetime]) -> None:
        """Create the partitions for events of these timestamps and for the month after each.

        Call it before a transaction that locks bags: creating a partition waits for such transactions, and they would
        wait for it.
        """
        months = {at.astimezone(UTC).date().replace(day=1) for at in times}
        if not months <= self._known:
            needed = months | {_next_month(month) for month in months}
            await records.execute(ENSURE_PARTITIONS, sorted(needed), name="ENSURE_PARTITIONS")
            self._known |= needed


def _next_month(month: date) -> date:
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
    """As ``of_bags``, with only the columns that a bag's status is computed from."""
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
    """All events of each bag as JSON text; bags without any are absent.

    Args:
        layout: keys of the objects, each with a column of ``JSON_OF``.
    """
    keys, sql = as_json(EVENTS_OF_BAGS_AS_JSON, layout, first=3)
    rows = await records.fetch(sql, airline_id, bag_ids, *keys, name="EVENTS_OF_BAGS_AS_JSON")
    return {row[0]: row[1] for row in rows}


async def last_json_of_bags(
    records: Reader, airline_id: int, bag_ids: Sequence[int], last: int, layout: tuple[tuple[str, str], ...]
) -> dict[int, str]:
    """As ``json_of_bags``, for the newest ``last`` events of each bag."""
    keys, sql = as_json(LAST_EVENTS_OF_BAGS_AS_JSON, layout, first=4)
    rows = await records.fetch(sql, airline_id, bag_ids, last, *keys, name="LAST_EVENTS_OF_BAGS_AS_JSON")
    return {row[0]: row[1] for row in rows}


@lru_cache(MAX_LAYOUTS)
def as_json(template: str, layout: tuple[tuple[str, str], ...], first: int) -> tuple[Sequence[str], str]:
    """Return the arguments and the text of a statement that writes objects of a layout as JSON.

    Args:
        template: the statement with ``{object}`` for the expression of one object.
        layout: keys of the objects, each with a column of ``JSON_OF``.
        first: number of the statement's first argument for keys.

    Returns:
        The texts before each value, which are the arguments from ``first``, and the statement.
    """
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
    """A sortation of a bag that changes flights at the airport: TRANSFER_IN for the first one there, else SORTED."""

    id: UUID
    bag_id: int
    airport: str
    at: datetime
    kind: str
    custodian: str | None


async def transfers(records: Reader, airline_id: int, bag_ids: Sequence[int]) -> list[EventTransfer]:
    """The sortations of these bags at airports where they change flights, unordered."""
    rows = await records.fetch(TRANSFERS_OF_BAGS, airline_id, bag_ids, name="TRANSFERS_OF_BAGS")
    return [EventTransfer(*row) for row in rows]


async def update_transfers(records: Reader, airline_id: int, changed: Sequence[EventTransfer]) -> None:
    """Correct kind and custodian of sortations."""
    await records.execute(
        UPDATE_TRANSFERS,
        airline_id,
        [one.id for one in changed],
        [one.at for one in changed],
        [one.kind for one in changed],
        [EventKind(one.kind).rank for one in changed],
        [one.custodian for one in changed],
        name="UPDATE_TRANSFERS",
    )


class NewEvent(NamedTuple):
    """A scan to insert as an event, with its bag, flight and parties.

    Args:
        kind: kind of the event, given the bag's other events.
        bag_id: None where the tag could not be read.
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
    """Insert events and return the ids of those that were new."""
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
