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


@strawberry.type(description="Flight that a bag was on.")
class FlownLeg:
    """Values are ``integrations.records.journeys.FlownLeg``."""

    seq: int = strawberry.field(description="Position among the flown flights, from 1.")
    flight: Flight = strawberry.field(description="The flight.")
    loaded: BagEvent | None = strawberry.field(description="Event of loading; null if there is none.")
    arrived: BagEvent | None = strawberry.field(description="Event of unloading; null if there is none yet.")


@strawberry.type(
    description="Custody point of IATA Resolution 753 that a bag has reached or passed. A point without proof "
    "is listed once a later event shows that the bag has passed it."
)
class CustodyPoint:
    """Values are ``integrations.records.journeys.CustodyPoint``."""

    kind: CustodyPointKind = strawberry.field(description="Kind of custody point.")
    airport: str = strawberry.field(description="IATA code of the airport.")
    leg: int = strawberry.field(
        description="Position of the planned leg that the point belongs to, from 1; of the flown leg for a bag without "
        "a plan. A transfer belongs to the leg that it ends."
    )
    proved: bool = strawberry.field(description="Whether an event proves the point; if not, the point is a gap.")
    proof: BagEvent | None = strawberry.field(description="Event that proves the point; null for a gap.")
    last_custodian: Party | None = batched(
        airports.last_custodians,
        description="Party that last held the bag with proof before the point; null if unknown.",
    )


@strawberry.type(description="Planned and actual journey of a bag.")
class Journey:
    """Values are ``integrations.records.journeys.Journey``."""

    source: JourneySource = strawberry.field(description="Store that the journey was read from.")
    as_of: datetime | None = strawberry.field(
        description="When the newest event of the journey was received; null if there is none."
    )
    version: int = strawberry.field(description="Version of the bag that the journey shows.")
    behind: int = strawberry.field(
        description="Number of later versions of the bag that Neo4j does not show yet; 0 if the journey is current."
    )
    planned: list[Leg] = strawberry.field(description="Planned flights in travel order.")
    flown: list[FlownLeg] = strawberry.field(description="Flown flights in order.")
    scans: list[BagEvent] = batched(
        journeys.scans,
        description="Events in order of event time.",
        arguments={"last": "Number of newest events, 1 to 500; all events if absent."},
    )
    custodian: Party | None = batched(
        airports.custodians, description="Party that holds the bag, by the last event that proves it; null if unknown."
    )
    points: list[CustodyPoint] = strawberry.field(
        name="custodyPoints",
        description="Custody points of IATA Resolution 753 that the bag has reached or passed, in travel order.",
    )
    gaps: list[CustodyPoint] = strawberry.field(description="Custody points that the bag has passed without proof.")


@strawberry.type(description="Bag that shared a flight or a place with another bag.")
class FellowBag:
    """Values are ``resolvers.bags.FellowBag``."""

    bag: LazyBag = strawberry.field(description="The bag.")
    at: datetime | None = strawberry.field(
        description="When the bag was at the place; null if the bags shared a flight."
    )
    minutes: int | None = strawberry.field(
        description="Whole minutes from the scan of the other bag to the scan of this one, negative if this bag "
        "was there first; null if the bags shared a flight."
    )


@strawberry.type(description="Bags that shared a flight or a place with a bag.")
class FellowBags:
    """Values are ``integrations.stores.neo4j.journeys.Fellows``."""

    total: int = strawberry.field(description="Number of these bags.")
    flight: Flight | None = batched(
        flights.of_flight_ids,
        description="Shared inbound flight: the last one that the bag was on; null if the bags shared a place.",
    )
    airport: str | None = strawberry.field(
        description="IATA code of the airport of the shared place; null if the bags shared a flight."
    )
    place: str | None = strawberry.field(
        description="Shared place: the last one, of the kind asked for, where the bag was scanned; null if the "
        "bags shared a flight."
    )
    at: datetime | None = strawberry.field(
        description="When the bag was scanned at the shared place; null if the bags shared a flight."
    )
    fellows: list[FellowBag] = batched(
        bags.with_times,
        description="First of the bags with their times: at a place, those closest in time first.",
    )
    bags: list[LazyBag] = batched(bags.of_fellows, description="The same bags without times.")
