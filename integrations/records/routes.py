"""Ways through the network, as computed from the graph and kept in the cache."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class RouteLeg:
    """One flight of a way: block time in minutes, flights a day, seats of the usual aircraft."""

    carrier: str
    origin: str
    destination: str
    block_minutes: int
    daily_frequency: int
    aircraft: str
    seats: int


@dataclass(frozen=True, slots=True)
class RouteConnection:
    """A change of flight on a way, with the minimum minutes for the bag; None where no minimum is filed."""

    airport: str
    minimum_minutes: int | None


@dataclass(frozen=True, slots=True)
class RouteOption:
    """One way from origin to destination: flying and minimum connecting time together, in minutes."""

    minutes: int
    legs: Sequence[RouteLeg]
    connections: Sequence[RouteConnection]


class RouteSource(StrEnum):
    """Where an answer about routes came from."""

    CACHE = "CACHE"
    GRAPH = "GRAPH"


@dataclass(frozen=True, slots=True)
class Routes:
    """The ways from one airport to another, the quickest first; empty where there is none.

    Args:
        age_seconds: how long before this answer they were computed.
    """

    origin: str
    destination: str
    source: RouteSource
    computed_at: datetime
    age_seconds: int
    options: Sequence[RouteOption]
