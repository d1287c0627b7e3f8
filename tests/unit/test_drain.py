"""The steps of a shutdown, over the ASGI interface."""

import asyncio
import signal
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest
from starlette.types import Receive, Scope, Send

from gateway.http import drain as module
from gateway.http.drain import Drain
from gateway.http.health import health_routes
from gateway.http.middleware import RequestEdge
from gateway.http.sse import _reconnect


async def respond(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def get(app: Any) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://gateway") as client:
        return await client.get("/")


async def test_readiness_fails_before_streams_end() -> None:
    streams = 1
    drain = Drain(0.05, lambda: streams)
    running = asyncio.create_task(drain.run())
    await drain.draining.wait()
    assert not drain.closing.is_set()
    await drain.closing.wait()
    await asyncio.sleep(0.05)
    assert not running.done(), "a stream is open"
    streams = 0
    await asyncio.wait_for(running, 5)


async def test_a_client_that_does_not_read_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STREAM_SECONDS", 0.05)
    await asyncio.wait_for(Drain(0.0, lambda: 1).run(), 5)


async def test_sigterm_is_passed_on_once_the_streams_have_ended() -> None:
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: received.append(number))
    try:
        drain = Drain(0.1)
        with drain.on_signal():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)
            await asyncio.wait_for(drain.draining.wait(), 5)
            assert not received
            await asyncio.wait_for(drain.closing.wait(), 5)
            await asyncio.sleep(0.05)
        assert received == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


async def test_the_readiness_probe_responds_while_it_fails() -> None:
    draining = asyncio.Event()
    unused: Any = None
    routes: Any = health_routes(unused, unused, lambda: datetime(2025, 7, 1, tzinfo=UTC), draining)
    [ready] = [route.endpoint for route in routes if route.path == "/health/ready"]
    draining.set()
    response = await ready(unused)
    body = orjson.loads(response.body)
    assert (response.status_code, body["status"], body["draining"]) == (503, "unhealthy", True)


async def test_responses_close_their_connections_while_the_process_drains() -> None:
    drain = Drain()
    app = RequestEdge(respond, drain)
    assert "connection" not in (await get(app)).headers
    drain.draining.set()
    assert (await get(app)).headers["connection"] == "close"


async def test_a_request_that_is_cut_off_is_rejected_with_a_time_to_retry() -> None:
    """Given a request longer than the drain, when the server cancels it, then the client may repeat it."""
    drain = Drain()
    started = asyncio.Event()

    async def wait(_scope: Scope, _receive: Receive, _send: Send) -> None:
        started.set()
        await asyncio.Event().wait()

    request = asyncio.create_task(get(RequestEdge(wait, drain)))
    await started.wait()
    await drain.run()
    request.cancel()
    response = await request
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.json()["errors"][0]["extensions"]["code"] == "SHUTTING_DOWN"


async def test_a_cancelled_request_is_not_answered_otherwise() -> None:
    started = asyncio.Event()

    async def wait(_scope: Scope, _receive: Receive, _send: Send) -> None:
        started.set()
        await asyncio.Event().wait()

    request = asyncio.create_task(get(RequestEdge(wait, Drain())))
    await started.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request


def test_an_ended_stream_names_its_cursor_and_when_to_reconnect() -> None:
    *fields, blank, end = _reconnect("abc").decode().split("\n")
    assert (fields[0], blank, end) == ("id: abc", "", "")
    assert 100 <= int(fields[1].removeprefix("retry: ")) <= 2000
    assert _reconnect(None).startswith(b"retry: ")
