"""The crash run in short: a gateway killed at random and replies cut off lose nothing and tell nobody twice."""

from pathlib import Path

import pytest

from benchmarks.crash import crash
from benchmarks.partnered import partnered_over
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.redis import EmbeddedRedis
from tests.conftest import Neo4jCredentials

pytestmark = pytest.mark.long


async def test_nothing_is_lost_and_nobody_is_told_twice(
    embedded_postgres: EmbeddedPostgres,
    embedded_neo4j: EmbeddedNeo4j,
    embedded_redis: EmbeddedRedis,
    postgres_url: str,
    redis_url: str,
    neo4j_credentials: Neo4jCredentials,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """``python -m benchmarks.crash`` is the whole of it; dispatchers are killed there too."""
    stores = (embedded_postgres, embedded_neo4j, embedded_redis)
    async with partnered_over(stores, tmp_path, 50, print, NEON_DATABASE_URL=postgres_url) as bed:
        good = await crash(bed, mutations=40, cut=0.1, kill=["gateway"], seed=753, say=print)
    counts = capsys.readouterr().out
    assert good, counts
    assert "mutations answered          40" in counts
    assert "{'gateway': " in counts, "a gateway was killed"
