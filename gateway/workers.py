"""The background work, beside a serving process or in one of its own."""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from integrations.stores import outbox
from resolvers.context import Stores
from resolvers.projector import Projector


async def project(stores: Stores) -> None:
    """Tells the graph of changes until cancelled; woken by the records, and looking by itself as well."""
    owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    projector = Projector(stores.postgres, stores.neo4j, owner)
    async with stores.postgres.listen(outbox.CHANNEL, projector.wake):
        await projector.run()


@asynccontextmanager
async def workers(stores: Stores) -> AsyncIterator[None]:
    """Runs the workers while the block runs."""
    task = asyncio.create_task(project(stores))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
