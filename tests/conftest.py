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
SLOTS = Path(__file__).parents[1] / ".demo" / "tests"


class Neo4jCredentials(NamedTuple):
    """What a Neo4j client needs."""

    uri: str
    user: str
    password: str


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
    # The second compiler pays in minutes: without it a start takes 5 s of CPU, with it 8.5 s.
    server = EmbeddedNeo4j(slot / "neo4j", heap_mb=384, options=["-XX:TieredStopAtLevel=1"])
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
async def embedded_kafka(slot: Path) -> AsyncIterator[EmbeddedKafka]:
    """The Kafka broker of this run."""
    server = EmbeddedKafka(slot / "kafka", options=["-XX:TieredStopAtLevel=1"])
    await server.start()
    yield server
    await server.stop()


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
