"""Flights and the legs of itineraries."""

from datetime import date, datetime

import strawberry

from integrations.records.flights import FlightColumns, FlightStatus
from resolvers import airports, bags, custody, flights, graph_analytics, inventory, local_times, transfers
from schema.fields.batching import batched
from schema.fields.node import Node
from schema.fields.pagination import Connection, Order, paged
from schema.types.airport import Airport, LocalFlightTimes
from schema.types.refs import (
    LazyBag,
    LazyCustodyCompleteness,
    LazyFlightInventory,
    LazyMissedOnwardFlight,
    LazyPlannedAgainstActual,
    LazyTransfer,
)

BAGS_OF_FLIGHT = Order("bags of a flight", id=int)
TRANSFERS_OF_FLIGHT = Order("transfers of a flight", bag_id=int)


@strawberry.type(description="One flight on one day.")
class Flight(Node, record=FlightColumns, load=flights.by_ids):
    """Values are ``integrations.records.flights`` rows, from either store."""

    designator: str = strawberry.field(description="Carrier, number and suffix: CM758.")
    carrier: str = strawberry.field(description="IATA designator of the carrier.")
    number: int = strawberry.field(description="The flight's number, 1 to 9999.")
    suffix: str = strawberry.field(description="Operational suffix, one letter; empty for none.")
    departure_date: date = strawberry.field(description="Scheduled local departure date at the flight's own origin.")
    origin: str = strawberry.field(description="IATA code of the airport it leaves from.")
    destination: str = strawberry.field(description="IATA code of the airport it goes to.")
    scheduled_departure: datetime = strawberry.field(description="Planned off-block time.")
    scheduled_arrival: datetime = strawberry.field(description="Planned on-block time.")
    estimated_departure: datetime | None = strawberry.field(description="Expected off-block time, where told.")
    estimated_arrival: datetime | None = strawberry.field(description="Expected on-block time, where told.")
    actual_departure: datetime | None = strawberry.field(description="Off-block time; null until it left.")
    actual_arrival: datetime | None = strawberry.field(description="On-block time; null until it came.")
    status: FlightStatus = strawberry.field(description="Where the flight stands.")
    aircraft: str | None = strawberry.field(description="IATA code of the aircraft type.")
    seats: int | None = strawberry.field(description="Seats of the aircraft.")
    gate: str | None = strawberry.field(description="Gate or stand of departure.")
    version: int = strawberry.field(description="Counts the changes of the flight, from 1.")
    origin_airport: Airport | None = batched(airports.of_origins, description="The airport it leaves from.")
    destination_airport: Airport | None = batched(airports.of_destinations, description="The airport it goes to.")
    departure_local: LocalFlightTimes | None = batched(
        local_times.of_departures, description="Its departure on the clock of its origin."
    )
    arrival_local: LocalFlightTimes | None = batched(
        local_times.of_arrivals, description="Its arrival on the clock of its destination."
    )
    bag_count: int = batched(flights.bag_counts, description="How many bags are planned on it.")
    bags: Connection[LazyBag] = paged(
        bags.of_flights, order=BAGS_OF_FLIGHT, description="The bags planned on it, in the order they became known."
    )
    planned_against_actual: LazyPlannedAgainstActual | None = batched(
        graph_analytics.planned_against_actual,
        description="Who was planned on it and who flew with it, from the graph; null while that has not heard of it.",
        arguments={"first": "How many of the bags that differ to tell of, 1 to 200."},
    )
    blast_radius: list[LazyMissedOnwardFlight] | None = batched(
        graph_analytics.blast_radius,
        description="What its bags would miss at its destination and after it if it came late, from the graph.",
        arguments={
            "minutes_late": "After its scheduled arrival, 0 to 2,880; if absent, as late as it is. A cancelled one "
            "is missed by all.",
            "bags_of_each": "How many of the bags of each onward flight to tell of, 1 to 200.",
        },
    )
    inbound_transfers: Connection[LazyTransfer] = paged(
        transfers.onto_flights,
        order=TRANSFERS_OF_FLIGHT,
        description="Bags that change onto it from other flights, in the order they became known.",
    )
    outbound_transfers: Connection[LazyTransfer] = paged(
        transfers.off_flights,
        order=TRANSFERS_OF_FLIGHT,
        description="Bags that come with it and change to other flights, in the order they became known.",
    )
    custody_completeness: LazyCustodyCompleteness = batched(
        custody.of_flights,
        max_parents=20,
        description="How complete the proof of custody is for its bags (IATA Resolution 753).",
    )
    inventory: LazyFlightInventory = batched(
        inventory.of_flights, description="What is on board and what should be, at its departure."
    )


@strawberry.type(description="One flight of a bag's planned itinerary.")
class Leg:
    """Values are ``integrations.records.flights`` leg rows, from either store."""

    seq: int = strawberry.field(description="Place in the itinerary, from 1.")
    flight: Flight = strawberry.field(description="The flight.")
