"""When to try again, and whether it is worth asking a store at all."""

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

FIRST_WAIT = 0.1
LONGEST_WAIT = 5.0
LONGEST_PROBE = 5.0
# A call that takes longer is a reason to find out whether the store still answers.
SLOW_CALL = 0.5
GRACE_SECONDS = 0.5


def backoff(attempt: int, first: float = FIRST_WAIT, longest: float = LONGEST_WAIT) -> float:
    """Seconds to wait after failure number ``attempt`` (0, 1, ...): doubling, bounded, half of it random.

    The random half keeps the processes of one deployment from knocking on a restarted store all at once.
    """
    ceiling = min(longest, first * 2.0 ** min(attempt, 30))
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter is no secret


class Availability:
    """Whether a store answers, learned from one probe at a time.

    While the store is up, calls pass. A call that lost its connection or is slow makes the store *suspect*: a probe
    runs, on a connection of its own (so that a busy pool does not look like a dead store). If it fails, the store is
    *down*: calls under way are cut off, new ones are refused at once, saying when the next probe is due, and probes
    repeat with exponential backoff until one succeeds. Nobody waits for a store that is known not to answer.

    Args:
        store: name used in errors and the log.
        probe: asks the store for a sign of life, raises anything if there is none, returns details for health.
        patience: seconds that a first probe may take. Later ones may take longer, since nobody waits for them and a
            store that is waking up (serverless, recovering) needs it.
        when_down: called once each time the store goes down.
    """

    def __init__(
        self,
        store: str,
        probe: Callable[[], Awaitable[dict[str, Any]]],
        *,
        patience: float = 1.0,
        when_down: Callable[[], None] = lambda: None,
    ) -> None:
        self.store = store
        self._probe = probe
        self._patience = patience
        self._when_down = when_down
        self._open = False
        self._fault: str | None = "not connected"
        self._down_since: float | None = None
        self._next_probe = 0.0
        self._checked_at = monotonic()
        self._latency = 0.0
        self._details: dict[str, Any] = {}
        self._under_way: set[asyncio.Timeout] = set()
        self._watch: asyncio.Task[None] | None = None
        self._between_probes = asyncio.Event()
        self._between_probes.set()
        self._first_probe: asyncio.Future[None] | None = None

    @property
    def is_up(self) -> bool:
        """Whether calls pass."""
        return self._fault is None

    def check(self) -> None:
        """Let a call pass, or refuse it at once.

        Raises:
            Unavailable: the store is known not to answer; carries the seconds until the next probe.
        """
        if self._fault is not None:
            raise self.unavailable(f"known to be down: {self._fault}")

    def call(self, seconds: float, *, patient: bool = False) -> "Call":
        """Bounds the call that the block makes; it gets TimeoutError after ``seconds``, or once the store is down.

        Args:
            patient: whether the call goes on where the store is taken for down, because it is long work.
        """
        return Call(self, self._under_way, seconds, patient=patient)

    def unavailable(self, reason: str) -> Unavailable:
        """The error for a call that did not reach the store."""
        return Unavailable(self.store, reason, self.retry_after)

    def timed_out(self, reason: str) -> Unavailable:
        """The error for a call that got no answer: the caller's deadline, or this store's own."""
        return DeadlineExceeded(self.store, reason, self.retry_after) if expired() else self.unavailable(reason)

    @property
    def retry_after(self) -> float:
        """Seconds until asking again makes sense, at least 0.1."""
        return round(max(self._next_probe - monotonic(), 0.1), 1)

    def suspect(self) -> None:
        """Find out whether the store still answers, unless somebody is already finding out."""
        if self._open:
            self._start(self._patience)

    async def connect(self, patience: float) -> None:
        """Wait for the first probe, at most ``patience`` seconds. A store that is down is retried in the background."""
        self._open = True
        await asyncio.wait([self._start(patience)])

    async def report(self, patience: float) -> dict[str, Any]:
        """A health answer after at most ``patience`` seconds.

        Asks the store, and where it is slower than that (or already known to be down) answers what the last probe
        found; ``checked_ms_ago`` tells how old that is. The probe goes on and its result is in the next answer.
        """
        if self._open:
            await asyncio.wait([self._start(self._patience)], timeout=patience)
        answer: dict[str, Any] = {
            "status": "healthy" if self.is_up else "unhealthy",
            "latency_ms": round(self._latency * 1000, 2),
            "checked_ms_ago": round((monotonic() - self._checked_at) * 1000, 2),
        }
        if self._fault is not None:
            return {**answer, "error": self._fault, "retry_after_seconds": self.retry_after}
        return {**answer, **self._details}

    async def close(self) -> None:
        """Stop probing; from now on every call is refused."""
        self._open, self._fault = False, "disconnected"
        if self._watch is not None:
            # A driver that is cut off just as its connection is refused forgets to close the socket.
            with suppress(TimeoutError):
                async with asyncio.timeout(GRACE_SECONDS):
                    await self._between_probes.wait()
            self._watch.cancel()
            await asyncio.wait([self._watch])
            self._fault = "disconnected"  # whatever the last probe found

    def _start(self, patience: float) -> asyncio.Future[None]:
        """The future that is done once the probe under way (or the one just started) has answered."""
        if self._first_probe is None or self._watch is None or self._watch.done():
            loop = asyncio.get_running_loop()
            self._first_probe = loop.create_future()
            # A context of its own: whoever noticed the fault must not lend the probe its deadline.
            self._watch = loop.create_task(self._probe_until_up(self._first_probe, patience), context=Context())
        return self._first_probe

    async def _probe_until_up(self, first_probe: asyncio.Future[None], patience: float) -> None:
        try:
            for attempt in count():
                await self._probe_once(patience)
                wait = backoff(attempt)
                self._next_probe = monotonic() + wait
                if not first_probe.done():
                    first_probe.set_result(None)
                if self.is_up:
                    return
                await asyncio.sleep(wait)
                patience = min(LONGEST_PROBE, max(self._patience, patience) * 2)
        finally:
            first_probe.cancel()

    async def _probe_once(self, patience: float) -> None:
        started = monotonic()
        self._between_probes.clear()
        try:
            async with asyncio.timeout(patience):
                self._details = await self._probe()
        except TimeoutError:
            self._went_down(f"no answer within {patience:.1f} s")
        except OutsideError as error:
            self._went_down(error.reason)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises: no sign of life, and the watch goes on
            self._went_down(f"{type(error).__name__}: {error}")
        else:
            self._came_up()
        finally:
            self._between_probes.set()
        self._checked_at = monotonic()
        self._latency = self._checked_at - started

    def _went_down(self, fault: str) -> None:
        self._fault = fault
        if self._down_since is None:
            self._down_since = monotonic()
            self._when_down()
            for bound in self._under_way:
                if not bound.expired():
                    bound.reschedule(asyncio.get_running_loop().time())
            logger.warning("store %s is down: %s", self.store, fault)

    def _came_up(self) -> None:
        self._fault = None
        if self._down_since is not None:
            logger.info("store %s answers again after %.1f s", self.store, monotonic() - self._down_since)
            self._down_since = None


class Call:
    """A call under way, see ``Availability.call``."""

    __slots__ = ("_alarm", "_availability", "_bound", "_patient", "_under_way")

    def __init__(
        self, availability: Availability, under_way: set[asyncio.Timeout], seconds: float, *, patient: bool
    ) -> None:
        self._availability = availability
        self._under_way = under_way
        self._bound = asyncio.timeout(seconds)
        self._patient = patient
        self._alarm: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> None:
        await self._bound.__aenter__()
        if not self._patient:
            self._under_way.add(self._bound)
        self._alarm = asyncio.get_running_loop().call_later(SLOW_CALL, self._availability.suspect)

    async def __aexit__(self, *error: Any) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._under_way.discard(self._bound)
        await self._bound.__aexit__(*error)
