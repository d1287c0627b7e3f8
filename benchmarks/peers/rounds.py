"""Rounds of loads on the contenders in turn, and the cost of each."""

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import psutil

from benchmarks.client import Client, ClientResponse
from benchmarks.load import Failed, LoadOutcome, closed_loop
from benchmarks.measurement import CONCURRENCIES
from benchmarks.peers.contenders import OK, Serving
from benchmarks.processes import Meter, Running, used_between
from integrations.progress import Progress

# Before each measurement, so that none begins in caches that another contender filled.
LEAD_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Cores:
    """One core for the servers, one for the database and the client; None if the machine has only one."""

    servers: Sequence[int] | None
    others: Sequence[int] | None

    @classmethod
    def of_this_machine(cls) -> "Cores":
        """The first two cores that this process may use."""
        cores = sorted(os.sched_getaffinity(0))
        return cls([cores[1]], [cores[0]]) if len(cores) > 1 else cls(None, None)


@dataclass(frozen=True, slots=True)
class Load:
    """One measurement: a contender, an operation, and a number of callers.

    Args:
        contender: name of the contender.
        key: key of the operation.
        concurrency: number of callers.
        outcome: result of the load.
        server: CPU of the server's process tree for each response, in milliseconds.
        database: CPU of PostgreSQL for each response, in milliseconds.
        client: CPU of this process for each response, in milliseconds.
        megabytes: resident memory of the server afterwards, in MB.
    """

    contender: str
    key: str
    concurrency: int
    outcome: LoadOutcome
    server: float
    database: float
    client: float
    megabytes: float


class CheckingClient(Client):
    """A client for which a response that differs from the first one to its request is a failure.

    Args:
        first: first responses, shared by the clients of a contender.
    """

    def __init__(self, port: int, first: dict[bytes, bytes]) -> None:
        super().__init__(port)
        self._first = first

    async def send(self, request: bytes) -> ClientResponse:
        """Sends a request and returns the response.

        Raises:
            Failed: the response is wrong.
            OSError: no response.
        """
        response = await super().send(request)
        first = self._first.get(request)
        if first is None and response.status == OK and b'"errors":' not in response.body:
            self._first[request] = response.body
        elif response.status != OK or response.body != first:
            raise Failed(f"{response.status} {response.body[:300]!r}")
        return response


class Rounds:
    """Puts the contenders under load, one at a time.

    Args:
        serving: servers of the contenders by name.
        requests: requests by contender's name and operation's key.
        database: PostgreSQL.
        progress: receives one line of text for each step.
    """

    def __init__(
        self,
        serving: Mapping[str, Serving],
        requests: Mapping[str, Mapping[str, Sequence[bytes]]],
        database: Running,
        progress: Progress,
    ) -> None:
        self._serving = serving
        self._requests = requests
        self._first: dict[str, dict[bytes, bytes]] = {name: {} for name in serving}
        self._meter = Meter({**{name: one.program for name, one in serving.items()}, "PostgreSQL": database})
        self._progress = progress

    async def idle(self, seconds: float) -> dict[str, float]:
        """CPU of each process tree without requests, in milliseconds a second."""
        before = self._meter.cpu_seconds()
        await asyncio.sleep(seconds)
        used = used_between(before, self._meter.cpu_seconds())
        return {name: cpu * 1000 / seconds for name, cpu in used.items()}

    async def warm(self, seconds: float) -> None:
        """Runs each operation on each contender for so long, so that compilers have finished.

        Raises:
            Failed: a response is wrong.
        """
        for name, requests_by_key in self._requests.items():
            self._progress(f"warming up: {name}")
            async with self._client(name) as client:
                for requests in requests_by_key.values():
                    _fail(await closed_loop(client, requests, max(CONCURRENCIES), seconds))

    async def measure(self, rounds: int, seconds: float) -> list[Load]:
        """Measures all rounds. Contenders follow one another directly with the same load.

        Raises:
            Failed: a response is wrong.
        """
        loads: list[Load] = []
        keys = list(next(iter(self._requests.values())))
        for number in range(rounds):
            for key in keys:
                for concurrency in CONCURRENCIES:
                    self._progress(f"round {number + 1} of {rounds}: {key}, {concurrency} at once")
                    names = _rotated(list(self._requests), number)
                    loads += [await self._load(name, key, concurrency, seconds) for name in names]
        return loads

    async def _load(self, name: str, key: str, concurrency: int, seconds: float) -> Load:
        requests = self._requests[name][key]
        async with self._client(name) as client:
            _fail(await closed_loop(client, requests, concurrency, LEAD_SECONDS))
            before = self._used()
            outcome = await closed_loop(client, requests, concurrency, seconds)
            used = used_between(before, self._used())
        _fail(outcome)
        milliseconds_each = 1000 / len(outcome.latencies)
        return Load(
            contender=name,
            key=key,
            concurrency=concurrency,
            outcome=outcome,
            server=used[name] * milliseconds_each,
            database=used["PostgreSQL"] * milliseconds_each,
            client=used["client"] * milliseconds_each,
            megabytes=self._meter.megabytes()[name],
        )

    def _client(self, name: str) -> Client:
        return CheckingClient(self._serving[name].port, self._first[name])

    def _used(self) -> dict[str, float]:
        return {**self._meter.cpu_seconds(), "client": process_time()}


def _fail(outcome: LoadOutcome) -> None:
    if outcome.failures:
        raise Failed(
            f"{len(outcome.failures)} of {outcome.completed} responses failed, the first: {outcome.failures[0]}"
        )


def _rotated(names: Sequence[str], number: int) -> Iterator[str]:
    """Order of the contenders, with another one first in each round, so that none always follows the same."""
    start = number % len(names)
    yield from names[start:]
    yield from names[:start]


def pin(running: Running, cores: Sequence[int] | None) -> None:
    """Pins a process, its descendants, and what they start later, to these cores."""
    if cores is None or running.pid is None:
        return
    root = psutil.Process(running.pid)
    for process in (root, *root.children(recursive=True)):
        for thread in Path(f"/proc/{process.pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores)
