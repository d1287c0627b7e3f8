"""What every HTTP request passes through before it reaches a route.

``RequestEdge`` gives it an id, security headers on its answer and one line in the access log; ``BodyLimit`` keeps
bodies short. Both are plain ASGI, so that they neither buffer nor detach the request from its task.
"""

import logging
import re
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from time import perf_counter
from urllib.parse import quote

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schema.errors import ErrorCode

access = logging.getLogger("gateway.access")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
RECORD = "gateway.record"
MAX_PATH = 200
CLIENT_CLOSED = 499  # nginx's status for a client that left before the answer
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(slots=True)
class RequestRecord:
    """What the access log says of a request beside its path; the view fills in what it learns.

    Args:
        id: of the request.
        actor: the actor's technical name.
        operation: the operation's name, if the client gave one.
    """

    id: str
    actor: str = "-"
    operation: str = "-"


def record_of(scope: Scope) -> RequestRecord:
    """The record of the request with this scope."""
    record: RequestRecord = scope[RECORD]
    return record


def refusal_body(code: ErrorCode, message: str, **extensions: str) -> bytes:
    """A GraphQL-shaped JSON body for a request that is refused as a whole."""
    return orjson.dumps({"errors": [{"message": message, "extensions": {"code": code, **extensions}}]})


class RequestEdge:
    """Id, security headers and access log.

    A valid ``X-Request-ID`` of the client is taken over, any other replaced; the answer carries it. A route that sets
    a security header itself keeps its own. The log line holds no query string, no body and no header.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            scope[RECORD] = RequestRecord(uuid.uuid4().hex)
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        record = scope[RECORD] = RequestRecord(given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex)
        status = CLIENT_CLOSED
        started = perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = record.id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            raise
        finally:
            access.info(
                "%s %s status=%d ms=%.1f actor=%s operation=%s request=%s",
                scope["method"],
                quote(scope["path"], errors="replace")[:MAX_PATH],
                status,
                (perf_counter() - started) * 1000,
                record.actor,
                record.operation,
                record.id,
            )


class BodyTooLarge(Exception):
    """More of a body arrived than is allowed."""


class BodyLimit:
    """Refuses longer bodies with 413: at once by their Content-Length, else as soon as too much has arrived.

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
        started = False

        async def receive_limited() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > self._max_bytes:
                raise BodyTooLarge
            return message

        async def send_noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        announced = Headers(scope=scope).get("content-length", "")
        try:
            if announced.isdecimal() and int(announced) > self._max_bytes:
                raise BodyTooLarge
            await self._app(scope, receive_limited, send_noted)
        except BodyTooLarge:
            if started:
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
