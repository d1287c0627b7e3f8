"""Property irregularity reports in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from integrations.records.page import Page
from integrations.records.pirs import Pir, PirBag, PirOf
from integrations.stores.postgres import Reader

PIRS_BY_ID = """
SELECT id, airline_id, reference, kind, status, station, passenger_id, opened_at, closed_at, remarks
FROM pirs
WHERE airline_id = $1 AND id = ANY($2::bigint[])
"""

PIRS_BY_REFERENCE = """
SELECT id, airline_id, reference, kind, status, station, passenger_id, opened_at, closed_at, remarks
FROM pirs
WHERE airline_id = $1 AND reference = $2
ORDER BY opened_at DESC
LIMIT $3
"""

PIRS_PAGE = """
SELECT id, airline_id, reference, kind, status, station, passenger_id, opened_at, closed_at, remarks
FROM pirs
WHERE airline_id = $1
  AND ($2::text[] IS NULL OR status = ANY($2))
  AND ($3::text[] IS NULL OR kind = ANY($3))
  AND ($4::text IS NULL OR station = $4)
  AND ($5::timestamptz IS NULL OR (opened_at, id) < ($5, $6::bigint))
ORDER BY opened_at DESC, id DESC
LIMIT $7
"""

PIRS_PAGE_BACKWARD = """
SELECT id, airline_id, reference, kind, status, station, passenger_id, opened_at, closed_at, remarks
FROM pirs
WHERE airline_id = $1
  AND ($2::text[] IS NULL OR status = ANY($2))
  AND ($3::text[] IS NULL OR kind = ANY($3))
  AND ($4::text IS NULL OR station = $4)
  AND ($5::timestamptz IS NULL OR (opened_at, id) > ($5, $6::bigint))
ORDER BY opened_at, id
LIMIT $7
"""

# The file that matters for a bag: one still open before a closed one, then the newest.
PIR_OF_BAGS = """
SELECT DISTINCT ON (pir_bags.bag_id) pir_bags.bag_id AS parent_id, pirs.id, airline_id, reference, kind, status,
       station, passenger_id, opened_at, closed_at, remarks
FROM pir_bags
JOIN pirs ON pirs.id = pir_bags.pir_id AND pirs.airline_id = $1
WHERE pir_bags.bag_id = ANY($2::bigint[])
ORDER BY pir_bags.bag_id, closed_at IS NOT NULL, opened_at DESC, pirs.id DESC
"""

DESCRIPTIONS_OF_PIRS = """
SELECT pir_id, seq, bag_id, description, brand, contents
FROM pir_bags
JOIN pirs ON pirs.id = pir_bags.pir_id AND pirs.airline_id = $1
WHERE pir_id = ANY($2::bigint[])
ORDER BY pir_id, seq
"""

INSERT_PIRS = """
INSERT INTO pirs (id, airline_id, reference, kind, status, station, passenger_id, opened_at, closed_at, remarks)
SELECT id, $1, reference, kind, status, station, passenger_id, opened_at, closed_at, remarks
FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::timestamptz[],
            $9::timestamptz[], $10::text[])
     AS new(id, reference, kind, status, station, passenger_id, opened_at, closed_at, remarks)
ON CONFLICT (id) DO NOTHING
"""

INSERT_PIR_BAGS = """
INSERT INTO pir_bags (pir_id, seq, bag_id, description, brand, contents)
SELECT new.pir_id, new.seq, new.bag_id, new.description, new.brand, new.contents
FROM unnest($2::bigint[], $3::smallint[], $4::bigint[], $5::text[], $6::text[], $7::text[])
     AS new(pir_id, seq, bag_id, description, brand, contents)
JOIN pirs ON pirs.id = new.pir_id AND pirs.airline_id = $1
ON CONFLICT (pir_id, seq) DO NOTHING
"""

COUNT_PIRS_BY_STATUS = "SELECT status, count(*) AS pirs FROM pirs WHERE airline_id = $1 GROUP BY status"


async def by_id(records: Reader, airline_id: int, ids: Sequence[int]) -> dict[int, Pir]:
    """The files with these ids; unknown ones are absent."""
    rows = await records.fetch(PIRS_BY_ID, airline_id, ids, name="PIRS_BY_ID", record_class=Pir)
    return {pir.id: pir for pir in rows}


async def by_reference(records: Reader, airline_id: int, reference: str, limit: int) -> list[Pir]:
    """Files of that reference, the newest first: numbers are reused over the years."""
    return await records.fetch(
        PIRS_BY_REFERENCE, airline_id, reference, limit, name="PIRS_BY_REFERENCE", record_class=Pir
    )


async def page(
    records: Reader,
    airline_id: int,
    statuses: Sequence[str] | None,
    kinds: Sequence[str] | None,
    station: str | None,
    page: Page,
) -> list[Pir]:
    """The newest files first, one more than the page holds where there are more."""
    statement, name = (PIRS_PAGE_BACKWARD, "PIRS_PAGE_BACKWARD") if page.backward else (PIRS_PAGE, "PIRS_PAGE")
    return await records.fetch(
        statement,
        airline_id,
        statuses,
        kinds,
        station,
        page.part(0),
        page.part(1),
        page.limit + 1,
        name=name,
        record_class=Pir,
    )


async def of_bags(records: Reader, airline_id: int, bag_ids: Sequence[int]) -> dict[int, Pir]:
    """The file that matters for each bag; bags without any are absent."""
    rows = await records.fetch(PIR_OF_BAGS, airline_id, bag_ids, name="PIR_OF_BAGS", record_class=PirOf)
    return {pir.parent_id: pir for pir in rows}


async def descriptions(records: Reader, airline_id: int, pir_ids: Sequence[int]) -> list[PirBag]:
    """The bags of these files as the passengers described them."""
    return await records.fetch(
        DESCRIPTIONS_OF_PIRS, airline_id, pir_ids, name="DESCRIPTIONS_OF_PIRS", record_class=PirBag
    )


class NewPir(NamedTuple):
    """A file to write; the fields are the columns of ``INSERT_PIRS`` in their order."""

    id: int
    reference: str
    kind: str
    status: str
    station: str
    passenger_id: int
    opened_at: datetime
    closed_at: datetime | None
    remarks: str


class NewPirBag(NamedTuple):
    """A bag as described in a file; the fields are the columns of ``INSERT_PIR_BAGS`` in their order."""

    pir_id: int
    seq: int
    bag_id: int
    description: str
    brand: str
    contents: str


async def insert(records: Reader, airline_id: int, pirs: Sequence[NewPir]) -> None:
    """Adds files; those that are there stay as they are."""
    await records.execute(INSERT_PIRS, airline_id, *zip(*pirs, strict=True), name="INSERT_PIRS")


async def insert_bags(records: Reader, airline_id: int, bags: Sequence[NewPirBag]) -> None:
    """Adds the descriptions of bags to files; those that are there stay as they are."""
    await records.execute(INSERT_PIR_BAGS, airline_id, *zip(*bags, strict=True), name="INSERT_PIR_BAGS")


async def count_by_status(records: Reader, airline_id: int) -> dict[str, int]:
    """How many files stand in each status; statuses without any are absent."""
    rows = await records.fetch(COUNT_PIRS_BY_STATUS, airline_id, name="COUNT_PIRS_BY_STATUS")
    return {row["status"]: row["pirs"] for row in rows}
