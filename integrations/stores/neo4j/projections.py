"""Writes of the projector to Neo4j: flights, passengers, bags and their events.

Writes commute. An event is created once, under its id, and events are put in order when they are read. The properties
of a bag or a flight are written only by a higher version. Planned flights, tags and flown flights of a bag are written
only where they may have changed, and most events change none of them.
"""

from collections.abc import Collection, Sequence
from typing import Any

from integrations.records.events import Event
from integrations.records.flights import FlightColumns, LegColumns
from integrations.records.journeys import BagPlan, BagProjection, FlownLeg
from integrations.records.passengers import Passenger
from integrations.records.places import kind_of_place
from integrations.stores.neo4j.manager import Neo4jManager, Statement
from integrations.stores.neo4j.time import micros, micros_or_none

KNOWN_BAGS = """
UNWIND $ids AS id
MATCH (b:Bag {id: id, airlineId: $airlineId})
WHERE b.version IS NOT NULL
RETURN collect(b.id) AS ids
"""

KNOWN_FLIGHTS = """
UNWIND $ids AS id
MATCH (f:Flight {id: id, airlineId: $airlineId})
WHERE f.version IS NOT NULL
RETURN collect(f.id) AS ids
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
ON CREATE SET p.airlineId = passenger.airlineId
WITH p, passenger WHERE passenger.bookingId IS NOT NULL
MERGE (b:Booking {id: passenger.bookingId})
MERGE (p)-[:BOOKED]->(b)
"""

# The MERGE locks the bag before its version is read.
MERGE_BAGS = """
UNWIND $bags AS bag
MERGE (b:Bag {id: bag.id})
SET b.airlineId = $airlineId
WITH b, bag WHERE coalesce(b.version, 0) < bag.version
SET b.version = bag.version, b.state = bag.state, b.custodian = bag.custodian
WITH b, datetime({epochSeconds: bag.asOf / 1000000, nanosecond: (bag.asOf % 1000000) * 1000}) AS asOf
WHERE b.asOf IS NULL OR b.asOf < asOf
SET b.asOf = asOf
"""

# Bags that the records no longer hold, because they were merged into others.
DELETE_ABSENT_BAGS = """
UNWIND $ids AS id
MATCH (b:Bag {id: id, airlineId: $airlineId})
DETACH DELETE b
"""

# The version is the one that MERGE_BAGS has just written in the same transaction, or that another projector has written
# for the same state. Relationships that are already correct are only read.
MERGE_PLANS = """
UNWIND $bags AS bag
MATCH (b:Bag {id: bag.id, airlineId: $airlineId}) WHERE b.version = bag.version
CALL (b, bag) {
    WITH b, bag
    WHERE COLLECT {
        MATCH (b)-[r:PLANNED]->(f:Flight)
        RETURN [r.seq, f.id, coalesce(r.destination, '')] ORDER BY r.seq
    } <> bag.planned
    CALL (b) {
        MATCH (b)-[old:PLANNED]->()
        DELETE old
    }
    UNWIND bag.planned AS leg
    MATCH (f:Flight {id: leg[1]})
    CREATE (b)-[:PLANNED {seq: leg[0], destination: nullif(leg[2], '')}]->(f)
}
CALL (b, bag) {
    WITH b, bag
    WHERE COLLECT {
        MATCH (b)-[r:TAGGED]->(t:Tag)
        RETURN [t.number, r.role, r.from.epochSeconds, r.to.epochSeconds] ORDER BY t.number, r.role, r.from
    } <> bag.tags
    CALL (b) {
        MATCH (b)-[old:TAGGED]->()
        DELETE old
    }
    UNWIND bag.tags AS tag
    MERGE (t:Tag {number: tag[0]})
    CREATE (b)-[:TAGGED {role: tag[1], from: datetime({epochSeconds: tag[2]}), to: datetime({epochSeconds: tag[3]})}]
           ->(t)
}
CALL (b, bag) {
    WITH b, bag
    WHERE COLLECT { MATCH (b)-[:OF]->(p:Passenger) RETURN p.id } <> bag.passengers
    CALL (b) {
        MATCH (b)-[old:OF]->()
        DELETE old
    }
    UNWIND bag.passengers AS passenger
    MERGE (p:Passenger {id: passenger})
    CREATE (b)-[:OF]->(p)
}
"""

MERGE_FLOWN = """
UNWIND $bags AS bag
MATCH (b:Bag {id: bag.id, airlineId: $airlineId})
WHERE b.version = bag.version
      AND COLLECT { MATCH (b)-[r:FLEW]->(f:Flight) RETURN [r.seq, f.id] ORDER BY r.seq } <> bag.flown
CALL (b) {
    MATCH (b)-[old:FLEW]->()
    DELETE old
}
UNWIND bag.flown AS leg
MATCH (f:Flight {id: leg[1]})
CREATE (b)-[:FLEW {seq: leg[0]}]->(f)
"""

# Values of an event that may be corrected, and its id.
_CORRECTED = ("id", "bagId", "kind", "rank", "custodian", "partyId")

# Events of all bags share a place, so a place that is already correct is not locked.
MERGE_PLACES = """
UNWIND $places AS place
MERGE (p:Place {id: place.id})
MERGE (a:Airport {iata: place.airport})
MERGE (p)-[:IN]->(a)
WITH p, place WHERE p.kind IS NULL OR p.kind <> place.kind
SET p.kind = place.kind
"""

MERGE_PARTIES = """
UNWIND $ids AS id
MERGE (:Party {id: id})
"""

# The kind, the custodian and the bag of an event may be corrected later; its other properties never change.
CORRECT_EVENTS = """
UNWIND $events AS event
MATCH (e:Event {id: event.id})
WHERE e.kind <> event.kind OR e.bagId <> event.bagId OR coalesce(e.custodian, '') <> coalesce(event.custodian, '')
MATCH (b:Bag {id: event.bagId, airlineId: $airlineId}) WHERE b.version = event.version
SET e.kind = event.kind, e.rank = event.rank, e.bagId = event.bagId, e.custodian = event.custodian
WITH e, b, event
CALL (e) {
    MATCH (:Bag)-[old:HAD]->(e)
    DELETE old
}
CALL (e) {
    MATCH (e)-[old:HELD_BY]->(:Party)
    DELETE old
}
CREATE (b)-[:HAD {at: e.at, seq: event.rank}]->(e)
WITH e, event
MATCH (party:Party {id: event.partyId})
CREATE (e)-[:HELD_BY]->(party)
"""

# An event is created with all its relationships or not at all, so an existing one needs at most a correction. Nearly no
# event exists already, and checking one for a correction costs as much as creating one; see CORRECT_EVENTS.
CREATE_EVENTS = """
UNWIND $events AS event
OPTIONAL MATCH (known:Event {id: event.id})
CALL (event, known) {
    WITH event WHERE known IS NULL
    MATCH (b:Bag {id: event.bagId, airlineId: $airlineId})
    MATCH (p:Place {id: event.placeId})
    CREATE (e:Event {
        id: event.id, bagId: event.bagId, kind: event.kind, rank: event.rank, tag: event.tag, airport: event.airport,
        place: event.place, flightId: event.flightId, releasedBy: event.releasedBy, custodian: event.custodian,
        method: event.method, device: event.device,
        at: datetime({epochSeconds: event.at / 1000000, nanosecond: (event.at % 1000000) * 1000}),
        receivedAt: datetime({epochSeconds: event.receivedAt / 1000000,
                              nanosecond: (event.receivedAt % 1000000) * 1000})
    })
    CREATE (b)-[:HAD {at: e.at, seq: event.rank}]->(e)
    CREATE (e)-[:AT]->(p)
    WITH e, event
    CALL (e, event) {
        MATCH (f:Flight {id: event.flightId})
        CREATE (e)-[:ON]->(f)
    }
    CALL (e, event) {
        MATCH (party:Party {id: event.partyId})
        CREATE (e)-[:HELD_BY]->(party)
    }
}
RETURN collect(known.id) AS known
"""


async def known_bags(graph: Neo4jManager, airline_id: int, bag_ids: Sequence[int], seconds: float) -> set[int]:
    """Return the ids of those bags that the graph holds."""
    return await _ids(graph, KNOWN_BAGS, airline_id, bag_ids, "KNOWN_BAGS", seconds)


async def known_flights(graph: Neo4jManager, airline_id: int, flight_ids: Sequence[int], seconds: float) -> set[int]:
    """Return the ids of those flights that the graph holds."""
    return await _ids(graph, KNOWN_FLIGHTS, airline_id, flight_ids, "KNOWN_FLIGHTS", seconds)


async def _ids(
    graph: Neo4jManager, cypher: str, airline_id: int, ids: Sequence[int], name: str, seconds: float
) -> set[int]:
    # One row for all ids, since the driver takes 40 us for each row.
    [row] = await graph.execute_read(cypher, {"ids": list(ids), "airlineId": airline_id}, name=name, timeout=seconds)
    return set(row["ids"])


async def write_flights(graph: Neo4jManager, flights: Sequence[FlightColumns], seconds: float) -> None:
    """Write flights; a flight of which the graph holds the same or a newer version stays unchanged."""
    if flights:
        await graph.execute_write_many([flight_statement(flights)], timeout=seconds)


def flight_statement(flights: Sequence[FlightColumns]) -> Statement:
    """Return the statement that writes flights."""
    return (MERGE_FLIGHTS, {"flights": [_flight(flight) for flight in flights]}, "MERGE_FLIGHTS")


async def write_bags(graph: Neo4jManager, airline_id: int, bags: Sequence[BagProjection], seconds: float) -> None:
    """Write bags and their new events in one transaction; correct events that exist already in a second one.

    The flights of the bags must exist in the graph.
    """
    *_, [created] = await graph.execute_write_many(bag_statements(airline_id, bags), timeout=seconds)
    if known := set(created["known"]):
        await graph.execute_write_many([event_correction(airline_id, bags, known)], timeout=seconds)


def bag_statements(airline_id: int, bags: Sequence[BagProjection]) -> list[Statement]:
    """Return the statements that write bags and their new events, to be sent in one transaction in this order.

    The last one returns one row: ``known``, the ids of events that existed already.
    """
    events = [_event(event) for bag in bags for event in bag.events]
    places = {row["placeId"]: _place(row) for row in events}
    passengers = [
        _passenger(bag.plan.passenger) for bag in bags if bag.plan is not None and bag.plan.passenger is not None
    ]
    statements = [
        (MERGE_BAGS, "bags", [_bag(bag) for bag in bags], "MERGE_BAGS"),
        (MERGE_PASSENGERS, "passengers", passengers, "MERGE_PASSENGERS"),
        (MERGE_PLANS, "bags", [_plan(bag, bag.plan) for bag in bags if bag.plan is not None], "MERGE_PLANS"),
        (MERGE_FLOWN, "bags", [_flown(bag, bag.flown) for bag in bags if bag.flown is not None], "MERGE_FLOWN"),
        (MERGE_PLACES, "places", [places[place] for place in sorted(places)], "MERGE_PLACES"),
        (MERGE_PARTIES, "ids", sorted({row["partyId"] for row in events} - {None}), "MERGE_PARTIES"),
    ]
    return [
        *((cypher, {"airlineId": airline_id, key: rows}, name) for cypher, key, rows, name in statements if rows),
        (CREATE_EVENTS, {"airlineId": airline_id, "events": events}, "CREATE_EVENTS"),
    ]


def event_correction(airline_id: int, bags: Sequence[BagProjection], known: Collection[str]) -> Statement:
    """Return the statement that corrects events which exist in the graph.

    Args:
        known: ids of the events.
    """
    events = [
        {"version": bag.bag.version, **{name: row[name] for name in _CORRECTED}}
        for bag in bags
        for row in map(_event, bag.events)
        if row["id"] in known
    ]
    return (CORRECT_EVENTS, {"airlineId": airline_id, "events": events}, "CORRECT_EVENTS")


async def delete_bags(graph: Neo4jManager, airline_id: int, bag_ids: Sequence[int], seconds: float) -> None:
    """Delete bags that the records no longer hold; their events stay, since they belong to other bags now."""
    if bag_ids:
        parameters = {"ids": list(bag_ids), "airlineId": airline_id}
        await graph.execute_write(DELETE_ABSENT_BAGS, parameters, name="DELETE_ABSENT_BAGS", timeout=seconds)


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
        "scheduledDeparture": micros(flight.scheduled_departure),
        "scheduledArrival": micros(flight.scheduled_arrival),
        "estimatedDeparture": micros_or_none(flight.estimated_departure),
        "estimatedArrival": micros_or_none(flight.estimated_arrival),
        "actualDeparture": micros_or_none(flight.actual_departure),
        "actualArrival": micros_or_none(flight.actual_arrival),
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
        "version": bag.version,
        "state": bag.state,
        "custodian": bag.custodian,
        "asOf": micros(projection.as_of),
    }


def _passenger(passenger: Passenger) -> dict[str, Any]:
    """Return the passenger without personal data."""
    return {"id": passenger.id, "airlineId": passenger.airline_id, "bookingId": passenger.booking_id}


def planned(leg: LegColumns) -> list[Any]:
    """Return a leg as the graph compares it: ordinal, flight, and the stop where the bag leaves it, empty for none."""
    return [leg.seq, leg.id, leg.destination if leg.left_at_stop else ""]


def _plan(projection: BagProjection, plan: BagPlan) -> dict[str, Any]:
    return {
        "id": projection.bag.id,
        "version": projection.bag.version,
        "passengers": [projection.bag.passenger_id] if projection.bag.passenger_id is not None else [],
        "planned": [planned(leg) for leg in plan.legs],
        "tags": sorted(
            [tag.number, tag.role, micros(tag.valid_from) // 1_000_000, micros(tag.valid_until) // 1_000_000]
            for tag in plan.tags
        ),
    }


def _flown(projection: BagProjection, flown: Sequence[FlownLeg]) -> dict[str, Any]:
    return {
        "id": projection.bag.id,
        "version": projection.bag.version,
        "flown": [[leg.seq, leg.flight.id] for leg in flown],
    }


def _place(event: dict[str, Any]) -> dict[str, Any]:
    return {"id": event["placeId"], "airport": event["airport"], "kind": kind_of_place(event["place"])}


def _event(event: Event) -> dict[str, Any]:
    return {
        "id": str(event.id),
        "bagId": event.bag_id,
        "kind": event.kind,
        "rank": event.rank,
        "tag": event.tag,
        "at": micros(event.at),
        "receivedAt": micros(event.received_at),
        "airport": event.airport,
        "place": event.place,
        "placeId": f"{event.airport}/{event.place}",
        "flightId": event.flight_id,
        "releasedBy": event.released_by,
        "custodian": event.custodian,
        "partyId": f"{event.airline_id}/{event.custodian}" if event.custodian else None,
        "method": event.method,
        "device": event.device,
    }
