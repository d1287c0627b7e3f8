"""Property irregularity reports (PIRs) in PostgreSQL, with their bags and their history."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from integrations.records.page import Page
from integrations.records.pirs import Pir, PirBag, PirEvent, PirFilter, PirOf
from integrations.stores.postgres.manager import Reader

PIRS_BY_ID = """
SELECT id, airline_id, reference, kind, status, station, passenger_id, opened_at, closed_at, remarks, version,
       updated_at, assignee, origin, destination, expected_arrival_at, delivered_at, due_at, urgency, previous_id,
       link, phone, email, delivery_address, language, reason_for_loss, fault_station, proposed_reason,
       proposed_station, evidence, storage_location, found_flight_id
FROM pirs
WHERE airline_id = $1 AND id = ANY($2::bigint[])
"""

LOCK_PIR = """
SELECT id, airline_id, reference, kind, status, station, passenger_id, opened_at, closed_at, remarks, version,
       updated_at, assignee, origin, destination, expected_arrival_at, delivered_at, due_at, urgency, previous_id,
       link, phone, email, delivery_address, language, reason_for_loss, fault_station, proposed_reason,
       proposed_station, evidence, storage_location, found_flight_id
FROM pirs
WHERE airline_id = $1 AND id = $2
FOR NO KEY UPDATE
"""

PIRS_BY_REFERENCE = """
SELECT id, airline_id, reference, kind, status, station, passenger_id, opened_at, closed_at, remarks, version,
       updated_at, assignee, origin, destination, expected_arrival_at, delivered_at, due_at, urgency, previous_id,
       link, phone, email, delivery_address, language, reason_for_loss, fault_station, proposed_reason,
       proposed_station, evidence, storage_location, found_flight_id
FROM pirs
WHERE airline_id = $1 AND reference = $2
ORDER BY opened_at DESC
LIMIT $3
"""

PIRS_PAGE = """
SELECT id, airline_id, reference, kind, status, station, passenger_id, opened_at, closed_at, remarks, version,
       updated_at, assignee, origin, destination, expected_arrival_at, delivered_at, due_at, urgency, previous_id,
       link, phone, email, delivery_address, language, reason_for_loss, fault_station, proposed_reason,
       proposed_station, evidence, storage_location, found_flight_id
FROM pirs
WHERE airline_id = $1
  AND ($2::text[] IS NULL OR status = ANY($2))
  AND ($3::text[] IS NULL OR kind = ANY($3))
  AND ($4::text IS NULL OR station = $4)
  AND ($5::text IS NULL OR assignee = $5)
  AND ($6::timestamptz IS NULL OR due_at < $6)
  AND ($7::timestamptz IS NULL OR (opened_at, id) < ($7, $8::bigint))
ORDER BY opened_at DESC, id DESC
LIMIT $9
"""

PIRS_PAGE_BACKWARD = """
SELECT id, airline_id, reference, kind, status, station, passenger_id, opened_at, closed_at, remarks, version,
       updated_at, assignee, origin, destination, expected_arrival_at, delivered_at, due_at, urgency, previous_id,
       link, phone, email, delivery_address, language, reason_for_loss, fault_station, proposed_reason,
       proposed_station, evidence, storage_location, found_flight_id
FROM pirs
WHERE airline_id = $1
  AND ($2::text[] IS NULL OR status = ANY($2))
  AND ($3::text[] IS NULL OR kind = ANY($3))
  AND ($4::text IS NULL OR station = $4)
  AND ($5::text IS NULL OR assignee = $5)
  AND ($6::timestamptz IS NULL OR due_at < $6)
  AND ($7::timestamptz IS NULL OR (opened_at, id) > ($7, $8::bigint))
ORDER BY opened_at, id
LIMIT $9
"""

PIRS_BY_URGENCY = """
SELECT id, airline_id, reference, kind, status, station, passenger_id, opened_at, closed_at, remarks, version,
       updated_at, assignee, origin, destination, expected_arrival_at, delivered_at, due_at, urgency, previous_id,
       link, phone, email, delivery_address, language, reason_for_loss, fault_station, proposed_reason,
       proposed_station, evidence, storage_location, found_flight_id
FROM pirs
WHERE airline_id = $1
  AND ($2::text[] IS NULL OR status = ANY($2))
  AND ($3::text[] IS NULL OR kind = ANY($3))
  AND ($4::text IS NULL OR station = $4)
  AND ($5::text IS NULL OR assignee = $5)
  AND ($6::timestamptz IS NULL OR due_at < $6)
  AND ($7::timestamptz IS NULL OR (urgency, id) > ($7, $8::bigint))
ORDER BY urgency, id
LIMIT $9
"""

PIRS_BY_URGENCY_BACKWARD = """
SELECT id, airline_id, reference, kind, status, station, passenger_id, opened_at, closed_at, remarks, version,
       updated_at, assignee, origin, destination, expected_arrival_at, delivered_at, due_at, urgency, previous_id,
       link, phone, email, delivery_address, language, reason_for_loss, fault_station, proposed_reason,
       proposed_station, evidence, storage_location, found_flight_id
FROM pirs
WHERE airline_id = $1
  AND ($2::text[] IS NULL OR status = ANY($2))
  AND ($3::text[] IS NULL OR kind = ANY($3))
  AND ($4::text IS NULL OR station = $4)
  AND ($5::text IS NULL OR assignee = $5)
  AND ($6::timestamptz IS NULL OR due_at < $6)
  AND ($7::timestamptz IS NULL OR (urgency, id) < ($7, $8::bigint))
ORDER BY urgency DESC, id DESC
LIMIT $9
"""

# The relevant PIR of a bag: an open one before a closed one, then the newest.
PIR_OF_BAGS = """
SELECT DISTINCT ON (pir_bags.bag_id) pir_bags.bag_id AS parent_id,
       pirs.id, airline_id, reference, pirs.kind, status, station, passenger_id, opened_at, closed_at, remarks, version,
       updated_at, assignee, origin, destination, expected_arrival_at, pirs.delivered_at, due_at, urgency, previous_id,
       link, phone, email, delivery_address, language, reason_for_loss, fault_station, proposed_reason,
       proposed_station, evidence, storage_location, found_flight_id
FROM pir_bags
JOIN pirs ON pirs.id = pir_bags.pir_id AND pirs.airline_id = $1
WHERE pir_bags.bag_id = ANY($2::bigint[])
ORDER BY pir_bags.bag_id, closed_at IS NOT NULL, opened_at DESC, pirs.id DESC
"""

OPEN_PIRS_OF_BAGS = """
SELECT pir_bags.bag_id AS parent_id,
       pirs.id, airline_id, reference, pirs.kind, status, station, passenger_id, opened_at, closed_at, remarks, version,
       updated_at, assignee, origin, destination, expected_arrival_at, pirs.delivered_at, due_at, urgency, previous_id,
       link, phone, email, delivery_address, language, reason_for_loss, fault_station, proposed_reason,
       proposed_station, evidence, storage_location, found_flight_id
FROM pir_bags
JOIN pirs ON pirs.id = pir_bags.pir_id AND pirs.airline_id = $1
WHERE pir_bags.bag_id = ANY($2::bigint[]) AND pirs.kind = $3 AND closed_at IS NULL
ORDER BY pirs.id
"""

PIRS_AFTER = """
SELECT previous_id AS parent_id,
       id, airline_id, reference, kind, status, station, passenger_id, opened_at, closed_at, remarks, version,
       updated_at, assignee, origin, destination, expected_arrival_at, delivered_at, due_at, urgency, previous_id,
       link, phone, email, delivery_address, language, reason_for_loss, fault_station, proposed_reason,
       proposed_station, evidence, storage_location, found_flight_id
FROM pirs
WHERE airline_id = $1 AND previous_id = ANY($2::bigint[])
ORDER BY previous_id, id
"""

DESCRIPTIONS_OF_PIRS = """
SELECT pir_id, kind, seq, bag_id, description, brand, contents, damage, state, tag, name_on_bag, located_airport,
       forward_flight_id, rush_tag, courier, window_start, window_end, pir_bags.delivered_at, matched_pir_id
FROM pir_bags
JOIN pirs ON pirs.id = pir_bags.pir_id AND pirs.airline_id = $1
WHERE pir_id = ANY($2::bigint[])
ORDER BY pir_id, seq
"""

HISTORY_OF_PIRS = """
SELECT pir_id, seq, at, actor, role, action, bags, from_states, to_state, comment, detail
FROM pir_events
WHERE airline_id = $1 AND pir_id = ANY($2::bigint[])
ORDER BY pir_id, seq
"""

INSERT_PIR = """
INSERT INTO pirs (airline_id, kind, station, opened_at, updated_at, passenger_id, origin, previous_id, link,
                  found_flight_id, version)
VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, 0)
RETURNING id
"""

UPDATE_PIR = """
UPDATE pirs
SET version = $3, updated_at = $4, status = $5, closed_at = $6, remarks = $7, assignee = $8, destination = $9,
    expected_arrival_at = $10, delivered_at = $11, due_at = $12, phone = $13, email = $14, delivery_address = $15,
    language = $16, reason_for_loss = $17, fault_station = $18, proposed_reason = $19, proposed_station = $20,
    evidence = $21, storage_location = $22
WHERE airline_id = $1 AND id = $2
"""

UPDATE_PIR_BAGS = """
UPDATE pir_bags
SET state = new.state, description = new.description, brand = new.brand, contents = new.contents, damage = new.damage,
    name_on_bag = new.name_on_bag, located_airport = new.located_airport, forward_flight_id = new.forward_flight_id,
    rush_tag = new.rush_tag, courier = new.courier, window_start = new.window_start, window_end = new.window_end,
    delivered_at = new.delivered_at, matched_pir_id = new.matched_pir_id
FROM unnest($3::smallint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
            $11::bigint[], $12::text[], $13::text[], $14::timestamptz[], $15::timestamptz[], $16::timestamptz[],
            $17::bigint[])
     AS new(seq, state, description, brand, contents, damage, name_on_bag, located_airport, forward_flight_id,
            rush_tag, courier, window_start, window_end, delivered_at, matched_pir_id),
     pirs
WHERE pirs.airline_id = $1 AND pirs.id = $2 AND pir_bags.pir_id = pirs.id AND pir_bags.seq = new.seq
"""

INSERT_PIR_EVENT = """
INSERT INTO pir_events (airline_id, pir_id, seq, at, actor, role, action, bags, from_states, to_state, comment, detail)
SELECT $1, id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 FROM pirs WHERE airline_id = $1 AND id = $2
"""

# PIRs that are inserted with past values, each with the first entry of its history.
INSERT_PIRS = """
WITH made AS (
    INSERT INTO pirs (id, airline_id, reference, kind, status, station, passenger_id, opened_at, closed_at, remarks,
                      updated_at, origin, destination, expected_arrival_at, delivered_at, due_at)
    SELECT id, $1, reference, kind, status, station, passenger_id, opened_at, closed_at, remarks,
           coalesce(closed_at, opened_at), origin, destination, expected_arrival_at, delivered_at, due_at
    FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::timestamptz[],
                $9::timestamptz[], $10::text[], $11::text[], $12::text[], $13::timestamptz[], $14::timestamptz[],
                $15::timestamptz[])
         AS new(id, reference, kind, status, station, passenger_id, opened_at, closed_at, remarks, origin, destination,
                expected_arrival_at, delivered_at, due_at)
    ON CONFLICT (id) DO NOTHING
    RETURNING id, opened_at
)
INSERT INTO pir_events (pir_id, seq, airline_id, at, actor, role, action)
SELECT id, 1, $1, opened_at, 'seeds', '', 'CREATE' FROM made
"""

INSERT_PIR_BAGS = """
INSERT INTO pir_bags (pir_id, seq, bag_id, description, brand, contents, state, tag, name_on_bag, damage)
SELECT new.pir_id, new.seq, new.bag_id, new.description, new.brand, new.contents, new.state, new.tag, new.name_on_bag,
       new.damage
FROM unnest($2::bigint[], $3::smallint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
            $10::text[], $11::text[])
     AS new(pir_id, seq, bag_id, description, brand, contents, state, tag, name_on_bag, damage)
JOIN pirs ON pirs.id = new.pir_id AND pirs.airline_id = $1
ON CONFLICT (pir_id, seq) DO NOTHING
"""

ASSIGN_REFERENCE = """
UPDATE pirs SET reference = $3, updated_at = $4 WHERE airline_id = $1 AND id = $2 AND reference IS NULL
"""

COUNT_PIRS_BY_STATUS = "SELECT status, count(*) AS pirs FROM pirs WHERE airline_id = $1 GROUP BY status"

IS_REASON_FOR_LOSS = """
SELECT EXISTS (SELECT FROM codes
               WHERE list = 'REASON_FOR_LOSS' AND code = $1
                 AND valid_from <= $2 AND (valid_to IS NULL OR valid_to > $2))
"""


async def by_id(records: Reader, airline_id: int, ids: Sequence[int]) -> dict[int, Pir]:
    """The PIRs with these ids; unknown ones are absent."""
    rows = await records.fetch(PIRS_BY_ID, airline_id, ids, name="PIRS_BY_ID", record_class=Pir)
    return {pir.id: pir for pir in rows}


async def lock(records: Reader, airline_id: int, pir_id: int) -> Pir | None:
    """Lock the PIR until the transaction ends; None if it is unknown."""
    return await records.fetchrow(LOCK_PIR, airline_id, pir_id, name="LOCK_PIR", record_class=Pir)


async def by_reference(records: Reader, airline_id: int, reference: str, limit: int) -> list[Pir]:
    """The PIRs with a reference, newest first, at most ``limit``; references are used again over the years."""
    return await records.fetch(
        PIRS_BY_REFERENCE, airline_id, reference, limit, name="PIRS_BY_REFERENCE", record_class=Pir
    )


async def page(records: Reader, airline_id: int, filters: PirFilter, page: Page) -> list[Pir]:
    """A page of PIRs, newest first, with one row more than the page holds if there are more."""
    statement, name = (PIRS_PAGE_BACKWARD, "PIRS_PAGE_BACKWARD") if page.backward else (PIRS_PAGE, "PIRS_PAGE")
    return await _page(records, airline_id, filters, page, statement, name)


async def by_urgency(records: Reader, airline_id: int, filters: PirFilter, page: Page) -> list[Pir]:
    """A page of PIRs, nearest deadline first, with one row more than the page holds if there are more."""
    statement, name = (
        (PIRS_BY_URGENCY_BACKWARD, "PIRS_BY_URGENCY_BACKWARD")
        if page.backward
        else (PIRS_BY_URGENCY, "PIRS_BY_URGENCY")
    )
    return await _page(records, airline_id, filters, page, statement, name)


async def _page(
    records: Reader, airline_id: int, filters: PirFilter, page: Page, statement: str, name: str
) -> list[Pir]:
    key = page.part(0), page.part(1)
    return await records.fetch(
        statement, airline_id, *filters, *key, page.limit + 1, name=name, record_class=Pir, custom_plan=True
    )


async def of_bags(records: Reader, airline_id: int, bag_ids: Sequence[int]) -> dict[int, Pir]:
    """The relevant PIR of each bag, by bag id: an open one, else the newest; bags without any are absent."""
    rows = await records.fetch(PIR_OF_BAGS, airline_id, bag_ids, name="PIR_OF_BAGS", record_class=PirOf)
    return {pir.parent_id: pir for pir in rows}


async def open_of_bags(records: Reader, airline_id: int, bag_ids: Sequence[int], kind: str) -> dict[int, Pir]:
    """The open PIR of a kind of each bag, by bag id; bags without one are absent."""
    rows = await records.fetch(
        OPEN_PIRS_OF_BAGS, airline_id, bag_ids, kind, name="OPEN_PIRS_OF_BAGS", record_class=PirOf
    )
    return {pir.parent_id: pir for pir in rows}


async def after(records: Reader, airline_id: int, pir_ids: Sequence[int]) -> list[PirOf]:
    """The PIRs that follow these, in order of the PIR that they follow."""
    return await records.fetch(PIRS_AFTER, airline_id, pir_ids, name="PIRS_AFTER", record_class=PirOf)


async def descriptions(records: Reader, airline_id: int, pir_ids: Sequence[int]) -> list[PirBag]:
    """The bags of these PIRs as their passengers described them, in the order of each PIR."""
    return await records.fetch(
        DESCRIPTIONS_OF_PIRS, airline_id, pir_ids, name="DESCRIPTIONS_OF_PIRS", record_class=PirBag
    )


async def history(records: Reader, airline_id: int, pir_ids: Sequence[int]) -> list[PirEvent]:
    """The history of these PIRs, in order of PIR and entry."""
    return await records.fetch(HISTORY_OF_PIRS, airline_id, pir_ids, name="HISTORY_OF_PIRS", record_class=PirEvent)


class PirValues(NamedTuple):
    """The columns of a PIR that change while it is open. The fields are the columns of ``UPDATE_PIR``, in order."""

    status: str
    closed_at: datetime | None
    remarks: str
    assignee: str | None
    destination: str | None
    expected_arrival_at: datetime | None
    delivered_at: datetime | None
    due_at: datetime | None
    phone: str | None
    email: str | None
    delivery_address: str | None
    language: str | None
    reason_for_loss: str | None
    fault_station: str | None
    proposed_reason: str | None
    proposed_station: str | None
    evidence: Sequence[Mapping[str, Any]]
    storage_location: str | None


class PirBagValues(NamedTuple):
    """The columns of a PIR's bag that change. The fields are the columns of ``UPDATE_PIR_BAGS``, in order."""

    seq: int
    state: str
    description: str
    brand: str
    contents: str
    damage: str
    name_on_bag: str
    located_airport: str | None
    forward_flight_id: int | None
    rush_tag: str | None
    courier: str | None
    window_start: datetime | None
    window_end: datetime | None
    delivered_at: datetime | None
    matched_pir_id: int | None


class NewPirEvent(NamedTuple):
    """An entry of a PIR's history. The fields are the columns of ``INSERT_PIR_EVENT``, in order."""

    seq: int
    at: datetime
    actor: str
    role: str
    action: str
    bags: Sequence[int]
    from_states: Sequence[str]
    to_state: str | None
    comment: str
    detail: Mapping[str, Any]


async def create(
    records: Reader,
    airline_id: int,
    *,
    kind: str,
    station: str,
    opened_at: datetime,
    passenger_id: int | None,
    origin: str | None,
    previous_id: int | None,
    link: str | None,
    found_flight_id: int | None,
) -> int:
    """Insert a PIR without a history and return its id; ``update`` writes the columns that change."""
    return int(
        await records.fetchval(
            INSERT_PIR,
            airline_id,
            kind,
            station,
            opened_at,
            passenger_id,
            origin,
            previous_id,
            link,
            found_flight_id,
            name="INSERT_PIR",
        )
    )


async def update(
    records: Reader, airline_id: int, pir_id: int, version: int, updated_at: datetime, values: PirValues
) -> None:
    """Update the changing columns of a PIR, which must be locked or created by this transaction."""
    await records.execute(UPDATE_PIR, airline_id, pir_id, version, updated_at, *values, name="UPDATE_PIR")


def values_of(pir: Pir) -> PirValues:
    """Return the changing columns of a PIR with their present values."""
    return PirValues(**{column: pir[column] for column in PirValues._fields})


def bag_values_of(bag: PirBag) -> PirBagValues:
    """Return the changing columns of a PIR's bag with their present values."""
    return PirBagValues(**{column: bag[column] for column in PirBagValues._fields})


async def update_bags(records: Reader, airline_id: int, pir_id: int, bags: Sequence[PirBagValues]) -> None:
    """Update the changing columns of some bags of a PIR, which must be locked."""
    await records.execute(UPDATE_PIR_BAGS, airline_id, pir_id, *zip(*bags, strict=True), name="UPDATE_PIR_BAGS")


async def insert_event(records: Reader, airline_id: int, pir_id: int, event: NewPirEvent) -> None:
    """Insert an entry of a PIR's history."""
    await records.execute(INSERT_PIR_EVENT, airline_id, pir_id, *event, name="INSERT_PIR_EVENT")


class NewPir(NamedTuple):
    """A PIR with past values. The fields are the columns of ``INSERT_PIRS``, in order."""

    id: int
    reference: str
    kind: str
    status: str
    station: str
    passenger_id: int
    opened_at: datetime
    closed_at: datetime | None
    remarks: str
    origin: str | None
    destination: str | None
    expected_arrival_at: datetime | None
    delivered_at: datetime | None
    due_at: datetime | None


class NewPirBag(NamedTuple):
    """A bag of a PIR to insert. The fields are the columns of ``INSERT_PIR_BAGS``, in order."""

    pir_id: int
    seq: int
    bag_id: int | None
    description: str
    brand: str
    contents: str
    state: str
    tag: str | None
    name_on_bag: str = ""
    damage: str = ""


async def insert(records: Reader, airline_id: int, pirs: Sequence[NewPir]) -> None:
    """Insert PIRs; existing ones stay unchanged."""
    await records.execute(INSERT_PIRS, airline_id, *zip(*pirs, strict=True), name="INSERT_PIRS")


async def insert_bags(records: Reader, airline_id: int, bags: Sequence[NewPirBag]) -> None:
    """Insert bags of PIRs; existing ones stay unchanged."""
    await records.execute(INSERT_PIR_BAGS, airline_id, *zip(*bags, strict=True), name="INSERT_PIR_BAGS")


async def count_by_status(records: Reader, airline_id: int) -> dict[str, int]:
    """The number of PIRs in each status; statuses without any are absent."""
    rows = await records.fetch(COUNT_PIRS_BY_STATUS, airline_id, name="COUNT_PIRS_BY_STATUS")
    return {row["status"]: row["pirs"] for row in rows}


async def is_reason_for_loss(records: Reader, code: str, day: date) -> bool:
    """Whether a code is on the list of reasons for loss on a day."""
    return bool(await records.fetchval(IS_REASON_FOR_LOSS, code, day, name="IS_REASON_FOR_LOSS"))


async def assign_reference(records: Reader, airline_id: int, pir_id: int, reference: str, at: datetime) -> None:
    """Set the reference that WorldTracer assigned to a PIR; a PIR that has one keeps it."""
    await records.execute(ASSIGN_REFERENCE, airline_id, pir_id, reference, at, name="ASSIGN_REFERENCE")
