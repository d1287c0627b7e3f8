"""Every way in which a call fails, on the wire, and what it says about a repeat."""

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
from integrations.partners.mocks.faults import Faults, mock_app
from integrations.partners.transport import LONGEST_ANSWER_BYTES, RefusedAnswer, Transport
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

    async def ask(self, repeatable: bool) -> dict[str, Any]:
        answer = await self.transport.request("POST", "/messages", repeatable=repeatable, json={"to": NUMBER})
        return answer.document()


@pytest.fixture
async def partner() -> AsyncIterator[Partner]:
    done: list[Any] = []

    async def take(request: Request) -> Response:
        done.append(await request.json())
        return JSONResponse({"number": len(done)}, 201)

    async with controlled(mock_app("twilio", [Route("/messages", take, methods=["POST"])], Faults(), done.clear)) as it:
        transport = transport_to(it.url)
        yield Partner(it, transport, done)
        await transport.close()


def transport_to(url: str) -> Transport:
    return Transport("twilio", url, headers={"x-api-key": KEY}, connect_seconds=0.3, read_seconds=READ_SECONDS)


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[Transport]:
    """A transport to a server that does what it likes with its connections."""
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    transport = transport_to(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    yield transport
    await transport.close()
    server.close()


def answering(answer: bytes) -> Talk:
    """Takes a request of one packet and answers so."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        writer.write(answer)
        await writer.drain()
        writer.close()

    return talk


async def failure(call: Awaitable[object]) -> OutsideError:
    with pytest.raises(OutsideError) as caught:
        await call
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert KEY not in told
    assert NUMBER not in told
    return caught.value


async def test_an_answer_that_is_the_contract_comes_back(partner: Partner) -> None:
    assert await partner.ask(repeatable=False) == {"number": 1}
    assert partner.done == [{"to": NUMBER}]


# What became of the call: was it done, and may a call that must not happen twice be made again?
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
    assert isinstance(await failure(partner.ask(repeatable=False)), error)
    assert len(partner.done) == done

    await partner.control.order(**{"seconds": 1.0, **fault})
    found = await failure(partner.ask(repeatable=True))
    assert isinstance(found, Refused if error is Refused else Unavailable)
    assert not isinstance(found, DeadlineExceeded)

    assert (await partner.ask(repeatable=False))["number"] == len(partner.done), "the next call is a new one"


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("7", 7.0), ("0", 0.1), ("99999999", 3600.0), ("soon", 5.0), ("-3", 5.0), ("\u00b2", 5.0)],
)
async def test_a_partner_says_when_to_come_back(told: str, seconds: float) -> None:
    assert await told_to_wait(told) == seconds


async def test_a_partner_says_by_a_date_when_to_come_back() -> None:
    in_ten_minutes = datetime.now(UTC) + timedelta(minutes=10)
    assert await told_to_wait(format_datetime(in_ten_minutes, usegmt=True)) == pytest.approx(600, abs=10)
    assert await told_to_wait(format_datetime(in_ten_minutes - timedelta(days=1))) == 0.1


async def told_to_wait(text: str) -> float:
    """Seconds, for an answer with that Retry-After."""
    busy = f"HTTP/1.1 429 Busy\r\nretry-after: {text}\r\ncontent-length: 0\r\n\r\n".encode("latin-1")
    async with talking(answering(busy)) as transport:
        found = await failure(transport.request("GET", "/", repeatable=False))
    assert isinstance(found, Unavailable)
    return found.retry_after_seconds


async def test_a_refusal_carries_its_answer_and_does_not_say_it() -> None:
    body = f'{{"code": 21211, "message": "{NUMBER} is not a number"}}'.encode()
    refusing = answering(b"HTTP/1.1 400 Bad\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
    async with talking(refusing) as transport:
        found = await failure(transport.request("POST", "/", repeatable=False, json={"to": NUMBER}))
    assert isinstance(found, RefusedAnswer)
    assert found.answer.document()["code"] == 21211


async def test_a_call_that_was_not_connected_was_not_done(partner: Partner) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        transport = transport_to(f"http://127.0.0.1:{nobody.getsockname()[1]}")
        assert isinstance(await failure(transport.request("POST", "/", repeatable=False, json={})), Unavailable)
        await transport.close()


async def test_a_partner_that_does_not_take_the_connection_was_not_reached() -> None:
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for filling in (first, second):  # the queue: from now on, the kernel answers nobody
            filling.setblocking(False)
            filling.connect_ex(deaf.getsockname())
        transport = transport_to(f"http://127.0.0.1:{deaf.getsockname()[1]}")
        started = time.monotonic()
        assert isinstance(await failure(transport.request("POST", "/", repeatable=False, json={})), Unavailable)
        assert time.monotonic() - started < 1.5
        await transport.close()


async def test_an_answer_that_only_drips_is_late_as_a_whole() -> None:
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


async def test_an_answer_without_end_is_cut() -> None:
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
        assert sent < 20 * LONGEST_ANSWER_BYTES


async def test_a_caller_without_time_does_not_ask(partner: Partner) -> None:
    with deadline(0.0):
        assert isinstance(await failure(partner.ask(repeatable=False)), DeadlineExceeded)
    assert partner.done == []


async def test_a_caller_whose_time_ends_after_the_request_does_not_know(partner: Partner) -> None:
    await partner.ask(repeatable=False)
    await partner.control.order("late")
    with deadline(0.1):
        assert isinstance(await failure(partner.ask(repeatable=False)), Unsettled)
    assert len(partner.done) == 2


async def test_a_call_that_was_given_up_leaves_the_next_one_alone(partner: Partner) -> None:
    await partner.control.order("late", seconds=0.2)
    asking = asyncio.create_task(partner.ask(repeatable=False))
    await asyncio.sleep(0.1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert await partner.ask(repeatable=False) == {"number": 2}


async def test_more_calls_than_connections_wait_their_turn(partner: Partner) -> None:
    answers = await asyncio.gather(*(partner.ask(repeatable=False) for _ in range(40)))
    assert sorted(answer["number"] for answer in answers) == list(range(1, 41))
