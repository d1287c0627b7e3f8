"""Clients that send nothing, half a request, or do not read, over real connections."""

import asyncio
import socket
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import pytest
import uvicorn

from gateway.http import graphql, http_protocol
from gateway.http.admission import RequestLimiter
from gateway.http.auth import TokenVerifier
from gateway.http.graphql import GraphQLView
from gateway.http.http_protocol import TimedHttpProtocol
from gateway.http.middleware import BodyLimit, PathDispatcher, RequestEdge
from gateway.http.persisted_queries import PersistedDocuments
from resolvers.operation_uses import OperationUses
from resolvers.registered_operations import RegisteredOperations
from tests.faults.processes import eventually
from tests.gateway import SECRET
from tests.toy import toy_schema
from tests.world import INSTALLATION, SIGNING_KEY

SECONDS = 0.5
# Scheduling on a busy machine.
SPARE_SECONDS = 3.0
HEAD = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BODY = b'{"query": "{ __typename }"}'
LENGTH = b"Content-Length: %d\r\n\r\n" % len(BODY)


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """A server whose deadlines for clients are short."""
    monkeypatch.setattr(http_protocol, "HEADER_SECONDS", SECONDS)
    monkeypatch.setattr(graphql, "BODY_SECONDS", SECONDS)
    schema = toy_schema()
    view = GraphQLView(
        schema,
        TokenVerifier(SECRET),
        INSTALLATION,
        signing_key=SIGNING_KEY,
        limiter=RequestLimiter(process=80, of_caller=48),
        persisted=PersistedDocuments(schema.documents, RegisteredOperations()),
        uses=OperationUses(schema.documents.signature),
    )

    async def application(scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = {"stores": None}
        await edge(scope, receive, send)

    async def large(_scope: Any, _receive: Any, send: Any) -> None:
        body = bytes(20_000_000)
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    edge = RequestEdge(PathDispatcher({"/graphql": BodyLimit(view)}, large))
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        application, http=TimedHttpProtocol, lifespan="off", log_config=None, access_log=False, timeout_keep_alive=1
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve([listening]))

    async def started() -> bool:
        return server.started

    await eventually(started)
    yield int(listening.getsockname()[1])
    server.should_exit = True
    await serving


async def seconds_until_closed(reader: asyncio.StreamReader) -> tuple[float, bytes]:
    """Seconds until the server closes a connection, and what it sent."""
    started = monotonic()
    async with asyncio.timeout(20):
        return monotonic() - started, await reader.read()


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"POST /gra"],
        [HEAD],
        [HEAD + b"X-Slow: "],
        [b"\r\n"],
    ],
)
async def test_a_connection_without_a_whole_head_is_closed(port: int, parts: list[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
    started = monotonic()
    _, answer = await seconds_until_closed(reader)
    assert SECONDS * 0.8 < monotonic() - started < SECONDS + SPARE_SECONDS
    assert answer == b""
    writer.close()


async def test_a_head_that_comes_byte_by_byte_is_not_waited_for(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def drip() -> None:
        for byte in HEAD * 10:
            writer.write(bytes([byte]))
            await asyncio.sleep(SECONDS / 10)

    dripping = asyncio.create_task(drip())
    started = monotonic()
    await seconds_until_closed(reader)
    assert monotonic() - started < SECONDS + SPARE_SECONDS
    dripping.cancel()
    writer.close()


async def test_a_body_that_does_not_arrive_ends_the_request(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD + LENGTH + BODY[:5])
    started = monotonic()
    _, answer = await seconds_until_closed(reader)
    assert monotonic() - started < SECONDS + SPARE_SECONDS
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"DEADLINE_EXCEEDED" in answer
    writer.close()


async def test_half_a_head_after_a_response_is_not_waited_for(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD + LENGTH + BODY)
    assert b"200 OK" in await reader.readuntil(b"}}")
    for _ in range(3):
        writer.write(b"\r\n")
        await asyncio.sleep(SECONDS / 5)
    writer.write(HEAD)
    started = monotonic()
    await seconds_until_closed(reader)
    assert monotonic() - started < SECONDS + SPARE_SECONDS
    writer.close()


async def test_requests_in_parts_and_in_a_row_are_served(port: int) -> None:
    """Parts that arrive in time, a pause after a response, and two requests at once."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in (HEAD[:20], HEAD[20:], LENGTH + BODY[:5], BODY[5:]):
        writer.write(part)
        await asyncio.sleep(SECONDS / 8)
    assert b"200 OK" in await reader.readuntil(b"}}")
    await asyncio.sleep(SECONDS * 1.4)
    writer.write((HEAD + LENGTH + BODY) * 2)
    for _ in range(2):
        assert b"200 OK" in await reader.readuntil(b"}}")
    writer.close()


async def test_a_response_that_is_not_read_is_dropped(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await asyncio.sleep(2.5)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readexactly(20_000_100), 20)
    writer.close()
