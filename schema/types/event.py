"""Events of bags."""

from datetime import datetime

import strawberry

from integrations.records.events import EventKind, ScanMethod
from resolvers import airports, flights, local_times, messages
from schema.fields.batching import batched
from schema.types.airport import Airport, LocalTime, Party
from schema.types.flight import Flight
from schema.types.message import Message


@strawberry.type(description="Event of a bag: a scan, a report of another system, or a step of a PIR.")
class BagEvent:
    """Values are ``integrations.records.events`` rows, from either store."""

    id: strawberry.ID = strawberry.field(description="Digest of the content: the same event has the same id.")
    kind: EventKind = strawberry.field(description="Kind of event.")
    at: datetime = strawberry.field(description="When the event happened.")
    received_at: datetime = strawberry.field(description="When your airline received the event.")
    airport: str = strawberry.field(description="IATA code of the station.")
    place: str = strawberry.field(description="Belt, sorter, cart, stand or desk; empty if unknown.")
    tag: str = strawberry.field(description="Ten-digit tag number that was read.")
    method: ScanMethod = strawberry.field(description="How the event was captured.")
    device: str = strawberry.field(description="Scanner or workstation; empty if unknown.")
    local_time: LocalTime | None = batched(
        local_times.of_events, description="When the event happened, in local time; null if the station is unknown."
    )
    station: Airport | None = batched(
        airports.of_places, description="Airport of the event; null if the station is unknown."
    )
    flight: Flight | None = batched(
        flights.of_flight_ids, description="Flight of the event; null if the event is not about a flight."
    )
    released_by: Party | None = batched(
        airports.releasers, description="Party that held the bag before the event; null if unknown."
    )
    custodian: Party | None = batched(
        airports.custodians, description="Party that holds the bag from the event on; null if unknown."
    )
    message: Message | None = batched(
        messages.of_events,
        description="Message that the event was read from; null if it was recorded as a scan or by a PIR.",
    )
