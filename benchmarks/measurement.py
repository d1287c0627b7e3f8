"""Loads on one installation, and their cost."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from time import process_time
from typing import Any, TypeVar

import orjson

from benchmarks.client import Client, post
from benchmarks.installation import BenchmarkInstallation
from benchmarks.load import LoadOutcome, Stream, closed_loop, open_loop
from benchmarks.operations import SOME_BAGS, MeasuredOperation
from benchmarks.processes import Meter, used_between
from integrations.progress import Progress

CONCURRENCIES = (1, 32)
# Bags a page in the growth measurement.
SIZES = (1, 10, 100, 1_000)
# Before each measurement, so that plans are made and Neo4j has compiled.
WARM_SECONDS = 2.0
WARM_SECONDS_OPEN = 40.0
# Number of requests of each operation that are compared with the hand-written statement.
COMPARED = 20

# The required load: operation -> requests a second.
RATES = {"journey": 100.0, "flight": 20.0}

T = TypeVar("T")


class DifferentResponses(Exception):
    """A hand-written statement returns other data than the gateway, so a comparison would mean nothing."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One load and its cost.

    Args:
        key: key of the operation.
        operation: name of the operation.
        server: ``gateway`` or ``baseline``.
        load: kind of load, such as ``32 at once`` or ``100/s``.
        outcome: result of the load.
        cpu: CPU seconds of each process tree meanwhile; of two simultaneous streams, for both.
        megabytes: resident memory of the server afterwards, in MB.
    """

    key: str
    operation: str
    server: str
    load: str
    outcome: LoadOutcome
    cpu: Mapping[str, float]
    megabytes: float


class LoadRunner:
    """Puts loads on an installation.

    Args:
        installed: the running installation.
        operations: operations by key.
        progress: receives one line of text for each step.
    """

    def __init__(
        self, installed: BenchmarkInstallation, operations: Mapping[str, MeasuredOperation], progress: Progress
    ) -> None:
        self._installed = installed
        self._operations = operations
        self._progress = progress
        self._meter = Meter({**installed.stores, **installed.programs})

    def megabytes(self) -> dict[str, float]:
        """Resident memory of each process tree, in MB."""
        return self._meter.megabytes()

    async def compare(self) -> None:
        """Checks that the hand-written statements return the same as the gateway.

        Raises:
            DifferentResponses: one does not.
        """
        async with self._client("gateway") as gateway, self._client("baseline") as baseline:
            for operation in self._operations.values():
                if operation.baseline is None:
                    continue
                requests = zip(self._requests(operation, "gateway"), self._requests(operation, "baseline"), strict=True)
                for one, other in islice(requests, COMPARED):
                    responses = await asyncio.gather(gateway.send(one), baseline.send(other))
                    if not equal(*(orjson.loads(response.body) for response in responses)):
                        raise DifferentResponses(f"{operation.name}: {responses[0].body!r} and {responses[1].body!r}")
        self._progress("gateway and hand-written statements return the same")

    async def closed(self, seconds: float) -> list[Measurement]:
        """Each operation by one caller and by many, through the gateway and the hand-written statement, if any."""
        measurements = []
        for key, operation in self._operations.items():
            for server in ("gateway", "baseline") if operation.baseline else ("gateway",):
                requests = self._requests(operation, server)
                async with self._client(server) as client:
                    await closed_loop(client, requests, max(CONCURRENCIES), WARM_SECONDS)
                    for concurrency in CONCURRENCIES:
                        load = f"{concurrency} at once"
                        self._progress(f"{operation.name}, {server}, {load}")
                        cpu, outcome = await self._metered(closed_loop(client, requests, concurrency, seconds))
                        measurements.append(self._measurement(key, server, load, outcome, cpu))
        return measurements

    async def growth(self, seconds: float) -> list[Measurement]:
        """The same list with more and more bags, by one caller."""
        measurements = []
        async with self._client("gateway") as client:
            for size in SIZES:
                operation = MeasuredOperation(f"{size} bags: passenger, 5 scans", SOME_BAGS, [{"first": size}])
                requests = self._requests(operation, "gateway")
                await closed_loop(client, requests, 1, WARM_SECONDS)
                self._progress(operation.name)
                cpu, outcome = await self._metered(closed_loop(client, requests, 1, seconds))
                memory = self._meter.megabytes()["gateway"]
                measurements.append(
                    Measurement(str(size), operation.name, "gateway", "1 at once", outcome, cpu, memory)
                )
        return measurements

    async def open(self, seconds: float) -> list[Measurement]:
        """The required loads, each alone and then together."""
        measurements = []
        async with self._client("gateway") as client:
            for keys in (*([key] for key in RATES), list(RATES)):
                streams = [Stream(self._requests(self._operations[key], "gateway"), RATES[key]) for key in keys]
                together = " with the other" if len(keys) > 1 else ""
                self._progress(f"{' and '.join(keys)}, open loop of {seconds:.0f} s")
                await open_loop(client, streams, min(WARM_SECONDS_OPEN, seconds))
                cpu, outcomes = await self._metered(open_loop(client, streams, seconds))
                for key, outcome in zip(keys, outcomes, strict=True):
                    measurements.append(
                        self._measurement(key, "gateway", f"{RATES[key]:.0f}/s{together}", outcome, cpu)
                    )
        return measurements

    def _client(self, server: str) -> Client:
        return Client(self._installed.ports[server])

    def _requests(self, operation: MeasuredOperation, server: str) -> Sequence[bytes]:
        if server == "baseline":
            assert operation.baseline is not None
            return [post(operation.baseline, {"variables": variables}, {}) for variables in operation.variables]
        headers = {"Authorization": f"Bearer {self._installed.token}"}
        return [
            post("/graphql", {"query": operation.document, "variables": variables}, headers)
            for variables in operation.variables
        ]

    async def _metered(self, load: Awaitable[T]) -> tuple[dict[str, float], T]:
        before = {**self._meter.cpu_seconds(), "client": process_time()}
        outcome = await load
        return used_between(before, {**self._meter.cpu_seconds(), "client": process_time()}), outcome

    def _measurement(
        self, key: str, server: str, load: str, outcome: LoadOutcome, cpu: Mapping[str, float]
    ) -> Measurement:
        memory = self._meter.megabytes()[server]
        return Measurement(key, self._operations[key].name, server, load, outcome, cpu, memory)


def equal(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal; timestamps may be written differently."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, str) and isinstance(other, str) and one != other:
        try:
            return datetime.fromisoformat(one) == datetime.fromisoformat(other)
        except ValueError:
            return False
    return bool(one == other)
