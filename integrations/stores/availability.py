"""Availability of a store, known from one probe at a time, and the backoff between attempts."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context
from itertools import count
from time import monotonic
from typing import Any

from integrations.deadline import expired
from integrations.errors import DeadlineExceeded, OutsideError, Unavailable

logger = logging.getLogger(__name__)

FIRST_BACKOFF_SECONDS = 0.1
MAX_BACKOFF_SECONDS = 5.0
MAX_PROBE_SECONDS = 5.0
# A call that takes longer starts a probe of the store.
SLOW_CALL_SECONDS = 0.5
GRACE_SECONDS = 0.5


def backoff(attempt: int, first: float = FIRST_BACKOFF_SECONDS, longest: float = MAX_BACKOFF_SECONDS) -> float:
    """Return the seconds to wait after a failure: doubling, bounded, and half of it random.

    The random half keeps the processes of one deployment from calling a restarted store all at once.

    Args:
        attempt: number of the failure, from 0.
        first: upper bound in seconds after the first failure.
        longest: upper bound in seconds after any failure.
    """
    ceiling = min(longest, first * 2.0 ** min(attempt, 30))
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter is no secret


class Availability:
    """Whether a store responds, known from one probe at a time.

    While the store is up, calls pass. A call that lost its connection or is slow requests a probe, which runs on a
    connection of its own, so that a busy pool does not look like a dead store. If the probe fails, the store is *down*:
    active calls are cut off, and new ones are rejected at once with the time of the next probe. Probes repeat with
    exponential backoff until one succeeds. No caller waits for a store that is known not to respond.

    Args:
        store: name of the store in errors and the log.
        probe: queries the store, raises any exception if that fails, and returns details for health.
        probe_timeout: seconds that a first probe may take. Later ones may take longer, since no caller waits for them
            and a store that is waking up (serverless, recovering) needs the time.
        on_down: is called once each time the store goes down.
    """

    def __init__(
        self,
        store: str,
        probe: Callable[[], Awaitable[dict[str, Any]]],
        *,
        probe_timeout: float = 1.0,
        on_down: Callable[[], None] = lambda: None,
    ) -> None:
        self.store = store
        self._probe = probe
        self._probe_timeout = probe_timeout
        self._on_down = on_down
        self._connected = False
        self._error: str | None = "not connected"
        self._down_since: float | None = None
        self._next_probe = 0.0
        self._checked_at = monotonic()
        self._latency = 0.0
        self._details: dict[str, Any] = {}
        self._active_calls: set[asyncio.Timeout] = set()
        self._probing: asyncio.Task[None] | None = None
        self._between_probes = asyncio.Event()
        self._between_probes.set()
        self._first_result: asyncio.Future[None] | None = None

    @property
    def is_up(self) -> bool:
        """Whether calls pass."""
        return self._error is None

    def raise_if_down(self) -> None:
        """Reject a call to a store that is down.

        Raises:
            Unavailable: the store is known not to respond; holds the seconds until the next probe.
        """
        if self._error is not None:
            raise self.unavailable(f"known to be down: {self._error}")

    def bounded_call(self, seconds: float, *, long_running: bool = False) -> "BoundedCall":
        """Return a context manager that raises TimeoutError in its block after ``seconds``, or once the store is down.

        Args:
            long_running: whether the call continues while the store is taken for down.
        """
        return BoundedCall(self, self._active_calls, seconds, long_running=long_running)

    def unavailable(self, reason: str) -> Unavailable:
        """Return the error for a call that did not reach the store."""
        return Unavailable(self.store, reason, self.retry_after)

    def timed_out(self, reason: str) -> Unavailable:
        """Return the error for a call without a response: the caller's deadline passed, or this store's own."""
        return DeadlineExceeded(self.store, reason, self.retry_after) if expired() else self.unavailable(reason)

    @property
    def retry_after(self) -> float:
        """Seconds until a retry makes sense, at least 0.1."""
        return round(max(self._next_probe - monotonic(), 0.1), 1)

    def request_probe(self) -> None:
        """Start a probe of the store, unless one is running."""
        if self._connected:
            self._start_probing(self._probe_timeout)

    async def connect(self, timeout: float) -> None:
        """Wait for the first probe, at most ``timeout`` seconds; a store that is down is probed in the background."""
        self._connected = True
        await asyncio.wait([self._start_probing(timeout)])

    async def health(self, timeout: float) -> dict[str, Any]:
        """Return the store's health after at most ``timeout`` seconds.

        The result is that of a new probe. Where the store is slower, or already known to be down, it is that of the
        last probe, and ``checked_ms_ago`` is its age. The running probe continues for the next call.
        """
        if self._connected:
            await asyncio.wait([self._start_probing(self._probe_timeout)], timeout=timeout)
        health: dict[str, Any] = {
            "status": "healthy" if self.is_up else "unhealthy",
            "latency_ms": round(self._latency * 1000, 2),
            "checked_ms_ago": round((monotonic() - self._checked_at) * 1000, 2),
        }
        if self._error is not None:
            return {**health, "error": self._error, "retry_after_seconds": self.retry_after}
        return {**health, **self._details}

    async def close(self) -> None:
        """Stop probing and reject every later call."""
        self._connected, self._error = False, "disconnected"
        if self._probing is not None:
            # A driver that is cancelled just as its connection is rejected forgets to close the socket.
            with suppress(TimeoutError):
                async with asyncio.timeout(GRACE_SECONDS):
                    await self._between_probes.wait()
            self._probing.cancel()
            await asyncio.wait([self._probing])
            self._error = "disconnected"  # overrides the result of the last probe

    def _start_probing(self, timeout: float) -> asyncio.Future[None]:
        """Return the future of the running probe's result; start a probe where none is running."""
        if self._first_result is None or self._probing is None or self._probing.done():
            loop = asyncio.get_running_loop()
            self._first_result = loop.create_future()
            # A context of its own: the probe must not inherit the deadline of the call that requested it.
            self._probing = loop.create_task(self._probe_until_up(self._first_result, timeout), context=Context())
        return self._first_result

    async def _probe_until_up(self, first_result: asyncio.Future[None], timeout: float) -> None:
        try:
            for attempt in count():
                await self._probe_once(timeout)
                wait = backoff(attempt)
                self._next_probe = monotonic() + wait
                if not first_result.done():
                    first_result.set_result(None)
                if self.is_up:
                    return
                await asyncio.sleep(wait)
                timeout = min(MAX_PROBE_SECONDS, max(self._probe_timeout, timeout) * 2)
        finally:
            first_result.cancel()

    async def _probe_once(self, timeout: float) -> None:
        started = monotonic()
        self._between_probes.clear()
        try:
            async with asyncio.timeout(timeout):
                self._details = await self._probe()
        except TimeoutError:
            self._mark_down(f"no response within {timeout:.1f} s")
        except OutsideError as error:
            self._mark_down(error.reason)
        except Exception as error:  # noqa: BLE001 - any driver exception means no response, and probing continues
            self._mark_down(f"{type(error).__name__}: {error}")
        else:
            self._mark_up()
        finally:
            self._between_probes.set()
        self._checked_at = monotonic()
        self._latency = self._checked_at - started

    def _mark_down(self, error: str) -> None:
        self._error = error
        if self._down_since is None:
            self._down_since = monotonic()
            self._on_down()
            for bound in self._active_calls:
                if not bound.expired():
                    bound.reschedule(asyncio.get_running_loop().time())
            logger.warning("store %s is down: %s", self.store, error)

    def _mark_up(self) -> None:
        self._error = None
        if self._down_since is not None:
            logger.info("store %s is up again after %.1f s", self.store, monotonic() - self._down_since)
            self._down_since = None


class BoundedCall:
    """Context manager of one call, see ``Availability.bounded_call``."""

    __slots__ = ("_active_calls", "_availability", "_bound", "_long_running", "_slow_timer")

    def __init__(
        self, availability: Availability, active_calls: set[asyncio.Timeout], seconds: float, *, long_running: bool
    ) -> None:
        self._availability = availability
        self._active_calls = active_calls
        self._bound = asyncio.timeout(seconds)
        self._long_running = long_running
        self._slow_timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> None:
        await self._bound.__aenter__()
        if not self._long_running:
            self._active_calls.add(self._bound)
        loop = asyncio.get_running_loop()
        self._slow_timer = loop.call_later(SLOW_CALL_SECONDS, self._availability.request_probe)

    async def __aexit__(self, *error: Any) -> None:
        if self._slow_timer is not None:
            self._slow_timer.cancel()
        self._active_calls.discard(self._bound)
        await self._bound.__aexit__(*error)
