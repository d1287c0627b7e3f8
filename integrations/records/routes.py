"""Routes through the network, computed from the graph and cached."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class RouteLeg:
    """One flight of a route: block time in minutes, flights a day, seats of the usual aircraft."""

    carrier: str
    origin: str
    destination: str
    block_minutes: int
    daily_frequency: int
    aircraft: str
    seats: int


@dataclass(frozen=True, slots=True)
class RouteTransfer:
    """A change of flights on a route, with the bag's minimum minutes; None where no minimum is filed."""

    airport: str
    minimum_minutes: int | None


@dataclass(frozen=True, slots=True)
class RouteOption:
    """One route from origin to destination; ``minutes`` are block times and minimum connecting times together."""

    minutes: int
    legs: Sequence[RouteLeg]
    transfers: Sequence[RouteTransfer]


class RouteSource(StrEnum):
    """Source of routes: the cache or the graph."""

    CACHE = "CACHE"
    GRAPH = "GRAPH"


@dataclass(frozen=True, slots=True)
class Routes:
    """The routes from one airport to another, quickest first; empty if there is none.

    Args:
        computed_at: when the graph computed them.
        age_seconds: seconds since then.
    """

    origin: str
    destination: str
    source: RouteSource
    computed_at: datetime
    age_seconds: int
    options: Sequence[RouteOption]
