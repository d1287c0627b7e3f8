"""A rolling restart of two gateways under load: no request fails, and subscribers resume."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from benchmarks.rolling import RollingOutcome, rolling
from gateway.config import Settings
from resolvers.actor import Role
from tests.conftest import Neo4jCredentials
from tests.faults.test_gateway_stores import environment_of, serve
from tests.gateway import credential, settings_for
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


async def test_an_upload_that_outlasts_the_drain_is_rejected_for_a_retry(settings: Settings, tmp_path: Path) -> None:
    """Given a stream without an end, when the gateway receives SIGTERM, then it is rejected, and the gateway ends."""
    message = "BPM\n.V/1LPTY\n.J/S//S1/01JUL/1600Z/SORTER1/\n.N/0130000000001\nENDBPM\n"
    fields = {**credential(Role.SERVICE), "Host": "gateway", "Transfer-Encoding": "chunked"}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    async with serve(settings, tmp_path, "ending", DRAIN_REQUEST_SECONDS="1") as (gateway, client):
        reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
        writer.write(f"POST /ingest/typeb HTTP/1.1\r\n{head}\r\n{len(message):x}\r\n{message}\r\n".encode())
        await asyncio.sleep(1.0)
        stopping = asyncio.create_task(gateway.stop())
        response = (await asyncio.wait_for(reader.read(), 10)).decode()
        writer.close()
        await asyncio.wait_for(stopping, 10)
    assert response.startswith("HTTP/1.1 503 ")
    assert "retry-after: 1\r\n" in response
    assert "SHUTTING_DOWN" in response
