"""Journeys of bags."""

from datetime import datetime

import strawberry

from integrations.records.journeys import CustodyPointKind, JourneySource
from resolvers import airports, bags, flights, journeys
from schema.fields.batching import batched
from schema.types.airport import Party
from schema.types.event import BagEvent
from schema.types.flight import Flight, Leg
from schema.types.refs import LazyBag


@strawberry.type(description="A flight that the bag was on.")
class FlownLeg:
    """Values are ``integrations.records.journeys.FlownLeg``."""

    seq: int = strawberry.field(description="Place among the flights it was on, from 1.")
    flight: Flight = strawberry.field(description="The flight.")
    loaded: BagEvent | None = strawberry.field(description="The scan that loaded it; null where there is none.")
    arrived: BagEvent | None = strawberry.field(description="The scan that took it off; null where there is none yet.")


@strawberry.type(
    description="A point of IATA Resolution 753 that the bag has reached or passed. "
    "One without proof is listed only once a later scan shows that the bag has passed it."
)
class CustodyPoint:
    """Values are ``integrations.records.journeys.CustodyPoint``."""

    kind: CustodyPointKind = strawberry.field(description="Which of the four points.")
    airport: str = strawberry.field(description="IATA code of the airport.")
    leg: int = strawberry.field(
        description="The planned leg it belongs to, from 1; a transfer belongs to the leg it ends."
    )
    proved: bool = strawberry.field(description="Whether a scan proves it; false is a gap.")
    proof: BagEvent | None = strawberry.field(description="The scan that proves it.")
    last_custodian: Party | None = batched(
        airports.last_custodians, description="Who had the bag before, with proof: where to ask first about a gap."
    )


@strawberry.type(description="A bag's journey, planned and actual.")
class Journey:
    """Values are ``integrations.records.journeys.Journey``."""

    source: JourneySource = strawberry.field(description="The store it was read from.")
    as_of: datetime | None = strawberry.field(description="When the newest event in it was received.")
    version: int = strawberry.field(description="The bag's version that this shows.")
    behind: int = strawberry.field(
        description="How many versions came after this one: 0 is the newest, more while the graph catches up."
    )
    planned: list[Leg] = strawberry.field(description="The planned itinerary, in travel order.")
    flown: list[FlownLeg] = strawberry.field(description="The flights that it was on, in order.")
    scans: list[BagEvent] = batched(
        journeys.scans,
        description="Everything that happened to it, in order of event time.",
        arguments={"last": "Only the newest so many, 1 to 500."},
    )
    custodian: Party | None = batched(airports.custodians, description="Who has the bag now, with proof.")
    points: list[CustodyPoint] = strawberry.field(
        name="custodyPoints", description="The points of Resolution 753 that it has reached or passed, in travel order."
    )
    gaps: list[CustodyPoint] = strawberry.field(description="The points that it passed without proof.")


@strawberry.type(description="A bag that shares a flight or a place with another.")
class FellowBag:
    """Values are ``resolvers.bags.FellowBag``."""

    bag: LazyBag = strawberry.field(description="The bag.")
    at: datetime | None = strawberry.field(description="When it was at the place; null by flight.")
    minutes: int | None = strawberry.field(
        description="Whole minutes from the one bag's scan to this one's, below zero where this one came first; "
        "null by flight."
    )


@strawberry.type(description="The bags that came on the same inbound flight, or were at the same place.")
class FellowBags:
    """Values are ``integrations.stores.neo4j.journeys.Fellows``."""

    total: int = strawberry.field(description="How many there are.")
    flight: Flight | None = batched(
        flights.of_flight_ids, description="The inbound flight: the last one the bag was on; null by place."
    )
    airport: str | None = strawberry.field(description="IATA code of the place's airport; null by flight.")
    place: str | None = strawberry.field(
        description="The place, belt or cart that the bag was scanned at last; null by flight."
    )
    at: datetime | None = strawberry.field(description="When the bag was scanned there; null by flight.")
    fellows: list[FellowBag] = batched(
        bags.with_times,
        description="The first of them, by place the nearest in time first, each with the time between.",
    )
    bags: list[LazyBag] = batched(bags.of_fellows, description="The same bags, without times.")
