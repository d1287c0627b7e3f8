"""Redis killed, frozen and restarted underneath its manager."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from integrations.deadline import deadline
from integrations.embedded.redis import EmbeddedRedis
from integrations.errors import DeadlineExceeded, Unavailable
from integrations.stores.redis.manager import RedisManager
from tests.faults.processes import (
    AT_ONCE,
    eventually,
    frozen,
    health_times,
    healthy,
    percentile_95,
    timed,
    unhealthy,
    until_rejected_at_once,
)


@pytest.fixture
async def server(embedded_redis: EmbeddedRedis) -> AsyncIterator[EmbeddedRedis]:
    yield embedded_redis
    await embedded_redis.start()


@pytest.fixture
async def redis(server: EmbeddedRedis) -> AsyncIterator[RedisManager]:
    manager = RedisManager(server.url)
    await manager.connect()
    await manager.delete("count")
    yield manager
    await manager.disconnect()


async def test_a_restart_between_two_calls_causes_no_error(server: EmbeddedRedis, redis: RedisManager) -> None:
    await asyncio.gather(*(redis.check_rate_limit("restart", 1000, 60) for _ in range(10)))
    await server.stop()
    await server.start()
    assert await asyncio.gather(*(redis.get("nothing") for _ in range(10))) == [None] * 10
    allowed, _ = await redis.check_rate_limit("restart", 1000, 60)
    assert allowed, "the script was lost with the server and is loaded again"


async def test_calls_to_a_dead_server_fail_at_once_until_it_is_back(server: EmbeddedRedis, redis: RedisManager) -> None:
    await server.kill()
    with pytest.raises(Unavailable) as caught:
        await redis.get("x")
    assert caught.value.extensions["store"] == "cache"
    await eventually(lambda: unhealthy(redis), 2)
    assert percentile_95(await asyncio.gather(*(timed(redis.get("x"), Unavailable) for _ in range(100)))) < AT_ONCE
    await server.start()
    assert await eventually(lambda: healthy(redis)) < 6
    assert await redis.incr("count") == 1


async def test_starting_without_a_server_is_no_error(server: EmbeddedRedis) -> None:
    await server.stop()
    manager = RedisManager(server.url)
    async with asyncio.timeout(2):
        await manager.connect()
    assert await timed(manager.get("x"), Unavailable) < AT_ONCE
    await server.start()
    await eventually(lambda: healthy(manager))
    assert await manager.get("x") is None
    await manager.disconnect()


async def test_no_call_to_a_frozen_server_exceeds_its_deadline(server: EmbeddedRedis, redis: RedisManager) -> None:
    with frozen(server):
        assert max(await asyncio.gather(*(timed(redis.get("x"), Unavailable) for _ in range(100)))) < 1.0
        await until_rejected_at_once(lambda: redis.get("x"))
    assert await eventually(lambda: healthy(redis)) < 6
    assert await redis.get("x") is None


async def test_the_request_deadline_comes_first(server: EmbeddedRedis, redis: RedisManager) -> None:
    with frozen(server), deadline(0.05):
        assert await timed(redis.get("x"), DeadlineExceeded) < 0.5


async def test_a_call_without_a_response_is_not_counted_twice(server: EmbeddedRedis, redis: RedisManager) -> None:
    with frozen(server):
        await timed(redis.incr("count"), Unavailable)
    await eventually(lambda: healthy(redis))
    assert await redis.get_metric("count") <= 1


async def test_health_checks_are_fast_while_the_server_is_frozen(server: EmbeddedRedis, redis: RedisManager) -> None:
    with frozen(server):
        assert percentile_95(await health_times(redis)) < 0.1
        assert await unhealthy(redis)


async def test_disconnecting_from_a_frozen_server_is_fast(server: EmbeddedRedis) -> None:
    manager = RedisManager(server.url)
    await manager.connect()
    await manager.get("x")
    with frozen(server):
        async with asyncio.timeout(3):
            await manager.disconnect()
