"""Times on their way to the graph and back: as whole microseconds since 1970.

The driver takes 100 us to make a datetime of the graph's own type; a number costs nothing, and the graph makes its own.
"""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def micros_or_none(moment: datetime | None) -> int | None:
    """Microseconds since 1970, None for none."""
    return None if moment is None else micros(moment)


def moment_of(number: int) -> datetime:
    """The moment so many microseconds after 1970."""
    return _EPOCH + number * _MICROSECOND
