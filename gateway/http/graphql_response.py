"""GraphQL answers as HTTP responses: one list of headers, one body, compressed where that helps.

Compression and secrets: lengths of compressed answers tell something of their content to whoever can see them and make
the same caller ask again and again with texts of his choice in the answer (BREACH). Callers sign in by a bearer token
in a header that no browser sends by itself, other sites' pages are not allowed to ask (no CORS), and no answer holds a
credential; so nobody but the caller chooses what is asked in the caller's name.
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
from gateway.http.middleware import refusal_body
from schema.runtime.errors import UNEXPECTED, ErrorCode

logger = logging.getLogger("gateway.http.graphql")
# Less fits into one packet anyway. zlib at level 1: 10 us for 2 kB, 50 for 35 kB, 500 for 170 kB, to a sixth.
COMPRESSED_FROM = 1_400
# What takes longer than 1 ms must not keep others waiting; the way to a thread and back costs 0.1 ms.
THREAD_FROM = 300_000
GZIP = 31  # zlib's window bits for the largest window within gzip's frame
FASTEST = 1


class GraphQLResponse(NamedTuple):
    """A response that is to be sent."""

    status: HTTPStatus
    body: bytes
    media_type: str
    headers: Mapping[str, str] = {}

    async def send(self, send: Send, *, gzip: bool) -> None:
        """Send it, compressed if the client takes gzip and it is worth it."""
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
    """What a document came to.

    Values are JSON's, or such as orjson writes as the schema's scalars do: aware datetimes in UTC, dates, UUIDs and
    ``orjson.Fragment``. What it refuses empties the answer: it is a fault of ours, and masked like any other.
    """
    errors = [error.formatted for error in result.errors or ()]
    nothing_ran = result.data is None and not any("path" in error for error in errors)
    answer: dict[str, Any] = {"errors": errors} if errors else {}
    if not nothing_ran:
        answer["data"] = result.data
    if result.extensions:
        answer["extensions"] = result.extensions
    try:
        body = orjson.dumps(answer)
    except TypeError:
        logger.exception("request %s: the answer is not JSON", request_id)
        error = {"message": UNEXPECTED, "extensions": {"code": ErrorCode.INTERNAL_ERROR, "requestId": request_id}}
        body = orjson.dumps({"errors": [error], "data": None})
    status = HTTPStatus.BAD_REQUEST if nothing_ran and media_type == GRAPHQL_JSON else HTTPStatus.OK
    return GraphQLResponse(status, body, media_type)


def error_response(refusal: RequestError, media_type: str) -> GraphQLResponse:
    """Why there is no answer."""
    return GraphQLResponse(refusal.status, refusal_body(refusal.code, str(refusal)), media_type, refusal.headers)


def unexpected_error_response(media_type: str, request_id: str) -> GraphQLResponse:
    """That there is no answer for a reason that is ours."""
    body = refusal_body(ErrorCode.INTERNAL_ERROR, UNEXPECTED, requestId=request_id)
    return GraphQLResponse(HTTPStatus.INTERNAL_SERVER_ERROR, body, media_type)


async def _compressed(body: bytes) -> bytes:
    if len(body) < THREAD_FROM:
        return zlib.compress(body, FASTEST, GZIP)
    return await asyncio.to_thread(zlib.compress, body, FASTEST, GZIP)
