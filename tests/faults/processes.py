"""Frozen servers, and waiting for conditions."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from time import monotonic

import pytest

from benchmarks import processes
from integrations.embedded.server import EmbeddedServer
from integrations.errors import Unavailable
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.postgres.manager import PostgresManager
from integrations.stores.redis.manager import RedisManager

Manager = PostgresManager | Neo4jManager | RedisManager
AT_ONCE = 0.1  # seconds; below every timeout that applies


def frozen(server: EmbeddedServer) -> AbstractContextManager[None]:
    """Suspends a server and its children, like a host that hangs."""
    assert server.pid is not None
    return processes.frozen(server.pid)


async def healthy(manager: Manager) -> bool:
    """Whether the manager reports its store as healthy."""
    return bool((await manager.health_check())["status"] == "healthy")


async def unhealthy(manager: Manager) -> bool:
    """Whether the manager reports its store as unhealthy."""
    return not await healthy(manager)


async def eventually(happened: Callable[[], Awaitable[object]], seconds: float = 20.0) -> float:
    """Waits until a condition holds; returns the seconds it took."""
    started = monotonic()
    while not await happened():
        if monotonic() - started > seconds:
            pytest.fail(f"did not happen within {seconds} s")
        await asyncio.sleep(0.02)
    return monotonic() - started


async def timed(call: Awaitable[object], error: type[Exception]) -> float:
    """Seconds until a call raised ``error``."""
    started = monotonic()
    with pytest.raises(error):
        await call
    return monotonic() - started


def percentile_95(seconds: Sequence[float]) -> float:
    """95th percentile, since a single stall of a busy machine is not significant."""
    return sorted(seconds)[len(seconds) * 95 // 100]


async def health_times(manager: Manager) -> list[float]:
    """Durations of 40 health checks, over about two seconds."""
    took = []
    for _ in range(40):
        started = monotonic()
        await manager.health_check()
        took.append(monotonic() - started)
        await asyncio.sleep(0.04)
    return took


async def until_rejected_at_once(call: Callable[[], Awaitable[object]]) -> None:
    """Waits until calls fail at once, because the store is known to be down."""

    async def rejected() -> bool:
        return await timed(call(), Unavailable) < AT_ONCE

    await eventually(rejected, 5)
