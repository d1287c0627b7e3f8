"""A WebSocket's limits and edges, over the ASGI interface."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import ExecutionResult

from gateway.http import sse, subscriptions, websocket
from gateway.http.auth import TokenVerifier
from gateway.http.jwt import issue_token
from gateway.http.middleware import RECORD, RequestRecord
from gateway.http.subscriptions import ANONYMOUS_OPERATIONS, ConnectionLimiter
from resolvers.actor import Actor, Role
from schema.runtime.streaming import StreamedResult

SECRET = "s" * 32
INIT = {"type": "connection_init"}


class Client:
    """A WebSocket client of one connection; operations are served by ``results``."""

    def __init__(self, headers: list[tuple[bytes, bytes]] | None = None, *, of_actor: int = 100) -> None:
        self.started = 0
        self.disabled: set[Actor] = set()
        self.sent: list[dict[str, Any]] = []
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.incoming.put_nowait({"type": "websocket.connect"})
        self.limiter = ConnectionLimiter(connections=8, of_actor=of_actor, of_address=2)
        self.service: Any = SimpleNamespace(
            closing=asyncio.Event(),
            limiter=self.limiter,
            tokens=TokenVerifier(SECRET, disabled=self.disabled),
            now=lambda: datetime.now(UTC),
            responses=self._responses,
        )
        self.reads = asyncio.Event()
        self.reads.set()
        self.record = RequestRecord("request-1")
        self.scope = {
            "type": "websocket",
            "headers": headers or [],
            "subprotocols": [websocket.PROTOCOL],
            "client": ("192.0.2.1", 1),
            RECORD: self.record,
        }

    async def _responses(self, *given: Any) -> AsyncGenerator[StreamedResult, None]:
        self.started += 1
        self.client = given[-1]
        yield StreamedResult(ExecutionResult({"health": {}}))
        await asyncio.Event().wait()

    def say(self, *messages: Any) -> None:
        for message in messages:
            self.incoming.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    async def send(self, message: Any) -> None:
        await self.reads.wait()
        self.sent.append(message)

    async def run(self, seconds: float = 5.0) -> None:
        """Serves the connection until it ends."""
        async with asyncio.timeout(seconds):
            await websocket.GraphQLWebSockets(self.service, "https://own.example")(
                self.scope, self.incoming.get, self.send
            )

    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(message["text"]) for message in self.sent if message["type"] == "websocket.send"]


def subscribe(operation_id: str) -> dict[str, Any]:
    return {"id": operation_id, "type": "subscribe", "payload": {"query": "{health{status}}"}}


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_connection_that_is_not_initialised_in_time_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "INIT_SECONDS", 0.05)
    client = Client()
    await client.run()
    assert [message["type"] for message in client.sent] == ["websocket.accept", "websocket.close"]
    assert client.sent[1]["code"] == 4408


async def test_a_connection_without_a_token_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "ANONYMOUS_SECONDS", 0.05)
    client = Client()
    client.say(INIT, {"type": "ping"})
    await client.run()
    assert client.sent[-1] == {
        "type": "websocket.close",
        "code": 4401,
        "reason": "A connection without a token ends after 0.05 s",
    }


async def test_operations_are_counted_before_they_start() -> None:
    """Given a client that does not read, when it starts 5,000 operations, then few tasks exist."""
    client = Client()
    client.say(INIT)
    serving = asyncio.create_task(client.run(20))
    await settle()
    client.reads.clear()
    client.say(*(subscribe(str(n)) for n in range(5_000)))
    await settle()
    assert len(asyncio.all_tasks()) < ANONYMOUS_OPERATIONS + 10
    assert client.incoming.qsize() > 4_900, "the rest waits where the connection's flow control holds it back"

    client.reads.set()
    client.incoming.put_nowait({"type": "websocket.disconnect"})
    await serving
    assert client.started == ANONYMOUS_OPERATIONS
    rejected = [one for one in client.messages() if one["type"] == "error"]
    assert len(rejected) == 5_000 - ANONYMOUS_OPERATIONS
    assert {one["payload"][0]["extensions"]["code"] for one in rejected} == {"TOO_MANY_SUBSCRIPTIONS"}
    assert not client.limiter.anonymous_operations.by_key
    assert client.limiter.connections == 0


async def test_an_operation_cancelled_before_its_start_is_not_counted_any_more() -> None:
    client = Client(of_actor=1)
    client.say(INIT)
    serving = asyncio.create_task(client.run())
    for n in range(20):
        client.say(subscribe(str(n)), {"id": str(n), "type": "complete"})
        await settle()
    assert [one["type"] for one in client.messages() if one["type"] == "error"] == []
    client.incoming.put_nowait({"type": "websocket.disconnect"})
    await serving
    assert not client.limiter.anonymous_operations.by_key


async def test_connections_of_one_address_without_a_token_are_limited() -> None:
    client = Client()
    client.say(INIT)
    with client.limiter.connection("192.0.2.1"), client.limiter.connection("192.0.2.1"):
        await client.run()
    assert client.sent[-1]["code"] == 4429
    assert "one address" in client.sent[-1]["reason"]


@pytest.mark.parametrize("where", ["header", "payload"])
async def test_an_actor_connects_from_an_address_that_is_full(where: str) -> None:
    """Given an address whose places without a token are taken, a token in the handshake or in the payload counts."""
    authorization = f"Bearer {issue_token(SECRET, Role.AGENT, 1, timedelta(hours=1))}"
    client = Client([(b"authorization", authorization.encode())] if where == "header" else None)
    client.say(INIT if where == "header" else {**INIT, "payload": {"authorization": authorization}})
    with client.limiter.connection("192.0.2.1"), client.limiter.connection("192.0.2.1"):
        serving = asyncio.create_task(client.run())
        await settle()
        counted = dict(client.limiter.of_actors.by_key)
        client.incoming.put_nowait({"type": "websocket.disconnect"})
        await serving
    assert [message["type"] for message in client.messages()] == ["connection_ack"]
    assert list(counted.values()) == [1]
    assert not client.limiter.of_actors.by_key


async def test_a_connection_that_has_presented_nothing_gives_way_to_a_newer_one() -> None:
    client = Client()
    serving = asyncio.create_task(client.run())
    await settle()
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(client.limiter.connection("192.0.2.2", awaits_credential=True))
        await serving
    assert client.sent[-1]["code"] == 4429
    assert client.limiter.connections == 0


@pytest.mark.parametrize(
    "payload",
    [
        {"authorization": "TOKEN"},
        {"Authorization": "TOKEN"},
        {"AUTHORIZATION": "TOKEN"},
        {"headers": {"Authorization": "TOKEN"}},
        {"headers": {"authorization": "TOKEN"}, "other": 1},
        {"headers": {"x-other": "1", "AUTHORIZATION": "TOKEN"}},
        {"headers": None, "authorization": "TOKEN"},
    ],
)
async def test_the_token_is_found_where_clients_put_it(payload: dict[str, Any]) -> None:
    token = f"Bearer {issue_token(SECRET, Role.AGENT, 1, timedelta(hours=1))}"
    client = Client()
    client.say({"type": "connection_init", "payload": json.loads(json.dumps(payload).replace("TOKEN", token))})
    client.incoming.put_nowait({"type": "websocket.disconnect"})
    await client.run()
    assert client.messages() == [{"type": "connection_ack"}]
    assert client.record.actor == "demo-agent"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"headers": {"Authorization": 5}}, 4400),
        ({"Authorization": ["Bearer x"]}, 4400),
        ({"headers": {"Authorization": "Bearer x"}}, 4403),
        ({"headers": {"Authorization": "Bearer \ud83e\uddf3"}}, 4403),
        ({"headers": "Bearer x"}, None),
        ([1], 4400),
        ("Bearer x", 4400),
        (7, 4400),
        (True, 4400),
        (None, None),
    ],
)
async def test_an_odd_payload_of_connection_init(payload: Any, code: int | None) -> None:
    client = Client()
    client.say({"type": "connection_init", "payload": payload})
    client.incoming.put_nowait({"type": "websocket.disconnect"})
    await client.run()
    assert client.sent[-1].get("code") == code


@pytest.mark.parametrize("operation_id", ["\U0001f9f3" * 128, "é" * 128, "\x00\x07\u202e", "a" * 128, "\u2028" * 40])
async def test_any_text_is_an_operation_id(operation_id: str) -> None:
    """A close reason has room for 123 bytes, whatever the id in it."""
    client = Client()
    client.say(INIT, subscribe(operation_id), subscribe(operation_id))
    await client.run()
    assert client.sent[-1]["code"] == 4409
    assert len(client.sent[-1]["reason"].encode()) <= 123


@pytest.mark.parametrize("origin", [b"http://[", b"http://]", b"\xff\xfe", b"http://[::1", b"null", b"//", b""])
async def test_an_odd_origin_is_not_ours(origin: bytes) -> None:
    client = Client([(b"origin", origin), (b"host", b"own.example")])
    await client.run()
    assert client.sent == [{"type": "websocket.close"}]


async def test_a_client_that_never_reads_is_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (subscriptions, sse, websocket):
        monkeypatch.setattr(module, "SEND_SECONDS", 0.05)
    client = Client()
    client.say(INIT, {"type": "what"})
    serving = asyncio.create_task(client.run())
    await asyncio.sleep(0)
    client.reads.clear()
    await serving
    assert client.limiter.connections == 0


async def test_a_connection_ends_with_its_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "ACCOUNT_SECONDS", 0.02)
    client = Client()
    token = issue_token(SECRET, Role.AGENT, 1, timedelta(hours=1))
    client.say({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}})
    serving = asyncio.create_task(client.run())
    await settle()
    assert client.messages() == [{"type": "connection_ack"}]
    client.disabled.add(Actor("demo-agent", Role.AGENT, 1))
    await serving
    assert client.sent[-1] == {"type": "websocket.close", "code": 4403, "reason": "The account is disabled."}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"client": {"name": "console", "version": "7"}}, ("console", "7")),
        ({"client": {"name": "console"}}, ("console", "")),
        ({"client": {"name": 7, "version": "1" * 101}}, ("", "")),
        ({"client": "console"}, ("board", "2")),
        ({}, ("board", "2")),
    ],
)
async def test_a_client_names_itself(payload: dict[str, Any], expected: tuple[str, str]) -> None:
    headers = [(b"graphql-client-name", b"board"), (b"graphql-client-version", b"2")]
    client = Client(headers)
    client.say({**INIT, "payload": payload}, subscribe("1"))
    serving = asyncio.create_task(client.run())
    await settle()
    assert client.client == expected
    client.incoming.put_nowait({"type": "websocket.disconnect"})
    await serving


async def test_a_pong_returns_a_short_payload_only() -> None:
    client = Client()
    client.say(
        INIT,
        {"type": "ping", "payload": {"sent": 1}},
        {"type": "ping", "payload": {"sent": "Q" * 300_000}},
        {"type": "ping", "payload": ["Q"]},
        {"type": "ping"},
    )
    client.incoming.put_nowait({"type": "websocket.disconnect"})
    await client.run()
    assert client.messages()[1:] == [{"type": "pong", "payload": {"sent": 1}}, *[{"type": "pong"}] * 3]
