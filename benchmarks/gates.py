"""Gates: addresses in front of servers that can be closed, so that connections to them are refused."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.client import HOST

CHUNK_BYTES = 65_536


class Gate:
    """Passes bytes on to another port of this machine while it is open.

    Args:
        port: its own.
        target: the port behind it.
    """

    def __init__(self, port: int, target: int) -> None:
        self._port = port
        self._target = target
        self._server: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Lets connections pass."""
        self._server = await asyncio.start_server(self._pass, HOST, self._port, backlog=128)

    async def close(self) -> None:
        """Refuses connections, and cuts off those that there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._passing:
            task.cancel()
        if self._passing:
            await asyncio.wait(self._passing)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        try:
            with contextlib.suppress(OSError):
                behind_reader, behind_writer = await asyncio.open_connection(HOST, self._target)
                await asyncio.gather(_copy(reader, behind_writer), _copy(behind_reader, writer))
        except asyncio.CancelledError:
            pass  # the gate was closed
        finally:
            writer.transport.abort()
            self._passing.discard(task)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@asynccontextmanager
async def gate(port: int, target: int) -> AsyncIterator[Gate]:
    """An open gate, closed with the block."""
    one = Gate(port, target)
    await one.open()
    try:
        yield one
    finally:
        await one.close()
