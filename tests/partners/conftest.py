"""Fixtures: WorldTracer's mock on the wire, and a client of it."""

from collections.abc import AsyncIterator

import pytest

from integrations.partners.mocks.worldtracer import create_app
from integrations.partners.ports import WorldTracer
from integrations.partners.worldtracer import WorldTracerClient
from tests.partners.control import Control, controlled

KEY = "worldtracer-key-of-tests"


@pytest.fixture
async def worldtracer_mock() -> AsyncIterator[Control]:
    """WorldTracer mock without files."""
    async with controlled(create_app(key=KEY)) as control:
        yield control


@pytest.fixture
async def worldtracer(worldtracer_mock: Control) -> AsyncIterator[WorldTracer]:
    """Client of the mock with a short read limit."""
    client = WorldTracerClient(worldtracer_mock.url, KEY, "CM", read_seconds=0.3)
    yield client
    await client.close_connections()
