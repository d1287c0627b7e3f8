"""Subscription clients for both protocols."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

import httpx
from websockets.asyncio.client import ClientConnection, connect

from resolvers.actor import Role
from tests.gateway import credential
from tests.world import OURS

PROTOCOL = "graphql-transport-ws"


class Messages(Protocol):
    """Payloads that a subscriber receives in order, until the connection or the operation ends."""

    def __aiter__(self) -> AsyncIterator[dict[str, Any]]: ...


@asynccontextmanager
async def socket(port: int, role: Role | None = Role.AGENT, airline_id: int = OURS) -> AsyncIterator[ClientConnection]:
    """An acknowledged WebSocket connection."""
    async with connect(f"ws://127.0.0.1:{port}/graphql", subprotocols=[PROTOCOL], proxy=None) as connection:  # type: ignore[list-item] # a NewType
        payload = {name.lower(): value for name, value in credential(role, airline_id).items()}
        await say(connection, type="connection_init", payload=payload)
        assert (await hear(connection))["type"] == "connection_ack"
        yield connection


async def say(connection: ClientConnection, **message: Any) -> None:
    """Sends one message."""
    await connection.send(json.dumps(message))


async def hear(connection: ClientConnection) -> dict[str, Any]:
    """Receives the next message within 20 seconds."""
    async with asyncio.timeout(20):
        message: dict[str, Any] = json.loads(await connection.recv())
    return message


@asynccontextmanager
async def over_socket(port: int, query: str, variables: Mapping[str, Any]) -> AsyncIterator[AsyncIterator[Any]]:
    """The data of a subscription's results over a WebSocket."""

    async def results(connection: ClientConnection) -> AsyncIterator[Any]:
        while True:
            message = await hear(connection)
            assert message["type"] == "next", message
            yield message["payload"]["data"]

    async with socket(port) as connection:
        await say(connection, id="1", type="subscribe", payload={"query": query, "variables": dict(variables)})
        yield results(connection)


@asynccontextmanager
async def over_events(port: int, query: str, variables: Mapping[str, Any]) -> AsyncIterator[AsyncIterator[Any]]:
    """The data of a subscription's results over server-sent events. Sends ``after`` as Last-Event-ID."""
    others = dict(variables)
    after = others.pop("after", None)
    headers = {"Accept": "text/event-stream", **({"Last-Event-ID": after} if after else {}), **credential(Role.AGENT)}
    body = {"query": query, "variables": others}
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client,
        client.stream("POST", "/graphql", json=body, headers=headers) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"

        async def results() -> AsyncIterator[Any]:
            async for event in events(response):
                assert event["event"] == "next"
                payload = json.loads(event["data"])
                [update] = payload["data"].values()
                assert event["id"] == update["cursor"]
                yield payload["data"]

        yield results()


async def events(response: httpx.Response) -> AsyncIterator[dict[str, str]]:
    """The events of a stream, each as its fields by name, without comments."""
    event: dict[str, str] = {}
    async for line in response.aiter_lines():
        if not line:
            if "data" in event:  # without data it is no event
                yield event
            event = {}
        elif line and not line.startswith(":"):
            name, _, value = line.partition(":")
            event[name] = value.removeprefix(" ")
