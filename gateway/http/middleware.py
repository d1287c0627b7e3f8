"""Middleware for every HTTP request.

``RequestEdge`` gives each request an id, its response security headers, and the access log a line; ``BodyLimit`` bounds
the body. Both are plain ASGI and wrap everything else, Starlette included: they neither buffer nor move the request to
another task.
"""

import asyncio
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

from gateway.http.drain import MESSAGE, RETRY_AFTER, Drain
from integrations.log_fields import log_fields
from schema.runtime.errors import ErrorCode

access = logging.getLogger("gateway.access")
REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
PLAIN_PATH = re.compile(r"[A-Za-z0-9/_.~-]*")
RECORD = "gateway.record"
MAX_PATH = 200
LINE = "%s %s status=%d ms=%.1f actor=%s operation=%s request=%s"
LINE_FIELDS = ("method", "path", "status", "ms", "actor", "operation", "request")
CLIENT_CLOSED = 499  # nginx's status for a client that disconnected before the response
SECURITY_HEADERS = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
SECURITY_NAMES = frozenset(name for name, _ in SECURITY_HEADERS)

RawHeaders = Iterable[tuple[bytes, bytes]]


@dataclass(slots=True)
class RequestRecord:
    """Fields of the access log, set while a request is served.

    Args:
        id: the request id.
        actor: technical name of the actor.
        operation: the operation's name, if the client sent one.
        status: of the response, once it has started.
        is_logged: whether the access log gets a line.
    """

    id: str
    actor: str = "-"
    operation: str = "-"
    status: int | None = None
    is_logged: bool = True


def record_of(scope: Scope) -> RequestRecord:
    """Returns the record of a request."""
    record: RequestRecord = scope[RECORD]
    return record


def address_of(scope: Scope) -> str:
    """Returns the IP address of a client; that of the proxy where one stands in between."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def error_body(code: ErrorCode, message: str, **extensions: object) -> bytes:
    """Returns the JSON body of a GraphQL response with one error, for a request that is rejected as a whole."""
    return orjson.dumps({"errors": [{"message": message, "extensions": {"code": code, **extensions}}]})


class PathDispatcher:
    """Dispatches requests to applications by path; a path with a slash at its end is served as without it.

    A redirect would reflect the Host header, and clients do not send a body again.

    Args:
        apps: by exact path.
        default: serves all other paths and the lifespan.
    """

    def __init__(self, apps: Mapping[str, ASGIApp], default: ASGIApp) -> None:
        self._apps = apps
        self._default = default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] == "lifespan":
            await self._default(scope, receive, send)
            return
        path: str = scope["path"]
        if path[-1:] == "/" and (path := path.rstrip("/")):
            scope = {**scope, "path": path, "raw_path": scope.get("raw_path", b"").rstrip(b"/")}
        await self._apps.get(path, self._default)(scope, receive, send)


class RequestEdge:
    """Request id, security headers and access log.

    A valid ``X-Request-ID`` of the client is kept, any other is replaced; the response carries it. A security header
    that a route sets takes precedence. The log line contains no query string, no body and no header.

    While the process drains, each response closes its connection, and a request that the server cancels since it takes
    too long is rejected with 503.
    """

    def __init__(self, app: ASGIApp, drain: Drain | None = None) -> None:
        self._app = app
        self._drain = drain or Drain()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        record = scope[RECORD] = RequestRecord(_request_id(scope.get("headers", ())))
        with log_fields(request=record.id):
            await self._serve(scope, record, receive, send)

    async def _serve(self, scope: Scope, record: RequestRecord, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                message["headers"] = _with_edge_headers(message.get("headers", ()), record.id)
                if self._drain.draining.is_set():
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except asyncio.CancelledError:
            if not self._drain.closing.is_set() or record.status is not None:
                raise
            await _shutting_down(scope, receive, send_with_headers)
        except Exception:
            record.status = HTTPStatus.INTERNAL_SERVER_ERROR
            raise
        finally:
            if record.is_logged:
                _log(scope, record, perf_counter() - started)


async def _shutting_down(scope: Scope, receive: Receive, send: Send) -> None:
    """Rejects a request whose outcome is unknown, since its work was cancelled."""
    body = error_body(ErrorCode.SHUTTING_DOWN, MESSAGE)
    response = Response(
        body, status_code=HTTPStatus.SERVICE_UNAVAILABLE, media_type="application/json", headers=RETRY_AFTER
    )
    await response(scope, receive, send)


def _request_id(headers: RawHeaders) -> str:
    """Returns the client's request id if it is valid, otherwise a new one."""
    for name, value in headers:
        if name == b"x-request-id":
            return value.decode() if REQUEST_ID.fullmatch(value) else os.urandom(16).hex()
    return os.urandom(16).hex()


def _with_edge_headers(headers: RawHeaders, request_id: str) -> list[tuple[bytes, bytes]]:
    given = list(headers)
    own = (b"x-request-id", request_id.encode())
    names = [name.lower() for name, _ in given]
    if SECURITY_NAMES.isdisjoint(names):
        return [*given, *SECURITY_HEADERS, own]
    return [*given, *(header for header in SECURITY_HEADERS if header[0] not in names), own]


def _log(scope: Scope, record: RequestRecord, seconds: float) -> None:
    path = scope["path"]
    if not PLAIN_PATH.fullmatch(path):
        path = quote(path, errors="replace")
    status = record.status or CLIENT_CLOSED
    access.info(
        LINE, scope["method"], path[:MAX_PATH], status, seconds * 1000, record.actor, record.operation, record.id
    )


class BodyTooLarge(Exception):
    """The body exceeds the limit."""


class BodyLimit:
    """Rejects longer bodies with 413: at once by Content-Length, or as soon as too many bytes were received.

    It must be inside ``RequestEdge``, whose record says whether the response has started.

    Args:
        app: the protected application.
        max_bytes: the maximum length of a body.
    """

    def __init__(self, app: ASGIApp, max_bytes: int = 1_048_576) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise BodyTooLarge
            return message

        try:
            if _content_length(scope["headers"]) > self._max_bytes:
                raise BodyTooLarge
            await self._app(scope, receive_limited, send)
        except BodyTooLarge:
            if record_of(scope).status is not None:
                raise
            await self._response()(scope, receive, send)

    def _response(self) -> Response:
        message = f"The body must not exceed {self._max_bytes} bytes."
        return Response(
            error_body(ErrorCode.PAYLOAD_TOO_LARGE, message),
            status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            media_type="application/json",
            # The rest of the body is not read, so the connection cannot serve another request.
            headers={"Connection": "close"},
        )


def _content_length(headers: RawHeaders) -> int:
    """Returns the Content-Length, at most 10**18; 0 if it is absent or invalid."""
    for name, value in headers:
        if name == b"content-length":
            return int(value[:19]) if value.isdigit() else 0
    return 0
