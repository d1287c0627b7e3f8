"""What happened to bags."""

from datetime import datetime

import strawberry

from integrations.records.events import EventKind, ScanMethod
from resolvers import airports, flights, local_times, messages
from schema.fields.batching import batched
from schema.types.airport import Airport, LocalTime, Party
from schema.types.flight import Flight
from schema.types.message import Message


@strawberry.type(description="Something that happened to a bag: a scan, or word of another system.")
class BagEvent:
    """Values are ``integrations.records.events`` rows, from either store."""

    id: strawberry.ID = strawberry.field(description="A digest of the event's content: the same event has the same id.")
    kind: EventKind = strawberry.field(description="What it says.")
    at: datetime = strawberry.field(description="When it happened.")
    received_at: datetime = strawberry.field(description="When your airline learnt of it.")
    airport: str = strawberry.field(description="IATA code of the station.")
    place: str = strawberry.field(description="Belt, sorter, cart, stand or desk; empty where unknown.")
    tag: str = strawberry.field(description="The tag that was read: ten digits.")
    method: ScanMethod = strawberry.field(description="How it was captured.")
    device: str = strawberry.field(description="Scanner or desk; empty where unknown.")
    local_time: LocalTime | None = batched(local_times.of_events, description="When, on the clock of the station.")
    station: Airport | None = batched(airports.of_places, description="The station.")
    flight: Flight | None = batched(flights.of_flight_ids, description="The flight it concerns, if any.")
    released_by: Party | None = batched(airports.releasers, description="Who had the bag before, where known.")
    custodian: Party | None = batched(airports.custodians, description="Who has the bag from then on, where known.")
    message: Message | None = batched(
        messages.of_events, description="The message that it was read from; null if it was recorded otherwise."
    )
