"""Journeys of bags, read from Neo4j."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from integrations.records.columns import Column, View
from integrations.records.events import SCANS, GraphEvent
from integrations.records.flights import GraphFlight, GraphLeg
from integrations.records.places import PlaceKind
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.neo4j.time import from_micros

# Times are returned as whole numbers, since the driver takes 100 us to make a datetime of the graph's own type.
JOURNEYS_OF_BAGS = """
UNWIND $ids AS id
MATCH (b:Bag {id: id, airlineId: $airlineId})
WHERE b.version IS NOT NULL
RETURN b.id AS bag_id, b.version AS version, b.custodian AS custodian,
       b.asOf.epochSeconds * 1000000 + b.asOf.microsecond AS as_of,
       COLLECT {
           MATCH (b)-[planned:PLANNED]->(f:Flight)
           RETURN {bag_id: b.id, seq: planned.seq, flight_destination: f.destination,
                   id: f.id, airline_id: f.airlineId, carrier: f.carrier, number: f.number, suffix: f.suffix,
                   departure_date: toString(f.date), origin: f.origin,
                   destination: coalesce(planned.destination, f.destination),
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
                   airport: e.airport, place: e.place, flight_id: e.flightId, released_by: e.releasedBy,
                   custodian: e.custodian, method: e.method, device: e.device}
           ORDER BY had.at, had.seq, e.id
       } AS events
"""

# The inbound flight is the last flight that the bag was on.
FELLOWS_OF_BAGS = """
UNWIND $ids AS id
MATCH (b:Bag {id: id, airlineId: $airlineId})
CALL (b) {
    MATCH (b)-[flew:FLEW]->(inbound:Flight)
    RETURN inbound ORDER BY flew.seq DESC LIMIT 1
}
RETURN b.id AS bag_id, inbound.id AS flight_id, NULL AS airport, NULL AS place, NULL AS at, [] AS offsets,
       COUNT { (inbound)<-[:FLEW]-(other:Bag {airlineId: $airlineId}) WHERE other <> b } AS total,
       COLLECT {
           MATCH (inbound)<-[:FLEW]-(other:Bag {airlineId: $airlineId}) WHERE other <> b
           RETURN other.id ORDER BY other.id LIMIT $limit
       } AS fellow_ids
"""


# A fellow counts once, by its scan nearest in time.
FELLOWS_AT_PLACES = """
UNWIND $ids AS id
MATCH (b:Bag {id: id, airlineId: $airlineId})
CALL (b) {
    MATCH (b)-[had:HAD]->(seen:Event)-[:AT]->(p:Place)
    WHERE seen.kind IN $scans AND seen.place <> '' AND ($kind IS NULL OR p.kind = $kind)
    RETURN seen ORDER BY had.at DESC, had.seq DESC, seen.id DESC LIMIT 1
}
CALL (b, seen) {
    MATCH (e:Event)
    WHERE e.airport = seen.airport AND e.place = seen.place
      AND e.at >= seen.at - duration({minutes: $minutes}) AND e.at <= seen.at + duration({minutes: $minutes})
      AND e.kind IN $scans
    MATCH (e)<-[:HAD]-(other:Bag {airlineId: $airlineId}) WHERE other <> b
    WITH other.id AS bag_id, (e.at.epochSeconds - seen.at.epochSeconds) * 1000000
                             + e.at.microsecond - seen.at.microsecond AS after
    WITH bag_id, min([abs(after), after]) AS nearest ORDER BY nearest[0], bag_id
    RETURN collect(bag_id) AS fellow_ids, collect(nearest[1]) AS offsets
}
RETURN b.id AS bag_id, NULL AS flight_id, seen.airport AS airport, seen.place AS place,
       seen.at.epochSeconds * 1000000 + seen.at.microsecond AS at,
       size(fellow_ids) AS total, fellow_ids[..$limit] AS fellow_ids, offsets[..$limit] AS offsets
"""


class GraphJourney(View):
    """Journey of one bag as the graph holds it."""

    __slots__ = ()

    bag_id = Column[int]()
    version = Column[int]()
    as_of = Column[datetime]()
    custodian = Column[str | None]()

    @property
    def planned(self) -> list[GraphLeg]:
        """Planned legs in travel order."""
        return [GraphLeg(row) for row in self["planned"]]

    @property
    def flown(self) -> list[GraphFlight]:
        """Flights that the bag was on, in travel order."""
        return [GraphFlight(row) for row in self["flown"]]

    @property
    def events(self) -> list[GraphEvent]:
        """Events in order of event time."""
        return [GraphEvent(row) for row in self["events"]]


@dataclass(frozen=True, slots=True)
class Fellow:
    """One bag of ``Fellows``.

    Args:
        at: timestamp of its scan at the place; None where the bags share a flight.
        minutes: whole minutes from the bag's scan to this one's, negative if this one came first.
    """

    bag_id: int
    at: datetime | None
    minutes: int | None


class Fellows(View):
    """Bags that share a flight or a place with a bag. ``fellow_ids`` are the first of ``total``.

    Bags of a flight are in the order in which they became known, bags of a place in order of distance in time.
    """

    __slots__ = ()

    bag_id = Column[int]()
    flight_id = Column[int | None]()
    airport = Column[str | None]()
    place = Column[str | None]()
    total = Column[int]()
    fellow_ids = Column[list[int]]()

    @property
    def at(self) -> datetime | None:
        """Timestamp of the bag's scan at the place."""
        return None if self["at"] is None else from_micros(self["at"])

    @property
    def fellows(self) -> list[Fellow]:
        """The bags of ``fellow_ids`` with the time between the scans."""
        if self.at is None:
            return [Fellow(bag_id, None, None) for bag_id in self.fellow_ids]
        return [
            Fellow(bag_id, from_micros(self["at"] + micros), int(micros / MICROS_OF_A_MINUTE))
            for bag_id, micros in zip(self.fellow_ids, self["offsets"], strict=True)
        ]


PLANNING_SECONDS = 30.0
MICROS_OF_A_MINUTE = 60_000_000

_FLIGHT_TIMES = (
    "scheduled_departure",
    "scheduled_arrival",
    "estimated_departure",
    "estimated_arrival",
    "actual_departure",
    "actual_arrival",
)


def _with_times(row: dict[str, Any]) -> dict[str, Any]:
    """Replace the numbers of a row of ``JOURNEYS_OF_BAGS`` by timestamps, in place."""
    row["as_of"] = from_micros(row["as_of"])
    for event in row["events"]:
        event["at"] = from_micros(event["at"])
        event["received_at"] = from_micros(event["received_at"])
    for flight in (*row["planned"], *row["flown"]):
        flight["departure_date"] = date.fromisoformat(flight["departure_date"])
        for name in _FLIGHT_TIMES:
            seconds = flight[name]
            flight[name] = None if seconds is None else from_micros(seconds * 1_000_000)
    return row


async def of_bags(graph: Neo4jManager, airline_id: int, bag_ids: Sequence[int]) -> dict[int, GraphJourney]:
    """Return the journeys of these bags in one round trip; bags that are not in the graph yet are absent."""
    rows = await graph.execute_read(
        JOURNEYS_OF_BAGS, {"ids": list(bag_ids), "airlineId": airline_id}, name="JOURNEYS_OF_BAGS"
    )
    return {row["bag_id"]: GraphJourney(_with_times(row)) for row in rows}


async def fellows_on_flights(
    graph: Neo4jManager, airline_id: int, bag_ids: Sequence[int], limit: int
) -> dict[int, Fellows]:
    """Return the bags that came on the same inbound flight as each bag; bags that have not flown are absent."""
    rows = await graph.execute_read(
        FELLOWS_OF_BAGS,
        {"ids": list(bag_ids), "airlineId": airline_id, "limit": limit},
        name="FELLOWS_OF_BAGS",
    )
    return {row["bag_id"]: Fellows(row) for row in rows}


async def fellows_at_places(
    graph: Neo4jManager, airline_id: int, bag_ids: Sequence[int], kind: PlaceKind | None, minutes: int, limit: int
) -> dict[int, Fellows]:
    """Return the bags that were scanned at the place of each bag's last scan.

    Bags without a scan at a place of the kind are absent.

    Args:
        kind: kind of the place; None for any.
        minutes: time between the two scans at most, in minutes.
        limit: bags of each bag at most.
    """
    rows = await graph.execute_read(
        FELLOWS_AT_PLACES,
        {
            "ids": list(bag_ids),
            "airlineId": airline_id,
            "kind": kind,
            "scans": sorted(SCANS),
            "minutes": minutes,
            "limit": limit,
        },
        name="FELLOWS_AT_PLACES",
    )
    return {row["bag_id"]: Fellows(row) for row in rows}


async def warm_plan_cache(graph: Neo4jManager, airline_id: int) -> None:
    """Run the most frequent statements once, so that a server that has just started caches their plans.

    Planning takes the server seconds.
    """
    no_bags = {"ids": [], "airlineId": airline_id, "limit": 1}
    await graph.execute_read(JOURNEYS_OF_BAGS, no_bags, name="JOURNEYS_OF_BAGS", timeout=PLANNING_SECONDS)
    await graph.execute_read(FELLOWS_OF_BAGS, no_bags, name="FELLOWS_OF_BAGS", timeout=PLANNING_SECONDS)
