"""Bags and their tags in PostgreSQL."""

import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from integrations.records.bags import (
    Bag,
    BagOf,
    BagTag,
    BagWithAuthority,
    BagWithPassenger,
    RelatedBag,
    TagCarrier,
    TagUse,
    TagWindow,
)
from integrations.records.columns import columns_of
from integrations.records.flights import JoinedFlight
from integrations.records.journeys import BagStatus
from integrations.records.page import Page
from integrations.records.passengers import JoinedPassenger
from integrations.records.tags import LEADING_DIGITS, TagQuery
from integrations.stores.postgres.events import MAX_LAYOUTS, as_json
from integrations.stores.postgres.manager import Reader

BAGS_BY_ID = """
SELECT id, airline_id, passenger_id, tag, weight_kg, description, priority, created_at,
       state, state_at, airport, place, custodian, flight_id, version, authorised, deleted
FROM bags
WHERE airline_id = $1 AND id = ANY($2::bigint[])
"""

LOCK_BAGS = """
SELECT id, airline_id, passenger_id, tag, weight_kg, description, priority, created_at,
       state, state_at, airport, place, custodian, flight_id, version, authorised, deleted
FROM bags
WHERE airline_id = $1 AND id = ANY($2::bigint[])
ORDER BY id
FOR NO KEY UPDATE
"""

BAGS_BY_TAG = """
SELECT bags.id, bags.airline_id, passenger_id, tag, weight_kg, description, priority, created_at,
       state, state_at, airport, place, custodian, flight_id, version
FROM bags
JOIN (SELECT bag_id, max(valid_from) AS valid_from
      FROM bag_tags
      WHERE airline_id = $1 AND number = ANY($2::text[])
      GROUP BY bag_id) AS tagged ON tagged.bag_id = bags.id
WHERE bags.airline_id = $1
ORDER BY tagged.valid_from DESC, bags.id DESC
LIMIT $3
"""

# As above for one number, with columns of the passenger and the flight of each bag (``with_columns``), and with the
# bag's events as JSON where the caller selects them (``events.as_json``), so that the most frequent query costs one
# statement. A bag that carried the number twice is returned twice.
RELATED_BAGS_BY_TAG = """
SELECT bags.id, bags.airline_id, passenger_id, bags.tag, weight_kg, description, priority, created_at, state, state_at,
       bags.airport, bags.place, bags.custodian, bags.flight_id, bags.version, {passenger}{flight}
       CASE WHEN $4::boolean THEN '[' || array_to_string(ARRAY(
           SELECT {object} FROM events
           WHERE events.bag_id = bags.id AND events.at >= bags.events_from AND events.airline_id = $1
           ORDER BY at, rank, id), ',') || ']'
       END AS events
FROM bag_tags
JOIN bags ON bags.id = bag_id AND bags.airline_id = $1
LEFT JOIN passengers ON passengers.id = passenger_id AND passengers.airline_id = $1
LEFT JOIN bookings ON bookings.id = booking_id
LEFT JOIN flights ON flights.id = flight_id AND flights.airline_id = $1
WHERE bag_tags.airline_id = $1 AND bag_tags.number = $2
ORDER BY valid_from DESC
LIMIT $3
"""

BAGS_BY_PRINTED_TAG = """
SELECT bags.id, bags.airline_id, passenger_id, tag, weight_kg, description, priority, created_at,
       state, state_at, airport, place, custodian, flight_id, version
FROM bags
JOIN (SELECT bag_id, max(valid_from) AS valid_from
      FROM tag_issuers
      CROSS JOIN unnest($4::text[]) AS candidate(digit)
      JOIN bag_tags ON bag_tags.airline_id = $1 AND number = digit || accounting_code || $3
      WHERE designator = $2
      GROUP BY bag_id) AS tagged ON tagged.bag_id = bags.id
WHERE bags.airline_id = $1
ORDER BY tagged.valid_from DESC, bags.id DESC
LIMIT $5
"""

NEWEST_BAGS = """
SELECT id, airline_id, passenger_id, tag, weight_kg, description, priority, created_at,
       state, state_at, airport, place, custodian, flight_id, version
FROM bags
WHERE airline_id = $1 AND id < coalesce($2::bigint, 9223372036854775807)
ORDER BY id DESC
LIMIT $3
"""

BAG_IDS_AFTER = """
SELECT id FROM bags WHERE airline_id = $1 AND id > $2 ORDER BY id LIMIT $3
"""

BAGS_PAGE = """
SELECT id, airline_id, passenger_id, tag, weight_kg, description, priority, created_at,
       state, state_at, airport, place, custodian, flight_id, version
FROM bags
WHERE airline_id = $1
  AND ($2::text[] IS NULL OR state = ANY($2))
  AND ($3::text IS NULL OR airport = $3)
  AND ($4::bigint IS NULL OR id < $4)
ORDER BY id DESC
LIMIT $5
"""

BAGS_PAGE_BACKWARD = """
SELECT id, airline_id, passenger_id, tag, weight_kg, description, priority, created_at,
       state, state_at, airport, place, custodian, flight_id, version
FROM bags
WHERE airline_id = $1
  AND ($2::text[] IS NULL OR state = ANY($2))
  AND ($3::text IS NULL OR airport = $3)
  AND ($4::bigint IS NULL OR id > $4)
ORDER BY id
LIMIT $5
"""

BAGS_OF_FLIGHTS = """
SELECT leg.flight_id AS parent_id, bags.id, bags.airline_id, passenger_id, tag, weight_kg, description, priority,
       created_at, state, state_at, airport, place, custodian, bags.flight_id, version
FROM unnest($2::bigint[]) AS parent(id)
CROSS JOIN LATERAL (SELECT bag_id, flight_id
                    FROM bag_legs
                    WHERE bag_legs.flight_id = parent.id AND bag_id > coalesce($3::bigint, 0)
                    ORDER BY bag_id
                    LIMIT $4) AS leg
JOIN bags ON bags.id = leg.bag_id AND bags.airline_id = $1
ORDER BY leg.flight_id, bags.id
"""

# Each bag with columns of its passenger, and with its newest events as JSON, newest first, where the caller selects
# them. For an EXISTS PostgreSQL would read all PIRs into a hash.
BAGS_OF_FLIGHTS_WITH_PASSENGERS = """
SELECT leg.flight_id AS parent_id, bags.id, bags.airline_id, passenger_id, tag, weight_kg, description, priority,
       created_at, state, state_at, airport, place, custodian, bags.flight_id, bags.version, {passenger}
       coalesce((SELECT true FROM pir_bags WHERE pir_bags.bag_id = bags.id LIMIT 1), false) AS has_pir,
       CASE WHEN $5::boolean THEN ARRAY(
           SELECT {object} FROM events
           WHERE events.bag_id = bags.id AND events.at >= bags.events_from AND events.airline_id = $1
           ORDER BY at DESC, rank DESC, id DESC
           LIMIT $6)
       END AS events
FROM unnest($2::bigint[]) AS parent(id)
CROSS JOIN LATERAL (SELECT bag_id, flight_id
                    FROM bag_legs
                    WHERE bag_legs.flight_id = parent.id AND bag_id > coalesce($3::bigint, 0)
                    ORDER BY bag_id
                    LIMIT $4) AS leg
JOIN bags ON bags.id = leg.bag_id AND bags.airline_id = $1
LEFT JOIN passengers ON passengers.id = passenger_id AND passengers.airline_id = $1
LEFT JOIN bookings ON bookings.id = booking_id
ORDER BY leg.flight_id, bags.id
"""

# SQL of each column of a joined passenger or flight. Where none is selected, PostgreSQL leaves the join out.
PASSENGER_COLUMNS = {
    name: f'{"bookings" if name == "locator" else "passengers"}.{name} AS "{JoinedPassenger.prefix}{name}"'
    for name in columns_of(JoinedPassenger)
}
FLIGHT_COLUMNS = {name: f'flights.{name} AS "{JoinedFlight.prefix}{name}"' for name in columns_of(JoinedFlight)}

BAGS_OF_FLIGHTS_BACKWARD = """
SELECT leg.flight_id AS parent_id, bags.id, bags.airline_id, passenger_id, tag, weight_kg, description, priority,
       created_at, state, state_at, airport, place, custodian, bags.flight_id, version
FROM unnest($2::bigint[]) AS parent(id)
CROSS JOIN LATERAL (SELECT bag_id, flight_id
                    FROM bag_legs
                    WHERE bag_legs.flight_id = parent.id AND bag_id < coalesce($3::bigint, 9223372036854775807)
                    ORDER BY bag_id DESC
                    LIMIT $4) AS leg
JOIN bags ON bags.id = leg.bag_id AND bags.airline_id = $1
ORDER BY leg.flight_id, bags.id DESC
"""

BAGS_OF_PASSENGERS = """
SELECT passenger_id AS parent_id, id, airline_id, passenger_id, tag, weight_kg, description, priority, created_at,
       state, state_at, airport, place, custodian, flight_id, version
FROM bags
WHERE airline_id = $1 AND passenger_id = ANY($2::bigint[])
ORDER BY passenger_id, id
"""

BAGS_OF_PIRS = """
SELECT pir_id AS parent_id, bags.id, bags.airline_id, passenger_id, bags.tag, weight_kg, bags.description, priority,
       created_at, bags.state, state_at, airport, place, custodian, flight_id, version
FROM pir_bags
JOIN bags ON bags.id = pir_bags.bag_id AND bags.airline_id = $1
WHERE pir_id = ANY($2::bigint[])
ORDER BY pir_id, seq
"""

TAGS_OF_BAGS = """
SELECT bag_id, number, role, valid_from, valid_until
FROM bag_tags
WHERE airline_id = $1 AND bag_id = ANY($2::bigint[])
ORDER BY bag_id, valid_from, number
"""

BAGS_TAGGED_AT = """
SELECT DISTINCT ON (wanted.seq) wanted.seq, bag_tags.bag_id
FROM unnest($2::text[], $3::timestamptz[]) WITH ORDINALITY AS wanted(number, at, seq)
JOIN bag_tags ON bag_tags.airline_id = $1 AND bag_tags.number = wanted.number
             AND wanted.at >= bag_tags.valid_from AND wanted.at < bag_tags.valid_until
ORDER BY wanted.seq, bag_tags.valid_from DESC
"""

# The newest window of each number that begins before its timestamp, also one that has ended by then.
TAG_WINDOWS = """
SELECT DISTINCT ON (wanted.seq) wanted.seq, bag_tags.bag_id, bag_tags.valid_from, bag_tags.valid_until
FROM unnest($2::text[], $3::timestamptz[]) WITH ORDINALITY AS wanted(number, at, seq)
JOIN bag_tags ON bag_tags.airline_id = $1 AND bag_tags.number = wanted.number AND bag_tags.valid_from <= wanted.at
ORDER BY wanted.seq, wanted.at >= bag_tags.valid_until, bag_tags.valid_from DESC
"""

# An event of unknown time was seen at its receipt.
TAG_USES = """
SELECT ended.seq,
       (SELECT max(CASE WHEN events.assumed THEN events.received_at ELSE events.at END) FROM events
        WHERE events.bag_id = bags.id AND events.airline_id = $1 AND events.tag = ended.number
          AND events.at >= bags.events_from AND events.at <= ended.at) AS last_seen_at,
       coalesce((SELECT true FROM pir_bags
                 JOIN pirs ON pirs.id = pir_bags.pir_id AND pirs.airline_id = $1
                 WHERE pir_bags.bag_id = bags.id AND pirs.closed_at IS NULL LIMIT 1), false) AS has_open_pir
FROM unnest($2::text[], $3::bigint[], $4::timestamptz[]) WITH ORDINALITY AS ended(number, bag_id, at, seq)
JOIN bags ON bags.id = ended.bag_id AND bags.airline_id = $1
"""

EXTEND_TAGS = """
UPDATE bag_tags
SET valid_until = least(used.at + $5::interval,
                        (SELECT min(later.valid_from) FROM bag_tags AS later
                         WHERE later.airline_id = $1 AND later.number = used.number AND later.valid_from > used.at))
FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[]) AS used(number, valid_from, at)
WHERE bag_tags.airline_id = $1 AND bag_tags.number = used.number AND bag_tags.valid_from = used.valid_from
"""

# A message may be stored with a bag that carries the tag only from a later time on (``END_TAGS``).
TAG_CARRIERS = """
SELECT wanted.seq, bag_tags.valid_from, bags.state, bags.state_at, bookings.locator, passengers.surname,
       passengers.given_names, passengers.title,
       (SELECT bag_legs.flight_id FROM bag_legs
        WHERE bag_legs.bag_id = bags.id ORDER BY bag_legs.seq LIMIT 1) AS first_flight_id,
       (SELECT max(coalesce(actual_departure, estimated_departure, scheduled_departure))
        FROM bag_legs
        JOIN flights ON flights.id = bag_legs.flight_id AND flights.airline_id = $1
        WHERE bag_legs.bag_id = bags.id) AS last_departure,
       (SELECT max(events.at) FROM events
        WHERE events.bag_id = bags.id AND events.airline_id = $1 AND events.tag = wanted.number
          AND events.at >= bags.events_from AND events.at < bag_tags.valid_until) AS last_seen_at,
       coalesce((SELECT true FROM pir_bags
                 JOIN pirs ON pirs.id = pir_bags.pir_id AND pirs.airline_id = $1
                 WHERE pir_bags.bag_id = bags.id AND pirs.closed_at IS NULL LIMIT 1), false) AS has_open_pir,
       (SELECT instructions.bag_id
        FROM bag_tags AS carried
        JOIN instructions ON instructions.bag_id = carried.bag_id AND instructions.airline_id = $1
                         AND instructions.message_id = wanted.message_id AND instructions.tag = wanted.number
        WHERE carried.airline_id = $1 AND carried.number = wanted.number LIMIT 1) AS stored_bag_id
FROM unnest($2::text[], $3::timestamptz[], $4::uuid[], $5::bigint[]) WITH ORDINALITY
     AS wanted(number, at, message_id, bag_id, seq)
JOIN bag_tags ON bag_tags.airline_id = $1 AND bag_tags.number = wanted.number AND bag_tags.bag_id = wanted.bag_id
             AND wanted.at >= bag_tags.valid_from AND wanted.at < bag_tags.valid_until
JOIN bags ON bags.id = wanted.bag_id AND bags.airline_id = $1
JOIN passengers ON passengers.id = bags.passenger_id AND passengers.airline_id = $1
LEFT JOIN bookings ON bookings.id = passengers.booking_id
"""

END_TAGS = """
UPDATE bag_tags SET valid_until = ended.at
FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[]) AS ended(number, valid_from, at)
WHERE bag_tags.airline_id = $1 AND bag_tags.number = ended.number AND bag_tags.valid_from = ended.valid_from
"""

# Two scans of one unknown tag must create one bag: the second waits here, then finds the bag of the first.
LOCK_UNKNOWN_TAGS = """
SELECT pg_advisory_xact_lock($1, key) FROM unnest($2::integer[]) AS key
"""

# The tag's window ends where that of another bag begins, so that a scan belongs to the same bag when it is sent again.
INSERT_UNKNOWN_BAGS = """
WITH made AS (
    INSERT INTO bags (airline_id, tag, created_at, state_at)
    SELECT $1, number, at, at FROM unnest($2::text[], $3::timestamptz[]) AS scanned(number, at)
    RETURNING id, tag, created_at
)
INSERT INTO bag_tags (airline_id, number, valid_from, valid_until, bag_id)
SELECT $1, tag,
       greatest(created_at - $4::interval,
                (SELECT max(valid_until) FROM bag_tags
                 WHERE airline_id = $1 AND number = made.tag AND valid_until <= made.created_at)),
       least(created_at + $4::interval,
             (SELECT min(valid_from) FROM bag_tags
              WHERE airline_id = $1 AND number = made.tag AND valid_from > made.created_at)),
       id
FROM made
"""

UPDATE_BAG_STATUSES = """
UPDATE bags
SET state = new.state, state_at = new.state_at, airport = new.airport, place = new.place, custodian = new.custodian,
    flight_id = new.flight_id, events_from = coalesce(new.events_from, 'infinity'),
    version = bags.version + 1
FROM unnest($2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::bigint[],
            $9::timestamptz[])
     AS new(id, state, state_at, airport, place, custodian, flight_id, events_from)
WHERE bags.id = new.id AND bags.airline_id = $1
"""

INSERT_TAGS = """
INSERT INTO bag_tags (airline_id, bag_id, number, role, valid_from, valid_until)
SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])
ON CONFLICT (airline_id, number, valid_from) DO NOTHING
"""

# The tag's window is that of a bag which only scans have made known, without the windows of other bags.
INSERT_RUSH_TAGS = """
INSERT INTO bag_tags (airline_id, number, valid_from, valid_until, bag_id, role)
SELECT $1, number,
       greatest(at - $5::interval, (SELECT max(valid_until) FROM bag_tags
                                    WHERE airline_id = $1 AND number = new.number AND valid_until <= new.at)),
       least(at + $5::interval, (SELECT min(valid_from) FROM bag_tags
                                 WHERE airline_id = $1 AND number = new.number AND valid_from > new.at)),
       bag_id, 'RUSH'
FROM unnest($2::bigint[], $3::text[], $4::timestamptz[]) AS new(bag_id, number, at)
"""

# Rows of one bag that were stored under two ids move to one bag.
MOVE_EVENTS = """
UPDATE events SET bag_id = merged.into_id
FROM unnest($2::bigint[], $3::bigint[]) AS merged(id, into_id)
WHERE events.bag_id = merged.id AND events.airline_id = $1
RETURNING events.id, events.bag_id
"""

MOVE_INSTRUCTIONS = """
UPDATE instructions SET bag_id = merged.into_id
FROM unnest($2::bigint[], $3::bigint[]) AS merged(id, into_id)
WHERE instructions.bag_id = merged.id AND instructions.airline_id = $1
"""

MOVE_TAGS = """
UPDATE bag_tags SET bag_id = merged.into_id, role = 'RUSH'
FROM unnest($2::bigint[], $3::bigint[]) AS merged(id, into_id)
WHERE bag_tags.bag_id = merged.id AND bag_tags.airline_id = $1
"""

MOVE_PIR_BAGS = """
UPDATE pir_bags SET bag_id = merged.into_id
FROM unnest($2::bigint[], $3::bigint[]) AS merged(id, into_id)
JOIN bags ON bags.id = merged.into_id AND bags.airline_id = $1
WHERE pir_bags.bag_id = merged.id
"""

DELETE_MERGED_BAGS = "DELETE FROM bags WHERE airline_id = $1 AND id = ANY($2::bigint[])"

UPDATE_BAG_VALUES = """
UPDATE bags
SET tag = new.tag, passenger_id = new.passenger_id, weight_kg = new.weight_kg, priority = new.priority,
    authorised = new.authorised, deleted = new.deleted
FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::double precision[], $6::boolean[], $7::boolean[],
            $8::boolean[])
     AS new(id, tag, passenger_id, weight_kg, priority, authorised, deleted)
WHERE bags.id = new.id AND bags.airline_id = $1
"""

COUNT_BAGS_BY_STATE = "SELECT state, count(*) AS bags FROM bags WHERE airline_id = $1 GROUP BY state"


async def by_id(records: Reader, airline_id: int, ids: Sequence[int]) -> dict[int, BagWithAuthority]:
    """The bags with these ids; unknown ones are absent."""
    rows = await records.fetch(BAGS_BY_ID, airline_id, ids, name="BAGS_BY_ID", record_class=BagWithAuthority)
    return {bag.id: bag for bag in rows}


async def ids_after(records: Reader, airline_id: int, after: int, limit: int) -> list[int]:
    """The ids of bags above ``after``, in ascending order, at most ``limit``."""
    return [row["id"] for row in await records.fetch(BAG_IDS_AFTER, airline_id, after, limit, name="BAG_IDS_AFTER")]


async def lock(records: Reader, airline_id: int, ids: Sequence[int]) -> dict[int, BagWithAuthority]:
    """Lock the bags with these ids until the transaction ends, in order of id, which prevents deadlocks."""
    rows = await records.fetch(LOCK_BAGS, airline_id, ids, name="LOCK_BAGS", record_class=BagWithAuthority)
    return {bag.id: bag for bag in rows}


async def related_by_tag(
    records: Reader,
    airline_id: int,
    number: str,
    limit: int,
    passenger: tuple[str, ...],
    flight: tuple[str, ...],
    layout: tuple[tuple[str, str], ...] | None,
) -> Sequence[Bag]:
    """As ``by_tag`` for a tag of ten digits, each bag with columns of its passenger and its flight.

    Args:
        number: ten digits.
        limit: rows at most.
        passenger: the passenger's columns to select, the id among them; empty for none.
        flight: the flight's columns to select, the id among them; empty for none.
        layout: keys of the events' JSON objects, each with a column of ``events.JSON_OF``; None for no events.
    """
    keys, sql = as_json(with_columns(RELATED_BAGS_BY_TAG, passenger, flight), layout or (), first=5)
    arguments = airline_id, number, limit, layout is not None, *keys
    rows = await records.fetch(sql, *arguments, name="RELATED_BAGS_BY_TAG", record_class=RelatedBag)
    return list({bag.id: bag for bag in rows}.values())


@lru_cache(MAX_LAYOUTS)
def with_columns(template: str, passenger: tuple[str, ...], flight: tuple[str, ...] = ()) -> str:
    """Return a statement's text with these columns of a bag's joined passenger and flight in its select list."""
    passenger_columns = "".join(f"{PASSENGER_COLUMNS[name]}, " for name in passenger)
    flight_columns = "".join(f"{FLIGHT_COLUMNS[name]}, " for name in flight)
    return template.replace("{passenger}", passenger_columns).replace("{flight}", flight_columns)


async def by_tag(records: Reader, airline_id: int, query: TagQuery, limit: int) -> list[Bag]:
    """The bags that ever carried the tag, the most recently tagged first, at most ``limit``."""
    if query.printed:
        designator, serial = query.printed
        return await records.fetch(
            BAGS_BY_PRINTED_TAG,
            airline_id,
            designator,
            serial,
            list(LEADING_DIGITS),
            limit,
            name="BAGS_BY_PRINTED_TAG",
            record_class=Bag,
        )
    return await records.fetch(BAGS_BY_TAG, airline_id, query.numbers, limit, name="BAGS_BY_TAG", record_class=Bag)


async def page(
    records: Reader, airline_id: int, states: Sequence[str] | None, airport: str | None, page: Page
) -> list[Bag]:
    """A page of bags, newest first, with one row more than the page holds if there are more.

    Args:
        states: values of ``BagState``; None for all.
        airport: IATA code of the bag's present airport; None for all.
    """
    if states is None and airport is None and not page.backward:
        return await records.fetch(
            NEWEST_BAGS, airline_id, page.part(0), page.limit + 1, name="NEWEST_BAGS", record_class=Bag
        )
    statement, name = (BAGS_PAGE_BACKWARD, "BAGS_PAGE_BACKWARD") if page.backward else (BAGS_PAGE, "BAGS_PAGE")
    filters = states, airport, page.part(0)
    return await records.fetch(
        statement, airline_id, *filters, page.limit + 1, name=name, record_class=Bag, custom_plan=True
    )


async def of_flights(records: Reader, airline_id: int, flight_ids: Sequence[int], page: Page) -> list[BagOf]:
    """The bags planned on each flight, in order of id; ``page`` applies to each flight."""
    if page.backward:
        return await records.fetch(
            BAGS_OF_FLIGHTS_BACKWARD,
            airline_id,
            flight_ids,
            page.part(0),
            page.limit + 1,
            name="BAGS_OF_FLIGHTS_BACKWARD",
            record_class=BagOf,
        )
    return await records.fetch(
        BAGS_OF_FLIGHTS,
        airline_id,
        flight_ids,
        page.part(0),
        page.limit + 1,
        name="BAGS_OF_FLIGHTS",
        record_class=BagOf,
    )


async def of_flights_with_passengers(
    records: Reader,
    airline_id: int,
    flight_ids: Sequence[int],
    page: Page,
    passenger: tuple[str, ...],
    layout: tuple[tuple[str, str], ...] | None,
    last: int | None,
) -> list[BagWithPassenger]:
    """As ``of_flights`` for a forward page, each bag with columns of its passenger.

    Args:
        passenger: the passenger's columns to select, the id among them.
        layout: keys of the events' JSON objects, each with a column of ``events.JSON_OF``; None for no events.
        last: number of newest events of each bag; None for all.
    """
    keys, sql = as_json(with_columns(BAGS_OF_FLIGHTS_WITH_PASSENGERS, passenger), layout or (), first=7)
    return await records.fetch(
        sql,
        airline_id,
        flight_ids,
        page.part(0),
        page.limit + 1,
        layout is not None,
        last,
        *keys,
        name="BAGS_OF_FLIGHTS_WITH_PASSENGERS",
        record_class=BagWithPassenger,
    )


async def of_passengers(records: Reader, airline_id: int, passenger_ids: Sequence[int]) -> list[BagOf]:
    """All bags of each passenger, in order of passenger and id."""
    return await records.fetch(
        BAGS_OF_PASSENGERS, airline_id, passenger_ids, name="BAGS_OF_PASSENGERS", record_class=BagOf
    )


async def of_pirs(records: Reader, airline_id: int, pir_ids: Sequence[int]) -> list[BagOf]:
    """The bags of each PIR that have a record, in the order of the PIR."""
    return await records.fetch(BAGS_OF_PIRS, airline_id, pir_ids, name="BAGS_OF_PIRS", record_class=BagOf)


async def tags(records: Reader, airline_id: int, bag_ids: Sequence[int]) -> list[BagTag]:
    """All tags of these bags, in order of bag and start of validity."""
    return await records.fetch(TAGS_OF_BAGS, airline_id, bag_ids, name="TAGS_OF_BAGS", record_class=BagTag)


async def tagged_at(
    records: Reader, airline_id: int, numbers: Sequence[str], times: Sequence[datetime]
) -> dict[int, int]:
    """The bag that carried each number at its timestamp: index in ``numbers`` -> bag id; unknown ones are absent."""
    rows = await records.fetch(BAGS_TAGGED_AT, airline_id, numbers, times, name="BAGS_TAGGED_AT")
    return {row["seq"] - 1: row["bag_id"] for row in rows}


async def tag_windows(
    records: Reader, airline_id: int, numbers: Sequence[str], times: Sequence[datetime]
) -> dict[int, TagWindow]:
    """The newest window of each number that begins before its timestamp, by index; it may have ended by then."""
    rows = await records.fetch(TAG_WINDOWS, airline_id, numbers, times, name="TAG_WINDOWS", record_class=TagWindow)
    return {row.seq - 1: row for row in rows}


async def tag_uses(
    records: Reader, airline_id: int, numbers: Sequence[str], bag_ids: Sequence[int], times: Sequence[datetime]
) -> list[TagUse]:
    """When each number was last seen on its bag up to a timestamp, and whether the bag has an open PIR."""
    return await records.fetch(TAG_USES, airline_id, numbers, bag_ids, times, name="TAG_USES", record_class=TagUse)


async def extend_tags(
    records: Reader,
    airline_id: int,
    numbers: Sequence[str],
    valid_from: Sequence[datetime],
    times: Sequence[datetime],
    window: timedelta,
) -> None:
    """Extend the windows of numbers that their bags still carry.

    Args:
        valid_from: start of each window.
        times: timestamp at which the bag carries the number.
        window: validity of the number after that timestamp, without the windows of other bags.
    """
    await records.execute(EXTEND_TAGS, airline_id, numbers, valid_from, times, window, name="EXTEND_TAGS")


async def tag_carriers(
    records: Reader,
    airline_id: int,
    numbers: Sequence[str],
    times: Sequence[datetime],
    message_ids: Sequence[UUID],
    bag_ids: Sequence[int],
) -> dict[int, TagCarrier]:
    """The bags that carry numbers at the timestamps of messages, by index; absent if they no longer carry them.

    Args:
        bag_ids: bags with a passenger.
    """
    rows = await records.fetch(
        TAG_CARRIERS,
        airline_id,
        numbers,
        times,
        message_ids,
        bag_ids,
        name="TAG_CARRIERS",
        record_class=TagCarrier,
    )
    return {row.seq - 1: row for row in rows}


async def end_tags(
    records: Reader,
    airline_id: int,
    numbers: Sequence[str],
    valid_from: Sequence[datetime],
    times: Sequence[datetime],
) -> None:
    """End the windows that began at ``valid_from`` at other timestamps."""
    await records.execute(END_TAGS, airline_id, numbers, valid_from, times, name="END_TAGS")


async def lock_unknown_tags(records: Reader, airline_id: int, numbers: Sequence[str]) -> None:
    """Lock the creation of bags for these numbers until the transaction ends."""
    keys = sorted({zlib.crc32(number.encode()) - 2**31 for number in numbers})
    await records.execute(LOCK_UNKNOWN_TAGS, airline_id, keys, name="LOCK_UNKNOWN_TAGS")


async def insert_unknown(
    records: Reader,
    airline_id: int,
    numbers: Sequence[str],
    times: Sequence[datetime],
    window: timedelta,
) -> None:
    """Create a bag with an empty booking for each number, which no bag carried at its timestamp.

    Args:
        times: timestamp of the first scan of each number.
        window: validity of the tag before and after that timestamp, without the windows of other bags.
    """
    await records.execute(INSERT_UNKNOWN_BAGS, airline_id, numbers, times, window, name="INSERT_UNKNOWN_BAGS")


async def update_statuses(
    records: Reader, airline_id: int, statuses: Mapping[int, BagStatus], events_from: Mapping[int, datetime]
) -> None:
    """Update the columns that are computed from events, and increment each bag's version.

    Args:
        statuses: the new status of each bag, by id.
        events_from: timestamp of each bag's first event; bags without any are absent.
    """
    new = list(statuses.values())
    await records.execute(
        UPDATE_BAG_STATUSES,
        airline_id,
        list(statuses),
        [status.state for status in new],
        [status.state_at for status in new],
        [status.airport for status in new],
        [status.place for status in new],
        [status.custodian for status in new],
        [status.flight_id for status in new],
        [events_from.get(bag_id) for bag_id in statuses],
        name="UPDATE_BAG_STATUSES",
    )


class NewTag(NamedTuple):
    """A tag of a bag to insert. The fields are the columns of ``INSERT_TAGS``, in order."""

    bag_id: int
    number: str
    role: str
    valid_from: datetime
    valid_until: datetime


async def insert_tags(records: Reader, airline_id: int, tags: Sequence[NewTag]) -> None:
    """Insert tags of bags; existing ones stay unchanged."""
    await records.execute(INSERT_TAGS, airline_id, *zip(*tags, strict=True), name="INSERT_TAGS")


async def insert_rush_tags(
    records: Reader, airline_id: int, tags: Sequence[tuple[int, str, datetime]], window: timedelta
) -> None:
    """Insert rush tags that no bag carried at their timestamp.

    Args:
        tags: bag id, ten digits, and timestamp of each tag.
        window: validity of a tag before and after its timestamp, without the windows of other bags.
    """
    await records.execute(INSERT_RUSH_TAGS, airline_id, *zip(*tags, strict=True), window, name="INSERT_RUSH_TAGS")


async def merge_bags(records: Reader, airline_id: int, into: Mapping[int, int]) -> list[tuple[int, UUID]]:
    """Merge bags that turned out to be one: move all rows of the first to the second, and delete the first.

    Both must be locked, and the first must have no legs.

    Args:
        into: the id of the bag that is deleted -> the id of the bag that remains.

    Returns:
        Bag id and event id of each event that moved.
    """
    pairs = list(into), list(into.values())
    rows = await records.fetch(MOVE_EVENTS, airline_id, *pairs, name="MOVE_EVENTS")
    await records.execute(MOVE_INSTRUCTIONS, airline_id, *pairs, name="MOVE_INSTRUCTIONS")
    await records.execute(MOVE_TAGS, airline_id, *pairs, name="MOVE_TAGS")
    await records.execute(MOVE_PIR_BAGS, airline_id, *pairs, name="MOVE_PIR_BAGS")
    await records.execute(DELETE_MERGED_BAGS, airline_id, pairs[0], name="DELETE_MERGED_BAGS")
    return [(row["bag_id"], row["id"]) for row in rows]


class BagValues(NamedTuple):
    """The columns of a bag that follow from messages. The fields are the arrays of ``UPDATE_BAG_VALUES``, in order."""

    bag_id: int
    tag: str
    passenger_id: int | None
    weight_kg: float | None
    priority: bool
    authorised: bool | None
    deleted: bool


async def update_values(records: Reader, airline_id: int, values: Sequence[BagValues]) -> None:
    """Update the columns that follow from messages; the bags must be locked."""
    await records.execute(UPDATE_BAG_VALUES, airline_id, *zip(*values, strict=True), name="UPDATE_BAG_VALUES")


async def count_by_state(records: Reader, airline_id: int) -> dict[str, int]:
    """The number of bags in each state; states without any are absent."""
    rows = await records.fetch(COUNT_BAGS_BY_STATE, airline_id, name="COUNT_BAGS_BY_STATE")
    return {row["state"]: row["bags"] for row in rows}
