"""What is on a flight and what should be, and which of its bags' custody points are proved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import asyncpg

from integrations.records.columns import Column
from integrations.records.journeys import CustodyPoint, CustodyPointKind


class InventoryCategory(StrEnum):
    """How a bag counts in a flight's inventory."""

    LOADED = "LOADED"
    AUTHORISED_NOT_LOADED = "AUTHORISED_NOT_LOADED"
    LOADED_NOT_AUTHORISED = "LOADED_NOT_AUTHORISED"
    UNKNOWN = "UNKNOWN"


class InventoryBag(asyncpg.Record):
    """A bag of a flight's inventory."""

    __slots__ = ()

    flight_id = Column[int]()
    bag_id = Column[int]()
    category = Column[str]()


@dataclass(frozen=True, slots=True)
class Inventory:
    """The bags of a flight by category.

    Args:
        as_of: the actual departure; now for a flight that has not left.
        counts: bags by category; those without any are absent.
    """

    flight_id: int
    as_of: datetime
    departed: bool
    counts: Mapping[InventoryCategory, int]


@dataclass(frozen=True, slots=True)
class PointCount:
    """How many custody points of one kind are due and proved."""

    kind: CustodyPointKind
    due: int
    proved: int

    @property
    def missing(self) -> int:
        """Those that bags have passed without proof."""
        return self.due - self.proved


@dataclass(frozen=True, slots=True)
class CustodyGap:
    """A point that a bag has passed without proof."""

    bag_id: int
    point: CustodyPoint


@dataclass(frozen=True, slots=True)
class CustodyCompleteness:
    """The custody points of a flight's bags that belong to this flight.

    Args:
        bags: how many travel or are to travel on it, by their plans.
        points: of each kind, in travel order.
        gaps: those without proof, by bag.
    """

    bags: int
    points: Sequence[PointCount]
    gaps: Sequence[CustodyGap]

    @property
    def due(self) -> int:
        """Points that bags have reached or passed."""
        return sum(point.due for point in self.points)

    @property
    def proved(self) -> int:
        """Those that an event proves."""
        return sum(point.proved for point in self.points)

    @property
    def missing(self) -> int:
        """Those that bags have passed without proof."""
        return len(self.gaps)
