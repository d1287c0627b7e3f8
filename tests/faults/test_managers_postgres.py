"""PostgreSQL killed, frozen and restarted underneath its manager."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator

import pytest

from integrations.deadline import deadline
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.errors import DeadlineExceeded, Unavailable
from integrations.stores.postgres.manager import PostgresManager
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
async def server(embedded_postgres: EmbeddedPostgres) -> AsyncIterator[EmbeddedPostgres]:
    yield embedded_postgres
    await embedded_postgres.start()


@pytest.fixture
async def postgres(server: EmbeddedPostgres) -> AsyncIterator[PostgresManager]:
    manager = PostgresManager(server.url)
    await manager.connect()
    yield manager
    await manager.disconnect()


async def warm(manager: PostgresManager) -> None:
    """Opens several connections, so that more than one is stale after a restart."""
    await asyncio.gather(*(manager.fetchval("SELECT pg_sleep(0.02)") for _ in range(6)))
    assert manager.get_pool_stats()["idle"] >= 6


def kill_unseen(server: EmbeddedPostgres) -> None:
    """Kills the server while the event loop is blocked, so that the client does not know yet."""
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)
    time.sleep(0.3)


async def test_a_restart_between_two_reads_causes_no_error(server: EmbeddedPostgres, postgres: PostgresManager) -> None:
    await warm(postgres)
    await server.kill()
    await server.start()
    assert await postgres.fetchval("SELECT 1") == 1
    assert await asyncio.gather(*(postgres.fetchval("SELECT 2") for _ in range(10))) == [2] * 10


async def test_a_restart_before_a_transaction_causes_no_error(
    server: EmbeddedPostgres, postgres: PostgresManager
) -> None:
    await warm(postgres)
    await server.kill()
    await server.start()
    async with postgres.transaction() as session:
        assert await session.fetchval("SELECT 1") == 1


async def test_a_transaction_is_not_repeated(server: EmbeddedPostgres, postgres: PostgresManager) -> None:
    async def write() -> None:
        async with postgres.transaction() as session:
            await session.fetchval("SELECT 1")
            await server.kill()
            await server.start()
            await session.fetchval("SELECT 1")

    assert await timed(write(), Unavailable) < 30


async def test_calls_to_a_dead_server_fail_at_once_until_it_is_back(
    server: EmbeddedPostgres, postgres: PostgresManager
) -> None:
    await warm(postgres)
    await server.kill()
    with pytest.raises(Unavailable) as caught:
        await postgres.fetchval("SELECT 1")
    assert caught.value.extensions == {
        "code": "STORE_UNAVAILABLE",
        "store": "records",
        "retryAfterSeconds": caught.value.retry_after_seconds,
    }
    await eventually(lambda: unhealthy(postgres), 2)
    calls = [timed(postgres.fetchval("SELECT 1"), Unavailable) for _ in range(100)]
    assert percentile_95(await asyncio.gather(*calls)) < AT_ONCE
    assert "error" in await postgres.health_check()
    await server.start()
    assert await eventually(lambda: healthy(postgres)) < 6
    assert await postgres.fetchval("SELECT 1") == 1


async def test_failed_calls_occupy_no_place_in_the_pool(server: EmbeddedPostgres) -> None:
    manager = PostgresManager(server.url, 1, 2)
    await manager.connect()
    await server.kill()
    outcomes = await asyncio.gather(*(manager.fetchval("SELECT 1") for _ in range(10)), return_exceptions=True)
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    await server.start()
    await eventually(lambda: healthy(manager))
    assert await asyncio.gather(*(manager.fetchval("SELECT 1") for _ in range(10))) == [1] * 10
    await manager.disconnect()


async def test_a_server_killed_unseen_leaves_the_pool_intact(
    server: EmbeddedPostgres, postgres: PostgresManager
) -> None:
    async def write() -> None:
        async with postgres.transaction() as session:
            await session.execute("SELECT 1")

    await warm(postgres)
    kill_unseen(server)
    outcomes = await asyncio.gather(write(), write(), postgres.fetchval("SELECT 1"), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if not isinstance(outcome, Unavailable)] == []
    figures = postgres.get_pool_stats()
    assert (figures["in_use"], figures["size"]) == (0, 0)


async def test_starting_without_a_server_is_no_error(server: EmbeddedPostgres) -> None:
    await server.stop()
    manager = PostgresManager(server.url)
    async with asyncio.timeout(2):
        await manager.connect()
    assert await timed(manager.fetchval("SELECT 1"), Unavailable) < AT_ONCE
    await server.start()
    await eventually(lambda: healthy(manager))
    assert await manager.fetchval("SELECT 1") == 1
    await manager.disconnect()


async def test_no_call_to_a_frozen_server_exceeds_its_deadline(
    server: EmbeddedPostgres, postgres: PostgresManager
) -> None:
    await warm(postgres)
    with frozen(server):
        calls = [timed(postgres.fetchval("SELECT 1", timeout=0.5), Unavailable) for _ in range(40)]
        assert max(await asyncio.gather(*calls)) < 2.0
        with deadline(0.3):
            assert await timed(postgres.fetchval("SELECT 1"), Unavailable) < 1.5
        await until_rejected_at_once(lambda: postgres.fetchval("SELECT 1", timeout=0.5))
    assert await eventually(lambda: healthy(postgres)) < 6
    assert await postgres.fetchval("SELECT 1") == 1


async def test_health_checks_are_fast_while_the_server_is_frozen(
    server: EmbeddedPostgres, postgres: PostgresManager
) -> None:
    await warm(postgres)
    with frozen(server):
        assert percentile_95(await health_times(postgres)) < 0.1
        assert await unhealthy(postgres)
        assert postgres.get_pool_stats()["idle"] == 0, "no connection to a dead server is kept"


async def test_a_transaction_on_a_frozen_server_ends_with_its_deadline(
    server: EmbeddedPostgres, postgres: PostgresManager
) -> None:
    async def write() -> None:
        async with postgres.transaction() as session:
            await session.fetchval("SELECT 1")
            with frozen(server), deadline(0.3):
                await session.fetchval("SELECT 2")

    assert await timed(write(), DeadlineExceeded) < 2.0
    await eventually(lambda: healthy(postgres))
    async with asyncio.timeout(5):
        assert await postgres.fetchval("SELECT 1") == 1


async def test_disconnecting_from_a_frozen_server_is_bounded(server: EmbeddedPostgres) -> None:
    manager = PostgresManager(server.url)
    await manager.connect()
    await warm(manager)
    with frozen(server):
        await timed(manager.fetchval("SELECT 1", timeout=0.1), Unavailable)
        async with asyncio.timeout(4):
            await manager.disconnect()
