"""A world on real stores for each module; modules that need another one define their own fixtures."""

from collections.abc import AsyncIterator

import pytest

from resolvers.installation import Stores
from tests.conftest import Neo4jCredentials
from tests.gateway import settings_for
from tests.world import Builder, World, open_stores, our_day


@pytest.fixture(scope="module")
async def stores(migrated_url: str, redis_url: str, neo4j_credentials: Neo4jCredentials) -> AsyncIterator[Stores]:
    async with open_stores(settings_for(migrated_url, redis_url, neo4j_credentials)) as opened:
        yield opened


@pytest.fixture(scope="module")
async def world(stores: Stores) -> World:
    ours = await our_day(stores)
    return World(stores, ours, ours)


@pytest.fixture
async def airline(world: World) -> Builder:
    return await world.another_airline()
