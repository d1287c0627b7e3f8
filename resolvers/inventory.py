"""Inventories of flights (``docs/DOMAIN.md#inventory-of-a-flight``): reads."""

from collections.abc import Callable, Sequence

from integrations.records.bags import Bag
from integrations.records.flights import FlightColumns
from integrations.records.inventory import CustodyGap, Inventory, InventoryBag, InventoryCategory
from integrations.records.page import Page
from integrations.stores.postgres import bags, inventory
from resolvers.context import Context


async def of_flights(context: Context, parents: Sequence[FlightColumns]) -> list[Inventory]:
    """The inventory of each flight at its actual departure, or now if it has not departed."""
    now = context.now()
    ids = sorted({flight.id for flight in parents})
    found = await inventory.counts(context.stores.postgres, context.airline_id, ids, now)
    return [
        Inventory(
            flight_id=flight.id,
            as_of=flight.actual_departure or now,
            departed=flight.actual_departure is not None,
            counts=found[flight.id],
        )
        for flight in parents
    ]


def count_of(category: InventoryCategory) -> Callable[[Inventory], int]:
    """A function that returns the number of bags of a category in an inventory."""
    return lambda parent: parent.counts.get(category, 0)


async def bags_of(
    context: Context, parents: Sequence[Inventory], page: Page, *, category: InventoryCategory | None = None
) -> list[list[InventoryBag]]:
    """The bags of each inventory; ``page`` applies to each inventory."""
    found: dict[int, list[InventoryBag]] = {one.flight_id: [] for one in parents}
    # Counts and bags of a flight that has not departed are taken at the same time.
    now = max(one.as_of for one in parents)
    wanted = None if category is None else category.value
    for bag in await inventory.bags(context.stores.postgres, context.airline_id, list(found), now, wanted, page):
        found[bag.flight_id].append(bag)
    return [found[one.flight_id] for one in parents]


async def records_of(context: Context, parents: Sequence[InventoryBag | CustodyGap]) -> list[Bag | None]:
    """The bag of each entry."""
    found = await bags.by_id(context.stores.postgres, context.airline_id, sorted({one.bag_id for one in parents}))
    return [found.get(one.bag_id) for one in parents]
