"""Neo4j killed, frozen and restarted underneath its manager."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from integrations.deadline import deadline
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.errors import DeadlineExceeded, Unavailable
from integrations.stores.neo4j.manager import Neo4jManager
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

READ = "RETURN 1 AS one"


@pytest.fixture
async def server(embedded_neo4j: EmbeddedNeo4j) -> AsyncIterator[EmbeddedNeo4j]:
    yield embedded_neo4j
    await embedded_neo4j.start()


@pytest.fixture
async def neo4j(server: EmbeddedNeo4j) -> AsyncIterator[Neo4jManager]:
    manager = open_manager(server)
    await manager.connect()
    yield manager
    await manager.disconnect()


def open_manager(server: EmbeddedNeo4j) -> Neo4jManager:
    return Neo4jManager(server.uri, server.user, server.password)


async def test_calls_to_a_dead_server_fail_at_once_until_it_is_back(server: EmbeddedNeo4j, neo4j: Neo4jManager) -> None:
    await asyncio.gather(*(neo4j.execute_read(READ) for _ in range(5)))
    await server.kill()
    with pytest.raises(Unavailable) as caught:
        await neo4j.execute_read(READ)
    assert caught.value.extensions["store"] == "graph"
    await eventually(lambda: unhealthy(neo4j), 2)
    for call in (neo4j.execute_read, neo4j.execute_write):
        assert percentile_95(await asyncio.gather(*(timed(call(READ), Unavailable) for _ in range(50)))) < AT_ONCE
    late = open_manager(server)
    async with asyncio.timeout(3):
        await late.connect()
    await server.start()
    for manager in (neo4j, late):
        assert await eventually(partial(healthy, manager)) < 12
        assert await manager.execute_read(READ) == [{"one": 1}]
        assert (await manager.health_check())["edition"] == "community"
    await late.disconnect()


async def test_a_restart_between_two_calls_causes_no_error(server: EmbeddedNeo4j, neo4j: Neo4jManager) -> None:
    await asyncio.gather(*(neo4j.execute_read(READ) for _ in range(5)))
    await server.stop()
    await server.start()
    assert await neo4j.execute_read(READ, timeout=20) == [{"one": 1}]
    assert await neo4j.execute_write(READ, timeout=20) == [{"one": 1}]


async def test_no_call_to_a_frozen_server_exceeds_its_deadline(server: EmbeddedNeo4j, neo4j: Neo4jManager) -> None:
    await neo4j.execute_read(READ)
    with frozen(server):
        reads = [timed(neo4j.execute_read(READ, timeout=0.5), Unavailable) for _ in range(15)]
        writes = [timed(neo4j.execute_write(READ, timeout=0.5), Unavailable) for _ in range(15)]
        with deadline(0.2):
            short_call = timed(neo4j.execute_read(READ), DeadlineExceeded)
            assert await short_call < 1.5
        assert max(await asyncio.gather(*reads, *writes)) < 2.5
        await until_rejected_at_once(lambda: neo4j.execute_read(READ, timeout=0.5))
    assert await eventually(lambda: healthy(neo4j)) < 8
    assert await neo4j.execute_read(READ) == [{"one": 1}]


async def test_health_checks_are_fast_while_the_server_is_frozen(server: EmbeddedNeo4j, neo4j: Neo4jManager) -> None:
    with frozen(server):
        assert percentile_95(await health_times(neo4j)) < 0.1
        assert await unhealthy(neo4j)


async def test_disconnecting_from_a_frozen_server_is_fast(server: EmbeddedNeo4j) -> None:
    manager = open_manager(server)
    await manager.connect()
    await manager.execute_read(READ)
    with frozen(server):
        async with asyncio.timeout(5):
            await manager.disconnect()
