"""Light HTTP/1.1 client, since it shares the cores with the measured server.

Requests are bytes prepared beforehand. Connections are kept alive, with one exchange at a time on each.
"""

import asyncio
import re
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import orjson

HOST = "127.0.0.1"
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CLOSES = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)
RESPONSE_SECONDS = 15.0
MOST_CONNECTIONS = 256


class ClientResponse(NamedTuple):
    """Status and body of a response."""

    status: int
    body: bytes


def post(path: str, body: Any, headers: Mapping[str, str]) -> bytes:
    """POST request with a JSON body."""
    return post_bytes(path, orjson.dumps(body), {"Content-Type": "application/json", **headers})


def post_bytes(path: str, content: bytes, headers: Mapping[str, str]) -> bytes:
    """POST request with a body of the type in the headers."""
    return _head("POST", path, {"Content-Length": str(len(content)), **headers}) + content


def get(path: str) -> bytes:
    """GET request."""
    return _head("GET", path, {})


def _head(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n{lines}\r\n".encode()


class _Connection(asyncio.Protocol):
    """One connection. A response must have a Content-Length."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._response: asyncio.Future[ClientResponse] | None = None
        self._ends = False

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing() and not self._ends

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        length = CONTENT_LENGTH.search(self._received, 0, end)
        self._ends = CLOSES.search(self._received, 0, end) is not None
        end_of_response = end + (int(length[1]) if length else 0)
        if len(self._received) >= end_of_response and self._response is not None and not self._response.done():
            self._response.set_result(
                ClientResponse(int(self._received[9:12]), bytes(self._received[end:end_of_response]))
            )

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._response is not None and not self._response.done():
            self._response.set_exception(error or ConnectionResetError("closed before the response"))

    async def exchange(self, request: bytes) -> ClientResponse:
        assert self._transport is not None
        self._response = asyncio.get_running_loop().create_future()
        self._received.clear()
        self._transport.write(request)
        return await self._response

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class Client:
    """Connections to one port of this machine, one for each concurrent exchange, up to 256.

    Use as an async context manager.

    Args:
        port: port of the server.
        response_seconds: limit for a response.
    """

    def __init__(self, port: int, response_seconds: float = RESPONSE_SECONDS) -> None:
        self._port = port
        self._response_seconds = response_seconds
        self._idle: deque[_Connection] = deque()
        self._slots = asyncio.Semaphore(MOST_CONNECTIONS)
        self._in_use = 0

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._idle:
            connection.close()

    @property
    def connections(self) -> int:
        """Number of connections: those in use, and idle ones that the server has not closed."""
        return sum(connection.is_open for connection in self._idle) + self._in_use

    async def send(self, request: bytes) -> ClientResponse:
        """Sends a request and returns the response.

        Raises:
            OSError: no connection, or it broke; also TimeoutError, if no response arrives in time.
        """
        async with self._slots, asyncio.timeout(self._response_seconds):
            connection = await self._connection()
            self._in_use += 1
            try:
                response = await connection.exchange(request)
            except BaseException:
                connection.close()
                raise
            finally:
                self._in_use -= 1
            if connection.is_open:
                self._idle.append(connection)
            else:
                connection.close()
            return response

    async def _connection(self) -> _Connection:
        while self._idle:
            # In turn, as a proxy does: reuse of the last one would leave all work to one serving process.
            connection = self._idle.popleft()
            if connection.is_open:
                return connection
        _, connection = await asyncio.get_running_loop().create_connection(_Connection, HOST, self._port)
        return connection
