"""TCP proxy in front of a server that can be closed, so that connections to the server are refused."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.client import HOST

CHUNK_BYTES = 65_536


class ClosableProxy:
    """Forwards bytes to another port of this machine while it is open.

    Args:
        port: port of the proxy.
        target: port of the server.
    """

    def __init__(self, port: int, target: int) -> None:
        self._port = port
        self._target = target
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Accepts connections."""
        self._server = await asyncio.start_server(self._forward, HOST, self._port, backlog=128)

    async def close(self) -> None:
        """Refuses connections, and resets the existing ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with contextlib.suppress(OSError):
                server_reader, server_writer = await asyncio.open_connection(HOST, self._target)
                await asyncio.gather(_copy(reader, server_writer), _copy(server_reader, writer))
        except asyncio.CancelledError:
            pass  # the proxy was closed
        finally:
            writer.transport.abort()
            self._connections.discard(task)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@asynccontextmanager
async def closable_proxy(port: int, target: int) -> AsyncIterator[ClosableProxy]:
    """An open proxy that is closed with the block."""
    proxy = ClosableProxy(port, target)
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.close()
