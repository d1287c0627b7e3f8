"""Counts the statements that reach PostgreSQL, by a proxy that parses what clients send.

PostgreSQL's frontend messages are one byte for the kind and four for the length of the rest, itself included. The first
message of a connection has no kind, and requests for encryption may precede it (PostgreSQL manual, 54.7).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.client import HOST
from integrations.embedded.server import free_port

CHUNK_BYTES = 65_536
PROTOCOL_3 = 196_608  # protocol 3.0; other codes request encryption or cancel

QUERY, EXECUTE = b"Q", b"E"


class Frontend:
    """Counts the statements in the bytes of one client, for any size of chunks."""

    def __init__(self) -> None:
        self.statements = 0
        self._bytes = bytearray()
        self._started = False

    def feed(self, data: bytes) -> None:
        """Parses the next bytes."""
        self._bytes += data
        while (message := self._next()) is not None:
            kind, content = message
            if self._started:
                self.statements += kind in (QUERY, EXECUTE)
            else:
                # Later minor versions of the protocol have larger codes with the same upper half.
                self._started = int.from_bytes(content[:4]) >> 16 == PROTOCOL_3 >> 16

    def _next(self) -> tuple[bytes, bytes] | None:
        """Kind and content of the next complete message."""
        head = 1 if self._started else 0
        if len(self._bytes) < head + 4:
            return None
        end = head + int.from_bytes(self._bytes[head : head + 4])
        if len(self._bytes) < end:
            return None
        kind, content = bytes(self._bytes[:head]), bytes(self._bytes[head + 4 : end])
        del self._bytes[:end]
        return kind, content


class CountingProxy:
    """Forwards bytes to another port of this machine and counts the statements among them.

    Args:
        target: port of the server.
    """

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._frontends: list[Frontend] = []

    @property
    def statements(self) -> int:
        """Number of statements so far."""
        return sum(frontend.statements for frontend in self._frontends)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Accepts connections inside the block."""
        server = await asyncio.start_server(self._forward, HOST, self.port)
        try:
            yield
        finally:
            server.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frontend = Frontend()
        self._frontends.append(frontend)
        with contextlib.suppress(OSError):
            server_reader, server_writer = await asyncio.open_connection(HOST, self._target)
            await asyncio.gather(_copy(reader, server_writer, frontend), _copy(server_reader, writer, None))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, frontend: Frontend | None) -> None:
    try:
        while data := await reader.read(CHUNK_BYTES):
            if frontend is not None:
                frontend.feed(data)
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
