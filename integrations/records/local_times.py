"""Moments as the people at a place read them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LocalTime:
    """A moment on the clock of an airport.

    Args:
        time: ISO 8601 with the offset in force there then.
        zone: name in the time zone database.
    """

    time: str
    zone: str


@dataclass(frozen=True, slots=True)
class LocalFlightTimes:
    """A flight's times at one of its airports, ISO 8601 with the offset in force there."""

    zone: str
    scheduled: str
    estimated: str | None
    actual: str | None
