"""How often each named statement ran and how long it took."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

logger = logging.getLogger(__name__)

# Names are constants of our own, so a few hundred at most; this bounds the memory if one is ever computed.
MAX_NAMES = 500

# Takes the store, the statement's name and the seconds it took.
Record = Callable[[str, str, float], None]
_RECORD: ContextVar[Record | None] = ContextVar("record", default=None)


@contextmanager
def recording(record: Record) -> Iterator[None]:
    """Tell ``record`` of each call to a store that the block, and tasks started in it, finish."""
    token = _RECORD.set(record)
    try:
        yield
    finally:
        _RECORD.reset(token)


class Timing:
    """The sums of one statement."""

    __slots__ = ("calls", "errors", "seconds", "slowest")

    def __init__(self) -> None:
        self.calls = 0
        self.errors = 0
        self.seconds = 0.0
        self.slowest = 0.0


class Timings:
    """Calls, errors and durations by statement name; what exceeds ``slow_seconds`` is logged by name, never by value.

    Args:
        store: the name of the store in the log.
        slow_seconds: the least duration that is worth a line in the log.
    """

    def __init__(self, store: str, slow_seconds: float) -> None:
        self._store = store
        self._slow_seconds = slow_seconds
        self._by_name: dict[str, Timing] = {}

    def add(self, name: str, seconds: float) -> None:
        """Count a finished call."""
        timing = self._by_name.get(name) or self._first(name)
        timing.calls += 1
        timing.seconds += seconds
        if seconds > timing.slowest:
            timing.slowest = seconds
        if seconds > self._slow_seconds:
            logger.warning("slow statement in store %s: %s took %.0f ms", self._store, name, seconds * 1000)
        record = _RECORD.get()
        if record is not None:
            record(self._store, name, seconds)

    def add_error(self, name: str) -> None:
        """Count a call, already added, as failed."""
        (self._by_name.get(name) or self._first(name)).errors += 1

    def by_name(self) -> dict[str, dict[str, float]]:
        """``{name: {"calls", "errors", "seconds", "slowest"}}``."""
        return {
            name: {part: getattr(timing, part) for part in Timing.__slots__} for name, timing in self._by_name.items()
        }

    def totals(self) -> dict[str, float]:
        """``{"queries", "errors", "seconds"}`` over all names."""
        timings = self._by_name.values()
        return {
            "queries": sum(timing.calls for timing in timings),
            "errors": sum(timing.errors for timing in timings),
            "seconds": sum(timing.seconds for timing in timings),
        }

    def _first(self, name: str) -> Timing:
        return self._by_name.setdefault(name if len(self._by_name) < MAX_NAMES else "other", Timing())
