"""TCP proxy in front of a server that misbehaves on request: late, silent, cut off in mid-response, or closed."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.client import HOST
from integrations.embedded.server import free_port

CHUNK_BYTES = 65_536


class FaultProxy:
    """Forwards bytes to another port of this machine.

    Args:
        target: port of the server. A change holds for new connections.
        port: port of the proxy; a free one by default.

    Attributes:
        delay: seconds by which each response is late.
        cut: probability that a part of a response is forwarded by half, and the connection reset.
        stall_on: bytes of a request that stall the proxy; none for None.
    """

    def __init__(self, target: int, port: int | None = None) -> None:
        self.port = port or free_port()
        self.target = target
        self.delay = 0.0
        self.cut = 0.0
        self.stall_on: bytes | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._random = random.Random(753)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FaultProxy"]:
        """Is open at the start of the block, and closed at its end."""
        await self.open()
        try:
            yield self
        finally:
            await self.close()

    async def open(self) -> None:
        """Accepts connections."""
        self._server = await asyncio.start_server(self._serve, HOST, self.port, backlog=128)

    async def close(self) -> None:
        """Refuses connections, and resets the existing ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.reset()

    async def reset(self) -> None:
        """Resets all connections. New ones are accepted."""
        connections = set(self._connections)
        for task in connections:
            task.cancel()
        if connections:
            await asyncio.wait(connections)

    def stall(self) -> None:
        """Holds all bytes back, like a network that drops packets: connections stay open, and nothing arrives."""
        self._flows.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        writers = [writer]
        try:
            with contextlib.suppress(OSError):
                server_reader, server_writer = await asyncio.open_connection(HOST, self.target)
                writers.append(server_writer)
                await asyncio.gather(
                    self._forward_requests(reader, server_writer), self._forward_responses(server_reader, writer)
                )
        except asyncio.CancelledError:
            pass  # the connection was reset
        finally:
            for one in writers:
                one.transport.abort()
            self._connections.discard(task)

    async def _forward_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK_BYTES):
                if self.stall_on is not None and self.stall_on in data:
                    self.stall()
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    async def _forward_responses(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        due = 0.0
        try:
            while data := await reader.read(CHUNK_BYTES):
                await self._flows.wait()
                if self.cut and self._random.random() < self.cut:
                    writer.write(data[: len(data) // 2])
                    await writer.drain()
                    raise ConnectionResetError
                if self.delay:
                    # Each part is as late as the others, like on a long line; none overtakes another.
                    due = max(due, loop.time() + self.delay)
                    loop.call_at(due, writer.write, data)
                else:
                    await asyncio.sleep(max(due - loop.time(), 0.0))
                    writer.write(data)
                    await writer.drain()
            await asyncio.sleep(max(due - loop.time(), 0.0))
        finally:
            writer.close()
