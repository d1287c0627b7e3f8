"""A migration under open connections, and a server that turns read-only."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from benchmarks.faults.stores import read_only_postgres
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.errors import Refused, SchemaChanged, Unavailable
from integrations.repeats import repeated_after_migration
from integrations.stores.postgres.manager import PostgresManager
from tests.faults.processes import eventually, healthy, unhealthy

TABLE = "CREATE TABLE IF NOT EXISTS parcel (id int PRIMARY KEY, body text, weight numeric(5, 1))"
READ = "SELECT id, body, weight FROM parcel WHERE id = $1"
ADD = "INSERT INTO parcel (id, body) VALUES ($1, $2) RETURNING id, body, weight"
# Each changes the type of a result, which PostgreSQL reports as "cached plan must not change result type".
MIGRATIONS = [
    "ALTER TABLE parcel ALTER COLUMN weight TYPE numeric(6, 1)",
    "ALTER TABLE parcel ALTER COLUMN weight TYPE double precision",
    "ALTER TABLE parcel ALTER COLUMN body TYPE varchar(80)",
    "ALTER TABLE parcel ALTER COLUMN id TYPE bigint",
    "ALTER TABLE parcel ADD COLUMN colour text DEFAULT 'BK'",
    "ALTER TABLE parcel DROP COLUMN weight, ADD COLUMN weight bigint",
    "ALTER TABLE parcel ALTER COLUMN weight TYPE text, ADD COLUMN colour text",
    """
    ALTER TABLE parcel RENAME TO parcel_old;
    CREATE TABLE parcel (id bigint PRIMARY KEY, body varchar(9), weight real);
    INSERT INTO parcel SELECT * FROM parcel_old;
    DROP TABLE parcel_old
    """,
]


class Parcel(asyncpg.Record):
    @property
    def body(self) -> str:
        return str(self["body"])


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[PostgresManager]:
    manager = PostgresManager(postgres_url)
    await manager.connect()
    await manager.execute(f"DROP TABLE IF EXISTS parcel; {TABLE}; INSERT INTO parcel VALUES (1, 'one', 1.5)")
    yield manager
    await manager.disconnect()


@pytest.fixture
async def operator(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


async def warm(postgres: PostgresManager) -> None:
    """Prepares the statements on several connections."""

    async def read_and_wait() -> None:
        async with postgres.acquire() as session:
            await session.fetch(READ, 1, record_class=Parcel)
            await session.fetch(ADD.replace("VALUES ($1, $2)", "SELECT $1, $2 WHERE false"), 0, "")
            await session.execute("SELECT pg_sleep(0.02)")

    await asyncio.gather(*(read_and_wait() for _ in range(6)))
    assert postgres.get_pool_stats()["idle"] >= 6


@pytest.mark.parametrize("migration", MIGRATIONS)
async def test_statements_do_not_notice_a_migration(
    postgres: PostgresManager, operator: asyncpg.Connection, migration: str
) -> None:
    await warm(postgres)
    await operator.execute(migration)
    found = await asyncio.gather(*(postgres.fetch(READ, 1, record_class=Parcel) for _ in range(12)))
    added = await asyncio.gather(*(postgres.fetchrow(ADD, n, "new", record_class=Parcel) for n in range(10, 22)))
    listed = await postgres.fetch(READ, 1, record_class=Parcel, custom_plan=True)
    analysed = await postgres.analytics.fetch(READ, 1, record_class=Parcel)

    assert [row.body for rows in found for row in rows] == ["one"] * 12
    assert [row.body for row in added if row] == ["new"] * 12
    assert [row.body for row in [*listed, *analysed]] == ["one"] * 2
    assert await postgres.fetchval("SELECT count(*) FROM parcel") == 13


async def test_a_write_without_a_transaction_runs_once(postgres: PostgresManager, operator: asyncpg.Connection) -> None:
    await postgres.fetchval(ADD, 2, "two")
    await operator.execute(MIGRATIONS[0])
    assert await postgres.fetchval(ADD, 3, "three") == 3
    assert await postgres.fetchval("SELECT count(*) FROM parcel") == 3


async def test_a_transaction_is_rolled_back_and_can_run_again(
    postgres: PostgresManager, operator: asyncpg.Connection
) -> None:
    attempts = 0

    async def move() -> str:
        nonlocal attempts
        attempts += 1
        async with postgres.transaction() as session:
            await session.execute("UPDATE parcel SET body = body || '!' WHERE id = 1")
            return (await session.fetch(READ, 1, record_class=Parcel))[0].body

    await move()
    await warm(postgres)
    await operator.execute(MIGRATIONS[0])
    with pytest.raises(SchemaChanged):
        await move()
    assert postgres.get_pool_stats()["idle"] == 0, "the other connections are as outdated"
    assert await postgres.fetchval("SELECT body FROM parcel") == "one!"
    await warm(postgres)
    await operator.execute(MIGRATIONS[1])
    attempts = 0
    assert await repeated_after_migration(move)() == "one!!"
    assert attempts == 2


async def test_a_connection_in_use_during_a_migration_is_not_used_again(
    postgres: PostgresManager, operator: asyncpg.Connection
) -> None:
    async with postgres.acquire() as session:
        await session.fetch(READ, 1)
        outdated = await session.fetchval("SELECT pg_backend_pid()")
        await warm(postgres)
        await operator.execute(MIGRATIONS[0])
        await postgres.fetch(READ, 1, record_class=Parcel)
    assert await postgres.fetchval("SELECT pg_backend_pid()") != outdated


async def test_statements_that_a_pooler_discarded_are_prepared_again(postgres: PostgresManager) -> None:
    async with postgres.acquire() as session:
        await session.fetch(READ, 1, record_class=Parcel)
        await session.execute("DEALLOCATE ALL")
    assert [row.body for row in await postgres.fetch(READ, 1, record_class=Parcel)] == ["one"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT missing FROM parcel",
        "SELECT 1 FROM missing",
        "SELECT missing(1)",
        "SELECT NULL::missing",
        "SET ROLE pg_read_all_data; INSERT INTO parcel VALUES (9)",
    ],
)
async def test_an_older_schema_is_no_fault_of_the_call(postgres: PostgresManager, sql: str) -> None:
    """So a message that arrives before a migration is complete does not become a dead letter."""
    with pytest.raises(Unavailable, match=r"missing|permission denied"):
        async with postgres.transaction() as session:
            await session.execute(sql)
    with pytest.raises(Refused):
        await postgres.execute("SELEKT 1")


async def test_a_read_only_server_is_unavailable_until_it_accepts_writes(
    postgres: PostgresManager, embedded_postgres: EmbeddedPostgres
) -> None:
    await warm(postgres)

    async def rejected() -> bool:
        try:
            await postgres.execute("UPDATE parcel SET body = 'changed'")
        except Unavailable as error:
            return error.retry_after_seconds >= 0.1
        return False  # the server has not read its configuration yet

    async with read_only_postgres(embedded_postgres):
        await eventually(rejected, 5)
        await eventually(lambda: unhealthy(postgres), 5)
        assert "read-only" in (await postgres.health_check())["error"]
        assert postgres.get_pool_stats()["idle"] == 0, "a new connection may lead to the new primary"
        with pytest.raises(Unavailable):
            async with postgres.transaction():
                pytest.fail("no transaction begins")
    await eventually(lambda: healthy(postgres), 15)
    await postgres.execute("UPDATE parcel SET body = 'changed'")


async def test_a_read_only_server_is_found_without_a_write(
    postgres: PostgresManager, embedded_postgres: EmbeddedPostgres
) -> None:
    async with read_only_postgres(embedded_postgres):
        await eventually(lambda: unhealthy(postgres), 5)
    await eventually(lambda: healthy(postgres), 15)


async def test_a_probe_on_a_session_with_the_former_primary_does_not_hide_it(
    postgres: PostgresManager, operator: asyncpg.Connection
) -> None:
    """Existing sessions still accept writes, and new ones do not."""
    await eventually(lambda: healthy(postgres))
    name = await operator.fetchval("SELECT current_database()")
    await operator.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        postgres._pool.renew()
        with pytest.raises(Unavailable):
            await postgres.execute("UPDATE parcel SET body = 'changed'")
        await eventually(lambda: unhealthy(postgres), 5)
    finally:
        await operator.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    await eventually(lambda: healthy(postgres), 15)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO parcel VALUES (7)",
        "SELECT id FROM parcel FOR UPDATE",
        "SELECT nextval('parcel_number')",
        "TRUNCATE parcel",
        "CREATE TABLE another ()",
        "WITH gone AS (DELETE FROM parcel RETURNING id) SELECT count(*) FROM gone",
    ],
)
@pytest.mark.parametrize("in_transaction", [True, False])
async def test_every_write_to_a_read_only_server_can_be_retried(
    postgres: PostgresManager, operator: asyncpg.Connection, sql: str, in_transaction: bool
) -> None:
    async def write() -> None:
        if not in_transaction:
            await postgres.execute(sql)
            return
        async with postgres.transaction() as session:
            await session.execute(sql)

    name = await operator.fetchval("SELECT current_database()")
    await operator.execute("CREATE SEQUENCE IF NOT EXISTS parcel_number")
    await operator.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        postgres._pool.renew()
        with pytest.raises(Unavailable, match="read-only"):
            await write()
    finally:
        await operator.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    await eventually(lambda: healthy(postgres), 15)
    await write()
    await postgres.execute("DROP TABLE IF EXISTS another")


async def test_a_replica_may_be_read_only(postgres_url: str, operator: asyncpg.Connection) -> None:
    name = await operator.fetchval("SELECT current_database()")
    await operator.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        manager = PostgresManager(postgres_url, is_replica=True)
        await manager.connect()
        assert await manager.fetchval("SELECT 1") == 1
        assert await healthy(manager)
        await manager.disconnect()
    finally:
        await operator.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
