"""Bags."""

from datetime import datetime

import strawberry

from integrations.records import bags as records
from integrations.records.bags import BagState, TagRole
from resolvers import airports, bags, events, flights, journeys, local_times, messages, passengers, pirs, transfers
from schema.fields.batching import batched
from schema.fields.node import Node
from schema.types.airport import Airport, LocalTime, Party
from schema.types.event import BagEvent
from schema.types.flight import Flight, Leg
from schema.types.journey import FellowBags, Journey
from schema.types.message import Message
from schema.types.passenger import Passenger
from schema.types.pir import Pir
from schema.types.transfer import Transfer


@strawberry.type(description="Tag of a bag during a period. Airlines reuse tag numbers.")
class BagTag:
    """Values are ``integrations.records.bags.BagTag``."""

    number: str = strawberry.field(description="Ten-digit tag number.")
    printed: str = batched(bags.printed_tags, description="Tag number as printed: CM456781.")
    role: TagRole = strawberry.field(description="Why the tag is on the bag.")
    valid_from: datetime = strawberry.field(description="Start of the period in which the number identifies this bag.")
    valid_until: datetime = strawberry.field(
        description="End of the period in which the number identifies this bag, exclusive."
    )


@strawberry.type(description="Checked bag. Its tags can change, its id does not.")
class Bag(Node, record=records.Bag, load=bags.by_ids):
    """Values are ``integrations.records.bags.Bag``."""

    tag: str = strawberry.field(description="Ten-digit number of the first tag.")
    state: BagState = strawberry.field(description="Current state.")
    state_at: datetime = strawberry.field(description="When the bag entered its state.")
    airport: str | None = strawberry.field(
        description="IATA code of the airport where the bag was last seen; null in flight and before the first scan."
    )
    place: str | None = strawberry.field(
        description="Belt, sorter, cart, stand or desk where the bag was last seen; null if unknown."
    )
    weight_kg: float | None = strawberry.field(description="Weight in kilograms; null if unknown.")
    description: str | None = strawberry.field(
        description="Colour, type and descriptors as CCTTDDD (IATA Resolution 743b): BK22RHW; null if unknown."
    )
    priority: bool = strawberry.field(description="Whether the bag has a priority tag.")
    created_at: datetime = strawberry.field(description="When the bag was first recorded.")
    version: int = strawberry.field(description="Version of the bag, from 1; each change increments it.")
    printed_tag: str = batched(bags.printed_tags, description="First tag as printed: CM456781.")
    tags: list[BagTag] = batched(bags.tags, description="All tags in order of issue. A rush bag has two.")
    state_at_local: LocalTime | None = batched(
        local_times.of_bags,
        description="When the bag entered its state, in the local time of `airport`; null if that is null or unknown.",
    )
    last_seen_at: Airport | None = batched(
        airports.of_places, description="Airport where the bag was last seen; null if `airport` is null or unknown."
    )
    custodian: Party | None = batched(
        airports.custodians, description="Party that holds the bag, by the last event that proves it; null if unknown."
    )
    flight: Flight | None = batched(
        flights.of_flight_ids,
        prefetched=flights.prefetched,
        description="Flight that the bag is loaded on, or was last scanned for; null if there is none.",
    )
    passenger: Passenger | None = batched(
        passengers.of_owned,
        prefetched=passengers.prefetched,
        description="Passenger who owns the bag; null for a bag that is known only by scans.",
    )
    itinerary: list[Leg] = batched(bags.itineraries, description="Planned flights in travel order.")
    transfers: list[Transfer] = batched(
        transfers.of_bags, description="Transfers between the planned flights in travel order, each with its risk."
    )
    scans: list[BagEvent] = batched(
        events.of_bags,
        prefetched=events.prefetched,
        description="Events of the bag in order of event time, from PostgreSQL.",
        arguments={"last": "Number of newest events, 1 to 500; all events if absent."},
    )
    pir: Pir | None = batched(
        pirs.of_bags,
        prefetched=pirs.prefetched,
        description="Newest open PIR of the bag, or else the newest closed one; null if the bag has none.",
    )
    authorised: bool | None = batched(
        bags.authorities,
        description="Whether the bag may be loaded, by the last message about it; null if no message says so.",
    )
    messages: list[Message] = batched(
        messages.of_bags,
        description="Messages about the bag in order of receipt.",
        arguments={"last": "Number of newest messages, 1 to 200."},
    )
    journey: Journey | None = batched(
        journeys.of_bags,
        description="Planned and actual journey, from Neo4j; from PostgreSQL while Neo4j is unavailable. "
        "Null only with an error.",
    )
    fellows: FellowBags | None = batched(
        bags.fellows,
        description="Bags that shared this bag's inbound flight, place, belt or cart, from Neo4j; null if the bag has "
        "been on no flight or at no such place, and with an error while Neo4j is unavailable.",
        arguments={
            "by": "What the bags shared.",
            "within_minutes": "For a place, belt or cart: maximum time between the two scans in minutes, 1 to 240.",
            "first": "Number of bags, 1 to 200.",
        },
    )
