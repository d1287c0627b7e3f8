"""Health responses while all is well, and while one store after the other is killed or frozen."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from time import perf_counter

from benchmarks.client import Client, get, post
from benchmarks.installation import BenchmarkInstallation
from benchmarks.load import percentile
from benchmarks.operations import HEALTH
from benchmarks.processes import frozen
from integrations.embedded.server import EmbeddedServer
from integrations.progress import Progress

CALLS = 100
# Pause between two rounds of calls, as of monitors. A round is one call of each path.
PAUSE_SECONDS = 0.02
PATHS = ("", "/database", "/graph", "/cache", "/external", "/ready", "/live")

Fault = Callable[[EmbeddedServer], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class HealthFigures:
    """Health responses under one condition.

    Args:
        circumstances: condition, such as ``graph frozen``.
        path: path of the request.
        statuses: HTTP statuses of the responses.
        p95: 95th percentile of the latencies in milliseconds.
        longest: longest latency in milliseconds.
    """

    condition: str
    path: str
    statuses: tuple[int, ...]
    p95: float
    longest: float


async def health_figures(installed: BenchmarkInstallation, progress: Progress) -> list[HealthFigures]:
    """Calls GraphQL ``health`` and each path 100 times under each condition, beginning with the fault."""
    figures = await _call_all(installed, "all well")
    faults: dict[str, Fault] = {"killed": _killed, "frozen": _frozen}
    for name, store in installed.stores.items():
        for condition, fault in faults.items():
            progress(f"health while {name} is {condition}")
            async with fault(store):
                figures += await _call_all(installed, f"{name} {condition}")
            await installed.until_healthy()
    return figures


async def _call_all(installed: BenchmarkInstallation, condition: str) -> list[HealthFigures]:
    requests = {f"/health{path}": get(f"/health{path}") for path in PATHS}
    requests["GraphQL health"] = post("/graphql", {"query": HEALTH}, {})
    seconds: dict[str, list[float]] = {path: [] for path in requests}
    statuses: dict[str, set[int]] = {path: set() for path in requests}
    async with Client(installed.ports["gateway"]) as client:
        for _ in range(CALLS):
            for path, request in requests.items():
                started = perf_counter()
                response = await client.send(request)
                seconds[path].append(perf_counter() - started)
                statuses[path].add(response.status)
            await asyncio.sleep(PAUSE_SECONDS)
    return [
        HealthFigures(
            condition,
            path,
            tuple(sorted(statuses[path])),
            percentile(seconds[path], 0.95) * 1000,
            max(seconds[path]) * 1000,
        )
        for path in requests
    ]


@asynccontextmanager
async def _killed(store: EmbeddedServer) -> AsyncIterator[None]:
    await store.kill()
    try:
        yield
    finally:
        await store.start()


@asynccontextmanager
async def _frozen(store: EmbeddedServer) -> AsyncIterator[None]:
    assert store.pid is not None
    with frozen(store.pid):
        yield
