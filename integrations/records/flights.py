"""Flights, and the legs of a bag's itinerary."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar, Self

import asyncpg

from integrations.records.columns import Column, Joined, View


class FlightStatus(StrEnum):
    """Where a flight stands."""

    UNSCHEDULED = "UNSCHEDULED"
    SCHEDULED = "SCHEDULED"
    DELAYED = "DELAYED"
    BOARDING = "BOARDING"
    DEPARTED = "DEPARTED"
    ARRIVED = "ARRIVED"
    CANCELLED = "CANCELLED"
    DIVERTED = "DIVERTED"


class FlightColumns:
    """The columns of a flight, whichever store they come from."""

    __slots__ = ()
    DERIVED: ClassVar = {"designator": ("carrier", "number", "suffix")}

    id = Column[int]()
    airline_id = Column[int]()
    carrier = Column[str]()
    number = Column[int]()
    suffix = Column[str]()
    departure_date = Column[date]()
    origin = Column[str]()
    destination = Column[str]()
    scheduled_departure = Column[datetime]()
    scheduled_arrival = Column[datetime]()
    estimated_departure = Column[datetime | None]()
    estimated_arrival = Column[datetime | None]()
    actual_departure = Column[datetime | None]()
    actual_arrival = Column[datetime | None]()
    status = Column[str]()
    aircraft = Column[str | None]()
    seats = Column[int | None]()
    gate = Column[str | None]()
    version = Column[int]()

    @property
    def designator(self) -> str:
        """Carrier, number without padding, suffix: ``CM758``."""
        return f"{self.carrier}{self.number}{self.suffix}"


class Flight(FlightColumns, asyncpg.Record):
    """A row of ``flights``."""

    __slots__ = ()


class JoinedFlight(FlightColumns, Joined):
    """A flight as the row of a bag brings it along."""

    __slots__ = ()
    prefix = "flight."


class GraphFlight(FlightColumns, View):
    """A flight as the graph returns it."""

    __slots__ = ()


class LegColumns(FlightColumns):
    """A flight as a leg of one bag's itinerary: ``seq`` counts from 1."""

    __slots__ = ()

    bag_id = Column[int]()
    seq = Column[int]()

    @property
    def flight(self) -> Self:
        """The flight itself: a leg holds all of its columns."""
        return self


class Leg(LegColumns, asyncpg.Record):
    """A row of ``bag_legs`` with its flight."""

    __slots__ = ()


class GraphLeg(LegColumns, View):
    """A leg as the graph returns it."""

    __slots__ = ()
