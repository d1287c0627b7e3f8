"""Lazy references between types that name each other."""

from typing import TYPE_CHECKING, Annotated

import strawberry

if TYPE_CHECKING:
    from schema.types.bag import Bag
    from schema.types.flight import Flight
    from schema.types.graph_analytics import MissedOnwardFlight, PlannedAgainstActual
    from schema.types.inventory import CustodyCompleteness, FlightInventory
    from schema.types.pir import Pir
    from schema.types.transfer import Transfer

LazyBag = Annotated["Bag", strawberry.lazy("schema.types.bag")]
LazyCustodyCompleteness = Annotated["CustodyCompleteness", strawberry.lazy("schema.types.inventory")]
LazyFlight = Annotated["Flight", strawberry.lazy("schema.types.flight")]
LazyFlightInventory = Annotated["FlightInventory", strawberry.lazy("schema.types.inventory")]
LazyMissedOnwardFlight = Annotated["MissedOnwardFlight", strawberry.lazy("schema.types.graph_analytics")]
LazyPir = Annotated["Pir", strawberry.lazy("schema.types.pir")]
LazyPlannedAgainstActual = Annotated["PlannedAgainstActual", strawberry.lazy("schema.types.graph_analytics")]
LazyTransfer = Annotated["Transfer", strawberry.lazy("schema.types.transfer")]
