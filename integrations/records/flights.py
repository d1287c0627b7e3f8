"""Flights, and the planned legs of a bag's itinerary."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar

import asyncpg

from integrations.records.columns import Column, Joined, View


class FlightStatus(StrEnum):
    """Status of a flight."""

    UNSCHEDULED = "UNSCHEDULED"
    SCHEDULED = "SCHEDULED"
    DELAYED = "DELAYED"
    BOARDING = "BOARDING"
    DEPARTED = "DEPARTED"
    ARRIVED = "ARRIVED"
    CANCELLED = "CANCELLED"
    DIVERTED = "DIVERTED"


class FlightColumns:
    """Columns of a flight, of either store."""

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

    @property
    def flight(self) -> "FlightColumns":
        """The flight with its own destination, where its arrival times apply."""
        return self

    @property
    def left_at_stop(self) -> bool:
        """Whether ``destination`` is a stop of the flight, whose arrival times are then those at another airport."""
        return self.destination != self.flight.destination


class Flight(FlightColumns, asyncpg.Record):
    """Row of ``flights``."""

    __slots__ = ()


class JoinedFlight(FlightColumns, Joined):
    """A flight whose columns are part of a bag's row."""

    __slots__ = ()
    prefix = "flight."


class GraphFlight(FlightColumns, View):
    """A flight as the graph returns it."""

    __slots__ = ()


class FlightTo(FlightColumns):
    """A flight with another ``destination`` than the record that it views."""

    __slots__ = ("_destination", "_record")

    def __init__(self, record: Any, destination: str) -> None:
        self._record = record
        self._destination = destination

    def __getitem__(self, name: str) -> Any:
        return self._destination if name == "destination" else self._record[name]

    @property
    def flight(self) -> FlightColumns:
        """As ``FlightColumns.flight``."""
        flight: FlightColumns = self._record.flight
        return flight


class LegColumns(FlightColumns):
    """Columns of a flight as a leg of one bag's itinerary; ``seq`` counts from 1.

    ``destination`` is where the bag leaves the flight: ``flight_destination``, the flight's own, or a stop of it.
    """

    __slots__ = ()

    bag_id = Column[int]()
    seq = Column[int]()
    flight_destination = Column[str]()

    @property
    def flight(self) -> FlightColumns:
        """As ``FlightColumns.flight``; the leg itself holds all columns unless the bag leaves the flight at a stop."""
        return self if self.destination == self.flight_destination else FlightTo(self, self.flight_destination)


class Leg(LegColumns, asyncpg.Record):
    """Row of ``bag_legs`` with its flight."""

    __slots__ = ()


class GraphLeg(LegColumns, View):
    """A leg as the graph returns it."""

    __slots__ = ()
