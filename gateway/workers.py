"""The background work, beside a serving process or in one of its own."""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.config import Settings
from gateway.lifespan import installation, now
from gateway.partners import open_partners
from integrations.stores.postgres import outbox
from resolvers.installation import Stores
from resolvers.notifications.partner_links import PartnerLinks
from resolvers.workers.dispatcher import dispatchers
from resolvers.workers.incidents import IncidentWorker
from resolvers.workers.lanes import LaneWorker
from resolvers.workers.projector import Projector


async def project(stores: Stores) -> None:
    """Tells the graph of changes until cancelled."""
    await _run(stores, Projector(stores.postgres, stores.neo4j, _owner()))


async def dispatch(settings: Settings, stores: Stores) -> None:
    """Sends to partners and passengers what is to leave the product, and keeps incidents, until cancelled."""
    async with open_partners(settings) as links:
        await _dispatch(settings, stores, links)


@asynccontextmanager
async def workers(settings: Settings, stores: Stores) -> AsyncIterator[None]:
    """Runs all workers while the block runs."""
    async with open_partners(settings) as links:
        tasks = [asyncio.create_task(project(stores)), asyncio.create_task(_dispatch(settings, stores, links))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def _dispatch(settings: Settings, stores: Stores, links: PartnerLinks) -> None:
    owner = _owner()
    senders = dispatchers(stores.postgres, installation(settings), links, owner, now)
    await _run(stores, *senders, IncidentWorker(stores.postgres, owner, now))


async def _run(stores: Stores, *workers: LaneWorker) -> None:
    """Each woken by the records, and looking by itself as well."""

    def wake(consumer: str) -> None:
        for worker in workers:
            worker.wake(consumer)

    async with stores.postgres.listen(outbox.CHANNEL, wake), asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(worker.run())


def _owner() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
