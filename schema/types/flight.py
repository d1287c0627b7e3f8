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


@strawberry.type(description="Flight of one carrier on one departure date.")
class Flight(Node, record=FlightColumns, load=flights.by_ids):
    """Values are ``integrations.records.flights`` rows, from either store."""

    designator: str = strawberry.field(description="Carrier, number and suffix: CM758.")
    carrier: str = strawberry.field(description="IATA designator of the carrier.")
    number: int = strawberry.field(description="Flight number, 1 to 9999.")
    suffix: str = strawberry.field(description="Operational suffix of one letter; empty if there is none.")
    departure_date: date = strawberry.field(description="Scheduled local departure date at the origin.")
    origin: str = strawberry.field(description="IATA code of the origin.")
    destination: str = strawberry.field(description="IATA code of the destination.")
    scheduled_departure: datetime = strawberry.field(
        description="Scheduled off-block time. For a flight that only messages name, it is assumed: noon of its date "
        "at the origin, or noon UTC if the origin is unknown."
    )
    scheduled_arrival: datetime = strawberry.field(
        description="Scheduled on-block time. For a flight that only messages name, it is assumed: an hour after the "
        "departure."
    )
    estimated_departure: datetime | None = strawberry.field(
        description="Estimated off-block time; null until one is reported."
    )
    estimated_arrival: datetime | None = strawberry.field(
        description="Estimated on-block time; null until one is reported."
    )
    actual_departure: datetime | None = strawberry.field(
        description="Actual off-block time; null until the flight has departed."
    )
    actual_arrival: datetime | None = strawberry.field(
        description="Actual on-block time; null until the flight has arrived."
    )
    status: FlightStatus = strawberry.field(description="Status of the flight.")
    aircraft: str | None = strawberry.field(description="IATA code of the aircraft type; null if unknown.")
    seats: int | None = strawberry.field(description="Number of seats; null if unknown.")
    gate: str | None = strawberry.field(description="Departure gate or stand; null if unknown.")
    version: int = strawberry.field(description="Version of the flight, from 1; each change increments it.")
    origin_airport: Airport | None = batched(
        airports.of_origins, description="Airport of origin; null if its code is unknown."
    )
    destination_airport: Airport | None = batched(
        airports.of_destinations, description="Airport of destination; null if its code is unknown."
    )
    departure_local: LocalFlightTimes | None = batched(
        local_times.of_departures,
        description="Departure in the local time of the origin; null if the airport is unknown.",
    )
    arrival_local: LocalFlightTimes | None = batched(
        local_times.of_arrivals,
        description="Arrival in the local time of the destination; null if the airport is unknown.",
    )
    stops: list[str] = batched(
        flights.stops,
        description="IATA codes of the airports other than `destination` where planned bags leave the flight, in "
        "alphabetical order: stops on the way or beyond. A flight has one entry for each airport where it boards.",
    )
    bag_count: int = batched(flights.bag_counts, description="Number of bags planned on the flight.")
    bags: Connection[LazyBag] = paged(
        bags.of_flights, order=BAGS_OF_FLIGHT, description="Bags planned on the flight, in order of registration."
    )
    planned_against_actual: LazyPlannedAgainstActual | None = batched(
        graph_analytics.planned_against_actual,
        description="Planned bags compared with flown bags, from Neo4j; null if the flight is not in Neo4j yet, "
        "and with an error while Neo4j is unavailable.",
        arguments={"first": "Number of bags in each list of differences, 1 to 200."},
    )
    blast_radius: list[LazyMissedOnwardFlight] | None = batched(
        graph_analytics.blast_radius,
        description="Onward flights that bags of this flight would miss if it arrived late, over two transfers, "
        "from Neo4j; null with an error while Neo4j is unavailable.",
        arguments={
            "minutes_late": "Delay against the scheduled arrival in minutes, 0 to 2,880; the current delay if absent. "
            "All connections of a cancelled flight are missed.",
            "bags_of_each": "Number of bags listed for each onward flight, 1 to 200.",
        },
    )
    inbound_transfers: Connection[LazyTransfer] = paged(
        transfers.onto_flights,
        order=TRANSFERS_OF_FLIGHT,
        description="Transfers of bags from other flights to this one, in order of registration of the bags.",
    )
    outbound_transfers: Connection[LazyTransfer] = paged(
        transfers.off_flights,
        order=TRANSFERS_OF_FLIGHT,
        description="Transfers of bags from this flight to other flights, in order of registration of the bags.",
    )
    custody_completeness: LazyCustodyCompleteness = batched(
        custody.of_flights,
        max_parents=20,
        description="Completeness of custody records of the flight's bags (IATA Resolution 753).",
    )
    inventory: LazyFlightInventory = batched(
        inventory.of_flights, description="Bags on board compared with bags that should be on board, as of departure."
    )


@strawberry.type(description="Planned flight of a bag.")
class Leg:
    """Values are ``integrations.records.flights`` leg rows, from either store."""

    seq: int = strawberry.field(description="Position in the itinerary, from 1.")
    flight: Flight = strawberry.field(description="Planned flight.")
    destination: str = strawberry.field(
        description="IATA code of the airport where the bag leaves the flight: its destination, or one of its stops."
    )
    destination_airport: Airport | None = batched(
        airports.of_destinations, description="Airport where the bag leaves the flight; null if its code is unknown."
    )
