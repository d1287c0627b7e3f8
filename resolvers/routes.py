"""Routes through the network: from the cache, which is filled from the graph."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from time import monotonic
from typing import Any

from integrations.deadline import deadline
from integrations.errors import OutsideError, Unavailable
from integrations.records.routes import RouteLeg, RouteOption, Routes, RouteSource, RouteTransfer
from integrations.stores import routes
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.routes import CACHE_SECONDS, FRESH_SECONDS, Path
from resolvers.context import Context

logger = logging.getLogger(__name__)

# No request waits for the warming, and a graph database that has just started needs seconds to plan the statement.
WARMING_SECONDS = 60.0
# Longest time that the cache may cost a request, reading and writing together. A cache that is up responds within
# milliseconds, on a machine that other processes keep busy within a tenth of a second.
CACHE_BUDGET_SECONDS = 0.25


async def between(context: Context, origin: str, destination: str) -> Routes:
    """The routes from one airport to another, the quickest first.

    A cached result younger than ten minutes is returned as it is. An older one is computed again, and is returned while
    the graph is unavailable. Without the cache the routes come from the graph; a cache that hangs costs at most
    ``CACHE_BUDGET_SECONDS``.

    Raises:
        Unavailable: the graph is unavailable and the cache has no result.
    """
    pair = (origin, destination)
    now = context.now()
    started = monotonic()
    known = await _cached(context, pair)
    budget = CACHE_BUDGET_SECONDS - (monotonic() - started)
    if known is not None and known.age_seconds < FRESH_SECONDS:
        return known
    try:
        found = (await compute(context.stores.neo4j, context.airline_id, [pair], now))[0]
    except Unavailable:
        if known is None:
            raise
        return known
    try:
        with deadline(budget):
            await routes.write_cache(context.stores.redis, context.airline_id, [found])
    except OutsideError as error:
        logger.info("routes were not cached: %s", error)
    return found


async def _cached(context: Context, pair: tuple[str, str]) -> Routes | None:
    try:
        with deadline(CACHE_BUDGET_SECONDS):
            return (await routes.read_cache(context.stores.redis, context.airline_id, [pair], context.now())).get(pair)
    except OutsideError as error:
        logger.info("routes were not read from the cache: %s", error)
        return None


async def compute(
    graph: Neo4jManager,
    airline_id: int,
    pairs: Sequence[tuple[str, str]],
    now: datetime,
    seconds: float | None = None,
) -> list[Routes]:
    """The routes between each pair of airports, from the graph, in one round trip.

    Args:
        seconds: deadline of the statement; None for the default.
    """
    options: dict[tuple[str, str], list[RouteOption]] = {pair: [] for pair in pairs}
    for path in await routes.paths(graph, airline_id, pairs, seconds):
        options[path.pair].append(_option(path))
    return [
        Routes(*pair, RouteSource.GRAPH, now, 0, sorted(found, key=lambda option: option.minutes))
        for pair, found in options.items()
    ]


async def warm_entries(
    graph: Neo4jManager, airline_id: int, hub: str, stations: Sequence[str], now: datetime
) -> Mapping[str, tuple[Any, int]]:
    """Cache entries of the routes between the hub and each station, in both directions.

    Returns:
        The value of each key and its lifetime in seconds.
    """
    pairs = [(hub, station) for station in stations] + [(station, hub) for station in stations]
    found = await compute(graph, airline_id, pairs, now, WARMING_SECONDS)
    return {key: (value, CACHE_SECONDS) for key, value in routes.cache_entries(airline_id, found).items()}


def _option(path: Path) -> RouteOption:
    legs = path.legs
    transfers = [
        RouteTransfer(first.destination, _minimum(path.times, first, second)) for first, second in pairwise(legs)
    ]
    block_minutes = sum(leg.block_minutes for leg in legs)
    transfer_minutes = sum(transfer.minimum_minutes or 0 for transfer in transfers)
    return RouteOption(block_minutes + transfer_minutes, legs, transfers)


def _minimum(times: Sequence[Mapping[str, Any]], first: RouteLeg, second: RouteLeg) -> int | None:
    """The minimum connecting time of the two carriers, else of one of them, else of any; None if none is filed."""
    here = {
        (time["inbound"], time["outbound"]): time["minutes"] for time in times if time["airport"] == first.destination
    }
    wanted = ((first.carrier, second.carrier), (first.carrier, ""), ("", second.carrier), ("", ""))
    return next((here[pair] for pair in wanted if pair in here), None)
