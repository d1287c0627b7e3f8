"""One application over one world for all of these tests; see ``tests.world``.

It stops after these tests: later tests that block the event loop would delay its background statements.
"""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from gateway.config import ExternalServices, ServiceFlags, Settings
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.redis import EmbeddedRedis
from integrations.partners.mocks import sendgrid, twilio, worldtracer
from integrations.partners.mocks.server import serving as serving_mock
from resolvers.installation import Stores
from tests.conftest import Neo4jCredentials, make_database
from tests.gateway import Api, serving, settings_for
from tests.world import Builder, World, open_stores, patient

MOCKED = ServiceFlags(mock=True)


@pytest.fixture(scope="package", autouse=True)
def _stores_may_be_slow() -> Iterator[None]:
    with patient():
        yield


@pytest.fixture(scope="package")
async def settings(
    embedded_postgres: EmbeddedPostgres,
    embedded_redis: EmbeddedRedis,
    embedded_neo4j: EmbeddedNeo4j,
    migrated_template: str,
) -> Settings:
    """The application's settings, with a separate database."""
    url = await make_database(embedded_postgres, "api_test", migrated_template)
    access = Neo4jCredentials(embedded_neo4j.uri, embedded_neo4j.user, embedded_neo4j.password)
    return settings_for(url, embedded_redis.url, access)


@pytest.fixture(scope="package")
async def stores(settings: Settings) -> AsyncIterator[Stores]:
    """The tests' own connections to the application's stores."""
    async with open_stores(settings) as opened:
        yield opened


@pytest.fixture(scope="package")
async def _world(stores: Stores) -> World:
    return await World.make(stores)


@pytest.fixture(scope="package")
async def _api(settings: Settings, _world: World) -> AsyncIterator[Api]:
    async with serving(settings) as client:
        yield client


@pytest.fixture(scope="module")
async def world(_world: World) -> World:
    """The test data, in the graph as well."""
    await _world.rebuild_graph()
    return _world


@pytest.fixture(scope="module")
def api(_api: Api, world: World) -> Api:
    """The application with the test data."""
    return _api


@pytest.fixture
async def mocked(
    settings: Settings, embedded_postgres: EmbeddedPostgres, migrated_template: str
) -> AsyncIterator[Settings]:
    """Settings of a gateway with a separate database and mock partners, without quiet hours and limits."""
    url = await make_database(embedded_postgres, "story_test", migrated_template)
    async with AsyncExitStack() as stack:
        mocks = {
            f"{name}_mock_endpoint": await stack.enter_async_context(serving_mock(module.create_app()))
            for name, module in (("worldtracer", worldtracer), ("twilio", twilio), ("sendgrid", sendgrid))
        }
        changed = {
            "neon_database_url": type(settings.neon_database_url)(url),
            "external_services": ExternalServices(worldtracer=MOCKED, twilio=MOCKED, sendgrid=MOCKED),
            "twilio_account_sid": "AC" + "0" * 32,
            "quiet_until": settings.quiet_from,
            "seed_bags": 50,
            "seed_exceptions": 10,
            **mocks,
        }
        yield settings.model_copy(update=changed)
    async with open_stores(settings) as opened:
        # Its bags have the numbers of the world's, so the graph is rebuilt for the next module.
        await opened.neo4j.execute_write("MATCH (world:World) DELETE world")


@pytest.fixture
async def airline(world: World) -> Builder:
    """A separate airline for a test that changes data."""
    return await world.another_airline()


@pytest.fixture(autouse=True)
def _nothing_is_logged_as_our_fault(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fails a test during which the gateway logs an error, because errors alert the operators."""
    yield
    assert [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR] == []
