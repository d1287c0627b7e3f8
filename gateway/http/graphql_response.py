"""GraphQL responses over HTTP: one list of headers, one body, compressed if that helps.

Compression and secrets: the length of a compressed response reveals something of its content to an observer who can
make the caller repeat a request with chosen text in the response (BREACH). Here no other site can send a request in a
caller's name: callers authenticate with a bearer token in a header that no browser adds by itself, CORS is not enabled,
and no response contains a credential.
"""

import asyncio
import logging
import zlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import orjson
from graphql import ExecutionResult
from starlette.types import Send

from gateway.http.graphql_request import GRAPHQL_JSON, RequestError
from gateway.http.middleware import error_body
from schema.runtime.errors import UNEXPECTED, ErrorCode

logger = logging.getLogger("gateway.http.graphql")
# A smaller body fits into one packet. zlib at level 1 takes 10 us for 2 kB, 50 for 35 kB, 500 for 170 kB, and leaves
# a sixth.
COMPRESSED_FROM = 1_400
# Compression above 1 ms must not block the event loop; a thread costs 0.1 ms.
THREAD_FROM = 300_000
GZIP = 31  # zlib's window bits: the largest window, in the gzip format
FASTEST = 1


class GraphQLResponse(NamedTuple):
    """An HTTP response with a GraphQL body."""

    status: HTTPStatus
    body: bytes
    media_type: str
    headers: Mapping[str, str] = {}

    async def send(self, send: Send, *, gzip: bool) -> None:
        """Sends the response; compressed if ``gzip`` and the body is long enough."""
        body = self.body
        headers = [
            (b"content-type", self.media_type.encode() + b"; charset=utf-8"),
            (b"cache-control", b"no-store"),
            *((name.lower().encode(), value.encode()) for name, value in self.headers.items()),
        ]
        if len(body) >= COMPRESSED_FROM:
            headers.append((b"vary", b"accept, accept-encoding"))
            if gzip:
                headers.append((b"content-encoding", b"gzip"))
                body = await _compressed(body)
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def response_of(result: ExecutionResult, media_type: str, request_id: str) -> GraphQLResponse:
    """Returns the response to an executed operation.

    Values are those of JSON, or such that orjson writes as the schema's scalars do: aware datetimes in UTC, dates,
    UUIDs and ``orjson.Fragment``. Any other value is an internal error: it is logged, and the response contains only a
    masked error.
    """
    errors = [error.formatted for error in result.errors or ()]
    not_executed = result.data is None and not any("path" in error for error in errors)
    content: dict[str, Any] = {"errors": errors} if errors else {}
    if not not_executed:
        content["data"] = result.data
    if result.extensions:
        content["extensions"] = result.extensions
    try:
        body = orjson.dumps(content)
    except TypeError:
        logger.exception("request %s: the response cannot be serialized", request_id)
        error = {"message": UNEXPECTED, "extensions": {"code": ErrorCode.INTERNAL_ERROR, "requestId": request_id}}
        body = orjson.dumps({"errors": [error], "data": None})
    status = HTTPStatus.BAD_REQUEST if not_executed and media_type == GRAPHQL_JSON else HTTPStatus.OK
    return GraphQLResponse(status, body, media_type)


def error_response(error: RequestError, media_type: str) -> GraphQLResponse:
    """Returns the response to a rejected request."""
    return GraphQLResponse(
        error.status, error_body(error.code, str(error), **error.extensions), media_type, error.headers
    )


def unexpected_error_response(media_type: str, request_id: str) -> GraphQLResponse:
    """Returns the masked response to a request that failed with an unexpected error."""
    body = error_body(ErrorCode.INTERNAL_ERROR, UNEXPECTED, requestId=request_id)
    return GraphQLResponse(HTTPStatus.INTERNAL_SERVER_ERROR, body, media_type)


async def _compressed(body: bytes) -> bytes:
    if len(body) < THREAD_FROM:
        return zlib.compress(body, FASTEST, GZIP)
    return await asyncio.to_thread(zlib.compress, body, FASTEST, GZIP)
