"""Figures for analysts: mishandled bags, delivery times, custody by station, cost by partner and day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

from integrations.records.inventory import PointCount

RowT = TypeVar("RowT")


class MishandledBy(StrEnum):
    """What mishandled bags are grouped by."""

    WEEK = "WEEK"
    STATION = "STATION"
    FLIGHT = "FLIGHT"
    CAUSE = "CAUSE"


@dataclass(frozen=True, slots=True)
class Age:
    """Age of a server's data.

    Args:
        as_of: when the last change that the server has was committed, UTC; on a server with all changes now.
        from_replica: whether the server is a read replica.
    """

    as_of: datetime
    from_replica: bool


@dataclass(frozen=True, slots=True)
class Figures(Generic[RowT]):
    """The rows of a report, with the age of what they were computed from.

    Args:
        total: number of rows; ``rows`` are the first of them.
    """

    age: Age
    total: int
    rows: Sequence[RowT]


@dataclass(frozen=True, slots=True)
class MishandledGroup:
    """Mishandled bags of one group.

    Args:
        key: ISO week (``2026-W48``), station, flight designator, or reason for loss; None where it is not known.
        bags: bags that were planned to travel in the group.
        mishandled: bags that were reported delayed, damaged or pilfered.
    """

    key: str | None
    bags: int
    mishandled: int

    @property
    def per_thousand(self) -> float | None:
        """Mishandled bags for each 1,000 bags; None without bags."""
        return 1_000 * self.mishandled / self.bags if self.bags else None


@dataclass(frozen=True, slots=True)
class DeliveryTimes:
    """Minutes from the opening of a DELAYED PIR to the delivery of each of its bags, at one station.

    Args:
        reported: bags of the PIRs that were opened in the period.
        delivered: those that were delivered.
        median: minutes; None without a delivery. So is ``p90``, which nine of ten do not exceed.
    """

    station: str
    reported: int
    delivered: int
    median: int | None
    p90: int | None


@dataclass(frozen=True, slots=True)
class StationCustody:
    """Custody points of Resolution 753 at one station.

    Args:
        bags: number of bags with a point there.
        points: due and proved, by kind.
    """

    station: str
    bags: int
    points: Sequence[PointCount]


@dataclass(frozen=True, slots=True)
class PartnerDay:
    """Calls to one partner on one day, UTC.

    Args:
        units: parts of SMS, emails or requests, as the partner bills them.
        cost: US dollars, by the configured price list.
    """

    service: str
    day: date
    calls: int
    units: int
    cost: Decimal
