"""Events of bags in PostgreSQL: written once, never changed."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from uuid import UUID

import orjson

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

# How a column is written as JSON. Those that constraints hold to plain characters need no escaping.
JSON_OF = {
    "kind": """'"' || kind || '"'""",
    "at": "to_json(at)",
    "received_at": "to_json(received_at)",
    "airport": """'"' || airport || '"'""",
    "place": "to_json(place)",
    "tag": """'"' || tag || '"'""",
    "method": """'"' || method || '"'""",
    "device": "to_json(device)",
}

INSERT_EVENTS = """
INSERT INTO events (id, airline_id, bag_id, tag, kind, rank, at, received_at, airport, place, flight_id, giver, holder,
                    method, device)
SELECT id, $1, bag_id, tag, kind, rank, at, $2, airport, place, flight_id, giver, holder, method, device
FROM unnest($3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::smallint[], $8::timestamptz[], $9::text[],
            $10::text[], $11::bigint[], $12::text[], $13::text[], $14::text[], $15::text[])
     AS new(id, bag_id, tag, kind, rank, at, airport, place, flight_id, giver, holder, method, device)
ON CONFLICT (id, at) DO NOTHING
RETURNING id
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


async def written(
    records: Reader, airline_id: int, bag_ids: Sequence[int], layout: Sequence[tuple[str, str]]
) -> dict[int, str]:
    """All events of each bag as JSON text, laid out by keys and columns of ``JSON_OF``; bags without any are absent."""
    keys, sql = as_json(EVENTS_OF_BAGS_AS_JSON, layout, first=3)
    rows = await records.fetch(sql, airline_id, bag_ids, *keys, name="EVENTS_OF_BAGS_AS_JSON")
    return {row[0]: row[1] for row in rows}


async def last_written(
    records: Reader, airline_id: int, bag_ids: Sequence[int], last: int, layout: Sequence[tuple[str, str]]
) -> dict[int, str]:
    """As ``written``, of the newest ``last`` events of each bag."""
    keys, sql = as_json(LAST_EVENTS_OF_BAGS_AS_JSON, layout, first=4)
    rows = await records.fetch(sql, airline_id, bag_ids, last, *keys, name="LAST_EVENTS_OF_BAGS_AS_JSON")
    return {row[0]: row[1] for row in rows}


def as_json(template: str, layout: Sequence[tuple[str, str]], first: int) -> tuple[list[str], str]:
    """The statement that writes objects of a layout, and the keys that are its arguments from ``first`` on."""
    keys = [f"{',' if index else '{'}{orjson.dumps(key).decode()}:" for index, (key, _) in enumerate(layout)]
    parts = [f"${first + index}::text || {JSON_OF[column]}" for index, (_, column) in enumerate(layout)]
    return keys, template.replace("{object}", " || ".join(parts) + " || '}'")


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
