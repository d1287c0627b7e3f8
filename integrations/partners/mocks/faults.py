"""Common part of all mocks: the label on every response, a record of the requests, and fault injection.

Control endpoints, beside the partner's own:

- ``POST /_mock/faults`` orders a fault (``Fault`` describes the fields), ``GET /_mock/faults`` returns the counts, and
  ``DELETE /_mock/faults`` clears the pending faults alone;
- ``GET /_mock/received?since=N`` lists the requests after number N, at most the newest 500;
- ``DELETE /_mock`` clears faults, requests, counts and the state of the partner itself.
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

KEPT_REQUESTS = 2000
KEPT_CHARACTERS = 8000
SHOWN_REQUESTS = 500
LARGEST_REQUEST_BYTES = 32_000_000
MOST_FAULTS = 100

# Key of a request's scope under which the server puts the caller's connection, an asyncio.Transport.
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
    """One order for misbehaviour.

    Args:
        kind: ``latency`` waits, then processes the request; ``late`` processes it, then waits; ``hang`` neither
            processes nor responds; ``reset_before`` does not process it and ``reset_after`` does, and both reset the
            connection; ``status``, ``html`` (200 with a web page) and ``malformed`` (200 with half a JSON text) respond
            so.
        method: method of the requests to which it applies; ``*`` for any.
        path: path of these requests, as a pattern with ``*``.
        times: how often it applies; None until it is cleared.
        chance: probability that it applies to a matching request, from 0 to 1.
        seconds: seconds of waiting; a hang ends by resetting the connection.
        status: HTTP status for ``status``.
        retry_after: seconds of ``Retry-After``, sent with the status.
        processed: whether ``hang``, ``status``, ``html`` and ``malformed`` process the request first.
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
        """Whether the request is processed but its response does not reach the caller."""
        return self.kind is FaultKind.RESET_AFTER or (self.processed and self.kind in RESPONSE_REPLACED)


RESPONSE_REPLACED = (FaultKind.HANG, FaultKind.STATUS, FaultKind.HTML, FaultKind.MALFORMED)


class FaultInjector:
    """Pending faults, and the requests so far.

    Args:
        latency: seconds before every response.
        seed: seed of the random numbers.
    """

    def __init__(self, latency: float = 0.0, seed: int = 0) -> None:
        self.latency = latency
        self.received: deque[dict[str, Any]] = deque(maxlen=KEPT_REQUESTS)
        self._seed = seed
        self.clear()

    def clear(self) -> None:
        """Clears everything."""
        self.received.clear()
        self.pending: list[Fault] = []
        self.injected: Counter[FaultKind] = Counter()
        self.requests = 0
        self.replies_cut = 0
        self.replies_unread = 0
        self._random = random.Random(self._seed)  # noqa: S311 - repeatable, and no secret

    def order(self, fault: Fault) -> None:
        """Adds a fault after the pending ones.

        Raises:
            ValueError: too many faults are pending.
        """
        if len(self.pending) == MOST_FAULTS:
            raise ValueError(f"at most {MOST_FAULTS} faults may be pending")
        self.pending.append(fault)

    def fault_for(self, method: str, path: str) -> Fault | None:
        """Fault that applies to this request: the first that matches."""
        for place, fault in enumerate(self.pending):
            if not (fnmatchcase(method, fault.method) and fnmatchcase(path, fault.path)):
                continue
            if self._random.random() >= fault.chance:
                continue
            if fault.times is not None:
                self.pending[place : place + 1] = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
            self.injected[fault.kind] += 1
            self.replies_cut += fault.cuts_reply
            return fault
        return None

    def counts(self) -> dict[str, Any]:
        """Counts so far.

        ``repliesCut`` counts processed requests whose response a fault withheld. ``repliesUnread`` counts processed
        requests whose caller had disconnected meanwhile, after a latency or by itself.
        """
        return {
            "requests": self.requests,
            "injected": dict(self.injected),
            "repliesCut": self.replies_cut,
            "repliesUnread": self.replies_unread,
            "waiting": [asdict(fault) for fault in self.pending],
        }


def mock_app(name: str, routes: list[BaseRoute], faults: FaultInjector, clear_state: Callable[[], None]) -> Starlette:
    """Application of a mock: the partner's routes, the control endpoints and a page that says that it is a mock.

    Args:
        name: name of the partner; every response carries it as ``X-Mock``.
        routes: routes of the partner.
        faults: pending faults.
        clear_state: clears the state behind ``routes``.
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

    async def cancel(_request: Request) -> Response:
        faults.pending.clear()
        return Response(status_code=204)

    async def counts(_request: Request) -> Response:
        return JSONResponse(faults.counts())

    async def received(request: Request) -> Response:
        text = request.query_params.get("since", "0")
        if not (text.isascii() and text.isdecimal()):
            return JSONResponse({"error": "since must be the number of a request"}, 400)
        since = int(text)
        found = [entry for entry in faults.received if entry["number"] > since]
        return JSONResponse({"requests": faults.requests, "received": found[-SHOWN_REQUESTS:]})

    async def reset(_request: Request) -> Response:
        faults.clear()
        clear_state()
        return Response(status_code=204)

    control = [
        Route("/", landing),
        Route("/_mock", reset, methods=["DELETE"]),
        Route("/_mock/faults", order, methods=["POST"]),
        Route("/_mock/faults", cancel, methods=["DELETE"]),
        Route("/_mock/faults", counts),
        Route("/_mock/received", received),
    ]
    return Starlette(
        routes=[*control, *routes], middleware=[Middleware(FaultInjectionMiddleware, name=name, faults=faults)]
    )


def _read_fault(body: bytes) -> Fault:
    """Parses a fault such as ``{"kind": "status", "match": {"method": "POST", "path": "*"}, "status": 500}``."""
    fields = orjson.loads(body)
    match = fields.pop("match", {})
    fault = Fault(**{**fields, "kind": FaultKind(fields["kind"])}, **match)
    if fault.times is not None and fault.times < 1:
        raise ValueError("times must be at least 1, or null")
    if not (0 <= fault.seconds <= 3600 and 0 <= fault.chance <= 1 and 200 <= fault.status <= 599):
        raise ValueError("seconds must be 0 to 3600, chance 0 to 1, status 200 to 599")
    return fault


class FaultInjectionMiddleware:
    """ASGI middleware that injects the faults between the server and the partner's routes.

    Args:
        app: the partner's routes.
        name: name of the partner.
        faults: pending faults.
    """

    def __init__(self, app: ASGIApp, name: str, faults: FaultInjector) -> None:
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
        fault = self._faults.fault_for(scope["method"], scope["path"])
        entry = self._record(scope, body, fault)
        await asyncio.sleep(self._faults.latency)
        kind = fault.kind if fault else None
        if fault and kind is FaultKind.LATENCY:
            await asyncio.sleep(fault.seconds)
        reply: list[Message] = []
        if fault is None or fault.cuts_reply or kind in (FaultKind.LATENCY, FaultKind.LATE):
            reply = await _response_of(self._app, scope, body)
            entry["status"] = reply[0]["status"]
        if fault and kind in (FaultKind.LATE, FaultKind.HANG):
            await asyncio.sleep(fault.seconds)
        if kind in (FaultKind.RESET_BEFORE, FaultKind.RESET_AFTER, FaultKind.HANG):
            scope[CONNECTION].abort()
            await receive()  # until the server has noticed, or it would report a missing response as an error
        elif fault and kind in (FaultKind.STATUS, FaultKind.HTML, FaultKind.MALFORMED):
            await _replacement(fault)(scope, receive, send)
        else:
            self._faults.replies_unread += scope[CONNECTION].is_closing()
            for message in reply:
                await send(message)

    def _record(self, scope: Scope, body: bytes, fault: Fault | None) -> dict[str, Any]:
        self._faults.requests += 1
        entry = {
            "number": self._faults.requests,
            "method": scope["method"],
            "path": scope["path"],
            "query": scope["query_string"].decode("latin-1"),
            "body": body[:KEPT_CHARACTERS].decode(errors="replace"),
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


def _replacement(fault: Fault) -> Response:
    if fault.kind is FaultKind.HTML:
        return HTMLResponse("<html><body>Please log in to the network.</body></html>")
    if fault.kind is FaultKind.MALFORMED:
        return Response('{"sid": "SM', media_type="application/json")
    headers = {} if fault.retry_after is None else {"retry-after": f"{fault.retry_after:g}"}
    return Response(status_code=fault.status, headers=headers)


async def _response_of(app: ASGIApp, scope: Scope, body: bytes) -> list[Message]:
    """Response of the partner's routes. They do not see whether the caller is still connected."""
    reply: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def keep(message: Message) -> None:
        reply.append(message)

    await app(scope, receive, keep)
    return reply


async def _body(receive: Receive) -> bytes | None:
    """Reads the whole request; None if it is too large."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > LARGEST_REQUEST_BYTES:
            return None
        if not message.get("more_body", False):
            return bytes(body)
