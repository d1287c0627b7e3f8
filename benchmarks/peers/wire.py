"""How many statements reach PostgreSQL: a gate that reads along what clients send it.

PostgreSQL's frontend messages are one byte for the kind, four for the length of the rest, itself included; the first
message of a connection has no kind, and requests for encryption may come before it (PostgreSQL manual, 54.7).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.client import HOST
from integrations.embedded.server import free_port

CHUNK_BYTES = 65_536
START = 196_608  # protocol 3.0; other codes ask for encryption or cancel

QUERY, EXECUTE = b"Q", b"E"


class Frontend:
    """Counts the statements in what one client sends, however the bytes are cut."""

    def __init__(self) -> None:
        self.statements = 0
        self._bytes = bytearray()
        self._started = False

    def feed(self, data: bytes) -> None:
        """Takes the next bytes."""
        self._bytes += data
        while (message := self._next()) is not None:
            kind, content = message
            if self._started:
                self.statements += kind in (QUERY, EXECUTE)
            else:
                # Later minor versions of the protocol ask by larger codes of the same upper half.
                self._started = int.from_bytes(content[:4]) >> 16 == START >> 16

    def _next(self) -> tuple[bytes, bytes] | None:
        """Kind and content of the next whole message."""
        head = 1 if self._started else 0
        if len(self._bytes) < head + 4:
            return None
        end = head + int.from_bytes(self._bytes[head : head + 4])
        if len(self._bytes) < end:
            return None
        kind, content = bytes(self._bytes[:head]), bytes(self._bytes[head + 4 : end])
        del self._bytes[:end]
        return kind, content


class Gate:
    """Passes bytes on to another port of this machine and counts the statements among them.

    Args:
        target: the port behind it.
    """

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._frontends: list[Frontend] = []

    @property
    def statements(self) -> int:
        """How many have passed."""
        return sum(frontend.statements for frontend in self._frontends)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Lets connections pass within the block."""
        server = await asyncio.start_server(self._pass, HOST, self.port)
        try:
            yield
        finally:
            server.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frontend = Frontend()
        self._frontends.append(frontend)
        with contextlib.suppress(OSError):
            behind_reader, behind_writer = await asyncio.open_connection(HOST, self._target)
            await asyncio.gather(_copy(reader, behind_writer, frontend), _copy(behind_reader, writer, None))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, frontend: Frontend | None) -> None:
    try:
        while data := await reader.read(CHUNK_BYTES):
            if frontend is not None:
                frontend.feed(data)
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
