"""A rolling restart of two gateways under load: no request fails, and subscribers resume."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from benchmarks.rolling import RollingOutcome, rolling
from gateway.config import Settings
from tests.conftest import Neo4jCredentials
from tests.faults.test_gateway_stores import environment_of
from tests.gateway import settings_for
from tests.world import open_stores, our_day

pytestmark = pytest.mark.long

NOTICE_SECONDS = 2.0


@pytest.fixture(scope="module")
async def settings(migrated_url: str, redis_url: str, neo4j_credentials: Neo4jCredentials) -> AsyncIterator[Settings]:
    settings = settings_for(migrated_url, redis_url, neo4j_credentials)
    async with open_stores(settings) as stores:
        await our_day(stores)
        yield settings


async def restarted(settings: Settings, folder: Path, notice: float) -> RollingOutcome:
    """Outcome of one restart of two gateways."""
    environment = {**environment_of(settings, 1), "DRAIN_NOTICE_SECONDS": str(notice)}
    return await rolling(environment, folder, print, restarts=1)


async def test_a_rolling_restart_fails_no_request(settings: Settings, tmp_path: Path) -> None:
    """``python -m benchmarks.rolling`` restarts more often."""
    outcome = await restarted(settings, tmp_path, NOTICE_SECONDS)
    assert outcome.correct, outcome.text()
    assert outcome.requests > 100
    assert outcome.recorded
    assert outcome.uploads
    assert all(seconds < 10 for seconds in outcome.drains), outcome.drains
