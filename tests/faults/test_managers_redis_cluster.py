"""Nodes of a Redis Cluster killed, frozen and replaced underneath its manager."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integrations.embedded.redis import EmbeddedRedis
from integrations.errors import Unavailable
from integrations.stores.redis.cluster import RedisClusterManager
from tests.faults.processes import AT_ONCE, eventually, frozen, healthy, timed, unhealthy, until_rejected_at_once
from tests.redis_cluster import Cluster, running_cluster

KEYS = [f"key:{number}" for number in range(60)]  # on all nodes


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with running_cluster(tmp_path) as cluster:
        yield cluster


@pytest.fixture
async def with_replica(tmp_path: Path) -> AsyncIterator[Cluster]:
    """The first primary has a replica, which takes over where the primary is away for a second."""
    async with running_cluster(tmp_path, replicas=1) as cluster:
        yield cluster


@pytest.fixture
async def redis(cluster: Cluster) -> AsyncIterator[RedisClusterManager]:
    manager = RedisClusterManager(cluster.url)
    await manager.connect()
    yield manager
    await manager.disconnect()


@pytest.fixture
async def replicated(with_replica: Cluster) -> AsyncIterator[RedisClusterManager]:
    manager = RedisClusterManager(with_replica.url)
    await manager.connect()
    yield manager
    await manager.disconnect()


async def stored(redis: RedisClusterManager) -> bool:
    """Whether values of all slots can be stored and read."""
    values = dict.fromkeys(KEYS, "x")
    try:
        await redis.set_many(values)
        return await redis.get_many(KEYS) == values
    except Unavailable:
        return False


async def test_a_cluster_without_one_of_its_nodes_is_down_until_the_node_is_back(
    cluster: Cluster, redis: RedisClusterManager
) -> None:
    assert await stored(redis)
    [lost, *_] = cluster.primaries
    await lost.kill()
    assert not await stored(redis)
    await eventually(lambda: unhealthy(redis), 5)
    assert await timed(redis.get("x"), Unavailable) < AT_ONCE
    await lost.start()
    assert await eventually(lambda: healthy(redis)) < 15
    await eventually(lambda: stored(redis))


async def test_no_call_exceeds_its_deadline_while_a_node_is_frozen(
    cluster: Cluster, redis: RedisClusterManager
) -> None:
    assert await stored(redis)
    [_, _, hanging] = cluster.primaries
    with frozen(hanging):
        assert await timed(redis.get_many(KEYS), Unavailable) < 1.0
        await until_rejected_at_once(lambda: redis.get_many(KEYS))
        assert await unhealthy(redis)
    assert await eventually(lambda: healthy(redis)) < 15
    await eventually(lambda: stored(redis))


async def test_starting_without_a_node_is_no_error(cluster: Cluster) -> None:
    nodes: list[EmbeddedRedis] = list(cluster.primaries)
    for node in nodes:
        await node.stop()
    manager = RedisClusterManager(cluster.url)
    await manager.connect()
    assert await timed(manager.get("x"), Unavailable) < AT_ONCE
    for node in nodes:
        await node.start()
    await eventually(lambda: healthy(manager))
    await eventually(lambda: stored(manager))
    await manager.disconnect()


async def test_the_replica_of_a_killed_primary_serves(with_replica: Cluster, replicated: RedisClusterManager) -> None:
    assert await stored(replicated)
    await with_replica.primaries[0].kill()
    took = await eventually(lambda: stored(replicated), 20)
    assert await healthy(replicated)
    assert took < 15


async def test_the_replica_of_a_frozen_primary_serves_while_that_still_hangs(
    with_replica: Cluster, replicated: RedisClusterManager
) -> None:
    assert await stored(replicated)
    with frozen(with_replica.primaries[0]):
        took = await eventually(lambda: stored(replicated), 20)
        assert await healthy(replicated)
        assert took < 15
    await eventually(lambda: stored(replicated))
