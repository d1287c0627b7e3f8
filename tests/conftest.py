"""The real stores for every test: started when a test first asks, stopped when the run ends.

Each run owns a slot below ``.demo/tests`` by a lock, so that runs at the same time do not meet; what a slot holds
(the cluster, Neo4j's store) is used again by the next run, each test module begins with an empty store.
"""

import fcntl
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest
from neo4j import AsyncGraphDatabase
from redis.asyncio import Redis

from integrations.embedded.kafka import EmbeddedKafka
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.redis import EmbeddedRedis
from integrations.stores.postgres.manager import PostgresManager
from migrations.run import migrate

EMPTY_THE_GRAPH = "MATCH (node) CALL (node) { DETACH DELETE node } IN TRANSACTIONS OF 10000 ROWS"
END_CONNECTIONS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1 AND usename = current_user
"""
# The order of the folders: long runs first; each folder in one piece, since one application serves all of tests/api.
FOLDERS = (
    *("ingestion", "faults", "deploy", "partners", "stores"),
    *("api", "browser", "execution", "benchmarks", "guards", "unit"),
)
SLOTS = Path(__file__).parents[1] / ".demo" / "tests"


class Neo4jCredentials(NamedTuple):
    """What a Neo4j client needs."""

    uri: str
    user: str
    password: str


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects tests whose condition does not hold here, and puts long modules first, so that workers end together."""
    absent = [item for item in items if any(not mark.args[0] for mark in item.iter_markers("only_if"))]
    if absent:
        config.hook.pytest_deselected(items=absent)
    places = {folder: place for place, folder in enumerate(FOLDERS)}
    ordered = sorted(
        (item for item in items if item not in absent),
        key=lambda item: (places.get(item.path.parent.name, len(places)), item.get_closest_marker("long") is None),
    )
    for item in ordered:
        if "slot" in getattr(item, "fixturenames", ()):
            item.add_marker("stores")
    items[:] = ordered


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A skipped test fails the run: what is not run proves nothing."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == pytest.ExitCode.OK and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says why a run without a failure fails."""
    if skipped := terminalreporter.stats.get("skipped"):
        terminalreporter.write_line(f"Failed: {len(skipped)} skipped; a test that cannot run here is marked only_if.")


@pytest.fixture(scope="session")
def slot() -> Iterator[Path]:
    """A folder that no other run uses while this one does."""
    for number in itertools.count():
        folder = SLOTS / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield folder
            return


@pytest.fixture(scope="session")
async def embedded_postgres(slot: Path) -> AsyncIterator[EmbeddedPostgres]:
    """The PostgreSQL server of this run."""
    server = EmbeddedPostgres(slot / "postgres", durable=False)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
async def embedded_redis(slot: Path) -> AsyncIterator[EmbeddedRedis]:
    """The Redis server of this run."""
    server = EmbeddedRedis(slot / "redis")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
async def embedded_neo4j(slot: Path) -> AsyncIterator[EmbeddedNeo4j]:
    """The Neo4j server of this run."""
    server = EmbeddedNeo4j(slot / "neo4j", heap_mb=384, options=java_options(slot / "neo4j.jsa"))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
async def embedded_kafka(slot: Path) -> AsyncIterator[EmbeddedKafka]:
    """The Kafka broker of this run."""
    server = EmbeddedKafka(slot / "kafka", options=java_options(slot / "kafka.jsa"))
    await server.start()
    yield server
    await server.stop()


def java_options(archive: Path) -> list[str]:
    """Options for servers that live for minutes.

    Without the second compiler Neo4j's start takes 5 s of CPU instead of 8.5 s; with the classes of its first run in
    an archive, which the JVM writes when that run ends, 3 s.
    """
    return ["-XX:TieredStopAtLevel=1", "-XX:+AutoCreateSharedArchive", f"-XX:SharedArchiveFile={archive}"]


@pytest.fixture(scope="module")
async def postgres_url(embedded_postgres: EmbeddedPostgres) -> str:
    """The address of an empty database, a new one for each test module."""
    return await make_database(embedded_postgres, "empty_test")


@pytest.fixture(scope="session")
async def migrated_template(embedded_postgres: EmbeddedPostgres) -> str:
    """The name of a database with the product's tables, to be copied."""
    name = "migrated_template"
    manager = PostgresManager(await make_database(embedded_postgres, name), 0, 2)
    await manager.connect()
    await migrate(manager, lambda _: None)
    await manager.disconnect()
    return name


@pytest.fixture(scope="module")
async def migrated_url(embedded_postgres: EmbeddedPostgres, migrated_template: str) -> str:
    """The address of a database with the product's tables and reference data, a new one for each test module."""
    return await make_database(embedded_postgres, "migrated_test", migrated_template)


async def make_database(server: EmbeddedPostgres, name: str, template: str = "template1") -> str:
    """Makes a database in the place of one of the same name; returns its address."""
    connection = await asyncpg.connect(server.url)
    try:
        # Not WITH (FORCE): that may not end the autovacuum which may be in it, but a plain DROP may.
        await connection.execute(END_CONNECTIONS, name)
        await connection.execute(f"DROP DATABASE IF EXISTS {name}")
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    finally:
        await connection.close()
    return server.url_of(name)


@pytest.fixture(scope="module")
async def redis_url(embedded_redis: EmbeddedRedis) -> str:
    """The address of a Redis that holds nothing."""
    async with Redis.from_url(embedded_redis.url, protocol=2) as client:
        await client.flushall()
    return embedded_redis.url


@pytest.fixture(scope="module")
async def neo4j_credentials(embedded_neo4j: EmbeddedNeo4j) -> Neo4jCredentials:
    """The access to a Neo4j without nodes, constraints and indexes."""
    access = Neo4jCredentials(embedded_neo4j.uri, embedded_neo4j.user, embedded_neo4j.password)
    async with AsyncGraphDatabase.driver(access.uri, auth=(access.user, access.password)) as driver:
        async with driver.session() as session:
            await session.run(EMPTY_THE_GRAPH)
        for kind in ("CONSTRAINT", "INDEX"):
            schema = await driver.execute_query(f"SHOW {kind} YIELD name, type WHERE type <> 'LOOKUP'")
            for record in schema.records:
                await driver.execute_query(f"DROP {kind} `{record['name']}` IF EXISTS")
    return access
