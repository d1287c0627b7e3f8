"""Property irregularity reports."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from integrations.records import pirs as records
from integrations.records.pirs import PirKind, PirStatus
from resolvers import airports, bags, moments, passengers, pirs
from resolvers.context import Context
from schema.batching import batched
from schema.node import Node
from schema.types.airport import Airport, LocalTime
from schema.types.passenger import Passenger

if TYPE_CHECKING:
    from schema.types.bag import Bag

Info = strawberry.Info[Context, None]


@strawberry.type(description="One bag of a file, as the passenger described it.")
class DescribedBag:
    """Values are ``integrations.records.pirs.PirBag``."""

    seq: int = strawberry.field(description="Place in the file, from 1.")
    description: str = strawberry.field(
        description="Colour, type and descriptors as CCTTDDD (IATA Resolution 743b): BK22RHW."
    )
    brand: str = strawberry.field(description="Brand; empty where unknown.")

    @strawberry.field(description="What is inside; null for roles that do not meet passengers.")
    def contents(parent: strawberry.Parent[records.PirBag], info: Info) -> str | None:
        """Masked by role."""
        return parent.contents if passengers.sees_names(info.context) else None

    bag: Annotated["Bag", strawberry.lazy("schema.types.bag")] | None = batched(
        bags.of_described, description="The bag itself, where it is known."
    )


@strawberry.type(description="A property irregularity report: the file of a delayed, damaged, pilfered or found bag.")
class Pir(Node, record=records.Pir, load=pirs.by_ids):
    """Values are ``integrations.records.pirs.Pir``."""

    reference: str = strawberry.field(description="WorldTracer reference: station, airline and five digits.")
    kind: PirKind = strawberry.field(description="What it is about.")
    status: PirStatus = strawberry.field(description="Whether it is being worked on.")
    station: str = strawberry.field(description="IATA code of the station that opened it.")
    opened_at: datetime = strawberry.field(description="When it was opened.")
    closed_at: datetime | None = strawberry.field(description="When it was closed; null while it is open.")

    @strawberry.field(description="The file's local remarks; null for roles that do not meet passengers.")
    def remarks(parent: strawberry.Parent[records.Pir], info: Info) -> str | None:
        """Masked by role: remarks may hold personal data."""
        return parent.remarks if passengers.sees_names(info.context) else None

    opened_at_local: LocalTime | None = batched(moments.of_pirs, description="When, on the clock of the station.")
    station_airport: Airport | None = batched(airports.of_stations, description="The station.")
    passenger: Passenger | None = batched(passengers.of_owned, description="Whose bag it is, where known.")
    bags: list[Annotated["Bag", strawberry.lazy("schema.types.bag")]] = batched(
        bags.of_pirs, description="The bags of the file that are known, in its order."
    )
    described_bags: list[DescribedBag] = batched(
        pirs.descriptions, description="The bags of the file as the passenger described them."
    )
