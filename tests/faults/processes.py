"""Servers that freeze, and waiting for what happens by itself."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic

import psutil
import pytest

from integrations.embedded.server import EmbeddedServer
from integrations.errors import Unavailable
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.postgres.manager import PostgresManager
from integrations.stores.redis.manager import RedisManager

Manager = PostgresManager | Neo4jManager | RedisManager
AT_ONCE = 0.1  # seconds; below any timeout in play


@contextmanager
def frozen(server: EmbeddedServer) -> Iterator[None]:
    """Stop a server and its children in their tracks, as a host that hangs: ports stay open, nobody answers."""
    root = psutil.Process(server.pid)
    processes = [root, *root.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


async def healthy(manager: Manager) -> bool:
    """What the manager says of its store."""
    return bool((await manager.health_check())["status"] == "healthy")


async def unhealthy(manager: Manager) -> bool:
    """The opposite."""
    return not await healthy(manager)


async def eventually(happened: Callable[[], Awaitable[object]], seconds: float = 20.0) -> float:
    """Wait until something is true; return how many seconds it took."""
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


def most(seconds: Sequence[float]) -> float:
    """The 95th percentile: a single stall of a busy machine says nothing."""
    return sorted(seconds)[len(seconds) * 95 // 100]


async def health_times(manager: Manager) -> list[float]:
    """How long each of 40 health answers took, over about two seconds."""
    took = []
    for _ in range(40):
        started = monotonic()
        await manager.health_check()
        took.append(monotonic() - started)
        await asyncio.sleep(0.04)
    return took


async def until_refused_at_once(call: Callable[[], Awaitable[object]]) -> None:
    """Wait until calls fail without waiting, because the store is known to be down."""

    async def refused() -> bool:
        return await timed(call(), Unavailable) < AT_ONCE

    await eventually(refused, 5)
