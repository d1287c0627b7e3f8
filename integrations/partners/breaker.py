"""A circuit breaker: nobody waits for a partner that keeps failing, and one call at a time finds out if it is back.

Closed, calls pass. After three failures in a row it is open, and calls are refused at once for a minute. Then it is
half open: exactly one call passes as a probe, all others are refused until it is known how that one ended.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from integrations.errors import DeadlineExceeded, Refused, Unavailable, Unsettled
from integrations.records.health import BreakerState

FAILURES = 3
OPEN_SECONDS = 60.0
PROBE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class BreakerSnapshot:
    """How a breaker stands.

    Args:
        failures: in a row, so far.
        opened_seconds_ago: None while it is closed.
        retry_after_seconds: until a call may pass; None where one would pass now.
    """

    state: BreakerState
    failures: int
    opened_seconds_ago: float | None
    retry_after_seconds: float | None


class Breaker:
    """Guards the calls to one partner, those of one process.

    A failure is ``Unavailable`` or ``Unsettled``. A ``Refused`` is a sign of life. What ends on our side (cancelled,
    the caller's time used up before the call, a fault of our own) says nothing about the partner: it neither counts
    nor clears, and after it another call may be the probe.

    Args:
        partner: for errors.
        failures: in a row, that open it.
        open_seconds: for which it then refuses.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        partner: str,
        *,
        failures: int = FAILURES,
        open_seconds: float = OPEN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._partner = partner
        self._limit = failures
        self._open_seconds = open_seconds
        self._clock = clock
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False
        # Counts the openings and closings: how a call ended that began before the last one is old news.
        self._turn = 0

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Around one call: lets it pass, and learns from how it ends.

        Raises:
            Unavailable: the partner is not to be asked now; carries when.
        """
        turn = self._admit()
        try:
            yield
        except DeadlineExceeded:
            self._inconclusive(turn)
            raise
        except (Unavailable, Unsettled):
            self._failed(turn)
            raise
        except Refused:
            self._succeeded(turn)
            raise
        except BaseException:
            self._inconclusive(turn)
            raise
        else:
            self._succeeded(turn)

    def snapshot(self) -> BreakerSnapshot:
        """How it stands now."""
        if self._opened_at is None:
            return BreakerSnapshot(BreakerState.CLOSED, self._failures, None, None)
        wait = self._wait()
        state = BreakerState.HALF_OPEN if self._probing or wait is None else BreakerState.OPEN
        return BreakerSnapshot(state, self._failures, self._clock() - self._opened_at, wait)

    def _wait(self) -> float | None:
        """Seconds until a call may pass, None for now."""
        if self._opened_at is None:
            return None
        if self._probing:
            return PROBE_SECONDS
        left = self._opened_at + self._open_seconds - self._clock()
        return left if left > 0 else None

    def _admit(self) -> int:
        wait = self._wait()
        if wait is not None:
            raise Unavailable(self._partner, f"not asked after {self._failures} failures in a row", wait)
        self._probing = self._opened_at is not None
        return self._turn

    def _succeeded(self, turn: int) -> None:
        if turn == self._turn:
            self._failures = 0
            self._probing = False
            if self._opened_at is not None:
                self._opened_at = None
                self._turn += 1

    def _failed(self, turn: int) -> None:
        if turn == self._turn:
            self._failures += 1
            if self._probing or self._failures >= self._limit:
                self._probing = False
                self._opened_at = self._clock()
                self._turn += 1

    def _inconclusive(self, turn: int) -> None:
        if turn == self._turn:
            self._probing = False
