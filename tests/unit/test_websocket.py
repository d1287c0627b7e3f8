"""The limits of a WebSocket, over a client that sends nothing."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.http import websocket
from gateway.http.middleware import RECORD, RequestRecord
from gateway.http.subscriptions import ConnectionLimiter


async def test_a_connection_that_is_not_initialised_in_time_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "INIT_SECONDS", 0.05)
    service: Any = SimpleNamespace(closing=asyncio.Event(), limiter=ConnectionLimiter(connections=1, subscriptions=1))
    incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    incoming.put_nowait({"type": "websocket.connect"})
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"headers": [], "subprotocols": [websocket.PROTOCOL], RECORD: RequestRecord("request-1")}
    async with asyncio.timeout(5):
        await websocket.GraphQLWebSockets(service, "")(scope, incoming.get, send)
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]
    assert sent[1]["code"] == 4408
