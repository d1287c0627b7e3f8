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


@strawberry.type(description="A bag of a flight's inventory.")
class InventoryBag:
    """Values are ``integrations.records.inventory.InventoryBag``."""

    category: InventoryCategory = strawberry.field(description="How it counts.")
    bag: LazyBag | None = batched(inventory.records_of, description="The bag.")


@strawberry.type(
    description="The bags of a flight at its departure. Planned bags of which no message says whether they may be "
    "loaded are left out until they are seen for the flight."
)
class FlightInventory:
    """Values are ``integrations.records.inventory.Inventory``."""

    as_of: datetime = strawberry.field(description="The actual departure; now for a flight that has not left.")
    departed: bool = strawberry.field(description="Whether the flight has left.")
    loaded: int = read(
        inventory.count_of(InventoryCategory.LOADED), description="Bags on board that may be, as far as anybody says."
    )
    authorised_not_loaded: int = read(
        inventory.count_of(InventoryCategory.AUTHORISED_NOT_LOADED),
        description="Bags that may be loaded and are not on board.",
    )
    loaded_not_authorised: int = read(
        inventory.count_of(InventoryCategory.LOADED_NOT_AUTHORISED),
        description="Bags on board that are not planned on it, or that may not be loaded.",
    )
    unknown: int = read(
        inventory.count_of(InventoryCategory.UNKNOWN),
        description="Bags seen at the origin for this flight, not on board, without a plan or a word on authority.",
    )
    bags: Connection[InventoryBag] = paged(
        inventory.bags_of,
        order=BAGS_OF_INVENTORY,
        description="The bags, in the order they became known.",
        arguments={"category": "Only those that count so; all if absent."},
    )


@strawberry.type(description="How many custody points of one kind are proved.")
class PointCount:
    """Values are ``integrations.records.inventory.PointCount``."""

    kind: CustodyPointKind = strawberry.field(description="Which of the four points.")
    due: int = strawberry.field(description="Points that bags have reached or passed.")
    proved: int = strawberry.field(description="Those that an event proves.")
    missing: int = strawberry.field(description="Those that bags have passed without proof.")


@strawberry.type(description="A point that a bag has passed without proof.")
class CustodyGap:
    """Values are ``integrations.records.inventory.CustodyGap``."""

    bag: LazyBag | None = batched(inventory.records_of, description="The bag.")
    point: CustodyPoint = strawberry.field(description="The point, with who had the bag before.")


@strawberry.type(
    description="How complete the proof of custody is for a flight's bags: acceptance where the journey begins, "
    "loading, and the transfer or arrival at its end."
)
class CustodyCompleteness:
    """Values are ``integrations.records.inventory.CustodyCompleteness``."""

    bags: int = strawberry.field(description="Bags that travel or are to travel on it, by their plans.")
    due: int = strawberry.field(description="Points that they have reached or passed.")
    proved: int = strawberry.field(description="Those that an event proves.")
    missing: int = strawberry.field(description="Those that bags have passed without proof.")
    points: list[PointCount] = strawberry.field(description="The same by kind, in travel order.")
    gaps: list[CustodyGap] = batched(
        custody.gaps, description="Points without proof, by bag.", arguments={"first": "How many of them, 1 to 200."}
    )
