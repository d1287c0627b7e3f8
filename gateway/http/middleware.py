"""What every HTTP request passes through before it reaches a route.

``RequestEdge`` gives it an id, security headers on its answer and one line in the access log; ``BodyLimit`` keeps
bodies short. Both are plain ASGI and stand before everything else, Starlette included: so they neither buffer nor
detach the request from its task, and cost a request 10 us together with the line.
"""

import logging
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from time import perf_counter
from urllib.parse import quote

import orjson
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schema.runtime.errors import ErrorCode

access = logging.getLogger("gateway.access")
REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
PLAIN_PATH = re.compile(r"[A-Za-z0-9/_.~-]*")
RECORD = "gateway.record"
MAX_PATH = 200
LINE = "%s %s status=%d ms=%.1f actor=%s operation=%s request=%s"
CLIENT_CLOSED = 499  # nginx's status for a client that left before the answer
SECURITY_HEADERS = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)

RawHeaders = Iterable[tuple[bytes, bytes]]


@dataclass(slots=True)
class RequestRecord:
    """What the access log says of a request beside its path; the view fills in what it learns.

    Args:
        id: of the request.
        actor: the actor's technical name.
        operation: the operation's name, if the client gave one.
        status: of the answer, once it has begun.
    """

    id: str
    actor: str = "-"
    operation: str = "-"
    status: int | None = None


def record_of(scope: Scope) -> RequestRecord:
    """The record of the request with this scope."""
    record: RequestRecord = scope[RECORD]
    return record


def refusal_body(code: ErrorCode, message: str, **extensions: str) -> bytes:
    """A GraphQL-shaped JSON body for a request that is refused as a whole."""
    return orjson.dumps({"errors": [{"message": message, "extensions": {"code": code, **extensions}}]})


class Paths:
    """Sends requests for some paths to applications of their own, everything else to another.

    Args:
        apps: by exact path.
        others: answers for the rest, and takes part in the lifespan.
    """

    def __init__(self, apps: Mapping[str, ASGIApp], others: ASGIApp) -> None:
        self._apps = apps
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        app = self._others if scope["type"] == "lifespan" else self._apps.get(scope["path"], self._others)
        await app(scope, receive, send)


class RequestEdge:
    """Id, security headers and access log.

    A valid ``X-Request-ID`` of the client is taken over, any other replaced; the answer carries it. A route that sets
    a security header itself keeps its own. The log line holds no query string, no body and no header.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        record = scope[RECORD] = RequestRecord(_request_id(scope.get("headers", ())))
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                message["headers"] = _completed(message.get("headers", ()), record.id)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            record.status = HTTPStatus.INTERNAL_SERVER_ERROR
            raise
        finally:
            _log(scope, record, perf_counter() - started)


def _request_id(headers: RawHeaders) -> str:
    """The id that the client gave, if it is one; else a new one."""
    for name, value in headers:
        if name == b"x-request-id":
            return value.decode() if REQUEST_ID.fullmatch(value) else os.urandom(16).hex()
    return os.urandom(16).hex()


def _completed(headers: RawHeaders, request_id: str) -> list[tuple[bytes, bytes]]:
    given = list(headers)
    names = {name.lower() for name, _ in given}
    added = [header for header in SECURITY_HEADERS if header[0] not in names]
    return [*given, *added, (b"x-request-id", request_id.encode())]


def _log(scope: Scope, record: RequestRecord, seconds: float) -> None:
    path = scope["path"]
    if not PLAIN_PATH.fullmatch(path):
        path = quote(path, errors="replace")
    status = record.status or CLIENT_CLOSED
    access.info(
        LINE, scope["method"], path[:MAX_PATH], status, seconds * 1000, record.actor, record.operation, record.id
    )


class BodyTooLarge(Exception):
    """More of a body arrived than is allowed."""


class BodyLimit:
    """Refuses longer bodies with 413: at once by their Content-Length, else as soon as too much has arrived.

    It stands inside ``RequestEdge``, which tells whether an answer has begun.

    Args:
        app: what is protected.
        max_bytes: the longest body.
    """

    def __init__(self, app: ASGIApp, max_bytes: int = 1_048_576) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        arrived = 0

        async def receive_limited() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > self._max_bytes:
                raise BodyTooLarge
            return message

        try:
            if _announced(scope["headers"]) > self._max_bytes:
                raise BodyTooLarge
            await self._app(scope, receive_limited, send)
        except BodyTooLarge:
            if record_of(scope).status is not None:
                raise
            await self._refusal()(scope, receive, send)

    def _refusal(self) -> Response:
        message = f"The body is longer than {self._max_bytes} bytes."
        return Response(
            refusal_body(ErrorCode.PAYLOAD_TOO_LARGE, message),
            status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            media_type="application/json",
            # What is left of the body is not read, so the connection cannot serve another request.
            headers={"Connection": "close"},
        )


def _announced(headers: RawHeaders) -> int:
    """The length of the body by its Content-Length, 0 where there is none that can be read."""
    for name, value in headers:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0
