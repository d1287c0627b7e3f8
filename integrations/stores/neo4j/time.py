"""Conversion of timestamps to and from the graph's numbers: whole microseconds since 1970.

The driver takes 100 us to make a datetime of the graph's own type. A number costs nothing, and the graph makes its own
datetime of it.
"""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """Return the microseconds since 1970 of a timestamp with a zone."""
    return (at - _EPOCH) // _MICROSECOND


def micros_or_none(at: datetime | None) -> int | None:
    """Return the microseconds since 1970, or None for None."""
    return None if at is None else micros(at)


def from_micros(number: int) -> datetime:
    """Return the timestamp, in UTC, at this number of microseconds since 1970."""
    return _EPOCH + number * _MICROSECOND
