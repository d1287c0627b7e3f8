"""Installation of the bank on the stores of a test worker, which starts within seconds."""

from collections.abc import AsyncIterator

import pytest

from benchmarks.bank.installation import PROGRAMS, BankInstallation, bank_installation_on
from benchmarks.installation import started_programs
from gateway.config import Settings
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.redis import EmbeddedRedis
from tests.conftest import Neo4jCredentials, make_database
from tests.gateway import settings_for

BAGS = 300


@pytest.fixture(scope="module")
async def settings(
    request: pytest.FixtureRequest,
    embedded_postgres: EmbeddedPostgres,
    embedded_redis: EmbeddedRedis,
    neo4j_credentials: Neo4jCredentials,
    migrated_template: str,
) -> Settings:
    """Settings with a database of the module's own."""
    name = request.module.__name__.rpartition(".")[2]
    url = await make_database(embedded_postgres, name, migrated_template)
    return settings_for(url, embedded_redis.url, neo4j_credentials)


@pytest.fixture(scope="module")
async def installation(
    embedded_postgres: EmbeddedPostgres,
    embedded_neo4j: EmbeddedNeo4j,
    embedded_redis: EmbeddedRedis,
    postgres_url: str,
    redis_url: str,
    neo4j_credentials: Neo4jCredentials,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[BankInstallation]:
    """Text of a day, and gateway and projector on stores that hold the day's flights."""
    stores = {"database": embedded_postgres, "graph": embedded_neo4j, "cache": embedded_redis}
    folder = tmp_path_factory.mktemp("bank")
    async with (
        started_programs(stores, folder, 0, 1, print, PROGRAMS, NEON_DATABASE_URL=postgres_url) as installed,
        bank_installation_on(installed, folder, 1, BAGS, 1, print) as started,
    ):
        yield started
