"""GraphQL over HTTP: one response to a request.

Follows the GraphQL-over-HTTP specification: POST with JSON, GET for queries only; status codes with the media type
``application/graphql-response+json``, which a client must name, and 200 for every well-formed request of other clients,
which get ``application/json``. Batching, uploads and incremental delivery are not supported.
``gateway.http.websocket`` and ``gateway.http.sse`` serve subscriptions.

The endpoint is plain ASGI: Strawberry's view, Starlette's request and response objects, and a second task would each
take longer than everything else between the socket and the executor.
"""

import logging
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

from gateway.http.admission import REJECTIONS, RequestLimiter
from gateway.http.auth import TokenVerifier
from gateway.http.disconnect import ClientDisconnected, RequestGuard, RequestTimeout
from gateway.http.graphql_request import (
    GRAPHQL_JSON,
    JSON,
    GraphQLRequest,
    RequestError,
    accepts_gzip,
    check_content_type,
    negotiate,
    request_in_body,
    request_in_url,
)
from gateway.http.graphql_response import GraphQLResponse, error_response, response_of, unexpected_error_response
from gateway.http.jwt import InvalidToken
from gateway.http.middleware import BodyTooLarge, address_of, record_of
from gateway.http.observation import observed, operation_name
from gateway.http.persisted_queries import PersistedDocuments, client_of
from integrations.deadline import deadline
from resolvers.actor import Actor, Role
from resolvers.context import Context
from resolvers.installation import Installation
from resolvers.operation_uses import CountedUse, OperationUses
from schema.execution import Loaders
from schema.gateway_schema import GatewaySchema
from schema.runtime.errors import ErrorCode, shortened
from schema.runtime.tracing import Trace

logger = logging.getLogger("gateway.http.graphql")
ALLOWED = {"GET": {OperationType.QUERY}, "POST": {OperationType.QUERY, OperationType.MUTATION}}
# Fields that wait for a store fail at the deadline; this is the time to respond with the data of the other fields. A
# client then has a response half a second after the deadline.
GRACE_SECONDS = 0.3
# A client that takes longer to send its body does not hold a request open.
BODY_SECONDS = 10.0
EVENT_STREAM = b"text/event-stream"
# Clients send few different Accept headers, so the outcome of negotiation is cached.
CACHED_HEADERS = 256

Page = Callable[[Request], Response | None]
Headers = Mapping[bytes, bytes]


async def reject_websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """Closes a WebSocket before it is accepted."""
    await WebSocket(scope, receive, send).close()


class GraphQLView:
    """The ASGI endpoint of GraphQL, inside ``RequestEdge`` and ``BodyLimit``.

    The lifespan state must contain the open ``Stores`` as ``stores``.

    Args:
        schema: executes operations.
        tokens: authenticates requests.
        installation: the airline that is served.
        signing_key: signs cursors and links.
        limiter: admits operations.
        persisted: finds the documents of persisted queries.
        uses: counts the uses of operations.
        websockets: serves WebSockets.
        event_streams: serves requests that accept only server-sent events; None rejects them.
        seconds: deadline of a request.
        page: returns the page for a browser's request without an operation, or None.
        now: the clock.
    """

    def __init__(
        self,
        schema: GatewaySchema,
        tokens: TokenVerifier,
        installation: Installation,
        *,
        signing_key: bytes,
        limiter: RequestLimiter,
        persisted: PersistedDocuments,
        uses: OperationUses,
        websockets: ASGIApp = reject_websocket,
        event_streams: ASGIApp | None = None,
        seconds: float = 10.0,
        page: Page = lambda _request: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._schema = schema
        self._tokens = tokens
        self._installation = installation
        self._signing_key = signing_key
        self._limiter = limiter
        self._persisted = persisted
        self._uses = uses
        self._websockets = websockets
        self._event_streams = event_streams
        self._seconds = seconds
        self._page = page
        self._now = now
        self._negotiate = lru_cache(CACHED_HEADERS)(negotiate)
        self._accepts_gzip = lru_cache(CACHED_HEADERS)(accepts_gzip)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] == "websocket":
            await self._websockets(scope, receive, send)
            return
        if scope["method"] != "POST" and (page := self._page(Request(scope, receive))):
            await page(scope, receive, send)
            return
        # The first of repeated headers counts.
        headers = dict(reversed(list(scope["headers"])))
        if self._event_streams and EVENT_STREAM in headers.get(b"accept", b"") and b"json" not in headers[b"accept"]:
            await self._event_streams(scope, receive, send)
            return
        response = await self._serve(scope, headers, receive)
        if response is not None:
            await response.send(send, gzip=self._accepts_gzip(headers.get(b"accept-encoding", b"").decode("latin-1")))

    async def _serve(self, scope: Scope, headers: Headers, receive: Receive) -> GraphQLResponse | None:
        """Returns the response; None if the client disconnected."""
        record = record_of(scope)
        media_type = GRAPHQL_JSON
        try:
            media_type = self._negotiate(text_of(headers, b"accept"))
            actor = self._actor(headers)
            record.actor = actor.id
            self._limiter.begin_body()
            try:
                request = await request_of(scope, headers, receive)
            finally:
                self._limiter.end_body()
            record.operation = operation_name(request.operation_name)
            client = client_of(headers)
            if self._persisted.concerns(request):
                request = await self._persisted.document_of(request, actor, client, scope["state"]["stores"])
            self._uses.count(CountedUse(client, request.operation_name, request.query))
            context = Context(
                actor,
                record.id,
                self._now,
                scope["state"]["stores"],
                self._installation,
                self._signing_key,
                Loaders(),
                _trace(actor) if request.plan else None,
            )
            kind = self._schema.documents.request_class(request.query, request.operation_name, request.variables or {})
            with (
                self._limiter.place(actor, address_of(scope), kind),
                observed(scope, actor, "graphql", record.operation),
            ):
                result = await self._execute_in_time(scope["method"], receive, request, context)
            if context.tracer is not None:
                result.extensions = {"plan": context.tracer.as_dict()}
            return response_of(result, media_type, record.id)
        except RequestError as error:
            record.is_logged = error.code not in REJECTIONS  # the limiter logs their number
            return error_response(error, media_type)
        except ClientDisconnected:
            return None
        except BodyTooLarge:
            raise  # BodyLimit responds
        except Exception:
            logger.exception("request %s failed", record.id)
            return unexpected_error_response(media_type, record.id)

    def _actor(self, headers: Headers) -> Actor:
        try:
            return self._tokens.actor(text_of(headers, b"authorization"))
        except InvalidToken as error:
            raise unauthenticated(error) from None

    async def _execute_in_time(
        self, method: str, receive: Receive, request: GraphQLRequest, context: Context
    ) -> ExecutionResult:
        """Executes the operation until the client disconnects or the deadline passes."""
        try:
            with deadline(self._seconds), RequestGuard(receive, self._seconds + GRACE_SECONDS):
                return await self._execute(method, request, context)
        except RequestTimeout:
            message = f"The request took longer than {self._seconds:g} s."
            raise RequestError(HTTPStatus.GATEWAY_TIMEOUT, ErrorCode.DEADLINE_EXCEEDED, message) from None
        finally:
            await context.loaders.close()

    async def _execute(self, method: str, request: GraphQLRequest, context: Context) -> ExecutionResult:
        try:
            return await self._schema.run_operation(
                request.query,
                context,
                variables=request.variables,
                operation_name=request.operation_name,
                allowed=ALLOWED[method],
            )
        except CannotGetOperationTypeError as error:
            code = ErrorCode.OPERATION_RESOLUTION_FAILED
            return ExecutionResult(
                None, [GraphQLError(shortened(error.as_http_error_reason()), extensions={"code": code})]
            )
        except InvalidOperationTypeError as error:
            if error.operation_type is OperationType.SUBSCRIPTION:
                message = "Subscriptions require a WebSocket, or Accept: text/event-stream."
                raise RequestError(HTTPStatus.NOT_ACCEPTABLE, ErrorCode.NOT_ACCEPTABLE, message) from None
            message = error.as_http_error_reason(method)
            allow = {"Allow": "POST"}
            raise RequestError(HTTPStatus.METHOD_NOT_ALLOWED, ErrorCode.METHOD_NOT_ALLOWED, message, allow) from None


def unauthenticated(error: InvalidToken) -> RequestError:
    """Returns the error for a rejected credential."""
    challenge = {"WWW-Authenticate": 'Bearer realm="graphql", error="invalid_token"'}
    return RequestError(HTTPStatus.UNAUTHORIZED, ErrorCode.UNAUTHENTICATED, str(error), challenge)


def _trace(actor: Actor) -> Trace:
    """Returns a recorder of the execution plan.

    Raises:
        RequestError: the actor is not an administrator.
    """
    if actor.role is not Role.ADMIN:
        message = "`extensions.plan` requires the role ADMIN."
        raise RequestError(HTTPStatus.FORBIDDEN, ErrorCode.FORBIDDEN, message)
    return Trace()


async def request_of(scope: Scope, headers: Headers, receive: Receive) -> GraphQLRequest:
    """Parses a request.

    Raises:
        RequestError: the method, the media type or the content is not valid for GraphQL over HTTP.
        ClientDisconnected: the client disconnected before the end of the body.
    """
    if scope["method"] == "POST":
        content_type = text_of(headers, b"content-type") or ""
        if content_type != JSON:
            check_content_type(content_type)
        return request_in_body(await _body(receive))
    if scope["method"] == "GET":
        return request_in_url(scope["query_string"])
    allow = {"Allow": "GET, POST"}
    message = "GraphQL requires GET or POST."
    raise RequestError(HTTPStatus.METHOD_NOT_ALLOWED, ErrorCode.METHOD_NOT_ALLOWED, message, allow)


async def _body(receive: Receive) -> bytes:
    try:
        with RequestGuard(None, BODY_SECONDS):
            return await _whole_body(receive)
    except RequestTimeout:
        message = f"The body was not received within {BODY_SECONDS:g} s."
        # The rest of the body is not read, so the connection cannot serve another request.
        headers = {"Connection": "close"}
        raise RequestError(HTTPStatus.REQUEST_TIMEOUT, ErrorCode.DEADLINE_EXCEEDED, message, headers) from None


async def _whole_body(receive: Receive) -> bytes:
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
    """Returns the text of a header; None if it is absent."""
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")
