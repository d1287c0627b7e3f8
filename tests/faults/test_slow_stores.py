"""Stores that respond late, through a proxy that delays: callers get the response, and health says what it costs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from benchmarks.proxy import FaultProxy
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.redis import EmbeddedRedis
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.postgres.manager import PostgresManager
from integrations.stores.redis.manager import RedisManager
from tests.faults.processes import Manager, eventually

# Late for each store, and less than every deadline.
LATE_SECONDS = 0.3
# Later than two probes without response.
VERY_LATE_SECONDS = 1.0
# The deadline of the cache is shorter than a busy machine may take to be late.
PATIENT_SECONDS = 2.0


Call = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class SlowStore:
    """A manager whose store is behind a proxy, and a call of it."""

    manager: Manager
    proxy: FaultProxy
    call: Call

    async def has_status(self, status: str) -> bool:
        return bool((await self.manager.health_check())["status"] == status)


@asynccontextmanager
async def behind_proxy(url: str) -> AsyncIterator[tuple[FaultProxy, str]]:
    """A proxy in front of a server, and the server's address through it."""
    port = urlsplit(url).port
    assert port is not None
    async with FaultProxy(port).running() as proxy:
        yield proxy, url.replace(f":{port}", f":{proxy.port}")


@pytest.fixture
async def slow(
    request: pytest.FixtureRequest,
    embedded_postgres: EmbeddedPostgres,
    embedded_neo4j: EmbeddedNeo4j,
    embedded_redis: EmbeddedRedis,
) -> AsyncIterator[SlowStore]:
    """The store that the parameter names; tests set the delay."""

    def open_records(url: str) -> tuple[Manager, Call]:
        manager = PostgresManager(url)
        return manager, lambda: manager.fetchval("SELECT 1")

    def open_graph(url: str) -> tuple[Manager, Call]:
        manager = Neo4jManager(url, embedded_neo4j.user, embedded_neo4j.password)
        return manager, lambda: manager.execute_read("RETURN 1 AS one")

    def open_cache(url: str) -> tuple[Manager, Call]:
        manager = RedisManager(url, timeout=PATIENT_SECONDS)
        return manager, lambda: manager.get("nothing")

    url, open_manager = {
        "records": (embedded_postgres.url, open_records),
        "graph": (embedded_neo4j.uri, open_graph),
        "cache": (embedded_redis.url, open_cache),
    }[request.param]
    async with behind_proxy(url) as (proxy, address):
        manager, call = open_manager(address)
        await manager.connect()
        await asyncio.gather(*(call() for _ in range(4)))
        yield SlowStore(manager, proxy, call)
        proxy.delay = 0.0
        await manager.disconnect()


@pytest.mark.parametrize(
    ("slow", "delay"),
    [
        ("records", LATE_SECONDS),
        ("records", VERY_LATE_SECONDS),
        ("graph", LATE_SECONDS),
        ("graph", VERY_LATE_SECONDS),
        ("cache", LATE_SECONDS),
    ],
    indirect=["slow"],
)
async def test_a_slow_store_is_degraded_and_every_caller_gets_its_response(slow: SlowStore, delay: float) -> None:
    slow.proxy.delay = delay
    async with asyncio.timeout(30):
        while not await slow.has_status("degraded"):
            await asyncio.gather(*(slow.call() for _ in range(3)))
    health = await slow.manager.health_check()
    assert health["latency_ms"] >= delay * 1000
    if delay == VERY_LATE_SECONDS or isinstance(slow.manager, RedisManager):
        assert health["slow_calls"] > 0
        assert health["slowest_call_ms"] >= delay * 1000
    slow.proxy.delay = 0.0
    await eventually(lambda: slow.has_status("healthy"))
