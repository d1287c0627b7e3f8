"""Every way in which a call fails on the wire, and whether a repeat is safe."""

import asyncio
import socket
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integrations.deadline import deadline
from integrations.errors import DeadlineExceeded, OutsideError, Refused, Unavailable, Unsettled
from integrations.partners.mocks.faults import FaultInjector, mock_app
from integrations.partners.transport import LONGEST_RESPONSE_BYTES, ErrorResponse, Transport
from tests.partners.control import Control, controlled

READ_SECONDS = 0.3
KEY = "a-secret-key"
NUMBER = "+15550100"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Partner:
    """A mock that counts, and a transport to it."""

    def __init__(self, control: Control, transport: Transport, done: list[Any]) -> None:
        self.control = control
        self.transport = transport
        self.done = done

    async def call(self, repeatable: bool) -> dict[str, Any]:
        response = await self.transport.request("POST", "/messages", repeatable=repeatable, json={"to": NUMBER})
        return response.document()


@pytest.fixture
async def partner() -> AsyncIterator[Partner]:
    done: list[Any] = []

    async def take(request: Request) -> Response:
        done.append(await request.json())
        return JSONResponse({"number": len(done)}, 201)

    async with controlled(
        mock_app("twilio", [Route("/messages", take, methods=["POST"])], FaultInjector(), done.clear)
    ) as it:
        transport = transport_to(it.url)
        yield Partner(it, transport, done)
        await transport.close()


def transport_to(url: str) -> Transport:
    return Transport("twilio", url, headers={"x-api-key": KEY}, connect_seconds=0.3, read_seconds=READ_SECONDS)


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[Transport]:
    """A transport to a server that handles its connections with ``talk``."""
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    transport = transport_to(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    yield transport
    await transport.close()
    server.close()


def responding(response: bytes) -> Talk:
    """Reads a request of one packet and sends this response."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        writer.write(response)
        await writer.drain()
        writer.close()

    return talk


async def failure(call: Awaitable[object]) -> OutsideError:
    with pytest.raises(OutsideError) as caught:
        await call
    text = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert KEY not in text
    assert NUMBER not in text
    return caught.value


async def test_a_response_within_the_contract_is_returned(partner: Partner) -> None:
    assert await partner.call(repeatable=False) == {"number": 1}
    assert partner.done == [{"to": NUMBER}]


# Was the call done, and may a call that must not be repeated be made again?
@pytest.mark.parametrize(
    ("fault", "done", "error"),
    [
        ({"kind": "hang"}, 0, Unsettled),
        ({"kind": "late"}, 1, Unsettled),
        ({"kind": "reset_before"}, 0, Unsettled),
        ({"kind": "reset_after"}, 1, Unsettled),
        ({"kind": "status", "status": 500, "processed": True}, 1, Unsettled),
        ({"kind": "status", "status": 502}, 0, Unsettled),
        ({"kind": "status", "status": 504}, 0, Unsettled),
        ({"kind": "status", "status": 302}, 0, Unsettled),
        ({"kind": "html", "processed": True}, 1, Unsettled),
        ({"kind": "malformed", "processed": True}, 1, Unsettled),
        ({"kind": "status", "status": 503}, 0, Unavailable),
        ({"kind": "status", "status": 429}, 0, Unavailable),
        ({"kind": "status", "status": 408}, 0, Unavailable),
        ({"kind": "status", "status": 400}, 0, Refused),
        ({"kind": "status", "status": 401}, 0, Refused),
        ({"kind": "status", "status": 404}, 0, Refused),
    ],
)
async def test_each_fault_says_whether_a_repeat_is_safe(
    partner: Partner, fault: dict[str, Any], done: int, error: type[OutsideError]
) -> None:
    await partner.control.order(**{"seconds": 1.0, **fault})
    assert isinstance(await failure(partner.call(repeatable=False)), error)
    assert len(partner.done) == done

    await partner.control.order(**{"seconds": 1.0, **fault})
    found = await failure(partner.call(repeatable=True))
    assert isinstance(found, Refused if error is Refused else Unavailable)
    assert not isinstance(found, DeadlineExceeded)

    assert (await partner.call(repeatable=False))["number"] == len(partner.done), (
        "the next call has a connection of its own"
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), ("0", 0.1), ("99999999", 3600.0), ("soon", 5.0), ("-3", 5.0), ("\u00b2", 5.0)],
)
async def test_retry_after_in_seconds(text: str, seconds: float) -> None:
    assert await retry_after_of(text) == seconds


async def test_retry_after_as_a_date() -> None:
    in_ten_minutes = datetime.now(UTC) + timedelta(minutes=10)
    assert await retry_after_of(format_datetime(in_ten_minutes, usegmt=True)) == pytest.approx(600, abs=10)
    assert await retry_after_of(format_datetime(in_ten_minutes - timedelta(days=1))) == 0.1


async def retry_after_of(text: str) -> float:
    """Seconds for a response with that Retry-After."""
    response = f"HTTP/1.1 429 Busy\r\nretry-after: {text}\r\ncontent-length: 0\r\n\r\n".encode("latin-1")
    async with talking(responding(response)) as transport:
        found = await failure(transport.request("GET", "/", repeatable=False))
    assert isinstance(found, Unavailable)
    return found.retry_after_seconds


async def test_a_rejection_carries_its_response_but_does_not_quote_it() -> None:
    body = f'{{"code": 21211, "message": "{NUMBER} is not a number"}}'.encode()
    refusing = responding(b"HTTP/1.1 400 Bad\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
    async with talking(refusing) as transport:
        found = await failure(transport.request("POST", "/", repeatable=False, json={"to": NUMBER}))
    assert isinstance(found, ErrorResponse)
    assert found.response.document()["code"] == 21211


async def test_a_call_without_a_connection_is_not_done(partner: Partner) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        transport = transport_to(f"http://127.0.0.1:{unused.getsockname()[1]}")
        assert isinstance(await failure(transport.request("POST", "/", repeatable=False, json={})), Unavailable)
        await transport.close()


async def test_a_partner_that_does_not_accept_connections_is_unavailable() -> None:
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for filling in (first, second):  # fills the queue: from now on, the kernel accepts no connection
            filling.setblocking(False)
            filling.connect_ex(deaf.getsockname())
        transport = transport_to(f"http://127.0.0.1:{deaf.getsockname()[1]}")
        started = time.monotonic()
        assert isinstance(await failure(transport.request("POST", "/", repeatable=False, json={})), Unavailable)
        assert time.monotonic() - started < 1.5
        await transport.close()


async def test_a_slow_response_times_out_as_a_whole() -> None:
    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        try:
            for _ in range(100):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        except OSError:
            writer.close()

    async with talking(drip) as transport:
        started = time.monotonic()
        assert isinstance(await failure(transport.request("POST", "/", repeatable=False, json={})), Unsettled)
        assert time.monotonic() - started < 1.5


async def test_an_endless_response_is_cut_off() -> None:
    sent = 0

    async def pour(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65_536)
                sent += 65_536
                await writer.drain()
        except OSError:
            writer.close()

    async with talking(pour) as transport:
        found = await failure(transport.request("GET", "/", repeatable=True))
        assert isinstance(found, Unavailable)
        assert "too long" in found.reason
        await asyncio.sleep(0.1)
        assert sent < 20 * LONGEST_RESPONSE_BYTES


async def test_a_caller_without_time_makes_no_call(partner: Partner) -> None:
    with deadline(0.0):
        assert isinstance(await failure(partner.call(repeatable=False)), DeadlineExceeded)
    assert partner.done == []


async def test_a_deadline_after_the_request_leaves_the_outcome_unknown(partner: Partner) -> None:
    await partner.call(repeatable=False)
    await partner.control.order("late")
    with deadline(0.1):
        assert isinstance(await failure(partner.call(repeatable=False)), Unsettled)
    assert len(partner.done) == 2


async def test_a_cancelled_call_does_not_affect_the_next_one(partner: Partner) -> None:
    await partner.control.order("late", seconds=0.2)
    asking = asyncio.create_task(partner.call(repeatable=False))
    await asyncio.sleep(0.1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert await partner.call(repeatable=False) == {"number": 2}


async def test_more_calls_than_connections_are_queued(partner: Partner) -> None:
    """A call waits for a connection as long as for a new one; on a busy machine the 0.3 s of ``partner`` are short."""
    patient = Transport("twilio", partner.control.url, connect_seconds=60, read_seconds=60)
    queued = Partner(partner.control, patient, partner.done)
    responses = await asyncio.gather(*(queued.call(repeatable=False) for _ in range(40)))
    await patient.close()
    assert sorted(response["number"] for response in responses) == list(range(1, 41))
