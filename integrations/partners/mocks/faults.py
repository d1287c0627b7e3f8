"""What every mock has in common: it says that it is one, remembers what it got, and misbehaves on request.

The control endpoints, beside the partner's own:

- ``POST /_mock/faults`` orders a fault (``Fault`` says what may be in it) and ``GET /_mock/faults`` tells the counts;
- ``GET /_mock/received?since=N`` tells what came in after request number N, the newest 500 at most;
- ``DELETE /_mock`` forgets faults, requests, counts and all that the partner itself was told.
"""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REMEMBERED_REQUESTS = 2000
REMEMBERED_CHARACTERS = 8000
SHOWN_REQUESTS = 500
LARGEST_REQUEST_BYTES = 32_000_000
MOST_FAULTS = 100

# Where the server puts the caller's connection, an asyncio.Transport, in a request's scope.
CONNECTION = "integrations.partners.mocks.connection"


class FaultKind(StrEnum):
    """How a mock misbehaves."""

    LATENCY = "latency"
    LATE = "late"
    HANG = "hang"
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    STATUS = "status"
    HTML = "html"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of misbehaviour.

    Args:
        kind: ``latency`` waits, then does as asked; ``late`` does as asked, then waits; ``hang`` does nothing and
            does not answer; ``reset_before`` does nothing and ``reset_after`` does as asked, and both cut the
            connection off; ``status``, ``html`` (200 with a web page) and ``malformed`` (200 with half a JSON text)
            answer so.
        method: of the requests it befalls; ``*`` for any.
        path: of those requests, as a pattern with ``*``.
        times: how often; None for until it is cleared.
        chance: that a matching request is befallen, from 0 to 1.
        seconds: of waiting; a hang ends by resetting the connection.
        status: for ``status``.
        retry_after: seconds told with the status.
        processed: whether ``hang``, ``status``, ``html`` and ``malformed`` do as asked first.
    """

    kind: FaultKind
    method: str = "*"
    path: str = "*"
    times: int | None = 1
    chance: float = 1.0
    seconds: float = 1.0
    status: int = 500
    retry_after: float | None = None
    processed: bool = False

    @property
    def cuts_reply(self) -> bool:
        """Whether the partner does as asked and the caller does not get to know."""
        return self.kind is FaultKind.RESET_AFTER or (self.processed and self.kind in ANSWERED_OTHERWISE)


ANSWERED_OTHERWISE = (FaultKind.HANG, FaultKind.STATUS, FaultKind.HTML, FaultKind.MALFORMED)


class Faults:
    """The faults on order, and what came in.

    Args:
        latency: seconds that every answer takes.
        seed: of the chances.
    """

    def __init__(self, latency: float = 0.0, seed: int = 0) -> None:
        self.latency = latency
        self.received: deque[dict[str, Any]] = deque(maxlen=REMEMBERED_REQUESTS)
        self._seed = seed
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self.received.clear()
        self.ordered: list[Fault] = []
        self.injected: Counter[FaultKind] = Counter()
        self.requests = 0
        self.replies_cut = 0
        self.replies_unread = 0
        self._random = random.Random(self._seed)  # noqa: S311 - repeatable, and no secret

    def order(self, fault: Fault) -> None:
        """Adds a fault after those that wait.

        Raises:
            ValueError: too many wait.
        """
        if len(self.ordered) == MOST_FAULTS:
            raise ValueError(f"{MOST_FAULTS} faults are on order")
        self.ordered.append(fault)

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that befalls this request: the first that matches."""
        for place, fault in enumerate(self.ordered):
            if not (fnmatchcase(method, fault.method) and fnmatchcase(path, fault.path)):
                continue
            if self._random.random() >= fault.chance:
                continue
            if fault.times is not None:
                self.ordered[place : place + 1] = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
            self.injected[fault.kind] += 1
            self.replies_cut += fault.cuts_reply
            return fault
        return None

    def counts(self) -> dict[str, Any]:
        """What happened so far.

        ``repliesCut`` counts requests that were done and whose answer a fault kept back; ``repliesUnread`` those that
        were done and whose caller had gone meanwhile, after a latency or by itself.
        """
        return {
            "requests": self.requests,
            "injected": dict(self.injected),
            "repliesCut": self.replies_cut,
            "repliesUnread": self.replies_unread,
            "waiting": [asdict(fault) for fault in self.ordered],
        }


def mock_app(name: str, routes: list[BaseRoute], faults: Faults, forget: Callable[[], None]) -> Starlette:
    """A partner's stand-in: its own routes, the control endpoints and a page that says what it is.

    Args:
        name: the partner; every response carries it as ``X-Mock``.
        forget: empties the memory behind ``routes``.
    """

    async def landing(_request: Request) -> Response:
        return HTMLResponse(
            f"<title>Mock of {name}</title><h1>This is a mock of {name}</h1>"
            "<p>Nothing leaves this machine. Control: POST and GET /_mock/faults, GET /_mock/received, DELETE /_mock."
        )

    async def order(request: Request) -> Response:
        try:
            faults.order(_read_fault(await request.body()))
        except (ValueError, TypeError, KeyError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(faults.counts(), 201)

    async def counts(_request: Request) -> Response:
        return JSONResponse(faults.counts())

    async def received(request: Request) -> Response:
        given = request.query_params.get("since", "0")
        if not (given.isascii() and given.isdecimal()):
            return JSONResponse({"error": "since is a request's number"}, 400)
        since = int(given)
        found = [entry for entry in faults.received if entry["number"] > since]
        return JSONResponse({"requests": faults.requests, "received": found[-SHOWN_REQUESTS:]})

    async def reset(_request: Request) -> Response:
        faults.clear()
        forget()
        return Response(status_code=204)

    control = [
        Route("/", landing),
        Route("/_mock", reset, methods=["DELETE"]),
        Route("/_mock/faults", order, methods=["POST"]),
        Route("/_mock/faults", counts),
        Route("/_mock/received", received),
    ]
    return Starlette(routes=[*control, *routes], middleware=[Middleware(Misbehaving, name=name, faults=faults)])


def _read_fault(body: bytes) -> Fault:
    """A fault from ``{"kind": "status", "match": {"method": "POST", "path": "*"}, "status": 500, ...}``."""
    given = orjson.loads(body)
    match = given.pop("match", {})
    fault = Fault(**{**given, "kind": FaultKind(given["kind"])}, **match)
    if fault.times is not None and fault.times < 1:
        raise ValueError("times is at least 1, or null")
    if not (0 <= fault.seconds <= 3600 and 0 <= fault.chance <= 1 and 200 <= fault.status <= 599):
        raise ValueError("seconds is 0 to 3600, chance 0 to 1, status 200 to 599")
    return fault


class Misbehaving:
    """Puts the faults between the server and the partner's own routes.

    Args:
        app: those routes.
        name: of the partner.
        faults: on order.
    """

    def __init__(self, app: ASGIApp, name: str, faults: Faults) -> None:
        self._app = app
        self._name = name
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _labelled(send, self._name)
        if scope["path"] == "/" or scope["path"].startswith("/_mock"):
            await self._app(scope, receive, send)
            return
        body = await _body(receive)
        if body is None:
            await Response(status_code=413)(scope, receive, send)
            return
        await self._serve(scope, body, receive, send)

    async def _serve(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        fault = self._faults.take(scope["method"], scope["path"])
        entry = self._note(scope, body, fault)
        await asyncio.sleep(self._faults.latency)
        kind = fault.kind if fault else None
        if fault and kind is FaultKind.LATENCY:
            await asyncio.sleep(fault.seconds)
        reply: list[Message] = []
        if fault is None or fault.cuts_reply or kind in (FaultKind.LATENCY, FaultKind.LATE):
            reply = await _answer(self._app, scope, body)
            entry["status"] = reply[0]["status"]
        if fault and kind in (FaultKind.LATE, FaultKind.HANG):
            await asyncio.sleep(fault.seconds)
        if kind in (FaultKind.RESET_BEFORE, FaultKind.RESET_AFTER, FaultKind.HANG):
            scope[CONNECTION].abort()
            await receive()  # until the server knows too, or it would call the missing answer an error
        elif fault and kind in (FaultKind.STATUS, FaultKind.HTML, FaultKind.MALFORMED):
            await _otherwise(fault)(scope, receive, send)
        else:
            self._faults.replies_unread += scope[CONNECTION].is_closing()
            for message in reply:
                await send(message)

    def _note(self, scope: Scope, body: bytes, fault: Fault | None) -> dict[str, Any]:
        self._faults.requests += 1
        entry = {
            "number": self._faults.requests,
            "method": scope["method"],
            "path": scope["path"],
            "query": scope["query_string"].decode("latin-1"),
            "body": body[:REMEMBERED_CHARACTERS].decode(errors="replace"),
            "fault": fault.kind if fault else None,
            "status": None,
        }
        self._faults.received.append(entry)
        return entry


def _labelled(send: Send, name: str) -> Send:
    async def labelled(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"x-mock", name.encode())]}
        await send(message)

    return labelled


def _otherwise(fault: Fault) -> Response:
    if fault.kind is FaultKind.HTML:
        return HTMLResponse("<html><body>Please log in to the network.</body></html>")
    if fault.kind is FaultKind.MALFORMED:
        return Response('{"sid": "SM', media_type="application/json")
    headers = {} if fault.retry_after is None else {"retry-after": f"{fault.retry_after:g}"}
    return Response(status_code=fault.status, headers=headers)


async def _answer(app: ASGIApp, scope: Scope, body: bytes) -> list[Message]:
    """What the partner's own routes answer; they do not notice whether the caller is still there."""
    reply: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def keep(message: Message) -> None:
        reply.append(message)

    await app(scope, receive, keep)
    return reply


async def _body(receive: Receive) -> bytes | None:
    """The whole request, None where it is too large."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > LARGEST_REQUEST_BYTES:
            return None
        if not message.get("more_body", False):
            return bytes(body)
