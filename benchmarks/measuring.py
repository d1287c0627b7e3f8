"""One installation being measured: which loads it is put under, and what they cost."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import process_time
from typing import Any, TypeVar

import orjson

from benchmarks.client import Client, post
from benchmarks.installation import Installation, Say
from benchmarks.load import Outcome, Stream, closed_loop, open_loop
from benchmarks.operations import SOME_BAGS, Operation
from benchmarks.processes import Meter, used_between

CONCURRENCIES = (1, 32)
# Bags a page, where growth is measured.
SIZES = (1, 10, 100, 1_000)
# Before each measurement: plans are made, Neo4j's compiler has seen the code.
WARM_SECONDS = 2.0
WARM_SECONDS_OPEN = 40.0
# How many questions of each operation are compared with the statement written by hand.
COMPARED = 20

# The load that the product has to carry: operation -> questions a second.
RATES = {"journey": 100.0, "flight": 20.0}

T = TypeVar("T")


class DifferentAnswers(Exception):
    """A hand-written statement gives something else than the gateway: the comparison would mean nothing."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One load and what it cost.

    Args:
        key: of the operation.
        operation: its name.
        server: who answered: ``gateway`` or ``reference``.
        load: such as ``32 at once`` or ``100/s``.
        outcome: the answers and how long they took.
        cpu: seconds of CPU that each process tree used meanwhile; of two streams at a time, for both.
        megabytes: resident memory of the server afterwards.
    """

    key: str
    operation: str
    server: str
    load: str
    outcome: Outcome
    cpu: Mapping[str, float]
    megabytes: float


class Measuring:
    """Puts loads on an installation.

    Args:
        installed: that runs.
        asked: the operations by key.
        say: takes a line for the person at the console.
    """

    def __init__(self, installed: Installation, asked: Mapping[str, Operation], say: Say) -> None:
        self._installed = installed
        self._asked = asked
        self._say = say
        self._meter = Meter({**installed.stores, **installed.programs})

    def megabytes(self) -> dict[str, float]:
        """Resident memory of each process tree."""
        return self._meter.megabytes()

    async def compare(self) -> None:
        """Checks that the hand-written statements give what the gateway answers.

        Raises:
            DifferentAnswers: one does not.
        """
        async with self._client("gateway") as gateway, self._client("reference") as reference:
            for operation in self._asked.values():
                if operation.reference is None:
                    continue
                ours, theirs = self._requests(operation, "gateway"), self._requests(operation, "reference")
                for one, other in list(zip(ours, theirs, strict=True))[:COMPARED]:
                    answers = await asyncio.gather(gateway.ask(one), reference.ask(other))
                    if not alike(*(orjson.loads(answer.body) for answer in answers)):
                        raise DifferentAnswers(f"{operation.name}: {answers[0].body!r} and {answers[1].body!r}")
        self._say("gateway and hand-written statements give the same")

    async def closed(self, seconds: float) -> list[Measured]:
        """Each operation by one caller and by many, through the gateway and, where there is one, by one statement."""
        measured = []
        for key, operation in self._asked.items():
            for server in ("gateway", "reference") if operation.reference else ("gateway",):
                requests = self._requests(operation, server)
                async with self._client(server) as client:
                    await closed_loop(client, requests, max(CONCURRENCIES), WARM_SECONDS)
                    for concurrency in CONCURRENCIES:
                        load = f"{concurrency} at once"
                        self._say(f"{operation.name}, {server}, {load}")
                        cpu, outcome = await self._metered(closed_loop(client, requests, concurrency, seconds))
                        measured.append(self._measured(key, server, load, outcome, cpu))
        return measured

    async def growth(self, seconds: float) -> list[Measured]:
        """The same list with more and more bags, by one caller."""
        measured = []
        async with self._client("gateway") as client:
            for size in SIZES:
                operation = Operation(f"{size} bags: passenger, 5 scans", SOME_BAGS, [{"first": size}])
                requests = self._requests(operation, "gateway")
                await closed_loop(client, requests, 1, WARM_SECONDS)
                self._say(operation.name)
                cpu, outcome = await self._metered(closed_loop(client, requests, 1, seconds))
                memory = self._meter.megabytes()["gateway"]
                measured.append(Measured(str(size), operation.name, "gateway", "1 at once", outcome, cpu, memory))
        return measured

    async def open(self, seconds: float) -> list[Measured]:
        """The loads to be carried, each alone and then together."""
        measured = []
        async with self._client("gateway") as client:
            for keys in (*([key] for key in RATES), list(RATES)):
                streams = [Stream(self._requests(self._asked[key], "gateway"), RATES[key]) for key in keys]
                together = " with the other" if len(keys) > 1 else ""
                self._say(f"{' and '.join(keys)}, open loop of {seconds:.0f} s")
                await open_loop(client, streams, min(WARM_SECONDS_OPEN, seconds))
                cpu, outcomes = await self._metered(open_loop(client, streams, seconds))
                for key, outcome in zip(keys, outcomes, strict=True):
                    measured.append(self._measured(key, "gateway", f"{RATES[key]:.0f}/s{together}", outcome, cpu))
        return measured

    def _client(self, server: str) -> Client:
        return Client(self._installed.ports[server])

    def _requests(self, operation: Operation, server: str) -> Sequence[bytes]:
        if server == "reference":
            assert operation.reference is not None
            return [post(operation.reference, {"variables": given}, {}) for given in operation.variables]
        headers = {"Authorization": f"Bearer {self._installed.token}"}
        return [
            post("/graphql", {"query": operation.document, "variables": given}, headers)
            for given in operation.variables
        ]

    async def _metered(self, load: Awaitable[T]) -> tuple[dict[str, float], T]:
        before = {**self._meter.cpu_seconds(), "client": process_time()}
        outcome = await load
        return used_between(before, {**self._meter.cpu_seconds(), "client": process_time()}), outcome

    def _measured(self, key: str, server: str, load: str, outcome: Outcome, cpu: Mapping[str, float]) -> Measured:
        memory = self._meter.megabytes()[server]
        return Measured(key, self._asked[key].name, server, load, outcome, cpu, memory)


def alike(one: Any, other: Any) -> bool:
    """Whether two JSON values say the same; moments may be written differently."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, str) and isinstance(other, str) and one != other:
        try:
            return datetime.fromisoformat(one) == datetime.fromisoformat(other)
        except ValueError:
            return False
    return bool(one == other)
