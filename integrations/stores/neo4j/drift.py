"""Drift between Neo4j and the records: reads for the comparison, rewrites and deletions for the repair.

Statements that clear are followed by those of ``projections`` in one transaction. A bag is locked before its version
is read, so that a projector that writes a newer version at the same time is either seen or comes afterwards.
"""

from collections.abc import Sequence

from integrations.records.flights import FlightColumns
from integrations.records.journeys import BagProjection
from integrations.stores.neo4j import projections
from integrations.stores.neo4j.manager import Neo4jManager, Row

GRAPH_OF_BAGS = """
UNWIND $ids AS id
MATCH (b:Bag {id: id, airlineId: $airlineId})
RETURN b.id AS id, b.version AS version, b.state AS state, b.custodian AS custodian,
       COLLECT {
           MATCH (b)-[r:PLANNED]->(f:Flight)
           RETURN [r.seq, f.id, coalesce(r.destination, '')] ORDER BY r.seq, f.id
       } AS planned,
       COLLECT { MATCH (b)-[r:FLEW]->(f:Flight) RETURN [r.seq, f.id] ORDER BY r.seq, f.id } AS flown,
       COLLECT {
           MATCH (b)-[r:TAGGED]->(t:Tag)
           RETURN [t.number, r.role, r.from.epochSeconds, r.to.epochSeconds]
       } AS tags,
       COLLECT { MATCH (b)-[:OF]->(p:Passenger) RETURN [p.id] } AS passengers,
       COLLECT {
           MATCH (b)-[had:HAD]->(e:Event)
           RETURN [e.id, e.kind, e.at.epochSeconds * 1000000 + e.at.microsecond, had.seq,
                   COLLECT { MATCH (e)-[:AT]->(p:Place) RETURN [p.id, p.kind] },
                   COLLECT { MATCH (e)-[:ON]->(f:Flight) RETURN f.id },
                   COLLECT { MATCH (e)-[:HELD_BY]->(p:Party) RETURN p.id }]
       } AS events
"""

GRAPH_OF_FLIGHTS = """
UNWIND $ids AS id
MATCH (f:Flight {id: id, airlineId: $airlineId})
RETURN f.id AS id, f.version AS version, f.designator AS designator, f.status AS status, f.gate AS gate,
       [f.scheduledDeparture.epochSeconds, f.scheduledArrival.epochSeconds, f.estimatedDeparture.epochSeconds,
        f.estimatedArrival.epochSeconds, f.actualDeparture.epochSeconds, f.actualArrival.epochSeconds] AS times,
       COLLECT { MATCH (f)-[:FROM]->(a:Airport) RETURN a.iata } AS origin,
       COLLECT { MATCH (f)-[:TO]->(a:Airport) RETURN a.iata } AS destination
"""

BAG_IDS_IN_GRAPH = """
MATCH (b:Bag)
WHERE b.id > $after AND b.airlineId = $airlineId AND ($stamp IS NULL OR coalesce(b.stamp, '') <> $stamp)
WITH b.id AS id ORDER BY id LIMIT $limit
RETURN collect(id) AS ids
"""

FLIGHT_IDS_IN_GRAPH = """
MATCH (f:Flight)
WHERE f.id > $after AND f.airlineId = $airlineId AND ($stamp IS NULL OR coalesce(f.stamp, '') <> $stamp)
WITH f.id AS id ORDER BY id LIMIT $limit
RETURN collect(id) AS ids
"""

# A version of 0 marks the bags that this transaction writes again; newer ones stay unchanged.
CLEAR_BAGS = """
UNWIND $bags AS bag
MERGE (b:Bag {id: bag.id})
SET b.airlineId = $airlineId, b.stamp = $stamp
WITH b, bag WHERE coalesce(b.version, 0) <= bag.version
SET b.version = 0, b.asOf = NULL
WITH b
CALL (b) {
    MATCH (b)-[:HAD]->(e:Event {bagId: b.id})
    DETACH DELETE e
}
CALL (b) {
    MATCH (b)-[old:HAD|PLANNED|FLEW|TAGGED|OF]->()
    DELETE old
}
"""

# Includes events that are attached to another bag.
CLEAR_EVENTS = """
UNWIND $events AS event
MATCH (b:Bag {id: event.bagId, airlineId: $airlineId}) WHERE b.version = 0
MATCH (e:Event {id: event.id})
DETACH DELETE e
"""

NEWER_BAGS = """
UNWIND $bags AS bag
MATCH (b:Bag {id: bag.id, airlineId: $airlineId}) WHERE b.version > bag.version
RETURN collect(b.id) AS ids
"""

CLEAR_FLIGHTS = """
UNWIND $flights AS flight
MERGE (f:Flight {id: flight.id})
SET f.airlineId = $airlineId, f.stamp = $stamp
WITH f, flight WHERE coalesce(f.version, 0) <= flight.version
SET f.version = 0
WITH f
MATCH (f)-[old:FROM|TO]->()
DELETE old
"""

STAMP_FLIGHTS = """
UNWIND $ids AS id
MATCH (f:Flight {id: id, airlineId: $airlineId})
SET f.stamp = $stamp
"""

SWEEP_BAGS = """
UNWIND $ids AS id
MATCH (b:Bag {id: id, airlineId: $airlineId})
CALL (b) {
    MATCH (b)-[:HAD]->(e:Event {bagId: b.id})
    DETACH DELETE e
}
DETACH DELETE b
"""

SWEEP_FLIGHTS = """
UNWIND $ids AS id
MATCH (f:Flight {id: id, airlineId: $airlineId})
DETACH DELETE f
"""

SWEEP_EVENTS = """
MATCH (e:Event) WHERE NOT EXISTS { ()-[:HAD]->(e) }
WITH e LIMIT $limit
DETACH DELETE e
RETURN count(*) AS swept
"""

SWEEP_UNUSED = """
MATCH (n:Tag|Passenger|Booking|Place|Party)
WHERE NOT EXISTS { (n)<-[:TAGGED|OF|BOOKED|AT|HELD_BY]-() }
WITH n LIMIT $limit
DETACH DELETE n
RETURN count(*) AS swept
"""

SECONDS = 60.0
BATCH = 5_000


async def bags_in_graph(graph: Neo4jManager, airline_id: int, bag_ids: Sequence[int]) -> dict[int, Row]:
    """Return what the graph holds of these bags; unknown ones are absent."""
    parameters = {"ids": list(bag_ids), "airlineId": airline_id}
    rows = await graph.execute_read(GRAPH_OF_BAGS, parameters, name="GRAPH_OF_BAGS", timeout=SECONDS)
    return {row["id"]: row for row in rows}


async def flights_in_graph(graph: Neo4jManager, airline_id: int, flight_ids: Sequence[int]) -> dict[int, Row]:
    """Return what the graph holds of these flights; unknown ones are absent."""
    parameters = {"ids": list(flight_ids), "airlineId": airline_id}
    rows = await graph.execute_read(GRAPH_OF_FLIGHTS, parameters, name="GRAPH_OF_FLIGHTS", timeout=SECONDS)
    return {row["id"]: row for row in rows}


async def bag_ids_in_graph(graph: Neo4jManager, airline_id: int, after: int, stamp: str | None = None) -> list[int]:
    """Return ids of bags in the graph in ascending order, at most ``BATCH``.

    Args:
        after: the id to start after.
        stamp: leaves out bags with this stamp; None for all.
    """
    parameters = {"after": after, "airlineId": airline_id, "stamp": stamp, "limit": BATCH}
    [row] = await graph.execute_read(BAG_IDS_IN_GRAPH, parameters, name="BAG_IDS_IN_GRAPH", timeout=SECONDS)
    return list(row["ids"])


async def flight_ids_in_graph(graph: Neo4jManager, airline_id: int, after: int, stamp: str | None = None) -> list[int]:
    """Return ids of flights in the graph; see ``bag_ids_in_graph``."""
    parameters = {"after": after, "airlineId": airline_id, "stamp": stamp, "limit": BATCH}
    [row] = await graph.execute_read(FLIGHT_IDS_IN_GRAPH, parameters, name="FLIGHT_IDS_IN_GRAPH", timeout=SECONDS)
    return list(row["ids"])


async def rewrite_bags(graph: Neo4jManager, airline_id: int, bags: Sequence[BagProjection], stamp: str) -> list[int]:
    """Replace bags in the graph, whatever it held of them, in one transaction.

    Args:
        stamp: mark of the run.

    Returns:
        The ids of bags of which the graph holds a newer version; these are only stamped.
    """
    named = {"airlineId": airline_id, "stamp": stamp}
    versions = [{"id": one.bag.id, "version": one.bag.version} for one in bags]
    events = [{"id": str(event.id), "bagId": event.bag_id} for one in bags for event in one.events]
    *_, [newer] = await graph.execute_write_many(
        [
            (CLEAR_BAGS, {**named, "bags": versions}, "CLEAR_BAGS"),
            (CLEAR_EVENTS, {**named, "events": events}, "CLEAR_EVENTS"),
            *projections.bag_statements(airline_id, bags),
            projections.event_correction(airline_id, bags, {str(event.id) for one in bags for event in one.events}),
            (NEWER_BAGS, {**named, "bags": versions}, "NEWER_BAGS"),
        ],
        timeout=SECONDS,
    )
    return list(newer["ids"])


async def rewrite_flights(graph: Neo4jManager, airline_id: int, flights: Sequence[FlightColumns], stamp: str) -> None:
    """Replace flights in the graph; those of which the graph holds a newer version are only stamped."""
    named = {"airlineId": airline_id, "stamp": stamp}
    versions = [{"id": flight.id, "version": flight.version} for flight in flights]
    await graph.execute_write_many(
        [
            (CLEAR_FLIGHTS, {**named, "flights": versions}, "CLEAR_FLIGHTS"),
            projections.flight_statement(flights),
            (STAMP_FLIGHTS, {**named, "ids": [flight.id for flight in flights]}, "STAMP_FLIGHTS"),
        ],
        timeout=SECONDS,
    )


async def sweep_bags(graph: Neo4jManager, airline_id: int, bag_ids: Sequence[int]) -> None:
    """Delete bags and their events from the graph."""
    parameters = {"ids": list(bag_ids), "airlineId": airline_id}
    await graph.execute_write(SWEEP_BAGS, parameters, name="SWEEP_BAGS", timeout=SECONDS)


async def sweep_flights(graph: Neo4jManager, airline_id: int, flight_ids: Sequence[int]) -> None:
    """Delete flights from the graph."""
    parameters = {"ids": list(flight_ids), "airlineId": airline_id}
    await graph.execute_write(SWEEP_FLIGHTS, parameters, name="SWEEP_FLIGHTS", timeout=SECONDS)


async def sweep_orphans(graph: Neo4jManager) -> int:
    """Delete a batch of events without a bag, or else of unused tags, passengers, bookings, places and parties.

    Returns:
        The number of deleted nodes.
    """
    for cypher, name in ((SWEEP_EVENTS, "SWEEP_EVENTS"), (SWEEP_UNUSED, "SWEEP_UNUSED")):
        [row] = await graph.execute_write(cypher, {"limit": BATCH}, name=name, timeout=SECONDS)
        if row["swept"]:
            return int(row["swept"])
    return 0
