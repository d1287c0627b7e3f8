"""What a Redis that hangs or is slow costs a request, through a proxy that stalls."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic
from typing import Any, cast
from urllib.parse import urlsplit

import pytest

from benchmarks.proxy import FaultProxy
from integrations.embedded.redis import EmbeddedRedis
from integrations.records.routes import Routes, RouteSource
from integrations.stores.redis.manager import RedisManager
from integrations.stores.routes import cache_key
from resolvers import routes
from resolvers.context import Context
from resolvers.installation import Stores
from tests.world import context_of

# Scheduling on a machine that runs other tests as well.
SPARE_SECONDS = 0.1
LIMIT = routes.CACHE_BUDGET_SECONDS + SPARE_SECONDS


@pytest.fixture
async def proxy(embedded_redis: EmbeddedRedis) -> AsyncIterator[FaultProxy]:
    port = urlsplit(embedded_redis.url).port
    assert port is not None
    async with FaultProxy(port).running() as running:
        yield running


@pytest.fixture
async def context(
    embedded_redis: EmbeddedRedis, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Context]:
    """A request whose Redis is behind the proxy, and whose graph responds at once."""

    async def compute(_graph: Any, _airline: int, pairs: Sequence[tuple[str, str]], now: datetime) -> list[Routes]:
        return [Routes(*pair, RouteSource.GRAPH, now, 0, []) for pair in pairs]

    monkeypatch.setattr(routes, "compute", compute)
    password = urlsplit(embedded_redis.url).netloc.rpartition("@")[0]
    redis = RedisManager(
        f"redis://{password}@127.0.0.1:{proxy.port}/0" if password else f"redis://127.0.0.1:{proxy.port}"
    )
    await redis.connect()
    await redis.delete(*(cache_key(1, "PTY", one) for one in ("MIA", "BOG", "LIM", "GRU", "SCL")))
    yield context_of(Stores(cast(Any, None), cast(Any, None), redis), now=datetime.now(UTC))
    with suppress(TimeoutError):
        async with asyncio.timeout(5):
            await redis.disconnect()


async def cost(context: Context, *destinations: str) -> float:
    """Seconds that concurrent look-ups take."""
    started = monotonic()
    await asyncio.gather(*(routes.between(context, "PTY", one) for one in destinations))
    return monotonic() - started


async def test_a_cache_that_responds_is_read_and_written(context: Context) -> None:
    assert (await routes.between(context, "PTY", "MIA")).source is RouteSource.GRAPH
    assert (await routes.between(context, "PTY", "MIA")).source is RouteSource.CACHE


async def test_a_cache_that_hangs_costs_a_request_its_budget(context: Context, proxy: FaultProxy) -> None:
    proxy.stall()
    assert await cost(context, "MIA") < LIMIT
    assert await cost(context, "MIA", "BOG", "LIM", "GRU", "SCL") < LIMIT


async def test_a_cache_that_hangs_while_it_is_written(context: Context, proxy: FaultProxy) -> None:
    proxy.stall_on = b"SET\r\n"
    assert await cost(context, "MIA") < LIMIT


async def test_a_slow_read_leaves_less_time_to_write(context: Context, proxy: FaultProxy) -> None:
    proxy.stall_on, proxy.delay = b"SET\r\n", 0.15
    assert await cost(context, "BOG") < LIMIT


async def test_a_new_connection_that_hangs(context: Context, proxy: FaultProxy) -> None:
    """More concurrent look-ups than open connections: the others hang while they connect."""
    proxy.stall_on = b"CLIENT"
    assert await cost(context, "MIA", "BOG", "LIM", "GRU", "SCL") < LIMIT


async def test_hanging_requests_one_after_the_other(context: Context, proxy: FaultProxy) -> None:
    """Once a probe has failed, the cache costs nothing."""
    proxy.stall()
    costs = [await cost(context, "MIA") for _ in range(8)]
    assert max(costs) < LIMIT
    assert min(costs[-2:]) < SPARE_SECONDS
