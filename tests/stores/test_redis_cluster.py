"""RedisClusterManager on a real cluster of three primaries."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime

import pytest
from redis.asyncio.cluster import RedisCluster

from integrations.errors import Refused
from integrations.records.routes import Routes, RouteSource
from integrations.stores import routes
from integrations.stores.redis.cluster import RedisClusterManager, redis_manager
from integrations.stores.redis.manager import RedisManager
from tests.redis_cluster import PASSWORD, Cluster, running_cluster

NOW = datetime(2025, 7, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


async def warm() -> Mapping[str, tuple[bytes | str, int]]:
    return {f"route:{number}": ("PTY-MIA", 60) for number in range(1200)}


@pytest.fixture
async def redis(cluster: Cluster) -> AsyncIterator[RedisManager]:
    manager = RedisClusterManager(cluster.url, timeout=5.0, warm_source=warm)
    await manager.connect()
    yield manager
    await manager.disconnect()


@pytest.fixture
async def onlooker(cluster: Cluster) -> AsyncIterator[RedisCluster]:
    async with cluster.client() as client:
        await client.flushall(target_nodes=RedisCluster.PRIMARIES)
        yield client


async def sizes(client: RedisCluster) -> list[int]:
    """The number of keys of each primary."""
    return [await client.dbsize(target_nodes=node) for node in client.get_primaries()]


async def test_commands_with_several_keys_reach_all_nodes(redis: RedisManager, onlooker: RedisCluster) -> None:
    values = {f"many:{number}": {"number": number} for number in range(1200)}
    await redis.set_many(values, ttl=60)
    assert all(size > 300 for size in await sizes(onlooker)), "the keys are spread"
    assert await redis.get_many([*values, "many:none"]) == values
    assert await redis.delete(*values, "many:none") == 1200
    assert await sizes(onlooker) == [0, 0, 0]
    assert await redis.warm_cache_for_copa() == 1200


async def test_single_keys_counters_and_hashes(redis: RedisManager, onlooker: RedisCluster) -> None:
    for number in range(20):
        await redis.set(f"one:{number}", number, ttl=60)
        assert await redis.get(f"one:{number}") == number
        assert await redis.incr(f"count:{number}", number) == number
        await redis.hset(f"hash:{number}", mapping={"legs": [1, 2], "raw": b"\xff"})
        assert await redis.hgetall(f"hash:{number}") == {"legs": [1, 2], "raw": b"\xff"}
    assert 0 < await onlooker.ttl("one:7") <= 60
    with pytest.raises(Refused, match="WRONGTYPE"):
        await redis.hget("one:1", "field")


async def test_a_rate_limit_is_exact_and_its_script_is_sent_to_the_node_that_lacks_it(
    redis: RedisManager, cluster: Cluster, onlooker: RedisCluster
) -> None:
    for node in cluster.primaries:
        await node.run("SCRIPT", "FLUSH")
    for caller in range(30):
        results = await asyncio.gather(*(redis.check_rate_limit(f"user:{caller}", 10, 3600) for _ in range(20)))
        assert sum(allowed for allowed, _ in results) == 10
    assert all(await sizes(onlooker))


async def test_routes_from_one_airport_lie_in_one_slot(redis: RedisManager, onlooker: RedisCluster) -> None:
    airports = [f"A{chr(65 + number)}{chr(65 + other)}" for number in range(6) for other in range(6)]
    pairs = [(origin, destination) for origin in airports[:12] for destination in airports if origin != destination]
    found = [Routes(*pair, RouteSource.GRAPH, NOW, 0, []) for pair in pairs]
    await routes.write_cache(redis, 1, found)
    cached = await routes.read_cache(redis, 1, pairs, NOW)
    assert cached.keys() == set(pairs)
    assert all(await sizes(onlooker))
    for origin in airports[:12]:
        slots = {onlooker.keyslot(routes.cache_key(1, *pair)) for pair in pairs if pair[0] == origin}
        assert len(slots) == 1


async def test_a_moved_slot_costs_no_error(redis: RedisManager, cluster: Cluster, onlooker: RedisCluster) -> None:
    """Given a slot that moves to another node, then calls to its keys succeed during and after the move."""
    await redis.set("moved", "x")
    slot = onlooker.keyslot("moved")
    source = onlooker.get_node_from_key("moved")
    assert source is not None
    target = next(node for node in onlooker.get_primaries() if node != source)
    by_port = {node.port: node for node in cluster.primaries}
    former, latter = by_port[int(source.port)], by_port[int(target.port)]
    ids = [await node.run("CLUSTER", "MYID") for node in (former, latter)]
    await latter.run("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[0])
    await former.run("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[1])
    assert await redis.get("moved") == "x"
    await former.run("MIGRATE", "127.0.0.1", latter.port, "moved", 0, 1000, "AUTH", PASSWORD)
    assert await redis.get("moved") == "x", "it is asked for at the node that imports it"
    for node in (latter, former):
        await node.run("CLUSTER", "SETSLOT", slot, "NODE", ids[1])
    assert await redis.get_many(["moved", "other"]) == {"moved": "x"}
    assert await redis.get("moved") == "x"


async def test_more_callers_than_connections_wait_for_each_other(cluster: Cluster, onlooker: RedisCluster) -> None:
    manager = RedisClusterManager(cluster.url, timeout=10.0, max_connections=2)
    await manager.connect()
    await asyncio.gather(*(manager.incr("together") for _ in range(300)))
    assert await manager.get_metric("together") == 300
    for node in onlooker.get_primaries():
        clients = await onlooker.client_list(target_nodes=node)
        assert sum(client["name"] == "baggage-gateway" for client in clients) <= 5
    await manager.disconnect()


async def test_cancelled_calls_leave_no_response_for_the_next(redis: RedisManager, onlooker: RedisCluster) -> None:
    await redis.set_many({str(number): number for number in range(100)})
    for number in range(200):
        call = asyncio.create_task(redis.get(str(number % 50)))
        for _ in range(number % 7):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait([call])
    assert await asyncio.gather(*(redis.get(str(number)) for number in range(100))) == list(range(100))


async def test_health_adds_up_the_nodes(redis: RedisManager) -> None:
    health = await redis.health_check()
    assert health["status"] == "healthy"
    assert health["nodes"] == 3
    assert health["version"].startswith("6.2")
    assert health["memory"]["max_bytes"] == 3 * 32 * 1024 * 1024


async def test_one_of_the_nodes_in_the_url_suffices(cluster: Cluster) -> None:
    [first, *_] = cluster.primaries
    manager = redis_manager(f"redis://:{PASSWORD}@127.0.0.1:1,127.0.0.1:{first.port}?cluster=true")
    await manager.connect()
    assert (await manager.health_check())["nodes"] == 3
    await manager.disconnect()
