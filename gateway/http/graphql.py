"""GraphQL over HTTP: one request in, one answer out.

Follows the GraphQL-over-HTTP specification: POST with JSON, GET for queries only, ``application/graphql-response+json``
with status codes that tell what happened, and ``application/json`` for older clients, for which every well-formed
request is answered 200. Batching, uploads and incremental delivery are not served. What takes more than one answer goes
over ``gateway.http.websocket`` and ``gateway.http.sse``.

It is plain ASGI: Strawberry's own view, Starlette's request and response objects, and a task beside the request's own
would each take longer than all that is left of the way from the socket to the executor and back.
"""

import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus

from graphql import ExecutionResult, GraphQLError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from gateway.http.auth import TokenVerifier
from gateway.http.disconnect import ClientDisconnected, RequestGuard, RequestTimeout
from gateway.http.graphql_request import (
    GRAPHQL_JSON,
    JSON,
    GraphQLRequest,
    RequestError,
    check_content_type,
    negotiate,
    request_in_body,
    request_in_url,
    takes_gzip,
)
from gateway.http.graphql_response import GraphQLResponse, error_response, response_of, unexpected_error_response
from gateway.http.jwt import InvalidToken
from gateway.http.middleware import BodyTooLarge, record_of
from integrations.deadline import deadline
from resolvers.actor import Actor, Role
from resolvers.context import Context
from resolvers.installation import Installation
from schema.execution import Loaders
from schema.gateway_schema import GatewaySchema
from schema.runtime.errors import ErrorCode
from schema.runtime.tracing import Trace

logger = logging.getLogger("gateway.http.graphql")
OPERATION_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,63}")
ALLOWED = {"GET": {OperationType.QUERY}, "POST": {OperationType.QUERY, OperationType.MUTATION}}
# Fields that wait for a store give up at the deadline; this is the time to answer with what the others have.
GRACE_SECONDS = 0.5
EVENT_STREAM = b"text/event-stream"
# Clients send few different Accept headers; what they come to is remembered for so many.
REMEMBERED = 256

Page = Callable[[Request], Response | None]
Headers = Mapping[bytes, bytes]


async def closed(scope: Scope, receive: Receive, send: Send) -> None:
    """Serves no WebSockets."""
    await WebSocket(scope, receive, send).close()


class GraphQLView:
    """The ASGI endpoint of GraphQL, to be placed inside ``RequestEdge`` and ``BodyLimit``.

    The lifespan's state has to hold the open ``Stores`` as ``stores``.

    Args:
        schema: that is asked.
        tokens: tells who asks.
        installation: whose it is.
        signing_key: signs cursors and links.
        sockets: serves WebSockets.
        streams: serves those who accept nothing but server-sent events; without it they are not served.
        seconds: the time one request may take.
        page: gives the page for a browser that comes without a question, or None.
        now: the clock.
    """

    def __init__(
        self,
        schema: GatewaySchema,
        tokens: TokenVerifier,
        installation: Installation,
        *,
        signing_key: bytes,
        sockets: ASGIApp = closed,
        streams: ASGIApp | None = None,
        seconds: float = 10.0,
        page: Page = lambda _request: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._schema = schema
        self._tokens = tokens
        self._installation = installation
        self._signing_key = signing_key
        self._sockets = sockets
        self._streams = streams
        self._seconds = seconds
        self._page = page
        self._now = now
        self._negotiate = lru_cache(REMEMBERED)(negotiate)
        self._takes_gzip = lru_cache(REMEMBERED)(takes_gzip)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "websocket":
            await self._sockets(scope, receive, send)
            return
        if scope["method"] != "POST" and (page := self._page(Request(scope, receive))):
            await page(scope, receive, send)
            return
        # Of a header that comes twice the first one counts.
        headers = dict(reversed(list(scope["headers"])))
        if self._streams and EVENT_STREAM in headers.get(b"accept", b"") and b"json" not in headers[b"accept"]:
            await self._streams(scope, receive, send)
            return
        answer = await self._serve(scope, headers, receive)
        if answer is not None:
            await answer.send(send, gzip=self._takes_gzip(headers.get(b"accept-encoding", b"").decode("latin-1")))

    async def _serve(self, scope: Scope, headers: Headers, receive: Receive) -> GraphQLResponse | None:
        """The answer to a question, or why there is none; None if nobody waits for it any more."""
        record = record_of(scope)
        media_type = GRAPHQL_JSON
        try:
            media_type = self._negotiate(text_of(headers, b"accept"))
            actor = self._actor(headers)
            record.actor = actor.id
            question = await request_of(scope, headers, receive)
            if question.operation_name and OPERATION_NAME.fullmatch(question.operation_name):
                record.operation = question.operation_name
            context = Context(
                actor,
                record.id,
                self._now,
                scope["state"]["stores"],
                self._installation,
                self._signing_key,
                Loaders(),
                _trace(actor) if question.plan else None,
            )
            result = await self._in_time(scope["method"], receive, question, context)
            if context.tracer is not None:
                result.extensions = {"plan": context.tracer.as_dict()}
            return response_of(result, media_type, record.id)
        except RequestError as refusal:
            return error_response(refusal, media_type)
        except ClientDisconnected:
            return None
        except BodyTooLarge:
            raise  # answered where bodies are measured
        except Exception:
            logger.exception("request %s failed", record.id)
            return unexpected_error_response(media_type, record.id)

    def _actor(self, headers: Headers) -> Actor:
        try:
            return self._tokens.actor(text_of(headers, b"authorization"))
        except InvalidToken as error:
            raise unauthenticated(error) from None

    async def _in_time(
        self, method: str, receive: Receive, question: GraphQLRequest, context: Context
    ) -> ExecutionResult:
        """Answer while the client waits for it and the time lasts."""
        try:
            with deadline(self._seconds), RequestGuard(receive, self._seconds + GRACE_SECONDS):
                return await self._answer(method, question, context)
        except RequestTimeout:
            message = f"The request took longer than {self._seconds:g} s."
            raise RequestError(HTTPStatus.GATEWAY_TIMEOUT, ErrorCode.DEADLINE_EXCEEDED, message) from None
        finally:
            await context.loaders.close()

    async def _answer(self, method: str, question: GraphQLRequest, context: Context) -> ExecutionResult:
        try:
            return await self._schema.run_operation(
                question.query,
                context,
                variables=question.variables,
                operation_name=question.operation_name,
                allowed=ALLOWED[method],
            )
        except CannotGetOperationTypeError as error:
            code = ErrorCode.OPERATION_RESOLUTION_FAILED
            return ExecutionResult(None, [GraphQLError(error.as_http_error_reason(), extensions={"code": code})])
        except InvalidOperationTypeError as error:
            if error.operation_type is OperationType.SUBSCRIPTION:
                message = "Subscriptions are told over WebSocket, or to those who accept text/event-stream."
                raise RequestError(HTTPStatus.NOT_ACCEPTABLE, ErrorCode.NOT_ACCEPTABLE, message) from None
            message = error.as_http_error_reason(method)
            allow = {"Allow": "POST"}
            raise RequestError(HTTPStatus.METHOD_NOT_ALLOWED, ErrorCode.METHOD_NOT_ALLOWED, message, allow) from None


def unauthenticated(error: InvalidToken) -> RequestError:
    """That a credential is not accepted."""
    challenge = {"WWW-Authenticate": 'Bearer realm="graphql", error="invalid_token"'}
    return RequestError(HTTPStatus.UNAUTHORIZED, ErrorCode.UNAUTHENTICATED, str(error), challenge)


def _trace(actor: Actor) -> Trace:
    """What notes down how a request is executed.

    Raises:
        Refusal: that is not for this caller to see.
    """
    if actor.role is not Role.ADMIN:
        message = "Only administrators may ask for the plan. Ask without `extensions.plan`."
        raise RequestError(HTTPStatus.FORBIDDEN, ErrorCode.FORBIDDEN, message)
    return Trace()


async def request_of(scope: Scope, headers: Headers, receive: Receive) -> GraphQLRequest:
    """The question in a request.

    Raises:
        Refusal: the method, the media type or the content is not what GraphQL over HTTP asks for.
        NobodyWaits: the client left in the middle of it.
    """
    if scope["method"] == "POST":
        content_type = text_of(headers, b"content-type") or ""
        if content_type != JSON:
            check_content_type(content_type)
        return request_in_body(await _body(receive))
    if scope["method"] == "GET":
        return request_in_url(scope["query_string"])
    allow = {"Allow": "GET, POST"}
    message = "GraphQL is asked by GET or POST."
    raise RequestError(HTTPStatus.METHOD_NOT_ALLOWED, ErrorCode.METHOD_NOT_ALLOWED, message, allow)


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    pieces = [body]
    while message.get("more_body", False):
        message = await receive()
        pieces.append(message.get("body", b""))
    if message["type"] == "http.disconnect":
        raise ClientDisconnected
    return b"".join(pieces) if len(pieces) > 1 else body


def text_of(headers: Headers, name: bytes) -> str | None:
    """The text of a header; None where it is absent."""
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")
