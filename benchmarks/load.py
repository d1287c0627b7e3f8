"""Load generators: as fast as responses arrive (closed loop), or at given times in any case (open loop).

A closed loop shows the throughput of the server and hides how long callers would wait: a slow response delays the next
request. In an open loop requests come like those of independent users, and a latency counts from the time at which the
request was due, not from when it could be sent.
"""

import asyncio
import math
import random
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from time import perf_counter

from benchmarks.client import Client

LATE_SECONDS = 0.010


class Failed(Exception):
    """A response is not the expected one."""


@dataclass(slots=True)
class LoadOutcome:
    """Result of a load.

    Args:
        latencies: latencies of the correct responses, in seconds.
        failures: errors of the other requests.
        seconds: duration of the load.
        lateness: delay of each request after its due time, in seconds; only of an open loop.
    """

    latencies: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0
    lateness: list[float] = field(default_factory=list)

    @property
    def completed(self) -> int:
        """Number of completed requests, correct or not."""
        return len(self.latencies) + len(self.failures)

    @property
    def late(self) -> int:
        """Number of requests that the client itself sent more than 10 ms late."""
        return sum(late > LATE_SECONDS for late in self.lateness)

    def milliseconds(self, share: float) -> float:
        """Latency in milliseconds that this share of the responses did not exceed (nearest rank)."""
        return percentile(self.latencies, share) * 1000


def percentile(values: Sequence[float], share: float) -> float:
    """Smallest value that at least this share of the values does not exceed; NaN for no values."""
    if not values:
        return math.nan
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


async def send_checked(client: Client, request: bytes) -> None:
    """Sends one request that must succeed.

    Raises:
        Failed: the status is not 200, or the response has errors.
        OSError: no response.
    """
    response = await client.send(request)
    # Errors come first in the gateway's responses; a full parse would cost the client what it measures.
    if response.status != 200 or response.body.startswith(b'{"errors"'):
        raise Failed(f"{response.status} {response.body[:200]!r}")


async def closed_loop(client: Client, requests: Sequence[bytes], concurrency: int, seconds: float) -> LoadOutcome:
    """So many callers send one request after the other, for so long."""
    outcome = LoadOutcome()
    requests_in_turn = cycle(requests)
    started_at = perf_counter()
    deadline = started_at + seconds

    async def caller() -> None:
        while (started := perf_counter()) < deadline:
            await _timed(outcome, started, send_checked(client, next(requests_in_turn)))

    await asyncio.gather(*(caller() for _ in range(concurrency)))
    outcome.seconds = perf_counter() - started_at
    return outcome


@dataclass(frozen=True, slots=True)
class Stream:
    """Requests of one kind in an open loop: ``rate`` a second on average, at random times (Poisson)."""

    requests: Sequence[bytes]
    rate: float


async def open_loop(client: Client, streams: Sequence[Stream], seconds: float, seed: int = 753) -> list[LoadOutcome]:
    """Sends requests at the due times of all streams, which depend only on the seed; one outcome for each."""
    started_at = perf_counter()
    outcomes = await asyncio.gather(
        *(
            _run_stream(client, stream, due_times(stream.rate, seconds, f"{seed}/{index}"), started_at)
            for index, stream in enumerate(streams)
        )
    )
    for outcome in outcomes:
        outcome.seconds = perf_counter() - started_at
    return outcomes


def due_times(rate: float, seconds: float, seed: str) -> list[float]:
    """Seconds from the start at which the requests of a Poisson process are due."""
    rng = random.Random(seed)
    due: list[float] = []
    at = rng.expovariate(rate)
    while at < seconds:
        due.append(at)
        at += rng.expovariate(rate)
    return due


async def _run_stream(client: Client, stream: Stream, due: Sequence[float], started_at: float) -> LoadOutcome:
    outcome = LoadOutcome()
    requests_in_turn = cycle(stream.requests)
    async with asyncio.TaskGroup() as group:
        for at in due:
            if (wait := started_at + at - perf_counter()) > 0:
                await asyncio.sleep(wait)
            outcome.lateness.append(perf_counter() - started_at - at)
            group.create_task(_timed(outcome, started_at + at, send_checked(client, next(requests_in_turn))))
    return outcome


async def _timed(outcome: LoadOutcome, started: float, request: Awaitable[None]) -> None:
    try:
        await request
    except (Failed, OSError) as error:
        outcome.failures.append(f"{type(error).__name__} {error}")
    else:
        outcome.latencies.append(perf_counter() - started)
