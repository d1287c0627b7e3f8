"""Journeys in Neo4j: what the projector writes and what is asked of the graph.

Writes commute: events are merged by id and put in order when read; a bag's or flight's properties are written only by
a higher version. Times go in as microseconds since 1970 and are made into the graph's own type there.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from integrations.records.airports import Airport, ConnectionTime, Route
from integrations.records.columns import Column, View
from integrations.records.events import Event, GraphEvent
from integrations.records.flights import FlightColumns, GraphFlight, GraphLeg
from integrations.records.journeys import BagProjection
from integrations.records.passengers import Passenger
from integrations.stores.neo4j import Neo4jManager

MERGE_AIRPORTS = """
UNWIND $airports AS airport
MERGE (a:Airport {iata: airport.iata})
SET a.name = airport.name, a.city = airport.city, a.country = airport.country, a.timeZone = airport.timeZone
"""

MERGE_ROUTES = """
UNWIND $routes AS route
MERGE (origin:Airport {iata: route.origin})
MERGE (destination:Airport {iata: route.destination})
MERGE (origin)-[r:ROUTE {airlineId: route.airlineId, carrier: route.carrier}]->(destination)
SET r.blockMinutes = route.blockMinutes, r.dailyFrequency = route.dailyFrequency, r.aircraft = route.aircraft,
    r.seats = route.seats, r.distanceKm = route.distanceKm
"""

DELETE_OTHER_ROUTES = """
MATCH (origin:Airport)-[r:ROUTE {airlineId: $airlineId}]->(destination:Airport)
WHERE NOT [r.carrier, origin.iata, destination.iata] IN $routes
DELETE r
"""

MERGE_CONNECTION_TIMES = """
UNWIND $times AS time
MERGE (a:Airport {iata: time.airport})
MERGE (a)-[c:CONNECTS {airlineId: time.airlineId, inboundCarrier: time.inboundCarrier,
                       outboundCarrier: time.outboundCarrier}]->(a)
SET c.passengerMinutes = time.passengerMinutes, c.bagMinutes = time.bagMinutes
"""

MERGE_FLIGHTS = """
UNWIND $flights AS flight
MERGE (f:Flight {id: flight.id})
WITH f, flight WHERE coalesce(f.version, 0) < flight.version
SET f = flight {.id, .airlineId, .designator, .carrier, .number, .suffix, .origin, .destination, .status, .aircraft,
                .seats, .gate, .version},
    f.date = date(flight.date),
    f.scheduledDeparture = datetime({epochSeconds: flight.scheduledDeparture / 1000000}),
    f.scheduledArrival = datetime({epochSeconds: flight.scheduledArrival / 1000000}),
    f.estimatedDeparture = CASE WHEN flight.estimatedDeparture IS NULL THEN NULL
                           ELSE datetime({epochSeconds: flight.estimatedDeparture / 1000000}) END,
    f.estimatedArrival = CASE WHEN flight.estimatedArrival IS NULL THEN NULL
                         ELSE datetime({epochSeconds: flight.estimatedArrival / 1000000}) END,
    f.actualDeparture = CASE WHEN flight.actualDeparture IS NULL THEN NULL
                        ELSE datetime({epochSeconds: flight.actualDeparture / 1000000}) END,
    f.actualArrival = CASE WHEN flight.actualArrival IS NULL THEN NULL
                      ELSE datetime({epochSeconds: flight.actualArrival / 1000000}) END
MERGE (origin:Airport {iata: flight.origin})
MERGE (destination:Airport {iata: flight.destination})
MERGE (f)-[:FROM]->(origin)
MERGE (f)-[:TO]->(destination)
"""

MERGE_PASSENGERS = """
UNWIND $passengers AS passenger
MERGE (p:Passenger {id: passenger.id})
SET p.airlineId = passenger.airlineId
WITH p, passenger WHERE passenger.bookingId IS NOT NULL
MERGE (b:Booking {id: passenger.bookingId})
MERGE (p)-[:BOOKED]->(b)
"""

MERGE_BAGS = """
UNWIND $bags AS bag
MERGE (b:Bag {id: bag.id})
WITH b, bag WHERE coalesce(b.version, 0) < bag.version
SET b.airlineId = bag.airlineId, b.version = bag.version, b.state = bag.state, b.holder = bag.holder,
    b.asOf = datetime({epochSeconds: bag.asOf / 1000000, nanosecond: (bag.asOf % 1000000) * 1000})
WITH b, bag
CALL (b, bag) {
    OPTIONAL MATCH (b)-[old:PLANNED]->(f:Flight)
    WHERE NOT [old.seq, f.id] IN bag.planned
    DELETE old
}
CALL (b, bag) {
    OPTIONAL MATCH (b)-[old:FLEW]->(f:Flight)
    WHERE NOT [old.seq, f.id] IN bag.flown
    DELETE old
}
CALL (b, bag) {
    UNWIND bag.planned AS leg
    MERGE (f:Flight {id: leg[1]})
    MERGE (b)-[:PLANNED {seq: leg[0]}]->(f)
}
CALL (b, bag) {
    UNWIND bag.flown AS leg
    MERGE (f:Flight {id: leg[1]})
    MERGE (b)-[:FLEW {seq: leg[0]}]->(f)
}
CALL (b, bag) {
    UNWIND bag.tags AS tag
    MERGE (t:Tag {number: tag.number})
    MERGE (b)-[r:TAGGED {role: tag.role, from: datetime({epochSeconds: tag.from / 1000000})}]->(t)
    SET r.to = datetime({epochSeconds: tag.to / 1000000})
}
WITH b, bag WHERE bag.passengerId IS NOT NULL
MERGE (p:Passenger {id: bag.passengerId})
MERGE (b)-[:OF]->(p)
"""

MERGE_PLACES = """
UNWIND $places AS place
MERGE (p:Place {id: place.id})
MERGE (a:Airport {iata: place.airport})
MERGE (p)-[:IN]->(a)
"""

MERGE_EVENTS = """
UNWIND $events AS event
MATCH (b:Bag {id: event.bagId})
MATCH (p:Place {id: event.placeId})
MERGE (e:Event {id: event.id})
ON CREATE SET e = event {.id, .bagId, .kind, .rank, .tag, .airport, .place, .flightId, .giver, .holder, .method,
                         .device},
    e.at = datetime({epochSeconds: event.at / 1000000, nanosecond: (event.at % 1000000) * 1000}),
    e.receivedAt = datetime({epochSeconds: event.receivedAt / 1000000,
                             nanosecond: (event.receivedAt % 1000000) * 1000})
MERGE (b)-[had:HAD]->(e)
ON CREATE SET had.at = e.at, had.seq = event.rank
MERGE (e)-[:AT]->(p)
"""

MERGE_EVENT_FLIGHTS = """
UNWIND $events AS event
MATCH (e:Event {id: event.id})
MERGE (f:Flight {id: event.flightId})
MERGE (e)-[:ON]->(f)
"""

MERGE_EVENT_HOLDERS = """
UNWIND $events AS event
MATCH (e:Event {id: event.id})
MERGE (p:Party {id: event.partyId})
MERGE (e)-[:HELD_BY]->(p)
"""

# Times come out as whole numbers: the driver takes 100 us to make a datetime of the graph's own type.
JOURNEYS_OF_BAGS = """
UNWIND $ids AS id
MATCH (b:Bag {id: id, airlineId: $airlineId})
WHERE b.version IS NOT NULL
RETURN b.id AS bag_id, b.version AS version, b.holder AS holder,
       b.asOf.epochSeconds * 1000000 + b.asOf.microsecond AS as_of,
       COLLECT {
           MATCH (b)-[planned:PLANNED]->(f:Flight)
           RETURN {bag_id: b.id, seq: planned.seq,
                   id: f.id, airline_id: f.airlineId, carrier: f.carrier, number: f.number, suffix: f.suffix,
                   departure_date: toString(f.date), origin: f.origin, destination: f.destination,
                   scheduled_departure: f.scheduledDeparture.epochSeconds,
                   scheduled_arrival: f.scheduledArrival.epochSeconds,
                   estimated_departure: f.estimatedDeparture.epochSeconds,
                   estimated_arrival: f.estimatedArrival.epochSeconds,
                   actual_departure: f.actualDeparture.epochSeconds,
                   actual_arrival: f.actualArrival.epochSeconds,
                   status: f.status, aircraft: f.aircraft, seats: f.seats, gate: f.gate, version: f.version}
           ORDER BY planned.seq
       } AS planned,
       COLLECT {
           MATCH (b)-[flew:FLEW]->(f:Flight)
           RETURN {id: f.id, airline_id: f.airlineId, carrier: f.carrier, number: f.number, suffix: f.suffix,
                   departure_date: toString(f.date), origin: f.origin, destination: f.destination,
                   scheduled_departure: f.scheduledDeparture.epochSeconds,
                   scheduled_arrival: f.scheduledArrival.epochSeconds,
                   estimated_departure: f.estimatedDeparture.epochSeconds,
                   estimated_arrival: f.estimatedArrival.epochSeconds,
                   actual_departure: f.actualDeparture.epochSeconds,
                   actual_arrival: f.actualArrival.epochSeconds,
                   status: f.status, aircraft: f.aircraft, seats: f.seats, gate: f.gate, version: f.version}
           ORDER BY flew.seq
       } AS flown,
       COLLECT {
           MATCH (b)-[had:HAD]->(e:Event)
           RETURN {id: e.id, bag_id: b.id, tag: e.tag, kind: e.kind, rank: e.rank,
                   at: e.at.epochSeconds * 1000000 + e.at.microsecond,
                   received_at: e.receivedAt.epochSeconds * 1000000 + e.receivedAt.microsecond,
                   airport: e.airport, place: e.place, flight_id: e.flightId, giver: e.giver, holder: e.holder,
                   method: e.method, device: e.device}
           ORDER BY had.at, had.seq, e.id
       } AS events
"""

# The inbound flight is the last one the bag was on.
FELLOWS_OF_BAGS = """
UNWIND $ids AS id
MATCH (b:Bag {id: id, airlineId: $airlineId})
CALL (b) {
    MATCH (b)-[flew:FLEW]->(inbound:Flight)
    RETURN inbound ORDER BY flew.seq DESC LIMIT 1
}
RETURN b.id AS bag_id, inbound.id AS flight_id,
       COUNT { (inbound)<-[:FLEW]-(other:Bag {airlineId: $airlineId}) WHERE other <> b } AS total,
       COLLECT {
           MATCH (inbound)<-[:FLEW]-(other:Bag {airlineId: $airlineId}) WHERE other <> b
           RETURN other.id ORDER BY other.id LIMIT $limit
       } AS fellow_ids
"""


class GraphJourney(View):
    """One bag's journey as the graph has it."""

    __slots__ = ()

    bag_id = Column[int]()
    version = Column[int]()
    as_of = Column[datetime]()
    holder = Column[str | None]()

    @property
    def planned(self) -> list[GraphLeg]:
        """Planned legs in travel order."""
        return [GraphLeg(row) for row in self["planned"]]

    @property
    def flown(self) -> list[GraphFlight]:
        """Flights that the bag was on, in that order."""
        return [GraphFlight(row) for row in self["flown"]]

    @property
    def events(self) -> list[GraphEvent]:
        """Events in order of event time."""
        return [GraphEvent(row) for row in self["events"]]


class Fellows(View):
    """The bags that came on the same inbound flight: ``fellow_ids`` are the first of ``total``."""

    __slots__ = ()

    bag_id = Column[int]()
    flight_id = Column[int]()
    total = Column[int]()
    fellow_ids = Column[list[int]]()


PLANNING_SECONDS = 30.0

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FLIGHT_TIMES = (
    "scheduled_departure",
    "scheduled_arrival",
    "estimated_departure",
    "estimated_arrival",
    "actual_departure",
    "actual_arrival",
)


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _moment(micros: int) -> datetime:
    return _EPOCH + micros * _MICROSECOND


def _with_times(row: dict[str, Any]) -> dict[str, Any]:
    """A row of ``JOURNEYS_OF_BAGS`` with times instead of numbers."""
    row["as_of"] = _moment(row["as_of"])
    for event in row["events"]:
        event["at"] = _moment(event["at"])
        event["received_at"] = _moment(event["received_at"])
    for flight in (*row["planned"], *row["flown"]):
        flight["departure_date"] = date.fromisoformat(flight["departure_date"])
        for name in _FLIGHT_TIMES:
            seconds = flight[name]
            flight[name] = None if seconds is None else _moment(seconds * 1_000_000)
    return row


def _micros_or_none(moment: datetime | None) -> int | None:
    return None if moment is None else _micros(moment)


async def of_bags(graph: Neo4jManager, airline_id: int, bag_ids: Sequence[int]) -> dict[int, GraphJourney]:
    """The journeys of these bags in one round trip; bags that the graph does not know yet are absent."""
    rows = await graph.execute_read(
        JOURNEYS_OF_BAGS, {"ids": list(bag_ids), "airlineId": airline_id}, name="JOURNEYS_OF_BAGS"
    )
    return {row["bag_id"]: GraphJourney(_with_times(row)) for row in rows}


async def fellows(graph: Neo4jManager, airline_id: int, bag_ids: Sequence[int], limit: int) -> dict[int, Fellows]:
    """Who came on the same inbound flight as each bag; bags that flew nowhere are absent."""
    rows = await graph.execute_read(
        FELLOWS_OF_BAGS,
        {"ids": list(bag_ids), "airlineId": airline_id, "limit": limit},
        name="FELLOWS_OF_BAGS",
    )
    return {row["bag_id"]: Fellows(row) for row in rows}


async def prepare(graph: Neo4jManager, airline_id: int) -> None:
    """Has the graph plan what it is asked most: one that has just started needs seconds for it, and then keeps it."""
    nobody = {"ids": [], "airlineId": airline_id, "limit": 1}
    await graph.execute_read(JOURNEYS_OF_BAGS, nobody, name="JOURNEYS_OF_BAGS", timeout=PLANNING_SECONDS)
    await graph.execute_read(FELLOWS_OF_BAGS, nobody, name="FELLOWS_OF_BAGS", timeout=PLANNING_SECONDS)


async def write_network(
    graph: Neo4jManager,
    airline_id: int,
    airports: Sequence[Airport],
    routes: Sequence[Route],
    times: Sequence[ConnectionTime],
) -> None:
    """Makes the airline's network in the graph what the records say, routes that ended included."""
    await graph.execute_write_many(
        [
            (
                MERGE_AIRPORTS,
                {
                    "airports": [
                        {
                            "iata": airport.iata,
                            "name": airport.name,
                            "city": airport.city,
                            "country": airport.country,
                            "timeZone": airport.time_zone,
                        }
                        for airport in airports
                    ]
                },
                "MERGE_AIRPORTS",
            ),
            (
                MERGE_ROUTES,
                {
                    "routes": [
                        {
                            "airlineId": airline_id,
                            "carrier": route.carrier,
                            "origin": route.origin,
                            "destination": route.destination,
                            "blockMinutes": route.block_minutes,
                            "dailyFrequency": route.daily_frequency,
                            "aircraft": route.aircraft,
                            "seats": route.seats,
                            "distanceKm": route.distance_km,
                        }
                        for route in routes
                    ]
                },
                "MERGE_ROUTES",
            ),
            (
                DELETE_OTHER_ROUTES,
                {
                    "airlineId": airline_id,
                    "routes": [[route.carrier, route.origin, route.destination] for route in routes],
                },
                "DELETE_OTHER_ROUTES",
            ),
            (
                MERGE_CONNECTION_TIMES,
                {
                    "times": [
                        {
                            "airlineId": airline_id,
                            "airport": time.airport,
                            "inboundCarrier": time.inbound_carrier,
                            "outboundCarrier": time.outbound_carrier,
                            "passengerMinutes": time.passenger_minutes,
                            "bagMinutes": time.bag_minutes,
                        }
                        for time in times
                    ]
                },
                "MERGE_CONNECTION_TIMES",
            ),
        ]
    )


async def write_flights(graph: Neo4jManager, flights: Sequence[FlightColumns], seconds: float) -> None:
    """Writes flights; one that the graph has as new or newer stays."""
    if flights:
        rows = [_flight(flight) for flight in flights]
        await graph.execute_write(MERGE_FLIGHTS, {"flights": rows}, name="MERGE_FLIGHTS", timeout=seconds)


async def write_passengers(graph: Neo4jManager, passengers: Sequence[Passenger], seconds: float) -> None:
    """Writes passengers and what booking they belong to; nothing that tells who they are."""
    if passengers:
        rows = [
            {"id": passenger.id, "airlineId": passenger.airline_id, "bookingId": passenger.booking_id}
            for passenger in passengers
        ]
        await graph.execute_write(MERGE_PASSENGERS, {"passengers": rows}, name="MERGE_PASSENGERS", timeout=seconds)


async def write_bags(
    graph: Neo4jManager, bags: Sequence[BagProjection], events: Sequence[Event], seconds: float
) -> None:
    """Writes bags with their plans, tags and flown flights, and new events of theirs, in one transaction."""
    rows = [_event(event) for event in events]
    places = {row["placeId"]: row["airport"] for row in rows}
    statements = [
        (MERGE_BAGS, {"bags": [_bag(bag) for bag in bags]}, "MERGE_BAGS"),
        (
            MERGE_PLACES,
            {"places": [{"id": place_id, "airport": airport} for place_id, airport in places.items()]},
            "MERGE_PLACES",
        ),
        (MERGE_EVENTS, {"events": rows}, "MERGE_EVENTS"),
        (
            MERGE_EVENT_FLIGHTS,
            {"events": [{"id": row["id"], "flightId": row["flightId"]} for row in rows if row["flightId"]]},
            "MERGE_EVENT_FLIGHTS",
        ),
        (
            MERGE_EVENT_HOLDERS,
            {"events": [{"id": row["id"], "partyId": row["partyId"]} for row in rows if row["holder"]]},
            "MERGE_EVENT_HOLDERS",
        ),
    ]
    needed = [statement for statement in statements if any(statement[1].values())]
    await graph.execute_write_many(needed, timeout=seconds)


def _flight(flight: FlightColumns) -> dict[str, Any]:
    return {
        "id": flight.id,
        "airlineId": flight.airline_id,
        "designator": flight.designator,
        "carrier": flight.carrier,
        "number": flight.number,
        "suffix": flight.suffix,
        "date": flight.departure_date.isoformat(),
        "origin": flight.origin,
        "destination": flight.destination,
        "scheduledDeparture": _micros(flight.scheduled_departure),
        "scheduledArrival": _micros(flight.scheduled_arrival),
        "estimatedDeparture": _micros_or_none(flight.estimated_departure),
        "estimatedArrival": _micros_or_none(flight.estimated_arrival),
        "actualDeparture": _micros_or_none(flight.actual_departure),
        "actualArrival": _micros_or_none(flight.actual_arrival),
        "status": flight.status,
        "aircraft": flight.aircraft,
        "seats": flight.seats,
        "gate": flight.gate,
        "version": flight.version,
    }


def _bag(projection: BagProjection) -> dict[str, Any]:
    bag = projection.bag
    return {
        "id": bag.id,
        "airlineId": bag.airline_id,
        "version": bag.version,
        "state": bag.state,
        "holder": bag.holder,
        "asOf": _micros(projection.as_of),
        "passengerId": bag.passenger_id,
        "planned": [[leg.seq, leg.id] for leg in projection.planned],
        "flown": [[leg.seq, leg.flight.id] for leg in projection.flown],
        "tags": [
            {
                "number": tag.number,
                "role": tag.role,
                "from": _micros(tag.valid_from),
                "to": _micros(tag.valid_until),
            }
            for tag in projection.tags
        ],
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "id": str(event.id),
        "bagId": event.bag_id,
        "kind": event.kind,
        "rank": event.rank,
        "tag": event.tag,
        "at": _micros(event.at),
        "receivedAt": _micros(event.received_at),
        "airport": event.airport,
        "place": event.place,
        "placeId": f"{event.airport}/{event.place}",
        "flightId": event.flight_id,
        "giver": event.giver,
        "holder": event.holder,
        "partyId": f"{event.airline_id}/{event.holder}",
        "method": event.method,
        "device": event.device,
    }
