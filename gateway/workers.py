"""Background work: projector, dispatchers and incident worker, in processes of their own or beside a serving one."""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from opentelemetry.trace import Tracer

from gateway.config import Settings
from gateway.lifespan import installation, now, open_stores
from gateway.partners import open_partners
from gateway.tracing import open_tracer
from gateway.worker_endpoint import worker_endpoint
from integrations.stores.postgres import outbox
from resolvers.installation import Stores
from resolvers.notifications.partner_links import PartnerLinks
from resolvers.workers.dispatcher import dispatchers
from resolvers.workers.incidents import IncidentWorker
from resolvers.workers.lanes import LaneWorker
from resolvers.workers.projector import Projector


async def run_projector(settings: Settings) -> None:
    """Writes changes to the graph until cancelled."""
    async with open_tracer(settings) as tracer, open_stores(settings) as stores:
        await _run_alone(settings, stores, [_projector(stores, tracer)])


async def run_dispatchers(settings: Settings) -> None:
    """Sends effects to partners and passengers, and keeps incidents up to date, until cancelled."""
    async with open_tracer(settings) as tracer, open_stores(settings) as stores, open_partners(settings) as links:
        await _run_alone(settings, stores, _senders(settings, stores, links, tracer))


@asynccontextmanager
async def workers(settings: Settings, stores: Stores, tracer: Tracer | None) -> AsyncIterator[None]:
    """Runs all workers for the duration of the block."""
    async with open_partners(settings) as links:
        tasks = [
            asyncio.create_task(_run(stores, _projector(stores, tracer))),
            asyncio.create_task(_run(stores, *_senders(settings, stores, links, tracer))),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


def _projector(stores: Stores, tracer: Tracer | None) -> LaneWorker:
    return Projector(stores.postgres, stores.neo4j, _owner(), tracer)


def _senders(settings: Settings, stores: Stores, links: PartnerLinks, tracer: Tracer | None) -> list[LaneWorker]:
    owner = _owner()
    senders = dispatchers(stores.postgres, installation(settings), links, owner, tracer)
    return [*senders, IncidentWorker(stores.postgres, owner, now, tracer)]


async def _run_alone(settings: Settings, stores: Stores, workers: Sequence[LaneWorker]) -> None:
    """Runs workers in a process of their own, with its liveness and metrics on a port."""
    async with worker_endpoint(settings, stores, workers):
        await _run(stores, *workers)


async def _run(stores: Stores, *workers: LaneWorker) -> None:
    """Runs workers, each woken by notifications of PostgreSQL and polling as well."""

    def wake(consumer: str) -> None:
        for worker in workers:
            worker.wake(consumer)

    async with stores.postgres.listen(outbox.CHANNEL, wake), asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(worker.run())


def _owner() -> str:
    """Returns a name for the leases of this process."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
