"""Statistics of named statements: calls, errors and durations."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

logger = logging.getLogger(__name__)

# Statement names are constants, a few hundred at most. This bounds the memory if a name is ever computed.
MAX_NAMES = 500
# An operation makes tens of calls, whatever the number of bags. This bounds the memory if one ever makes more.
MAX_OBSERVED = 1_000

# Takes the store, the statement's name, its duration in seconds, and whether it failed.
CallObserver = Callable[[str, str, float, bool], None]
_OBSERVER: ContextVar[CallObserver | None] = ContextVar("call_observer", default=None)


@contextmanager
def observe_calls(observer: CallObserver) -> Iterator[None]:
    """Report each store call that the block, or a task started in it, finishes; also to the observers around it."""
    outer = _OBSERVER.get()

    def both(store: str, name: str, seconds: float, failed: bool) -> None:
        assert outer is not None
        observer(store, name, seconds, failed)
        outer(store, name, seconds, failed)

    token = _OBSERVER.set(observer if outer is None else both)
    try:
        yield
    finally:
        _OBSERVER.reset(token)


class ObservedCalls:
    """The store calls between ``open`` and ``close``, at most ``MAX_OBSERVED``; summed up only if that is asked for.

    It is no context manager of ``contextlib``, since every request has one.
    """

    __slots__ = ("_calls", "_outer", "_token")

    def __init__(self) -> None:
        self._calls: list[tuple[str, str, float]] = []

    def open(self) -> None:
        """Begins to observe the calls of this task and of tasks that it starts; outer observers also see them."""
        self._outer = _OBSERVER.get()
        self._token = _OBSERVER.set(self._add)

    def close(self) -> None:
        """Ends what ``open`` began, in the same task."""
        _OBSERVER.reset(self._token)

    @property
    def count(self) -> int:
        """Number of calls."""
        return len(self._calls)

    @property
    def seconds(self) -> float:
        """Seconds of all calls; of concurrent ones the sum."""
        return sum(seconds for _, _, seconds in self._calls)

    def slowest(self, most: int) -> list[tuple[str, str, int, float]]:
        """Store, statement, calls and seconds of the statements that took longest, at most ``most``."""
        totals: dict[tuple[str, str], tuple[int, float]] = {}
        for store, name, seconds in self._calls:
            calls, total = totals.get((store, name), (0, 0.0))
            totals[store, name] = calls + 1, total + seconds
        ranked = sorted(totals.items(), key=lambda item: item[1][1], reverse=True)
        return [(*statement, *total) for statement, total in ranked[:most]]

    def _add(self, store: str, name: str, seconds: float, failed: bool) -> None:
        if len(self._calls) < MAX_OBSERVED:
            self._calls.append((store, name, seconds))
        if self._outer is not None:
            self._outer(store, name, seconds, failed)


class Timing:
    """Sums of one statement; durations in seconds."""

    __slots__ = ("calls", "errors", "seconds", "slowest")

    def __init__(self) -> None:
        self.calls = 0
        self.errors = 0
        self.seconds = 0.0
        self.slowest = 0.0


class Timings:
    """Calls, errors and durations by statement name. Slow statements are logged by name, never by value.

    Args:
        store: name of the store in the log.
        slow_seconds: duration above which a statement is logged.
    """

    def __init__(self, store: str, slow_seconds: float) -> None:
        self._store = store
        self._slow_seconds = slow_seconds
        self._by_name: dict[str, Timing] = {}

    def add(self, name: str, seconds: float, *, failed: bool = False) -> None:
        """Count a finished call; ``add_error`` counts its failure."""
        timing = self._by_name.get(name) or self._new_timing(name)
        timing.calls += 1
        timing.seconds += seconds
        if seconds > timing.slowest:
            timing.slowest = seconds
        if seconds > self._slow_seconds:
            logger.warning("slow statement in store %s: %s took %.0f ms", self._store, name, seconds * 1000)
        observer = _OBSERVER.get()
        if observer is not None:
            observer(self._store, name, seconds, failed)

    def add_error(self, name: str) -> None:
        """Count a call, already added, as failed."""
        (self._by_name.get(name) or self._new_timing(name)).errors += 1

    def by_name(self) -> dict[str, dict[str, float]]:
        """Return ``{name: {"calls", "errors", "seconds", "slowest"}}``."""
        return {
            name: {part: getattr(timing, part) for part in Timing.__slots__} for name, timing in self._by_name.items()
        }

    def totals(self) -> dict[str, float]:
        """Return ``{"queries", "errors", "seconds"}`` over all names."""
        timings = self._by_name.values()
        return {
            "queries": sum(timing.calls for timing in timings),
            "errors": sum(timing.errors for timing in timings),
            "seconds": sum(timing.seconds for timing in timings),
        }

    def _new_timing(self, name: str) -> Timing:
        return self._by_name.setdefault(name if len(self._by_name) < MAX_NAMES else "other", Timing())
