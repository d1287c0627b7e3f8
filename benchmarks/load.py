"""Two ways to ask: as fast as answers come (closed loop), and at given times whether answers come or not (open loop).

A closed loop tells what the server can do, and hides how long callers would wait: a slow answer keeps the next question
from being asked. In an open loop questions come as those of independent people do, and a latency counts from the moment
the question was due, not from when it could be sent.
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
    """An answer is not what it should be."""


@dataclass(slots=True)
class Outcome:
    """What a load came to.

    Args:
        latencies: of the right answers, in seconds.
        failures: what was wrong with the others.
        seconds: how long the load lasted.
        lateness: how long after its due time each question was sent, in seconds; of an open loop only.
    """

    latencies: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0
    lateness: list[float] = field(default_factory=list)

    @property
    def asked(self) -> int:
        """How many questions were answered, rightly or not."""
        return len(self.latencies) + len(self.failures)

    @property
    def late(self) -> int:
        """How many questions the client itself sent more than 10 ms late."""
        return sum(late > LATE_SECONDS for late in self.lateness)

    def milliseconds(self, share: float) -> float:
        """The latency that this share of the answers did not exceed (nearest rank), in milliseconds."""
        return percentile(self.latencies, share) * 1000


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed; NaN of none."""
    if not values:
        return math.nan
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


async def ask(client: Client, request: bytes) -> None:
    """One question that must be answered, without errors.

    Raises:
        Failed: another status than 200, or errors in the answer.
        OSError: no answer.
    """
    answer = await client.ask(request)
    # Errors come first in the gateway's answers: a longer look would cost the client what it measures.
    if answer.status != 200 or answer.body.startswith(b'{"errors"'):
        raise Failed(f"{answer.status} {answer.body[:200]!r}")


async def closed_loop(client: Client, requests: Sequence[bytes], concurrency: int, seconds: float) -> Outcome:
    """So many callers ask one question after the other, for so long."""
    outcome = Outcome()
    questions = cycle(requests)
    began = perf_counter()
    ends = began + seconds

    async def caller() -> None:
        while (started := perf_counter()) < ends:
            await _timed(outcome, started, ask(client, next(questions)))

    await asyncio.gather(*(caller() for _ in range(concurrency)))
    outcome.seconds = perf_counter() - began
    return outcome


@dataclass(frozen=True, slots=True)
class Stream:
    """Questions of one kind in an open loop: ``rate`` a second on average, at random times (Poisson)."""

    requests: Sequence[bytes]
    rate: float


async def open_loop(client: Client, streams: Sequence[Stream], seconds: float, seed: int = 753) -> list[Outcome]:
    """Asks at the due times of all streams; the times are the same for the same seed. One outcome for each stream."""
    began = perf_counter()
    outcomes = await asyncio.gather(
        *(
            _play(client, stream, due_times(stream.rate, seconds, f"{seed}/{index}"), began)
            for index, stream in enumerate(streams)
        )
    )
    for outcome in outcomes:
        outcome.seconds = perf_counter() - began
    return outcomes


def due_times(rate: float, seconds: float, seed: str) -> list[float]:
    """Seconds from the start at which the questions of a Poisson process are due."""
    chance = random.Random(seed)
    due: list[float] = []
    at = chance.expovariate(rate)
    while at < seconds:
        due.append(at)
        at += chance.expovariate(rate)
    return due


async def _play(client: Client, stream: Stream, due: Sequence[float], began: float) -> Outcome:
    outcome = Outcome()
    questions = cycle(stream.requests)
    async with asyncio.TaskGroup() as asking:
        for at in due:
            if (wait := began + at - perf_counter()) > 0:
                await asyncio.sleep(wait)
            outcome.lateness.append(perf_counter() - began - at)
            asking.create_task(_timed(outcome, began + at, ask(client, next(questions))))
    return outcome


async def _timed(outcome: Outcome, started: float, question: Awaitable[None]) -> None:
    try:
        await question
    except (Failed, OSError) as error:
        outcome.failures.append(f"{type(error).__name__} {error}")
    else:
        outcome.latencies.append(perf_counter() - started)
