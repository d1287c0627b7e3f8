"""Analytical queries of the graph: over all bags of a flight, its connections, or an airport's places."""

from collections.abc import Sequence
from datetime import datetime

from integrations.records.columns import Column, View
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.neo4j.time import from_micros, micros

PLANNED_AGAINST_ACTUAL = """
UNWIND $ids AS id
MATCH (f:Flight {id: id, airlineId: $airlineId})
RETURN f.id AS flight_id,
       COUNT { MATCH (f)<-[:PLANNED]-(b:Bag {airlineId: $airlineId}) RETURN DISTINCT b } AS planned,
       COUNT { MATCH (f)<-[:FLEW]-(b:Bag {airlineId: $airlineId}) RETURN DISTINCT b } AS flown,
       COUNT { MATCH (f)<-[:FLEW]-(b:Bag {airlineId: $airlineId})
               WHERE EXISTS { (f)<-[:PLANNED]-(b) } RETURN DISTINCT b } AS as_planned,
       COLLECT {
           MATCH (f)<-[:PLANNED]-(b:Bag {airlineId: $airlineId}) WHERE NOT EXISTS { (f)<-[:FLEW]-(b) }
           RETURN DISTINCT b.id AS bag_id ORDER BY bag_id LIMIT $limit
       } AS not_flown_ids,
       COLLECT {
           MATCH (f)<-[:FLEW]-(b:Bag {airlineId: $airlineId}) WHERE NOT EXISTS { (f)<-[:PLANNED]-(b) }
           RETURN DISTINCT b.id AS bag_id ORDER BY bag_id LIMIT $limit
       } AS not_planned_ids
"""

# A bag's stay at a place ends with its next event, wherever that is; a bag without a later event is still there. The id
# of a place is the airport, a slash and the name. Events are indexed by airport and name.
BOTTLENECKS = """
MATCH (:Airport {iata: $airport})<-[:IN]-(p:Place)
MATCH (e:Event)
WHERE e.airport = $airport AND e.place = substring(p.id, 4)
  AND e.at >= datetime({epochSeconds: $from}) AND e.at < datetime({epochSeconds: $until})
MATCH (b:Bag {airlineId: $airlineId})-[:HAD]->(e)
CALL (b, e) {
    MATCH (b)-[:HAD]->(next:Event) WHERE next.at > e.at
    RETURN min(next.at.epochSeconds) AS left_at
}
WITH e.place AS place, e.at.epochSeconds / 3600 AS hour, left_at - e.at.epochSeconds AS stay
WITH place, hour, count(*) AS events, count(stay) AS left,
     percentileDisc(stay, 0.5) AS median, percentileDisc(stay, 0.95) AS p95
RETURN place, hour, events, left, median, p95
ORDER BY p95 DESC, events DESC, place, hour
LIMIT $limit
"""


# A later leg from the same airport replaces an earlier one. The arrival of the next flight is as late as if that flight
# waited for the bags that miss it in the first hop.
BLAST_RADIUS = """
UNWIND $ids AS id
MATCH (f:Flight {id: id, airlineId: $airlineId})
WITH f, CASE WHEN f.status = 'CANCELLED' THEN NULL
             WHEN $late IS NULL THEN coalesce(f.actualArrival, f.estimatedArrival, f.scheduledArrival).epochSeconds
             ELSE f.scheduledArrival.epochSeconds + $late * 60 END AS arrival
MATCH (f)<-[on:PLANNED]-(b:Bag {airlineId: $airlineId})
CALL (f, on, b) {
    MATCH (b)-[next:PLANNED]->(g:Flight) WHERE next.seq > on.seq AND g.origin = f.destination
    RETURN g, next.seq AS seq ORDER BY next.seq DESC LIMIT 1
}
WITH f, arrival, g, b, seq ORDER BY b.id
WITH f, arrival, g, collect({bag: b, seq: seq}) AS bags
WITH f, g, bags, coalesce(g.actualDeparture, g.estimatedDeparture, g.scheduledDeparture).epochSeconds - arrival AS left,
     head(COLLECT {
         MATCH (:Airport {iata: f.destination})-[c:CONNECTS {airlineId: $airlineId}]->()
         WHERE c.inboundCarrier = f.carrier AND c.outboundCarrier = g.carrier
         RETURN c.bagMinutes
     }) AS minimum
WHERE left IS NULL OR left < coalesce(minimum, 0) * 60
CALL (g, bags, left, minimum) {
    UNWIND bags AS one
    WITH g, one.bag AS b, one.seq AS seq, coalesce(g.actualArrival, g.estimatedArrival, g.scheduledArrival).epochSeconds
         + coalesce(minimum, 0) * 60 - left AS arrival
    CALL (g, b, seq) {
        MATCH (b)-[next:PLANNED]->(h:Flight) WHERE next.seq > seq AND h.origin = g.destination
        RETURN h ORDER BY next.seq DESC LIMIT 1
    }
    WITH g, h, arrival, collect(b.id) AS ids
    WITH h, ids,
         coalesce(h.actualDeparture, h.estimatedDeparture, h.scheduledDeparture).epochSeconds - arrival AS later_left,
         head(COLLECT {
             MATCH (:Airport {iata: g.destination})-[c:CONNECTS {airlineId: $airlineId}]->()
             WHERE c.inboundCarrier = g.carrier AND c.outboundCarrier = h.carrier
             RETURN c.bagMinutes
         }) AS later_minimum
    ORDER BY h.scheduledDeparture, h.id
    RETURN collect({flight_id: h.id, seconds_left: later_left, minimum: later_minimum, total: size(ids),
                    bag_ids: ids[..$limit]}) AS onward
}
RETURN f.id AS inbound_id, g.id AS flight_id, left AS seconds_left, minimum, size(bags) AS total,
       [one IN bags | one.bag.id][..$limit] AS bag_ids, onward
ORDER BY inbound_id, g.scheduledDeparture, g.id
"""


class PlannedAgainstActual(View):
    """Bags of a flight as planned and as flown. The ids are the first of the bags that differ."""

    __slots__ = ()

    flight_id = Column[int]()
    planned = Column[int]()
    flown = Column[int]()
    as_planned = Column[int]()
    not_flown_ids = Column[list[int]]()
    not_planned_ids = Column[list[int]]()

    @property
    def not_flown(self) -> int:
        """Number of bags that were planned on the flight and have not flown on it."""
        return self.planned - self.as_planned

    @property
    def not_planned(self) -> int:
        """Number of bags that flew on the flight and were not planned on it."""
        return self.flown - self.as_planned


class Bottleneck(View):
    """A place in one hour. ``median`` and ``p95`` are seconds from an event there to the bag's next event."""

    __slots__ = ()

    place = Column[str]()
    events = Column[int]()
    left = Column[int]()
    median = Column[int | None]()
    p95 = Column[int | None]()

    @property
    def hour(self) -> datetime:
        """The start of the hour, UTC."""
        return from_micros(self["hour"] * 3_600_000_000)

    @property
    def waiting(self) -> int:
        """Number of events that are the last of their bag."""
        return self.events - self.left


class MissedOnwardFlight(View):
    """An onward flight and the bags that would miss it. ``bag_ids`` are the first of ``total``."""

    __slots__ = ()

    flight_id = Column[int]()
    minimum = Column[int | None]()
    total = Column[int]()
    bag_ids = Column[list[int]]()

    @property
    def minutes_left(self) -> int | None:
        """Whole minutes from in-block to off-block, negative if the flight leaves first; None without an arrival."""
        seconds: int | None = self["seconds_left"]
        return None if seconds is None else seconds // 60

    @property
    def onward(self) -> list["MissedOnwardFlight"]:
        """The next flights of the same bags. Their minutes assume that this flight waits for the bags."""
        return [MissedOnwardFlight(row) for row in self._row.get("onward", ())]


async def blast_radius(
    graph: Neo4jManager, airline_id: int, flight_ids: Sequence[int], minutes_late: int | None, limit: int
) -> dict[int, list[MissedOnwardFlight]]:
    """Return the onward flights that bags of these inbound flights would miss, by inbound flight.

    Args:
        minutes_late: lateness of the inbound flights in minutes; None for the flights' own times.
        limit: bag ids of each onward flight at most.
    """
    rows = await graph.execute_read(
        BLAST_RADIUS,
        {"ids": list(flight_ids), "airlineId": airline_id, "late": minutes_late, "limit": limit},
        name="BLAST_RADIUS",
    )
    found: dict[int, list[MissedOnwardFlight]] = {}
    for row in rows:
        found.setdefault(row["inbound_id"], []).append(MissedOnwardFlight(row))
    return found


async def planned_against_actual(
    graph: Neo4jManager, airline_id: int, flight_ids: Sequence[int], limit: int
) -> dict[int, PlannedAgainstActual]:
    """Return planned and flown bags of these flights; flights that are not in the graph are absent.

    Args:
        limit: ids of each kind at most.
    """
    rows = await graph.execute_read(
        PLANNED_AGAINST_ACTUAL,
        {"ids": list(flight_ids), "airlineId": airline_id, "limit": limit},
        name="PLANNED_AGAINST_ACTUAL",
    )
    return {row["flight_id"]: PlannedAgainstActual(row) for row in rows}


async def bottlenecks(
    graph: Neo4jManager, airline_id: int, airport: str, since: datetime, until: datetime, limit: int
) -> list[Bottleneck]:
    """Return the places of an airport by hour, longest stay first.

    Args:
        since: start of the period, included.
        until: end of the period, excluded.
        limit: places at most.
    """
    rows = await graph.execute_read(
        BOTTLENECKS,
        {
            "airlineId": airline_id,
            "airport": airport,
            "from": micros(since) // 1_000_000,
            "until": micros(until) // 1_000_000,
            "limit": limit,
        },
        name="BOTTLENECKS",
    )
    return [Bottleneck(row) for row in rows]
