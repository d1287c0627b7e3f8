"""A light HTTP/1.1 client: it shares the cores with what it measures.

Requests are bytes made ready beforehand; connections are kept and used again, one exchange at a time on each.
"""

import asyncio
import re
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import orjson

HOST = "127.0.0.1"
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
ANSWER_SECONDS = 15.0
MOST_CONNECTIONS = 256


class ClientResponse(NamedTuple):
    """Status and body of a response."""

    status: int
    body: bytes


def post(path: str, body: Any, headers: Mapping[str, str]) -> bytes:
    """A POST request with a JSON body."""
    return post_bytes(path, orjson.dumps(body), {"Content-Type": "application/json", **headers})


def post_bytes(path: str, content: bytes, headers: Mapping[str, str]) -> bytes:
    """A POST request with a body of the type that the headers name."""
    return _head("POST", path, {"Content-Length": str(len(content)), **headers}) + content


def get(path: str) -> bytes:
    """A GET request."""
    return _head("GET", path, {})


def _head(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n{lines}\r\n".encode()


class _Connection(asyncio.Protocol):
    """One connection; a response must carry its length."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._arrived = bytearray()
        self._answer: asyncio.Future[ClientResponse] | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._arrived += data
        end = self._arrived.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        length = CONTENT_LENGTH.search(self._arrived, 0, end)
        whole = end + (int(length[1]) if length else 0)
        if len(self._arrived) >= whole and self._answer is not None and not self._answer.done():
            self._answer.set_result(ClientResponse(int(self._arrived[9:12]), bytes(self._arrived[end:whole])))

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("closed before the answer"))

    async def exchange(self, request: bytes) -> ClientResponse:
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._arrived.clear()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class Client:
    """Connections to one port of this machine, as many as there are exchanges at a time, up to 256.

    Use as an async context manager.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: deque[_Connection] = deque()
        self._room = asyncio.Semaphore(MOST_CONNECTIONS)

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._idle:
            connection.close()

    async def ask(self, request: bytes) -> ClientResponse:
        """Sends a request and returns the response.

        Raises:
            OSError: no connection, or it broke; also TimeoutError, no answer within 15 s.
        """
        async with self._room, asyncio.timeout(ANSWER_SECONDS):
            connection = await self._connection()
            try:
                answer = await connection.exchange(request)
            except BaseException:
                connection.close()
                raise
            self._idle.append(connection)
            return answer

    async def _connection(self) -> _Connection:
        while self._idle:
            # In turn, as a proxy does: the last used would leave all work to the serving process that it leads to.
            connection = self._idle.popleft()
            if connection.is_open:
                return connection
        _, connection = await asyncio.get_running_loop().create_connection(_Connection, HOST, self._port)
        return connection
