"""One application over one world for each module; modules that only read share nothing but what they read."""

import logging
from collections.abc import AsyncIterator, Iterator

import pytest

from gateway.config import Settings
from resolvers.context import Stores
from tests.conftest import Neo4jCredentials
from tests.gateway import Api, serving, settings_for
from tests.world import World, make_world, open_stores


@pytest.fixture(scope="module")
async def stores(migrated_url: str, redis_url: str, neo4j_credentials: Neo4jCredentials) -> AsyncIterator[Stores]:
    """The test's own connections to the stores."""
    async with open_stores(migrated_url, redis_url, neo4j_credentials) as opened:
        yield opened


@pytest.fixture(scope="module")
async def world(stores: Stores) -> World:
    """What there is to ask about."""
    return await make_world(stores)


@pytest.fixture(scope="module")
def settings(migrated_url: str, redis_url: str, neo4j_credentials: Neo4jCredentials) -> Settings:
    """The application's settings."""
    return settings_for(migrated_url, redis_url, neo4j_credentials)


@pytest.fixture(scope="module")
async def api(settings: Settings, world: World) -> AsyncIterator[Api]:
    """The application over the world."""
    async with serving(settings) as client:
        yield client


@pytest.fixture(autouse=True)
def _nothing_is_logged_as_our_fault(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever is asked, the gateway logs no error: those wake somebody up."""
    yield
    assert [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR] == []
