"""Questions that only the graph answers well: over all bags of a flight, its connections, or an airport's places."""

from collections.abc import Sequence
from datetime import datetime

from integrations.records.columns import Column, View
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.neo4j.time import micros, moment_of

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

# What the bag does next ends its stay, wherever that is; a bag that has done nothing since is still there. A place's
# id is the airport, a slash and its name, by which events are indexed.
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


# A leg is replaced by a later one from the same airport. The next flight's arrival is as late as it would be if it
# waited for the bags that the first hop would miss.
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
    """A flight's bags by plan and by flight: the ids are the first of those that differ."""

    __slots__ = ()

    flight_id = Column[int]()
    planned = Column[int]()
    flown = Column[int]()
    as_planned = Column[int]()
    not_flown_ids = Column[list[int]]()
    not_planned_ids = Column[list[int]]()

    @property
    def not_flown(self) -> int:
        """How many were planned on it and have not flown with it."""
        return self.planned - self.as_planned

    @property
    def not_planned(self) -> int:
        """How many flew with it that were not planned on it."""
        return self.flown - self.as_planned


class Bottleneck(View):
    """A place in one hour: ``median`` and ``p95`` are seconds from an event there to the bag's next one."""

    __slots__ = ()

    place = Column[str]()
    events = Column[int]()
    left = Column[int]()
    median = Column[int | None]()
    p95 = Column[int | None]()

    @property
    def hour(self) -> datetime:
        """The beginning of the hour."""
        return moment_of(self["hour"] * 3_600_000_000)

    @property
    def waiting(self) -> int:
        """Events after which the bag has done nothing yet."""
        return self.events - self.left


class MissedConnection(View):
    """An onward flight and the bags that would miss it: ``bag_ids`` are the first of ``total``."""

    __slots__ = ()

    flight_id = Column[int]()
    minimum = Column[int | None]()
    total = Column[int]()
    bag_ids = Column[list[int]]()

    @property
    def minutes_left(self) -> int | None:
        """Whole minutes from in-block to off-block, below zero where it leaves first; None without an arrival."""
        seconds: int | None = self["seconds_left"]
        return None if seconds is None else seconds // 60

    @property
    def onward(self) -> list["MissedConnection"]:
        """What the same bags were to change to next; its minutes are those they would have if this flight waited."""
        return [MissedConnection(row) for row in self._row.get("onward", ())]


async def blast_radius(
    graph: Neo4jManager, airline_id: int, flight_ids: Sequence[int], minutes_late: int | None, limit: int
) -> dict[int, list[MissedConnection]]:
    """What bags of these inbound flights would miss; by the flights' own times where no lateness is given."""
    rows = await graph.execute_read(
        BLAST_RADIUS,
        {"ids": list(flight_ids), "airlineId": airline_id, "late": minutes_late, "limit": limit},
        name="BLAST_RADIUS",
    )
    found: dict[int, list[MissedConnection]] = {}
    for row in rows:
        found.setdefault(row["inbound_id"], []).append(MissedConnection(row))
    return found


async def planned_against_actual(
    graph: Neo4jManager, airline_id: int, flight_ids: Sequence[int], limit: int
) -> dict[int, PlannedAgainstActual]:
    """Plan and flight of all bags of these flights; flights that the graph does not know are absent."""
    rows = await graph.execute_read(
        PLANNED_AGAINST_ACTUAL,
        {"ids": list(flight_ids), "airlineId": airline_id, "limit": limit},
        name="PLANNED_AGAINST_ACTUAL",
    )
    return {row["flight_id"]: PlannedAgainstActual(row) for row in rows}


async def bottlenecks(
    graph: Neo4jManager, airline_id: int, airport: str, since: datetime, until: datetime, limit: int
) -> list[Bottleneck]:
    """The places of an airport by hour, where bags stay longest first, at most ``limit``."""
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
