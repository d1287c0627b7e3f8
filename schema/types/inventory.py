"""What is on a flight and what should be, and how complete the proof of custody is (IATA Resolution 753)."""

from datetime import datetime

import strawberry

from integrations.records.inventory import InventoryCategory
from integrations.records.journeys import CustodyPointKind
from resolvers import custody, inventory
from schema.fields.batching import batched, read
from schema.fields.pagination import Connection, Order, paged
from schema.types.journey import CustodyPoint
from schema.types.refs import LazyBag

BAGS_OF_INVENTORY = Order("bags of an inventory", bag_id=int)


@strawberry.type(description="Bag in the inventory of a flight.")
class InventoryBag:
    """Values are ``integrations.records.inventory.InventoryBag``."""

    category: InventoryCategory = strawberry.field(description="Category of the bag.")
    bag: LazyBag | None = batched(inventory.records_of, description="The bag; null if it was deleted.")


@strawberry.type(
    description="Inventory of a flight as of its departure. Planned bags without any message about authority "
    "to load are counted once they are seen for the flight."
)
class FlightInventory:
    """Values are ``integrations.records.inventory.Inventory``."""

    as_of: datetime = strawberry.field(description="Actual departure; the current time until then.")
    departed: bool = strawberry.field(description="Whether the flight has departed.")
    loaded: int = read(
        inventory.count_of(InventoryCategory.LOADED),
        description="Number of bags on board that may be loaded, or about which no message says otherwise.",
    )
    authorised_not_loaded: int = read(
        inventory.count_of(InventoryCategory.AUTHORISED_NOT_LOADED),
        description="Number of bags that may be loaded and are not on board.",
    )
    loaded_not_authorised: int = read(
        inventory.count_of(InventoryCategory.LOADED_NOT_AUTHORISED),
        description="Number of bags on board that are not planned on the flight, or may not be loaded.",
    )
    unknown: int = read(
        inventory.count_of(InventoryCategory.UNKNOWN),
        description="Number of bags seen at the origin for this flight, not on board, with neither plan nor "
        "authority to load.",
    )
    bags: Connection[InventoryBag] = paged(
        inventory.bags_of,
        order=BAGS_OF_INVENTORY,
        description="Bags of the inventory, in order of registration.",
        arguments={"category": "Only bags of this category; all bags if absent."},
    )


@strawberry.type(description="Number of custody points of one kind.")
class PointCount:
    """Values are ``integrations.records.inventory.PointCount``."""

    kind: CustodyPointKind = strawberry.field(description="Kind of custody point.")
    due: int = strawberry.field(description="Number of points that bags have reached or passed.")
    proved: int = strawberry.field(description="Number of points that an event proves.")
    missing: int = strawberry.field(description="Number of points that bags have passed without proof.")


@strawberry.type(description="Custody point that a bag has passed without proof.")
class CustodyGap:
    """Values are ``integrations.records.inventory.CustodyGap``."""

    bag: LazyBag | None = batched(inventory.records_of, description="The bag; null if it was deleted.")
    point: CustodyPoint = strawberry.field(description="The custody point.")


@strawberry.type(
    description="Completeness of custody records of a flight's bags: acceptance at the start of the journey, "
    "loading, and transfer or arrival at the destination."
)
class CustodyCompleteness:
    """Values are ``integrations.records.inventory.CustodyCompleteness``."""

    bags: int = strawberry.field(description="Number of bags planned on the flight.")
    due: int = strawberry.field(description="Number of custody points that these bags have reached or passed.")
    proved: int = strawberry.field(description="Number of custody points that an event proves.")
    missing: int = strawberry.field(description="Number of custody points that bags have passed without proof.")
    points: list[PointCount] = strawberry.field(description="Counts by kind of custody point, in travel order.")
    gaps: list[CustodyGap] = batched(
        custody.gaps,
        description="Custody points without proof, by bag.",
        arguments={"first": "Number of custody points, 1 to 200."},
    )
