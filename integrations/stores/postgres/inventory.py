"""Inventory of flights in PostgreSQL: bags on board against bags authorised to be."""

from collections.abc import Sequence
from datetime import datetime

from integrations.records.inventory import InventoryBag, InventoryCategory
from integrations.records.page import Page
from integrations.stores.postgres.manager import Reader

INVENTORY_COUNTS = """
SELECT flight_id, category, count(*)::integer AS number FROM inventory($1, $2, $3) GROUP BY flight_id, category
"""

INVENTORY_BAGS = """
SELECT flight_id, bag_id, category
FROM (SELECT flight_id, bag_id, category,
             row_number() OVER (PARTITION BY flight_id
                                ORDER BY CASE WHEN $7::boolean THEN -bag_id ELSE bag_id END) AS place
      FROM inventory($1, $2, $3)
      WHERE ($4::text IS NULL OR category = $4)
        AND ($5::bigint IS NULL OR CASE WHEN $7 THEN bag_id < $5 ELSE bag_id > $5 END)) AS found
WHERE place <= $6
ORDER BY flight_id, place
"""


async def counts(
    records: Reader, airline_id: int, flight_ids: Sequence[int], now: datetime
) -> dict[int, dict[InventoryCategory, int]]:
    """The number of bags of each flight in each category, at its actual departure or at ``now``."""
    found: dict[int, dict[InventoryCategory, int]] = {flight_id: {} for flight_id in flight_ids}
    for row in await records.fetch(INVENTORY_COUNTS, airline_id, flight_ids, now, name="INVENTORY_COUNTS"):
        found[row["flight_id"]][InventoryCategory(row["category"])] = row["number"]
    return found


async def bags(
    records: Reader, airline_id: int, flight_ids: Sequence[int], now: datetime, category: str | None, page: Page
) -> list[InventoryBag]:
    """The bags of each flight's inventory, in order of bag; ``page`` applies to each flight.

    Args:
        now: timestamp of the inventory for flights that have not left.
        category: value of ``InventoryCategory``; None for all.
    """
    return await records.fetch(
        INVENTORY_BAGS,
        airline_id,
        flight_ids,
        now,
        category,
        page.part(0),
        page.limit + 1,
        page.backward,
        name="INVENTORY_BAGS",
        record_class=InventoryBag,
    )
