"""PostgresManager on a real server: statements, transactions, the pool's bounds, errors, analytics, LISTEN."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from time import monotonic
from urllib.parse import urlsplit

import asyncpg
import pytest

from integrations.deadline import deadline
from integrations.errors import Conflict, DeadlineExceeded, Refused, Unavailable
from integrations.stores.availability import Patience
from integrations.stores.postgres.address import Address
from integrations.stores.postgres.manager import PostgresManager, count_statements
from integrations.stores.postgres.pool import Pool, open_connection

PID = "SELECT pg_backend_pid()"
TABLE = "CREATE TABLE IF NOT EXISTS note (id int PRIMARY KEY, body text, data jsonb)"


class Note(asyncpg.Record):
    @property
    def body(self) -> str:
        return str(self["body"])


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[PostgresManager]:
    manager = PostgresManager(postgres_url)
    await manager.connect()
    await manager.execute(f"{TABLE}; TRUNCATE note")
    yield manager
    await manager.disconnect()


@pytest.fixture
async def onlooker(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Another client, to see what the server sees."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


async def running(onlooker: asyncpg.Connection, pid: int) -> bool:
    return bool(await onlooker.fetchval("SELECT true FROM pg_stat_activity WHERE pid = $1 AND state = 'active'", pid))


async def until_zero(onlooker: asyncpg.Connection, condition: str) -> None:
    """Wait until the server has no session of this kind."""
    async with asyncio.timeout(5):
        while await onlooker.fetchval(f"SELECT count(*), pg_sleep(0.01) FROM pg_stat_activity WHERE {condition}"):
            pass


def end_unseen(pid: int) -> None:
    """End a session on the server while the event loop is blocked, so that the client cannot notice yet."""
    os.kill(pid, signal.SIGTERM)
    time.sleep(0.1)


async def test_only_a_slow_statement_requests_a_probe(
    postgres: PostgresManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    requested = 0

    def request_probe() -> None:
        nonlocal requested
        requested += 1

    monkeypatch.setattr(postgres._slow_calls, "_on_slow", request_probe)
    async with postgres.acquire() as session:
        await session.execute("SELECT 1")
        with suppress(Refused):
            await session.execute("SELECT 1 / 0")
        await asyncio.sleep(Patience().slow_call * 1.2)
        assert requested == 0
        await session.execute(f"SELECT pg_sleep({Patience().slow_call * 1.2})")
    assert requested == 1


async def test_statements_return_rows_of_the_record_class(postgres: PostgresManager) -> None:
    assert await postgres.execute("INSERT INTO note VALUES (1, 'one'), (2, 'two')", name="INSERT") == "INSERT 0 2"
    rows = await postgres.fetch("SELECT * FROM note ORDER BY id", record_class=Note)
    assert [row.body for row in rows] == ["one", "two"]
    row = await postgres.fetchrow("SELECT * FROM note WHERE id = $1", 2, record_class=Note)
    assert row is not None
    assert row.body == "two"
    assert await postgres.fetchrow("SELECT * FROM note WHERE id = 3") is None
    assert await postgres.fetchval("SELECT body FROM note WHERE id = $1", 1) == "one"


async def test_json_columns_are_python_values(postgres: PostgresManager) -> None:
    value = {"colour": "BK", "tags": [1, None, "á"], "nested": {"deep": 1.5}}
    await postgres.execute("INSERT INTO note (id, data) VALUES (1, $1)", value)
    assert await postgres.fetchval("SELECT data FROM note") == value
    assert await postgres.fetchval("SELECT $1::json", value) == value
    async with postgres.acquire() as session:
        await session.copy_records("note", records=[(2, "x", value)], columns=["id", "body", "data"])
    assert await postgres.fetchval("SELECT data FROM note WHERE id = 2") == value


async def test_many_rows_at_once(postgres: PostgresManager) -> None:
    async with postgres.transaction() as session:
        await session.executemany("INSERT INTO note VALUES ($1, $2)", [(n, str(n)) for n in range(100)], name="MANY")
        copied = await session.copy_records(
            "note", records=[(n, str(n)) for n in range(100, 200)], columns=["id", "body"]
        )
    assert copied == "COPY 100"
    assert await postgres.fetchval("SELECT count(*) FROM note") == 200


async def test_nothing_is_sent_except_the_statement_itself(postgres_url: str, onlooker: asyncpg.Connection) -> None:
    manager = PostgresManager(postgres_url, 1, 1)
    await manager.connect()
    pid = await manager.fetchval(PID)
    await manager.fetchval("SELECT 'the last one'")
    seen = await onlooker.fetchrow("SELECT query, state, application_name FROM pg_stat_activity WHERE pid = $1", pid)
    assert tuple(seen) == ("SELECT 'the last one'", "idle", "baggage-gateway")
    await manager.disconnect()


async def test_a_transaction_is_committed_or_rolled_back_as_a_whole(postgres: PostgresManager) -> None:
    async def write(number: int, error: Exception | None) -> None:
        async with postgres.transaction() as session:
            await session.execute("INSERT INTO note VALUES ($1)", number)
            if error:
                raise error

    await write(1, None)
    with count_statements() as counted, pytest.raises(RuntimeError, match="changed my mind"):
        await write(2, RuntimeError("changed my mind"))
    assert counted.names[-1] == "ROLLBACK", "cheaper than another connection"
    assert [row["id"] for row in await postgres.fetch("SELECT id FROM note")] == [1]


async def test_an_error_swallowed_inside_a_transaction_does_not_pass_as_a_commit(postgres: PostgresManager) -> None:
    async def swallow() -> None:
        async with postgres.transaction() as session:
            await session.execute("INSERT INTO note VALUES (1)")
            with pytest.raises(Refused):
                await session.execute("SELECT 1/0")

    with pytest.raises(Conflict, match="nothing was committed"):
        await swallow()
    assert await postgres.fetchval("SELECT count(*) FROM note") == 0


async def test_a_read_only_transaction_writes_nothing(postgres: PostgresManager) -> None:
    with pytest.raises(Refused, match="read-only"):
        async with postgres.transaction(read_only=True) as session:
            await session.execute("INSERT INTO note VALUES (1)")


async def test_statements_are_counted_by_name_with_begin_and_commit(postgres: PostgresManager) -> None:
    with count_statements() as counted:
        async with postgres.transaction() as session:
            await session.execute("INSERT INTO note VALUES (1)", name="INSERT_NOTE")
        await asyncio.gather(*(postgres.fetch("SELECT 1", name=f"READ_{n}") for n in range(3)))
        await asyncio.create_task(postgres.fetch("SELECT 1", name="IN_A_TASK"))
    await postgres.fetch("SELECT 1", name="LATER")
    assert counted.names == ["BEGIN", "INSERT_NOTE", "COMMIT", "READ_0", "READ_1", "READ_2", "IN_A_TASK"]
    assert postgres.get_statement_stats()["READ_1"]["calls"] == 1


@pytest.mark.parametrize(
    ("sql", "args", "error", "reason"),
    [
        ("INSERT INTO note VALUES (7, 'secret')", (), Conflict, "note_pkey"),
        ("SELECT $1::int", ("secret",), Refused, "DataError"),
        ("SELECT 'secret'::int", (), Refused, "InvalidTextRepresentationError"),
        ("SELECT $1::text", ("secret\0",), Refused, "CharacterNotInRepertoireError"),
        ("INSERT INTO note VALUES ($1)", (None,), Refused, "not-null"),
        ("SELECT nowhere FROM note", (), Unavailable, "nowhere"),
        ("DO $$ BEGIN RAISE 'full' USING ERRCODE = 'disk_full'; END $$", (), Unavailable, "DiskFull"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", (), Unavailable, "AdminShutdown|ConnectionDoesNotExist"),
    ],
)
async def test_driver_errors_are_translated_and_repeat_no_value(
    postgres: PostgresManager, sql: str, args: tuple[object, ...], error: type[Exception], reason: str
) -> None:
    await postgres.execute("INSERT INTO note VALUES (7)")
    with pytest.raises(error, match=rf"THE_NAME: .*({reason})") as caught:
        await postgres.execute(sql, *args, name="THE_NAME")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert await postgres.fetchval("SELECT 1") == 1, "the pool still works"


async def test_a_deadlock_is_a_conflict_for_one_of_the_two(postgres: PostgresManager) -> None:
    await postgres.execute("INSERT INTO note VALUES (1), (2)")
    meet = asyncio.Barrier(2)

    async def update(first: int, second: int) -> None:
        async with postgres.transaction() as session:
            await session.execute("UPDATE note SET body = '' WHERE id = $1", first)
            await meet.wait()
            await session.execute("UPDATE note SET body = '' WHERE id = $1", second)

    outcomes = await asyncio.gather(update(1, 2), update(2, 1), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "NoneType"]


async def test_a_late_response_is_not_awaited_and_its_connection_not_used_again(
    postgres_url: str, onlooker: asyncpg.Connection
) -> None:
    manager = PostgresManager(postgres_url, 1, 1)
    await manager.connect()
    pid = await manager.fetchval(PID)
    started = monotonic()
    with pytest.raises(Unavailable, match="NAP: no response in time"):
        await manager.execute("SELECT pg_sleep(30)", name="NAP", timeout=0.2)
    assert monotonic() - started < 2.0
    assert await manager.fetchval(PID) != pid
    assert not await running(onlooker, pid), "the statement was cancelled on the server"
    await manager.disconnect()


async def test_a_cancelled_statement_leaves_no_connection_in_the_middle_of_a_round_trip(
    postgres_url: str, onlooker: asyncpg.Connection
) -> None:
    manager = PostgresManager(postgres_url, 1, 1)
    await manager.connect()
    pid = await manager.fetchval(PID)
    async with asyncio.timeout(5):
        task = asyncio.create_task(manager.execute("SELECT pg_sleep(30)"))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert await manager.fetchval(PID) != pid
    assert not await running(onlooker, pid)
    await manager.disconnect()


async def test_a_cancelled_transaction_is_rolled_back(postgres: PostgresManager) -> None:
    inside = asyncio.Event()

    async def write() -> None:
        async with postgres.transaction() as session:
            await session.execute("INSERT INTO note VALUES (1)")
            inside.set()
            await asyncio.sleep(30)

    task = asyncio.create_task(write())
    await inside.wait()
    task.cancel()
    await asyncio.wait([task])
    assert await postgres.execute("INSERT INTO note VALUES (1)") == "INSERT 0 1", "the lock is gone, and so is the row"


async def test_a_session_that_was_cut_off_rejects_statements(postgres: PostgresManager) -> None:
    async with postgres.acquire() as session:
        with pytest.raises(Unavailable):
            await session.execute("SELECT pg_sleep(30)", timeout=0.1)
        with pytest.raises(Unavailable, match="cut off"):
            await session.execute("SELECT 1")


async def test_a_connection_released_inside_a_transaction_is_closed(postgres_url: str) -> None:
    manager = PostgresManager(postgres_url, 1, 1)
    await manager.connect()
    async with manager.acquire() as session:
        await session.execute("BEGIN")
        pid = await session.fetchval(PID)
    assert await manager.fetchval(PID) != pid
    await manager.disconnect()


async def test_a_read_on_a_dead_connection_is_sent_again(postgres: PostgresManager) -> None:
    async with postgres.acquire() as one, postgres.acquire() as two, postgres.acquire() as three:
        pids = {await session.fetchval(PID) for session in (one, two, three)}
    for pid in pids:
        end_unseen(pid)
    assert await postgres.fetchval(PID) not in pids


async def test_a_transaction_on_a_dead_connection_begins_on_another(postgres: PostgresManager) -> None:
    pid = await postgres.fetchval(PID)
    end_unseen(pid)
    async with postgres.transaction() as session:
        assert await session.fetchval(PID) != pid


async def test_a_write_on_a_dead_connection_is_not_sent_again(postgres: PostgresManager) -> None:
    end_unseen(await postgres.fetchval(PID))
    with pytest.raises(Unavailable):
        await postgres.execute("INSERT INTO note VALUES (1)")
    assert await postgres.fetchval("SELECT count(*) FROM note") == 0


async def test_the_pool_is_bounded_and_a_full_one_is_no_dead_server(postgres_url: str) -> None:
    manager = PostgresManager(postgres_url, 1, 2)
    await manager.connect()
    async with manager.acquire(), manager.acquire():
        assert manager.get_pool_stats()["in_use"] == 2
        started = monotonic()
        with pytest.raises(Unavailable):
            await manager.fetchval("SELECT 1", timeout=0.2)
        assert 0.15 < monotonic() - started < 2.0
        assert (await manager.health_check())["status"] == "healthy"
        waiting = asyncio.create_task(manager.fetchval("SELECT 1"))
        await asyncio.sleep(0.05)
        assert not waiting.done()
    assert await waiting == 1
    await asyncio.gather(*(manager.fetchval("SELECT pg_sleep(0.001)") for _ in range(100)))
    assert manager.get_pool_stats()["size"] == 2
    await manager.disconnect()


async def test_the_request_deadline_bounds_every_call(postgres: PostgresManager) -> None:
    started = monotonic()
    with deadline(0.2):
        with pytest.raises(DeadlineExceeded):
            await postgres.execute("SELECT pg_sleep(30)")
        with pytest.raises(DeadlineExceeded, match="before the call"):
            await postgres.fetchval("SELECT 1")
    assert monotonic() - started < 2.0
    assert await postgres.fetchval("SELECT 1") == 1


async def test_a_slow_statement_is_logged_by_name_and_time_only(
    postgres: PostgresManager, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "integrations"):
        await postgres.fetchval("SELECT $1::text, pg_sleep(1.05)", "secret", name="NAP")
    [line] = [record.getMessage() for record in caplog.records]
    assert "NAP" in line
    assert "ms" in line
    assert "secret" not in line


async def test_analytics_read_from_the_replica_and_fall_back_to_the_primary(postgres_url: str) -> None:
    application = "SELECT current_setting('application_name')"
    unreachable = "postgresql://u:p@127.0.0.1:1/none"
    for replica_url, expected in [
        (None, "baggage-gateway"),
        (postgres_url, "baggage-gateway-analytics"),
        (unreachable, "baggage-gateway"),
    ]:
        manager = PostgresManager(postgres_url, replica_url=replica_url)
        await manager.connect()
        assert await manager.analytics.fetchval(application) == expected
        with pytest.raises(Refused, match="read-only"):
            await manager.analytics.execute("CREATE TABLE nothing ()")
        assert ("replica" in await manager.health_check()) == (replica_url is not None)
        await manager.disconnect()


async def relay_to(address: str) -> tuple[asyncio.Server, str, list[asyncio.StreamWriter]]:
    """Relay to the same server that can be closed."""
    target = urlsplit(address)
    ends: list[asyncio.StreamWriter] = []

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends.append(writer)
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection(target.hostname, target.port)
        await asyncio.gather(copy(reader, other_writer), copy(other_reader, writer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    return server, address.replace(f":{target.port}/", f":{port}/"), ends


async def test_a_replica_that_goes_away_is_replaced_by_the_primary(postgres_url: str) -> None:
    server, replica_url, ends = await relay_to(postgres_url)
    manager = PostgresManager(postgres_url, replica_url=replica_url)
    await manager.connect()
    application = "SELECT current_setting('application_name')"
    assert await manager.analytics.fetchval(application) == "baggage-gateway-analytics"
    server.close()
    for end in ends:
        end.transport.abort()
    assert await manager.analytics.fetchval(application) == "baggage-gateway"
    assert await manager.analytics.fetchval(application) == "baggage-gateway"
    await manager.disconnect()


async def test_a_statement_too_slow_for_the_replica_does_not_load_the_primary(postgres_url: str) -> None:
    manager = PostgresManager(postgres_url, replica_url=postgres_url)
    await manager.connect()
    with count_statements() as counted, pytest.raises(Unavailable, match="no response in time"):
        await manager.analytics.fetchval("SELECT pg_sleep(30)", name="NAP", timeout=0.2)
    assert counted.names == ["BEGIN", "NAP"]
    await manager.disconnect()


async def test_notifications_arrive_and_a_lost_listener_reconnects(
    postgres: PostgresManager, onlooker: asyncpg.Connection
) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with asyncio.timeout(10), postgres.listen("outbox", heard.put_nowait):
        assert await heard.get() == "", "an empty payload wakes after each connection"
        await postgres.execute("SELECT pg_notify('outbox', 'first')")
        assert await heard.get() == "first"
        await onlooker.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'baggage-gateway-direct'"
        )
        assert await heard.get() == ""
        await postgres.execute("SELECT pg_notify('outbox', 'second')")
        assert await heard.get() == "second"
    await until_zero(onlooker, "query LIKE 'LISTEN%'")


async def test_a_direct_session_stays_on_one_connection(postgres: PostgresManager) -> None:
    async with postgres.direct() as session:
        assert await session.fetchval("SELECT pg_try_advisory_lock(1)")
        async with session.transaction():
            await session.execute("INSERT INTO note VALUES (1)")
        assert await session.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 1
    assert await postgres.fetchval("SELECT count(*) FROM note") == 1


async def test_behind_a_pooler_no_statement_stays_prepared(postgres_url: str) -> None:
    for pooled in (True, False):
        entry = await open_connection(Address((postgres_url,), tls=False, pooled=pooled), "test", 5.0)
        await entry.connection.fetchval("SELECT $1::int", 1)
        prepared = await entry.connection.fetchval("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''")
        assert (prepared == 0) == pooled
        await entry.connection.close()


@pytest.mark.parametrize("with_direct_url", [True, False])
async def test_behind_another_pooler_sessions_of_their_own_take_the_direct_address(
    postgres_url: str, with_direct_url: bool
) -> None:
    named = "SELECT count(*) FROM pg_prepared_statements WHERE name <> ''"
    pooled_url = postgres_url if with_direct_url else f"{postgres_url}?pgbouncer=true"
    manager = PostgresManager(pooled_url, 1, 1, direct_url=postgres_url if with_direct_url else None)
    await manager.connect()
    heard = asyncio.Event()
    async with manager.listen("news", lambda payload: heard.set() if payload == "now" else None):
        assert await manager.fetchval(named) == 0
        async with manager.transaction() as session:
            await session.fetch("SELECT $1::int", 1)
            assert await session.fetchval(named) == 0
        async with manager.direct() as session:
            assert (await session.fetchval(named) > 0) == with_direct_url
        async with asyncio.timeout(5):
            while not heard.is_set():
                await manager.execute("SELECT pg_notify('news', 'now')")
                await asyncio.sleep(0.01)
    await manager.disconnect()


async def test_health_and_pool_stats(postgres: PostgresManager) -> None:
    health = await postgres.health_check()
    assert health["status"] == "healthy"
    assert health["latency_ms"] > 0
    assert health["version"].startswith("18.")
    assert health["pool"]["max"] == 20
    assert {"size", "idle", "in_use", "max", "queries", "errors", "seconds"} == set(postgres.get_pool_stats())


async def test_after_disconnecting_nothing_is_left_on_the_server(
    postgres_url: str, onlooker: asyncpg.Connection
) -> None:
    manager = PostgresManager(postgres_url, application_name="leaving")
    await manager.connect()
    await asyncio.gather(*(manager.fetchval("SELECT pg_sleep(0.01)") for _ in range(5)))
    await manager.disconnect()
    with pytest.raises(Unavailable, match="disconnected"):
        await manager.fetchval("SELECT 1")
    assert (await manager.health_check())["status"] == "unhealthy"
    await until_zero(onlooker, "application_name ~ '^leaving'")
    await manager.connect()
    assert await manager.fetchval("SELECT 1") == 1
    await manager.disconnect()


async def test_connections_go_to_waiting_callers_in_turn(postgres_url: str) -> None:
    pool = Pool(Address.parse(postgres_url), "test", 0, 1)
    entry = await pool.acquire(5.0)
    served: list[str] = []

    async def user(name: str) -> None:
        mine = pool.acquire_idle() or await pool.acquire(5.0)
        served.append(name)
        pool.release(mine)

    waiting = [asyncio.create_task(user(name)) for name in "abcd"]
    await asyncio.sleep(0)
    waiting[1].cancel()
    pool.release(entry)
    assert pool.acquire_idle() is None, "it is reserved for a"
    waiting[0].cancel()  # cancelled just as the connection arrives
    late = asyncio.create_task(user("e"))
    done = await asyncio.gather(*waiting, late, return_exceptions=True)
    assert served == ["c", "d", "e"]
    assert [type(one) for one in done[:2]] == [asyncio.CancelledError] * 2
    assert pool.stats() == {"size": 1, "idle": 1, "in_use": 0, "max": 1}
    await pool.close(1.0)


def test_a_pool_of_impossible_size_is_rejected() -> None:
    with pytest.raises(ValueError, match="not 5 to 2"):
        PostgresManager("postgresql://localhost/x", 5, 2)


async def test_tls_is_required_where_the_server_has_none(postgres_url: str) -> None:
    manager = PostgresManager(f"{postgres_url}?sslmode=require")
    await manager.connect()
    with pytest.raises(Unavailable):
        await manager.fetchval("SELECT 1")
    assert "SSL" in (await manager.health_check())["error"]
    await manager.disconnect()


async def test_statements_are_planned_once_except_with_a_custom_plan(
    postgres: PostgresManager,
) -> None:
    text = "SELECT count(*) FROM pg_class WHERE $1::text IS NULL OR relname = $1"
    async with postgres.transaction() as session:
        for _ in range(3):
            await session.fetch(text, "pg_class", name="PLANNED")
        await session.fetch(text, "pg_class", name="PLANNED", custom_plan=True)
        (plans,) = await session.fetch(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = $1", text, name="PLANS"
        )
        assert tuple(plans) == (3, 1)
        assert await session.fetchval("SHOW plan_cache_mode", name="SHOW") == "force_generic_plan"


async def test_a_failed_statement_with_a_custom_plan_resets_the_connection(postgres: PostgresManager) -> None:
    with pytest.raises(Refused):
        await postgres.fetch("SELECT 1 / $1::integer", 0, name="DIVIDED", custom_plan=True)
    async with asyncio.TaskGroup() as group:
        modes = [group.create_task(postgres.fetchval("SHOW plan_cache_mode", name="SHOW")) for _ in range(5)]
    assert {mode.result() for mode in modes} == {"force_generic_plan"}
