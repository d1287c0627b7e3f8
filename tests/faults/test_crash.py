"""Short crash run: a gateway that is killed at random and replies that are cut off lose and double nothing."""

from pathlib import Path

import pytest

from benchmarks.crash import crash
from benchmarks.partner_installation import started_partner_programs
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.redis import EmbeddedRedis
from tests.conftest import Neo4jCredentials

pytestmark = pytest.mark.long


async def test_nothing_is_lost_or_sent_twice(
    embedded_postgres: EmbeddedPostgres,
    embedded_neo4j: EmbeddedNeo4j,
    embedded_redis: EmbeddedRedis,
    postgres_url: str,
    redis_url: str,
    neo4j_credentials: Neo4jCredentials,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """``python -m benchmarks.crash`` is the full run, which also kills dispatchers."""
    stores = (embedded_postgres, embedded_neo4j, embedded_redis)
    async with started_partner_programs(stores, tmp_path, 50, print, NEON_DATABASE_URL=postgres_url) as installation:
        correct = await crash(installation, mutations=40, cut=0.1, kill=["gateway"], seed=753, progress=print)
    counts = capsys.readouterr().out
    assert correct, counts
    assert "mutations completed         40" in counts
    assert "{'gateway': " in counts, "a gateway was killed"
