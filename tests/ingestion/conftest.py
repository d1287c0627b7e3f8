"""The bank over the worker's stores: what ``python -m benchmarks.bank`` runs on is brought up in seconds."""

from collections.abc import AsyncIterator

import pytest

from benchmarks.bank.bed import PROGRAMS, Bed, bed_over
from benchmarks.installation import programs_over
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.redis import EmbeddedRedis
from tests.conftest import Neo4jCredentials

BAGS = 300


@pytest.fixture(scope="module")
async def bed(
    embedded_postgres: EmbeddedPostgres,
    embedded_neo4j: EmbeddedNeo4j,
    embedded_redis: EmbeddedRedis,
    postgres_url: str,
    redis_url: str,
    neo4j_credentials: Neo4jCredentials,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Bed]:
    """A day's text, and gateway and projector over stores that hold the day's flights."""
    stores = {"database": embedded_postgres, "graph": embedded_neo4j, "cache": embedded_redis}
    folder = tmp_path_factory.mktemp("bank")
    async with (
        programs_over(stores, folder, 0, 1, print, PROGRAMS, NEON_DATABASE_URL=postgres_url) as installed,
        bed_over(installed, folder, 1, BAGS, 1, print) as ready,
    ):
        yield ready
