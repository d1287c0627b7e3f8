"""Short form of the fault matrix: stores that are killed, frozen, cut off or read-only, and partners that are late."""

from pathlib import Path

import asyncpg
import pytest

from benchmarks.faults.installation import started_fault_installation
from benchmarks.faults.matrix import Fault, Row, Subject
from benchmarks.faults.report import text
from benchmarks.faults.rows import run_rows
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.redis import EmbeddedRedis
from integrations.embedded.server import EmbeddedServer
from tests.conftest import Neo4jCredentials

pytestmark = pytest.mark.long

# A busy machine takes longer to start a store, and its clients to get a response.
RECOVERY_SECONDS = 60.0
ROWS = [
    Row(Subject.RECORDS, Fault.KILLED, 1.0, RECOVERY_SECONDS),
    Row(Subject.GRAPH, Fault.FROZEN, 3.0, RECOVERY_SECONDS),
    Row(Subject.CACHE, Fault.REFUSING, 1.0, RECOVERY_SECONDS),
]


async def make_durable(database_url: str) -> None:
    """Lets a commit wait for its WAL, as in production: the tests' server loses the last commits where it is killed."""
    connection = await asyncpg.connect(database_url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = on")
    await connection.close()


async def test_nothing_is_wrong_lost_or_doubled(
    embedded_postgres: EmbeddedPostgres,
    embedded_neo4j: EmbeddedNeo4j,
    embedded_redis: EmbeddedRedis,
    postgres_url: str,
    redis_url: str,
    neo4j_credentials: Neo4jCredentials,
    tmp_path: Path,
) -> None:
    """``python -m benchmarks.faults`` runs every row."""
    stores: dict[Subject, EmbeddedServer] = {
        Subject.RECORDS: embedded_postgres,
        Subject.GRAPH: embedded_neo4j,
        Subject.CACHE: embedded_redis,
    }
    await make_durable(postgres_url)
    async with started_fault_installation(stores, tmp_path, 120, print, {}, None, postgres_url) as installation:
        results = await run_rows(installation, ROWS, print)
    assert [one.faults() for one in results] == [[]] * len(ROWS), text(results)
    assert all(one.load.requests > 50 and one.load.writes > 10 for one in results), text(results)
    assert not any(one.skipped for one in results)
    assert results[0].load.errors["STORE_UNAVAILABLE"], "PostgreSQL was away"
