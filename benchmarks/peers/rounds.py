"""Contenders under load in turn, round after round, and what each load cost."""

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import psutil

from benchmarks.client import Client, ClientResponse
from benchmarks.installation import Say
from benchmarks.load import Failed, Outcome, closed_loop
from benchmarks.measuring import CONCURRENCIES
from benchmarks.peers.contenders import OK, Serving
from benchmarks.processes import Meter, Running, used_between

# Before each measurement, so that nobody's begins in caches that another one filled.
LEAD_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Cores:
    """One core for the servers, one for the database and the client; None, anywhere, where there is only one."""

    servers: Sequence[int] | None
    others: Sequence[int] | None

    @classmethod
    def of_this_machine(cls) -> "Cores":
        """The first two cores that this process may use."""
        cores = sorted(os.sched_getaffinity(0))
        return cls([cores[1]], [cores[0]]) if len(cores) > 1 else cls(None, None)


@dataclass(frozen=True, slots=True)
class Load:
    """One measurement: a contender, an operation, and how many callers there were.

    Args:
        contender: its name.
        key: of the operation.
        concurrency: how many callers.
        outcome: the answers and how long they took.
        server: milliseconds of CPU for each answer, of the server's process tree.
        database: the same of PostgreSQL's.
        client: the same of this process.
        megabytes: resident memory of the server afterwards.
    """

    contender: str
    key: str
    concurrency: int
    outcome: Outcome
    server: float
    database: float
    client: float
    megabytes: float


class CheckingClient(Client):
    """A client to whom an answer that is not the same as the first to its question is a failure.

    Args:
        first: the first answers; kept from client to client.
    """

    def __init__(self, port: int, first: dict[bytes, bytes]) -> None:
        super().__init__(port)
        self._first = first

    async def ask(self, request: bytes) -> ClientResponse:
        """Sends a request and returns the response.

        Raises:
            Failed: it is not what it should be.
            OSError: there is none.
        """
        answer = await super().ask(request)
        first = self._first.get(request)
        if first is None and answer.status == OK and b'"errors":' not in answer.body:
            self._first[request] = answer.body
        elif answer.status != OK or answer.body != first:
            raise Failed(f"{answer.status} {answer.body[:300]!r}")
        return answer


class Rounds:
    """Puts the contenders under load, one at a time.

    Args:
        serving: the contenders' servers by name.
        questions: the requests of each contender by its name and the operation's key.
        database: PostgreSQL.
    """

    def __init__(
        self,
        serving: Mapping[str, Serving],
        questions: Mapping[str, Mapping[str, Sequence[bytes]]],
        database: Running,
        say: Say,
    ) -> None:
        self._serving = serving
        self._questions = questions
        self._first: dict[str, dict[bytes, bytes]] = {name: {} for name in serving}
        self._meter = Meter({**{name: one.program for name, one in serving.items()}, "PostgreSQL": database})
        self._say = say

    async def idle(self, seconds: float) -> dict[str, float]:
        """Milliseconds of CPU that each used in a second while nobody asked anything."""
        before = self._meter.cpu_seconds()
        await asyncio.sleep(seconds)
        used = used_between(before, self._meter.cpu_seconds())
        return {name: cpu * 1000 / seconds for name, cpu in used.items()}

    async def warm(self, seconds: float) -> None:
        """Lets each contender answer each operation for so long: what compiles while it runs has then compiled.

        Raises:
            Failed: an answer is not what it should be.
        """
        for name, questions in self._questions.items():
            self._say(f"warming up: {name}")
            async with self._client(name) as client:
                for requests in questions.values():
                    _fail(await closed_loop(client, requests, max(CONCURRENCIES), seconds))

    async def measure(self, rounds: int, seconds: float) -> list[Load]:
        """The loads of all rounds; contenders come directly one after the other with the same load.

        Raises:
            Failed: an answer is not what it should be.
        """
        loads: list[Load] = []
        keys = list(next(iter(self._questions.values())))
        for number in range(rounds):
            for key in keys:
                for concurrency in CONCURRENCIES:
                    self._say(f"round {number + 1} of {rounds}: {key}, {concurrency} at once")
                    names = _turned(list(self._questions), number)
                    loads += [await self._load(name, key, concurrency, seconds) for name in names]
        return loads

    async def _load(self, name: str, key: str, concurrency: int, seconds: float) -> Load:
        requests = self._questions[name][key]
        async with self._client(name) as client:
            _fail(await closed_loop(client, requests, concurrency, LEAD_SECONDS))
            before = self._used()
            outcome = await closed_loop(client, requests, concurrency, seconds)
            used = used_between(before, self._used())
        _fail(outcome)
        each = 1000 / len(outcome.latencies)
        return Load(
            contender=name,
            key=key,
            concurrency=concurrency,
            outcome=outcome,
            server=used[name] * each,
            database=used["PostgreSQL"] * each,
            client=used["client"] * each,
            megabytes=self._meter.megabytes()[name],
        )

    def _client(self, name: str) -> Client:
        return CheckingClient(self._serving[name].port, self._first[name])

    def _used(self) -> dict[str, float]:
        return {**self._meter.cpu_seconds(), "client": process_time()}


def _fail(outcome: Outcome) -> None:
    if outcome.failures:
        raise Failed(f"{len(outcome.failures)} of {outcome.asked} answers failed, the first: {outcome.failures[0]}")


def _turned(names: Sequence[str], number: int) -> Iterator[str]:
    """From another one on in each round: nobody always follows the same."""
    start = number % len(names)
    yield from names[start:]
    yield from names[:start]


def pin(running: Running, cores: Sequence[int] | None) -> None:
    """Keeps a process, all below it, and what they start later, on these cores."""
    if cores is None or running.pid is None:
        return
    root = psutil.Process(running.pid)
    for process in (root, *root.children(recursive=True)):
        for thread in Path(f"/proc/{process.pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores)
