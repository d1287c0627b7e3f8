"""Timestamps on the clock of an airport."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LocalTime:
    """A timestamp on the clock of an airport.

    Args:
        time: ISO 8601, with the airport's offset at that time.
        zone: name in the time zone database.
    """

    time: str
    zone: str


@dataclass(frozen=True, slots=True)
class LocalFlightTimes:
    """A flight's times at one of its airports, ISO 8601 with the airport's offset at that time."""

    zone: str
    scheduled: str
    estimated: str | None
    actual: str | None
