"""Availability of a store: probes that gather evidence, and the calls that depend on it.

The rules are in ``integrations.stores.condition``; this module has the clock, the probes and the calls under way.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from time import monotonic
from typing import Any

from integrations.deadline import expired
from integrations.errors import DeadlineExceeded, Unavailable
from integrations.records.health import HealthStatus
from integrations.stores.condition import SILENT_PROBES, StoreCondition

logger = logging.getLogger(__name__)

FIRST_BACKOFF_SECONDS = 0.1
MAX_BACKOFF_SECONDS = 5.0
# Longest time in which a round of probes waits for a response.
MAX_ROUND_SECONDS = 5.0
# Pause before the next round while a store is up and slow.
UNSETTLED_SECONDS = 1.0
GRACE_SECONDS = 0.5
# A timer that fires later than this was late because this process did not run.
LATE_TIMER_SECONDS = 0.05
# Slow calls are counted over this time, and at most so many of them.
COUNTED_SECONDS = 60.0
MAX_COUNTED = 1_000


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


@dataclass(frozen=True, slots=True)
class Patience:
    """What a store's calls and probes may take before it is asked whether it is up.

    Args:
        slow_call: a call that takes longer starts a round of probes; in seconds.
        late_probe: a response to a probe that takes longer is late; in seconds.
        probe: seconds between the probes of a round. After ``SILENT_PROBES`` of them without any response the store is
            down, so an unresponsive store costs a caller ``slow_call + SILENT_PROBES * probe`` seconds at most.
    """

    slow_call: float = 0.5
    late_probe: float = 0.25
    probe: float = 0.4


class Unusable(Exception):
    """Raised by a probe: the store responded that it cannot serve."""


class Availability:
    """Whether a store responds, known from its calls and from one round of probes at a time.

    While the store is up, calls pass. A call that lost its connection or is slow requests a round of probes, which run
    on connections of their own, so that a busy pool does not look like a dead store. A probe without response is not
    given up when the next one starts: the first response of any of them counts. The store is *down* if connections to
    it fail, or if several probes in a row had no response and no call completed in between. Active calls are then cut
    off, and new ones are rejected at once with the time of the next round. Rounds repeat with exponential backoff until
    a probe succeeds. No caller waits for a store that is known not to respond.

    A store that responds late is *degraded*: calls pass, their deadlines bound them, and rounds get the more time the
    later it responds.

    Args:
        store: name of the store in errors and the log.
        probe: queries the store, raises any exception if that fails, and returns details for health. Several may run
            at the same time, each on a connection of its own.
        patience: what calls and probes may take.
        on_down: is called once each time the store goes down.
        describe: returns the text of an exception of the probe for the log and health.
    """

    def __init__(
        self,
        store: str,
        probe: Callable[[], Awaitable[dict[str, Any]]],
        *,
        patience: Patience = Patience(),
        on_down: Callable[[], None] = lambda: None,
        describe: Callable[[BaseException], str] = lambda error: f"{type(error).__name__}: {error}",
    ) -> None:
        self.store = store
        self._probe = probe
        self._patience = patience
        self._on_down = on_down
        self._describe = describe
        self._connected = False
        self._condition = StoreCondition()
        self._down_since: float | None = None
        self._next_probe = 0.0
        self._checked_at = monotonic()
        self._details: dict[str, Any] = {}
        self._active_calls: set[asyncio.Timeout] = set()
        self._completed = 0
        self._slow_calls = SlowCalls()
        self._probing: asyncio.Task[None] | None = None
        self._between_probes = asyncio.Event()
        self._between_probes.set()
        self._first_result: asyncio.Future[None] | None = None

    @property
    def is_up(self) -> bool:
        """Whether calls pass."""
        return self._condition.is_up

    @property
    def status(self) -> HealthStatus:
        """The store's status by the last evidence."""
        return self._condition.status

    def raise_if_down(self) -> None:
        """Reject a call to a store that is down.

        Raises:
            Unavailable: the store is known not to respond; holds the seconds until the next round of probes.
        """
        if not self._condition.is_up:
            raise self.unavailable(f"known to be down: {self._condition.reason}")

    def bounded_call(self, seconds: float, *, long_running: bool = False) -> "BoundedCall":
        """Return a context manager that raises TimeoutError in its block after ``seconds``, or once the store is down.

        Args:
            long_running: whether the call continues while the store is taken for down.
        """
        return BoundedCall(self, self._active_calls, seconds, self._patience.slow_call, long_running=long_running)

    def call_completed(self, seconds: float) -> None:
        """Record a call that the store responded to."""
        self._completed += 1
        if seconds > self._patience.slow_call:
            self._slow_calls.add(monotonic(), seconds)

    def call_failed(self, seconds: float) -> None:
        """Record a call that ended without a response."""
        if seconds > self._patience.slow_call:
            self._slow_calls.add(monotonic(), seconds)

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
        """Start a round of probes, unless one is running."""
        if self._connected:
            self._start_probing()

    async def connect(self, timeout: float) -> None:
        """Wait for the first round, at most ``timeout`` seconds; a store that is down is probed in the background."""
        self._connected = True
        await asyncio.wait([self._start_probing()], timeout=timeout)

    async def health(self, timeout: float) -> dict[str, Any]:
        """Return the store's health after at most ``timeout`` seconds.

        The result is that of a new round of probes. Where the store is slower, or already known to be down, it is that
        of the last one, and ``checked_ms_ago`` is its age. The running round continues for the next call.
        """
        if self._connected:
            await asyncio.wait([self._start_probing()], timeout=timeout)
        condition = self._condition
        slow_calls, slowest = self._slow_calls.since(monotonic() - COUNTED_SECONDS)
        health: dict[str, Any] = {
            "status": str(condition.status),
            "latency_ms": round(condition.latency * 1000, 2),
            "checked_ms_ago": round((monotonic() - self._checked_at) * 1000, 2),
            "slow_calls": slow_calls,
            "slowest_call_ms": round(slowest * 1000, 2),
        }
        if not condition.is_up:
            return {**health, "error": condition.reason, "retry_after_seconds": self.retry_after}
        return {**health, **self._details}

    def stats(self) -> dict[str, float]:
        """Return ``up`` and ``degraded`` (0 or 1), ``slow_calls`` so far, and ``probe_seconds`` of the last probe."""
        status = self._condition.status
        return {
            "up": float(status is not HealthStatus.UNHEALTHY),
            "degraded": float(status is HealthStatus.DEGRADED),
            "slow_calls": float(self._slow_calls.total),
            "probe_seconds": self._condition.latency,
        }

    async def close(self) -> None:
        """Stop probing and reject every later call."""
        self._connected = False
        self._condition = self._condition.unusable("disconnected")
        if self._probing is not None:
            # A driver that is cancelled just as its connection is rejected forgets to close the socket.
            with suppress(TimeoutError):
                async with asyncio.timeout(GRACE_SECONDS):
                    await self._between_probes.wait()
            self._probing.cancel()
            await asyncio.wait([self._probing])
            self._condition = self._condition.unusable("disconnected")  # overrides the result of the last round

    def _start_probing(self) -> asyncio.Future[None]:
        """Return the future of the running round's result; start a round where none is running."""
        if self._first_result is None or self._probing is None or self._probing.done():
            loop = asyncio.get_running_loop()
            self._first_result = loop.create_future()
            # A context of its own: the probe must not inherit the deadline of the call that requested it.
            self._probing = loop.create_task(self._probe_until_settled(self._first_result), context=Context())
        return self._first_result

    async def _probe_until_settled(self, first_result: asyncio.Future[None]) -> None:
        failures = 0
        try:
            while True:
                await self._run_round(first_result)
                failures = 0 if self.is_up else failures + 1
                wait = backoff(failures - 1) if failures else UNSETTLED_SECONDS
                self._next_probe = monotonic() + wait
                _resolve(first_result)
                if self._condition.is_settled:
                    return
                await asyncio.sleep(wait)
        finally:
            first_result.cancel()

    async def _run_round(self, first_result: asyncio.Future[None]) -> None:
        """Start probes one after the other until one responds, or the store is down and none is left."""
        ends_at = monotonic() + MAX_ROUND_SECONDS
        was_up = self.is_up
        probes: set[_Probe] = set()
        self._between_probes.clear()
        try:
            while monotonic() < ends_at:
                if not probes or (self.is_up and len(probes) < SILENT_PROBES):
                    probes.add(asyncio.create_task(self._timed_probe()))
                if await self._wait_for_evidence(probes):
                    return
                if not self.is_up:
                    if not probes:
                        return
                    if was_up:
                        _resolve(first_result)
            self._judge(self._condition.no_response(f"no response within {MAX_ROUND_SECONDS:.1f} s"))
        finally:
            for probe in probes:
                probe.cancel()
            await asyncio.gather(*probes, return_exceptions=True)
            self._between_probes.set()

    async def _wait_for_evidence(self, probes: "set[_Probe]") -> bool:
        """Wait for a probe to end, as long as the rules allow, and judge; return whether the store responded."""
        completed, pause = self._completed, self._pause()
        ended = await _first_ended(probes, pause)
        responded = False
        if ended is None and self.is_up:
            self._judge(self._condition.no_response(f"no response within {pause * SILENT_PROBES:.1f} s"))
        elif ended is not None:
            probes.discard(ended)
            responded = self._judge_probe(ended)
            if not responded and self.is_up:
                await asyncio.sleep(pause)  # a connection that broke is not tried again at once
        if self._completed > completed:
            self._judge(self._condition.call_completed())
        return responded

    def _judge_probe(self, probe: "_Probe") -> bool:
        """Judge a probe that has ended; return whether the store responded to it."""
        error = probe.exception()
        if error is None:
            latency, self._details = probe.result()
            self._judge(self._condition.responded(latency, late=latency > self._patience.late_probe))
        elif isinstance(error, Unusable):
            self._judge(self._condition.unusable(str(error)))
        else:
            self._judge(self._condition.not_connected(self._describe(error)))
        return error is None or isinstance(error, Unusable)

    async def _timed_probe(self) -> tuple[float, dict[str, Any]]:
        started = monotonic()
        details = await self._probe()
        return monotonic() - started, details

    def _pause(self) -> float:
        """Seconds between two probes: more for a store that responded late before."""
        known = 2 * self._condition.latency / SILENT_PROBES if self._condition.slow else 0.0
        return min(max(self._patience.probe, known), MAX_ROUND_SECONDS / SILENT_PROBES)

    def _judge(self, condition: StoreCondition) -> None:
        """Replace the condition; cut calls off where the store goes down."""
        before, self._condition = self._condition, condition
        self._checked_at = monotonic()
        if not condition.is_up and self._down_since is None:
            self._down_since = monotonic()
            self._on_down()
            self._cut_calls_off()
            logger.warning("store %s is down: %s", self.store, condition.reason)
        elif condition.is_up and self._down_since is not None:
            logger.info("store %s is up again after %.1f s", self.store, monotonic() - self._down_since)
            self._down_since = None
        if condition.status is not before.status and HealthStatus.DEGRADED in (condition.status, before.status):
            logger.warning("store %s was %s and is %s", self.store, before.status, condition.status)

    def _cut_calls_off(self) -> None:
        now = asyncio.get_running_loop().time()
        for bound in self._active_calls:
            if not bound.expired():
                bound.reschedule(now)


_Probe = asyncio.Task[tuple[float, dict[str, Any]]]


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _first_ended(probes: Collection[_Probe], pause: float) -> _Probe | None:
    """Return a probe that has ended within ``pause`` seconds, or None.

    Where this process itself did not run for a while, responses may have arrived that it has not read yet: it waits for
    as long again as it did not run.
    """
    due = monotonic() + pause
    done, _ = await asyncio.wait(probes, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
    late = monotonic() - due
    if not done and late > LATE_TIMER_SECONDS:
        done, _ = await asyncio.wait(probes, timeout=min(late, pause), return_when=asyncio.FIRST_COMPLETED)
    return done.pop() if done else None


class SlowCalls:
    """Calls that took longer than a healthy store needs: how many so far, and the newest with their durations."""

    def __init__(self) -> None:
        self.total = 0
        self._newest: deque[tuple[float, float]] = deque(maxlen=MAX_COUNTED)

    def add(self, at: float, seconds: float) -> None:
        """Count a call that ended ``at`` on the monotonic clock."""
        self.total += 1
        self._newest.append((at, seconds))

    def since(self, start: float) -> tuple[int, float]:
        """Return the number of calls that ended since ``start``, and the seconds of the slowest."""
        durations = [seconds for at, seconds in self._newest if at >= start]
        return len(durations), max(durations, default=0.0)


class BoundedCall:
    """Context manager of one call, see ``Availability.bounded_call``."""

    __slots__ = (
        "_active_calls",
        "_availability",
        "_bound",
        "_due",
        "_long_running",
        "_loop",
        "_seconds",
        "_slow_seconds",
        "_started",
        "_timer",
    )

    def __init__(
        self,
        availability: Availability,
        active_calls: set[asyncio.Timeout],
        seconds: float,
        slow_seconds: float,
        *,
        long_running: bool,
    ) -> None:
        self._availability = availability
        self._active_calls = active_calls
        self._bound = asyncio.timeout(None)
        self._seconds = seconds
        self._slow_seconds = slow_seconds
        self._long_running = long_running

    async def __aenter__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._started = monotonic()
        self._due = self._loop.time() + self._seconds
        await self._bound.__aenter__()
        if not self._long_running:
            self._active_calls.add(self._bound)
        if self._slow_seconds < self._seconds:
            self._timer = self._loop.call_later(self._slow_seconds, self._be_slow)
        else:
            self._timer = self._loop.call_at(self._due, self._expire)

    async def __aexit__(self, *error: Any) -> None:
        self._timer.cancel()
        self._active_calls.discard(self._bound)
        ended = self._availability.call_completed if error[0] is None else self._availability.call_failed
        ended(monotonic() - self._started)
        await self._bound.__aexit__(*error)

    def _be_slow(self) -> None:
        self._availability.request_probe()
        self._timer = self._loop.call_at(self._due, self._expire)

    def _expire(self) -> None:
        """End the call, unless this process did not run: its response may have arrived, and waits to be read."""
        now = self._loop.time()
        late = now - self._due
        if late > LATE_TIMER_SECONDS:
            self._due = now + min(late, self._seconds)
            self._timer = self._loop.call_at(self._due, self._bound.reschedule, self._due)
        elif not self._bound.expired():
            self._bound.reschedule(now)
