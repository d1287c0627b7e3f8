"""Circuit breaker: rejects calls to a partner that keeps failing, and lets one probe at a time through.

Closed, calls pass. After three failures in a row the breaker is open and rejects calls at once for a minute. Then it is
half open: exactly one call passes as a probe, and all others are rejected until the probe has ended.
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
    """State of a breaker at one time.

    Args:
        failures: failures in a row so far.
        opened_seconds_ago: seconds since it opened; None while it is closed.
        retry_after_seconds: seconds until a call may pass; None if a call may pass now.
    """

    state: BreakerState
    failures: int
    opened_seconds_ago: float | None
    retry_after_seconds: float | None


class Breaker:
    """Guards the calls of one process to one partner.

    A failure is ``Unavailable`` or ``Unsettled``. A ``Refused`` is a sign of life. Everything that ends on our side
    (cancellation, a deadline that passes before the call, an error of our own) says nothing about the partner: it
    neither counts nor clears, and another call may become the probe.

    Args:
        partner: name of the partner, for errors.
        failures: failures in a row that open the breaker.
        open_seconds: seconds for which it then rejects calls.
        clock: monotonic clock in seconds.
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
        # Number of openings and closings. The outcome of a call that began before the last one is ignored.
        self._epoch = 0

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Guards one call: admits it, and records its outcome.

        Raises:
            Unavailable: the breaker rejects the call; ``retry_after_seconds`` says when a call may pass.
        """
        epoch = self._admit()
        try:
            yield
        except DeadlineExceeded:
            self._inconclusive(epoch)
            raise
        except (Unavailable, Unsettled):
            self._failed(epoch)
            raise
        except Refused:
            self._succeeded(epoch)
            raise
        except BaseException:
            self._inconclusive(epoch)
            raise
        else:
            self._succeeded(epoch)

    def snapshot(self) -> BreakerSnapshot:
        """Current state."""
        if self._opened_at is None:
            return BreakerSnapshot(BreakerState.CLOSED, self._failures, None, None)
        wait = self._wait()
        state = BreakerState.HALF_OPEN if self._probing or wait is None else BreakerState.OPEN
        return BreakerSnapshot(state, self._failures, self._clock() - self._opened_at, wait)

    def _wait(self) -> float | None:
        """Seconds until a call may pass; None if one may pass now."""
        if self._opened_at is None:
            return None
        if self._probing:
            return PROBE_SECONDS
        left = self._opened_at + self._open_seconds - self._clock()
        return left if left > 0 else None

    def _admit(self) -> int:
        wait = self._wait()
        if wait is not None:
            raise Unavailable(self._partner, f"breaker open after {self._failures} failures in a row", wait)
        self._probing = self._opened_at is not None
        return self._epoch

    def _succeeded(self, epoch: int) -> None:
        if epoch == self._epoch:
            self._failures = 0
            self._probing = False
            if self._opened_at is not None:
                self._opened_at = None
                self._epoch += 1

    def _failed(self, epoch: int) -> None:
        if epoch == self._epoch:
            self._failures += 1
            if self._probing or self._failures >= self._limit:
                self._probing = False
                self._opened_at = self._clock()
                self._epoch += 1

    def _inconclusive(self, epoch: int) -> None:
        if epoch == self._epoch:
            self._probing = False
