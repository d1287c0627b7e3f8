"""TCP load balancer that honours readiness, as in front of several gateways."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count

from benchmarks.client import HOST, Client, get

CHUNK_BYTES = 65_536
PROBE_SECONDS = 0.5
CONNECT_SECONDS = 5.0


class LoadBalancer:
    """Forwards each connection to the next server whose readiness probe succeeded last.

    A connection stays with its server. If no server accepts it, it is closed, as the client of a failed request sees.

    Args:
        targets: ports of the servers.
    """

    def __init__(self, targets: Sequence[int]) -> None:
        self.port = 0
        self.ready: Mapping[int, bool] = dict.fromkeys(targets, True)
        self._turns = count()
        self._connections: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["LoadBalancer"]:
        """Listens, and probes the servers, while the block runs."""
        server = await asyncio.start_server(self._accept, HOST, 0, backlog=256)
        self.port = server.sockets[0].getsockname()[1]
        probing = asyncio.create_task(self._probe())
        try:
            yield self
        finally:
            server.close()
            tasks = [probing, *self._connections]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def until(self, port: int, *, ready: bool) -> None:
        """Waits until the probe of a server has this result."""
        while self.ready[port] is not ready:  # noqa: ASYNC110 # at most a probe later
            await asyncio.sleep(PROBE_SECONDS / 10)

    async def _probe(self) -> None:
        while True:
            self.ready = {port: await _is_ready(port) for port in self.ready}
            await asyncio.sleep(PROBE_SECONDS)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._forward(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            ready = [port for port, is_ready in self.ready.items() if is_ready]
            if ready:
                async with asyncio.timeout(CONNECT_SECONDS):
                    far_reader, far_writer = await asyncio.open_connection(HOST, ready[next(self._turns) % len(ready)])
                try:
                    await _first_end(_copy(reader, far_writer), _copy(far_reader, writer))
                finally:
                    far_writer.close()
        writer.close()


async def _is_ready(port: int) -> bool:
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(CONNECT_SECONDS), Client(port) as client:
            return (await client.send(get("/health/ready"))).status == 200
    return False


async def _first_end(*copies: Coroutine[None, None, None]) -> None:
    """Ends both directions when one ends: neither clients nor servers here close one half of a connection."""
    tasks = [asyncio.ensure_future(copy) for copy in copies]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
