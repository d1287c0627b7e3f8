"""RedisManager on a real server."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from time import monotonic

import pytest
from redis import Redis as BlockingRedis
from redis.asyncio import Redis

from integrations.deadline import deadline
from integrations.errors import DeadlineExceeded, Refused, Unavailable
from integrations.stores.redis.manager import SLICES, RedisManager


async def routes() -> Mapping[str, tuple[bytes | str, int]]:
    return {f"route:{number}": (b"\x00\xff" if number % 2 else "PTY-MIA", 60) for number in range(1200)}


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[RedisManager]:
    manager = RedisManager(redis_url, timeout=2.0, warm_source=routes)
    await manager.connect()
    yield manager
    await manager.disconnect()


@pytest.fixture
async def onlooker(redis_url: str) -> AsyncIterator[Redis]:
    """Another client, to see what the server holds."""
    async with Redis.from_url(redis_url, protocol=2) as client:
        await client.flushall()
        yield client


@pytest.mark.parametrize("value", ["CM123456", b"\x00\xff", {"tag": "CM123456", "bags": [1, None]}, 5, 1.5, True, ""])
async def test_a_value_keeps_its_type(redis: RedisManager, value: object) -> None:
    await redis.set("bag:CM123456", value, ttl=3600)
    assert await redis.get("bag:CM123456") == value
    assert await redis.delete("bag:CM123456", "bag:none") == 1
    assert await redis.get("bag:CM123456") is None
    assert await redis.delete() == 0


async def test_a_value_expires_after_its_ttl(redis: RedisManager, onlooker: Redis) -> None:
    await redis.set("forever", "x")
    await redis.set("hour", "x", ttl=3600)
    await redis.set("short", "x", ttl=0.05)
    assert await onlooker.ttl("forever") == -1
    assert 3590 < await onlooker.ttl("hour") <= 3600
    await asyncio.sleep(0.1)
    assert await redis.get("short") is None


async def test_many_values_in_few_round_trips(redis: RedisManager, onlooker: Redis) -> None:
    values = {f"many:{number}": {"number": number} for number in range(1200)}
    await redis.set_many(values, ttl=60)
    assert await redis.get_many([*values, "many:none"]) == values
    assert 0 < await onlooker.ttl("many:1199") <= 60
    assert await redis.get_many([]) == {}


async def test_counters_and_gauges(redis: RedisManager, onlooker: Redis) -> None:
    assert await redis.get_metric("bags_processed") == 0
    assert await redis.incr("bags_processed") == 1
    assert await redis.incr("bags_processed", 41) == 42
    assert await redis.get_metric("bags_processed") == 42
    await redis.set_metric("lag_seconds", 0.25)
    assert await redis.get_metric("lag_seconds") == 0.25
    await redis.set_metric("bags_processed", 7)
    assert await redis.incr("bags_processed") == 8


async def test_hashes(redis: RedisManager, onlooker: Redis) -> None:
    await redis.hset("bag:1", "state", "LOADED")
    await redis.hset("bag:1", mapping={"legs": [1, 2], "raw": b"\xff"})
    assert await redis.hget("bag:1", "state") == "LOADED"
    assert await redis.hget("bag:1", "none") is None
    assert await redis.hgetall("bag:1") == {"state": "LOADED", "legs": [1, 2], "raw": b"\xff"}
    assert await redis.hgetall("bag:none") == {}


async def test_the_cache_is_warmed_from_the_source(redis: RedisManager, onlooker: Redis, redis_url: str) -> None:
    assert await redis.warm_cache_for_copa() == 1200
    assert await redis.get("route:0") == "PTY-MIA"
    assert await redis.get("route:1199") == b"\x00\xff"
    assert 0 < await onlooker.ttl("route:0") <= 60
    assert await RedisManager(redis_url).warm_cache_for_copa() == 0


async def test_of_200_calls_at_once_exactly_the_limit_pass(redis: RedisManager, onlooker: Redis) -> None:
    results = await asyncio.gather(*(redis.check_rate_limit("api:user:123", 50, 3600) for _ in range(200)))
    assert sum(allowed for allowed, _ in results) == 50
    assert sorted(left for allowed, left in results if allowed) == list(range(50))
    assert {left for allowed, left in results if not allowed} == {0}
    assert (await redis.check_rate_limit("api:user:124", 50, 3600)) == (True, 49), "another key has its own"
    assert (await redis.check_rate_limit("api:user:123", 50, 60)) == (True, 49), "and so has another window"


async def test_no_window_ever_holds_more_than_the_limit(redis: RedisManager, onlooker: Redis) -> None:
    limit, window = 8, 1
    passed: list[tuple[float, float]] = []
    until = monotonic() + 3.3
    while (started := monotonic()) < until:
        if (await redis.check_rate_limit("sms", limit, window))[0]:
            passed.append((started, monotonic()))
        await asyncio.sleep(0.01)
    assert len(passed) >= 2 * limit, "calls pass again as earlier ones leave the window"
    for (started, _), (_, ended) in zip(passed, passed[limit:], strict=False):
        assert ended - started >= window


async def test_a_rate_limit_takes_little_memory_and_expires(redis: RedisManager, onlooker: Redis) -> None:
    for _ in range(30):
        await redis.check_rate_limit("sms", 10_000, 1)
        await asyncio.sleep(0.05)
    assert await onlooker.hlen("rate:sms:1") <= SLICES + 1
    assert 0 < await onlooker.pttl("rate:sms:1") <= 1100


async def test_a_forgotten_script_is_sent_again(redis: RedisManager, onlooker: Redis) -> None:
    await redis.check_rate_limit("sms", 10, 60)
    await onlooker.script_flush()
    assert await redis.check_rate_limit("sms", 10, 60) == (True, 8)


async def test_a_rate_limit_needs_a_window(redis: RedisManager) -> None:
    with pytest.raises(ValueError, match="at least 1 second, not 0"):
        await redis.check_rate_limit("sms", 10, 0)


async def test_a_rejection_repeats_no_value(redis: RedisManager, onlooker: Redis) -> None:
    await redis.set("text", "secret")
    with pytest.raises(Refused, match="incrby") as caught:
        await redis.incr("text")
    assert "secret" not in str(caught.value)
    with pytest.raises(Refused, match="WRONGTYPE"):
        await redis.hget("text", "field")


async def test_a_server_that_accepts_no_writes_is_unavailable(redis: RedisManager, onlooker: Redis) -> None:
    """A server that lost its replicas rejects writes, as one with a full disk does: a retry may succeed."""
    await onlooker.config_set("min-replicas-to-write", 1)
    try:
        with pytest.raises(Unavailable, match="NOREPLICAS"):
            await redis.set("key", "value")
        assert await redis.get("key") is None
    finally:
        await onlooker.config_set("min-replicas-to-write", 0)
    await redis.set("key", "value")


async def test_the_request_deadline_bounds_every_call(redis: RedisManager) -> None:
    with deadline(-1.0), pytest.raises(DeadlineExceeded):
        await redis.get("x")
    assert await redis.get("x") is None


async def test_more_callers_than_connections_wait_for_each_other(redis_url: str, onlooker: Redis) -> None:
    manager = RedisManager(redis_url, timeout=5.0, max_connections=2)
    await manager.connect()
    await asyncio.gather(*(manager.incr("together") for _ in range(300)))
    clients = await onlooker.client_list()
    assert await manager.get_metric("together") == 300
    assert sum(client["name"] == "baggage-gateway" for client in clients) <= 3
    await manager.disconnect()


async def test_cancelled_calls_leave_no_response_for_the_next(redis: RedisManager, onlooker: Redis) -> None:
    await redis.set_many({str(number): number for number in range(200)})
    for number in itertools.islice(itertools.cycle(range(50)), 200):
        call = asyncio.create_task(redis.get(str(number)))
        for _ in range(number % 7):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait([call])
    results = await asyncio.gather(*(redis.get(str(number)) for number in range(200)))
    assert results == list(range(200))


async def test_a_dead_connection_is_opened_again(redis: RedisManager, redis_url: str) -> None:
    await redis.set("kept", "x")
    with BlockingRedis.from_url(redis_url) as other:  # blocking, so that the event loop cannot notice yet
        assert other.client_kill_filter(_type="normal", skipme=True) >= 1
    assert await redis.get("kept") == "x"


async def test_health_reports_memory(redis: RedisManager) -> None:
    health = await redis.health_check()
    assert health["status"] == "healthy"
    assert health["latency_ms"] > 0
    assert health["memory"]["used_bytes"] > 0
    assert health["memory"]["max_bytes"] == 256 * 1024 * 1024


async def test_before_and_after_the_connection(redis_url: str) -> None:
    manager = RedisManager(redis_url)
    with pytest.raises(Unavailable, match="not connected"):
        await manager.get("x")
    await manager.connect()
    await manager.disconnect()
    with pytest.raises(Unavailable, match="disconnected"):
        await manager.get("x")
