"""Routes through the network: found in Neo4j, cached in Redis."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from integrations.records.columns import View
from integrations.records.routes import RouteLeg, RouteOption, Routes, RouteSource, RouteTransfer
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.redis.manager import RedisManager

# An entry is read from the graph again after FRESH_SECONDS, and cached for a day for the time when the graph is away.
FRESH_SECONDS = 600
CACHE_SECONDS = 86_400

MOST_OPTIONS = 5

# Part of every cache key. A new version of the entries' layout gets a new number.
LAYOUT = 2

# At most two changes, and no airport twice. Written out by length, since a pattern of variable length goes through the
# hub and back for every pair before the filter applies.
PATHS_OF_PAIRS = """
UNWIND $pairs AS pair
MATCH (origin:Airport {iata: pair[0]})
MATCH (destination:Airport {iata: pair[1]})
WHERE origin <> destination
CALL (origin, destination) {
    CALL (origin, destination) {
        MATCH (origin)-[leg:ROUTE {airlineId: $airlineId}]->(destination)
        RETURN [leg] AS legs
        UNION ALL
        MATCH (origin)-[leg:ROUTE {airlineId: $airlineId}]->(via:Airport)
              -[next:ROUTE {airlineId: $airlineId}]->(destination)
        WHERE NOT via IN [origin, destination]
        RETURN [leg, next] AS legs
        UNION ALL
        MATCH (origin)-[leg:ROUTE {airlineId: $airlineId}]->(via:Airport)
              -[next:ROUTE {airlineId: $airlineId}]->(second:Airport)
              -[last:ROUTE {airlineId: $airlineId}]->(destination)
        WHERE NOT via IN [origin, destination] AND NOT second IN [origin, destination, via]
        RETURN [leg, next, last] AS legs
    }
    RETURN legs
    ORDER BY reduce(minutes = 0, leg IN legs | minutes + leg.blockMinutes) + 60 * size(legs)
    LIMIT $limit
}
RETURN pair[0] AS origin, pair[1] AS destination,
       [leg IN legs | {carrier: leg.carrier, origin: startNode(leg).iata, destination: endNode(leg).iata,
                       block_minutes: leg.blockMinutes, daily_frequency: leg.dailyFrequency,
                       aircraft: leg.aircraft, seats: leg.seats}] AS legs,
       COLLECT {
           UNWIND [leg IN legs[1..] | startNode(leg)] AS airport
           MATCH (airport)-[time:CONNECTS {airlineId: $airlineId}]->(airport)
           RETURN {airport: airport.iata, inbound: time.inboundCarrier, outbound: time.outboundCarrier,
                   minutes: time.bagMinutes}
       } AS times
"""


class Path(View):
    """One path as the graph returns it, with the minimum connecting times of its airports."""

    __slots__ = ()

    @property
    def pair(self) -> tuple[str, str]:
        """Origin and destination."""
        return self["origin"], self["destination"]

    @property
    def legs(self) -> list[RouteLeg]:
        """The flights in travel order."""
        return [RouteLeg(**leg) for leg in self["legs"]]

    @property
    def times(self) -> list[dict[str, Any]]:
        """Connecting times: ``airport``, ``inbound`` and ``outbound`` carrier (empty for any), ``minutes``."""
        return list(self["times"])


async def paths(
    graph: Neo4jManager, airline_id: int, pairs: Sequence[tuple[str, str]], seconds: float | None = None
) -> list[Path]:
    """Return the quickest paths between each pair of airports, in one round trip for all pairs.

    Args:
        pairs: IATA codes of origin and destination.
        seconds: bound on the call; None for the manager's own.
    """
    rows = await graph.execute_read(
        PATHS_OF_PAIRS,
        {"pairs": [list(pair) for pair in pairs], "airlineId": airline_id, "limit": MOST_OPTIONS},
        name="PATHS_OF_PAIRS",
        timeout=seconds,
    )
    return [Path(row) for row in rows]


def cache_key(airline_id: int, origin: str, destination: str) -> str:
    """Return the cache key of one pair of airports.

    The braces are the hash tag of Redis Cluster: routes from one airport lie in one slot and are read by one command,
    and those of other airports on other nodes.
    """
    return f"routes:{LAYOUT}:{{{airline_id}:{origin}}}:{destination}"


async def read_cache(
    cache: RedisManager, airline_id: int, pairs: Sequence[tuple[str, str]], now: datetime
) -> dict[tuple[str, str], Routes]:
    """Return the cached routes of these pairs, whatever their age, in one round trip; others are absent."""
    keys = {cache_key(airline_id, *pair): pair for pair in pairs}
    found = await cache.get_many(keys)
    return {keys[name]: _from_json(keys[name], value, now) for name, value in found.items() if value is not None}


async def write_cache(cache: RedisManager, airline_id: int, routes: Sequence[Routes]) -> None:
    """Cache routes, in one round trip."""
    await cache.set_many(cache_entries(airline_id, routes), CACHE_SECONDS)


def cache_entries(airline_id: int, routes: Sequence[Routes]) -> dict[str, Any]:
    """Return routes in the form in which they are cached, by key."""
    return {cache_key(airline_id, one.origin, one.destination): _as_json(one) for one in routes}


def _as_json(routes: Routes) -> dict[str, Any]:
    return {
        "computed_at": routes.computed_at.isoformat(),
        "options": [
            {
                "minutes": option.minutes,
                "legs": [
                    {
                        "carrier": leg.carrier,
                        "origin": leg.origin,
                        "destination": leg.destination,
                        "block_minutes": leg.block_minutes,
                        "daily_frequency": leg.daily_frequency,
                        "aircraft": leg.aircraft,
                        "seats": leg.seats,
                    }
                    for leg in option.legs
                ],
                "transfers": [
                    {"airport": transfer.airport, "minimum_minutes": transfer.minimum_minutes}
                    for transfer in option.transfers
                ],
            }
            for option in routes.options
        ],
    }


def _from_json(pair: tuple[str, str], value: Mapping[str, Any], now: datetime) -> Routes:
    computed_at = datetime.fromisoformat(value["computed_at"])
    return Routes(
        origin=pair[0],
        destination=pair[1],
        source=RouteSource.CACHE,
        computed_at=computed_at,
        age_seconds=int((now - computed_at).total_seconds()),
        options=[
            RouteOption(
                minutes=option["minutes"],
                legs=[RouteLeg(**leg) for leg in option["legs"]],
                transfers=[RouteTransfer(**transfer) for transfer in option["transfers"]],
            )
            for option in value["options"]
        ],
    )
