"""One application over one world for all of these tests; see ``tests.world``.

It ends with them: the statements it sends by itself would wait for every test after them that blocks the event loop.
"""

import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from gateway.config import Settings
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.redis import EmbeddedRedis
from integrations.stores.availability import Availability
from resolvers.installation import Stores
from tests.conftest import Neo4jCredentials, make_database
from tests.gateway import Api, serving, settings_for
from tests.world import Builder, World, open_stores


@pytest.fixture(scope="package", autouse=True)
def _stores_may_be_slow() -> Iterator[None]:
    """A store that other tests keep busy is not taken for one that is down."""
    defaults: Any = Availability.__init__.__kwdefaults__
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(defaults, "probe_timeout", 20.0)
        yield


@pytest.fixture(scope="package")
async def settings(
    embedded_postgres: EmbeddedPostgres,
    embedded_redis: EmbeddedRedis,
    embedded_neo4j: EmbeddedNeo4j,
    migrated_template: str,
) -> Settings:
    """The application's settings, over a database of its own."""
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
    """What there is to ask about, in the graph too."""
    await _world.rebuild_graph()
    return _world


@pytest.fixture(scope="module")
def api(_api: Api, world: World) -> Api:
    """The application over the world."""
    return _api


@pytest.fixture
async def airline(world: World) -> Builder:
    """An airline of the test's own: to change something."""
    return await world.another_airline()


@pytest.fixture(autouse=True)
def _nothing_is_logged_as_our_fault(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever is asked, the gateway logs no error: those wake somebody up."""
    yield
    assert [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR] == []
