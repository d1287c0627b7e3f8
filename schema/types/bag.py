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


@strawberry.type(description="A tag tied to a bag for a time: numbers are used again.")
class BagTag:
    """Values are ``integrations.records.bags.BagTag``."""

    number: str = strawberry.field(description="Ten digits.")
    printed: str = batched(bags.printed_tags, description="As people read it: CM456781.")
    role: TagRole = strawberry.field(description="Why it is on the bag.")
    valid_from: datetime = strawberry.field(description="From when the number means this bag.")
    valid_until: datetime = strawberry.field(description="Until when the number means this bag.")


@strawberry.type(description="A checked bag. Its tags may change, its id does not.")
class Bag(Node, record=records.Bag, load=bags.by_ids):
    """Values are ``integrations.records.bags.Bag``."""

    tag: str = strawberry.field(description="The tag issued first: ten digits.")
    state: BagState = strawberry.field(description="Where it stands.")
    state_at: datetime = strawberry.field(description="Since when.")
    airport: str | None = strawberry.field(
        description="IATA code of the airport where it was seen last; null in flight."
    )
    place: str | None = strawberry.field(description="Belt, sorter, cart, stand or desk where it was seen last.")
    weight_kg: float | None = strawberry.field(description="Weight in kilograms.")
    description: str | None = strawberry.field(
        description="Colour, type and descriptors as CCTTDDD (IATA Resolution 743b): BK22RHW."
    )
    priority: bool = strawberry.field(description="Whether it carries a priority tag.")
    created_at: datetime = strawberry.field(description="When it became known.")
    version: int = strawberry.field(description="Counts the changes of the bag, from 1.")
    printed_tag: str = batched(bags.printed_tags, description="The first tag as people read it: CM456781.")
    tags: list[BagTag] = batched(bags.tags, description="All its tags, the first first; a rush bag has two.")
    state_at_local: LocalTime | None = batched(
        local_times.of_bags, description="Since when, on the clock of the airport where it was seen last."
    )
    last_seen_at: Airport | None = batched(airports.of_places, description="The airport where it was seen last.")
    custodian: Party | None = batched(airports.custodians, description="Who has it, with proof.")
    flight: Flight | None = batched(
        flights.of_flight_ids,
        prefetched=flights.prefetched,
        description="The flight that it is loaded on, flies on or was last scanned for.",
    )
    passenger: Passenger | None = batched(
        passengers.of_owned, prefetched=passengers.prefetched, description="Whose it is; null for a bag only scanned."
    )
    itinerary: list[Leg] = batched(bags.itineraries, description="Its planned flights, in travel order.")
    transfers: list[Transfer] = batched(
        transfers.of_bags, description="Where it changes flights and how likely it makes them, in travel order."
    )
    scans: list[BagEvent] = batched(
        events.of_bags,
        prefetched=events.prefetched,
        description="What happened to it, in order of event time, from the records.",
        arguments={"last": "Only the newest so many, 1 to 500; all where null."},
    )
    pir: Pir | None = batched(
        pirs.of_bags,
        prefetched=pirs.prefetched,
        description="The file that matters for it: an open one before a closed one, then the newest.",
    )
    authorised: bool | None = batched(
        bags.authorities,
        description="Whether it may be loaded, as the last message about it says; null where none does.",
    )
    messages: list[Message] = batched(
        messages.of_bags,
        description="What airports sent about it, word for word, in order of receipt.",
        arguments={"last": "Only the newest so many, 1 to 200."},
    )
    journey: Journey | None = batched(journeys.of_bags, description="Its journey, planned and actual, from the graph.")
    fellows: FellowBags | None = batched(
        bags.fellows,
        description="The bags that share its inbound flight, place, belt or cart, from the graph; null for one that "
        "was on no flight yet, or was scanned at no such place.",
        arguments={
            "by": "What they share.",
            "within_minutes": "By place, belt or cart: how long before or after it the others were there, 1 to 240.",
            "first": "How many of them, 1 to 200.",
        },
    )
