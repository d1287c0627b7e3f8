"""Inventory of a flight, and the completeness of its bags' custody points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import asyncpg

from integrations.records.columns import Column
from integrations.records.journeys import CustodyPoint, CustodyPointKind


class InventoryCategory(StrEnum):
    """Category of a bag in a flight's inventory (docs/DOMAIN.md#inventory-of-a-flight)."""

    LOADED = "LOADED"
    AUTHORISED_NOT_LOADED = "AUTHORISED_NOT_LOADED"
    LOADED_NOT_AUTHORISED = "LOADED_NOT_AUTHORISED"
    UNKNOWN = "UNKNOWN"


class InventoryBag(asyncpg.Record):
    """Bag of a flight's inventory."""

    __slots__ = ()

    flight_id = Column[int]()
    bag_id = Column[int]()
    category = Column[str]()


@dataclass(frozen=True, slots=True)
class Inventory:
    """Numbers of a flight's bags by category.

    Args:
        as_of: the actual departure; the present time for a flight that has not left.
        departed: whether the flight has left.
        counts: number of bags by category; categories without any are absent.
    """

    flight_id: int
    as_of: datetime
    departed: bool
    counts: Mapping[InventoryCategory, int]


@dataclass(frozen=True, slots=True)
class PointCount:
    """Numbers of custody points of one kind that are due and proved."""

    kind: CustodyPointKind
    due: int
    proved: int

    @property
    def missing(self) -> int:
        """Number of points that bags have passed without proof."""
        return self.due - self.proved


@dataclass(frozen=True, slots=True)
class CustodyGap:
    """A custody point that a bag has passed without proof."""

    bag_id: int
    point: CustodyPoint


@dataclass(frozen=True, slots=True)
class CustodyCompleteness:
    """The custody points of a flight's bags that belong to this flight.

    Args:
        bags: number of bags that are planned on the flight.
        points: counts of each kind, in travel order.
        gaps: points without proof, in order of bag.
    """

    bags: int
    points: Sequence[PointCount]
    gaps: Sequence[CustodyGap]

    @property
    def due(self) -> int:
        """Number of points that bags have reached or passed."""
        return sum(point.due for point in self.points)

    @property
    def proved(self) -> int:
        """Number of points that an event proves."""
        return sum(point.proved for point in self.points)

    @property
    def missing(self) -> int:
        """Number of points that bags have passed without proof."""
        return len(self.gaps)
