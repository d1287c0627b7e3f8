"""Resources of a process: stores and live updates, opened in order and closed in reverse order."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from gateway.config import Settings, plain
from integrations.records.effects import Service
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.postgres import airports
from integrations.stores.postgres.manager import PostgresManager
from integrations.stores.redis.cluster import redis_manager
from resolvers import health, routes
from resolvers.accounts import DisabledAccounts
from resolvers.installation import Installation, Stores
from resolvers.live.health_watch import HealthWatch
from resolvers.live.hub import Hub, Live
from resolvers.operation_uses import OperationUses
from resolvers.registered_operations import RegisteredOperations


def now() -> datetime:
    """Returns the current time in UTC."""
    return datetime.now(UTC)


def installation(settings: Settings) -> Installation:
    """Returns the installation that the settings describe."""
    flags = settings.external_services
    partners = {Service.WORLDTRACER: flags.worldtracer, Service.SMS: flags.twilio, Service.EMAIL: flags.sendgrid}
    enabled = frozenset(service for service, flag in partners.items() if flag.enabled)
    return Installation(
        settings.copa_airline_id,
        settings.brand,
        settings.designator,
        f"{settings.public_url}/b",
        enabled,
        settings.daily_budget,
    )


@asynccontextmanager
async def open_stores(settings: Settings, *, graph_bookmarks: bool = True) -> AsyncIterator[Stores]:
    """Connects the three stores; one that is unavailable is reconnected in the background.

    Args:
        graph_bookmarks: see ``Neo4jManager``.
    """
    postgres = PostgresManager(
        settings.neon_database_url.get_secret_value(),
        max_connections=settings.postgres_connections,
        direct_url=plain(settings.postgres_direct_url),
        replica_url=plain(settings.postgres_replica_url),
    )
    neo4j = Neo4jManager(
        settings.neo4j_uri,
        settings.neo4j_user,
        settings.neo4j_password.get_secret_value(),
        bookmarks=graph_bookmarks,
    )
    redis = redis_manager(
        settings.redis_url.get_secret_value(),
        warm_source=partial(_warm_entries, postgres, neo4j, settings.copa_airline_id),
    )
    async with AsyncExitStack() as stack:
        for store in (postgres, neo4j, redis):
            await store.connect()
            stack.push_async_callback(store.disconnect)
        yield Stores(postgres, neo4j, redis)


def open_serving_stores(settings: Settings) -> AbstractAsyncContextManager[Stores]:
    """Connects the three stores for ``serve``, which only reads the graph.

    An older journey, which says how far it is behind, serves a caller better than one that waits for a follower
    (``docs/decisions/046-workers-and-commands-follow-bookmarks.md``).
    """
    return open_stores(settings, graph_bookmarks=False)


@asynccontextmanager
async def open_live(settings: Settings, stores: Stores) -> AsyncIterator[Live]:
    """Live updates of this process; deletes changes older than any accepted cursor in the background."""
    hub = Hub(stores.postgres, timedelta(hours=settings.live_hours))
    sweeping = asyncio.create_task(hub.sweep())
    try:
        yield Live(hub, HealthWatch(partial(health.check, stores, now, installation(settings))))
    finally:
        sweeping.cancel()
        await asyncio.wait([sweeping])


@asynccontextmanager
async def kept_current(copy: DisabledAccounts | RegisteredOperations, stores: Stores) -> AsyncIterator[None]:
    """Keeps this process's copy of some records current for the duration of the block; reads them before it."""
    await copy.refresh(stores.postgres)
    keeping = asyncio.create_task(copy.keep_current(stores.postgres))
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])


@asynccontextmanager
async def kept_stored(uses: OperationUses, stores: Stores) -> AsyncIterator[None]:
    """Stores counted uses for the duration of the block, and once more at its end."""
    storing = asyncio.create_task(uses.keep_stored(stores.postgres))
    try:
        yield
    finally:
        storing.cancel()
        await asyncio.wait([storing])
        await uses.store(stores.postgres)


async def _warm_entries(
    postgres: PostgresManager, neo4j: Neo4jManager, airline_id: int
) -> Mapping[str, tuple[Any, int]]:
    """Returns the initial entries of the route cache: routes between the hub and each station of the network."""
    served = await airports.served(postgres, airline_id)
    hub = await airports.hub(postgres, airline_id)
    if hub is None:
        return {}
    stations = [airport.iata for airport in served if airport.iata != hub]
    return await routes.warm_entries(neo4j, airline_id, hub, stations, now())
