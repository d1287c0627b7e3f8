"""GraphQL over HTTP: one request in, one answer out.

Follows the GraphQL-over-HTTP specification: POST with JSON, GET for queries only, ``application/graphql-response+json``
with status codes that tell what happened, and ``application/json`` for older clients, for which every well-formed
request is answered 200. Batching, uploads, incremental delivery and WebSockets are not served.

It stands beside Strawberry's own ASGI view, not on it: reading, status codes, media types, deadlines and leaving
clients all differ, and what would be left to inherit is one call of ``schema.execute``.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import orjson
from graphql import GraphQLError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from gateway.actor import InvalidToken, TokenVerifier
from gateway.middleware import BodyTooLarge, record_of, refusal_body
from integrations.deadline import deadline
from resolvers.actor import Actor
from resolvers.context import Context, Installation
from schema.base import GatewaySchema
from schema.errors import UNEXPECTED, ErrorCode
from schema.execution import Loaders

logger = logging.getLogger("gateway.view")
GRAPHQL_JSON = "application/graphql-response+json"
JSON = "application/json"
OPERATION_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,63}")
ALLOWED = {"GET": {OperationType.QUERY}, "POST": {OperationType.QUERY, OperationType.MUTATION}}
# Fields that wait for a store give up at the deadline; this is the time to answer with what the others have.
GRACE_SECONDS = 0.5

Page = Callable[[Request], Response | None]


class Refusal(Exception):
    """The request as a whole is not served."""

    def __init__(
        self, status: HTTPStatus, code: ErrorCode, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Question:
    """A well-formed GraphQL-over-HTTP request."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None


class GraphQLView:
    """The ASGI endpoint of GraphQL; mount it with ``Route``, which passes on every method.

    The lifespan's state has to hold the open ``Stores`` as ``stores``.

    Args:
        schema: that is asked.
        tokens: tells who asks.
        installation: whose it is.
        signing_key: signs cursors and links.
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
        seconds: float = 10.0,
        page: Page = lambda _request: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._schema = schema
        self._tokens = tokens
        self._installation = installation
        self._signing_key = signing_key
        self._seconds = seconds
        self._page = page
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "websocket":
            await WebSocket(scope, receive, send).close()
            return
        request = Request(scope, receive)
        response = self._page(request) or await self._serve(request)
        if response is not None:
            await response(scope, receive, send)

    async def _serve(self, request: Request) -> Response | None:
        """The answer to a question, or why there is none; None if nobody waits for it any more."""
        record = record_of(request.scope)
        media_type = GRAPHQL_JSON
        try:
            media_type = negotiate(request.headers.get("accept"))
            actor = self._actor(request)
            record.actor = actor.id
            question = await read_question(request)
            if question.operation_name and OPERATION_NAME.fullmatch(question.operation_name):
                record.operation = question.operation_name
            return await self._answer(request, question, actor, media_type)
        except Refusal as refusal:
            body = refusal_body(refusal.code, str(refusal))
            return _response(body, refusal.status, media_type, refusal.headers)
        except ClientDisconnect:
            return None
        except BodyTooLarge:
            raise  # answered where bodies are measured
        except Exception:
            logger.exception("request %s failed", record.id)
            return _response(_unexpected(record.id), HTTPStatus.INTERNAL_SERVER_ERROR, media_type)

    def _actor(self, request: Request) -> Actor:
        try:
            return self._tokens.actor(request.headers.get("authorization"))
        except InvalidToken as error:
            challenge = {"WWW-Authenticate": 'Bearer realm="graphql", error="invalid_token"'}
            raise Refusal(HTTPStatus.UNAUTHORIZED, ErrorCode.UNAUTHENTICATED, str(error), challenge) from None

    async def _answer(self, request: Request, question: Question, actor: Actor, media_type: str) -> Response:
        context = Context(
            actor=actor,
            request_id=record_of(request.scope).id,
            now=self._now,
            stores=request.scope["state"]["stores"],
            installation=self._installation,
            signing_key=self._signing_key,
            loaders=Loaders(),
        )
        try:
            with deadline(self._seconds):
                result = await self._in_time(request, self._execute(request.method, question, context))
        finally:
            await context.loaders.close()
        return answer_response(result, media_type, context.request_id)

    async def _execute(self, method: str, question: Question, context: Context) -> ExecutionResult:
        try:
            return await self._schema.execute(
                question.query,
                variable_values=question.variables,
                context_value=context,
                operation_name=question.operation_name,
                allowed_operation_types=ALLOWED[method],
            )
        except CannotGetOperationTypeError as error:
            code = ErrorCode.OPERATION_RESOLUTION_FAILED
            return ExecutionResult(None, [GraphQLError(error.as_http_error_reason(), extensions={"code": code})])
        except InvalidOperationTypeError as error:
            message = error.as_http_error_reason(method)
            allow = {"Allow": "POST"}
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, ErrorCode.METHOD_NOT_ALLOWED, message, allow) from None

    async def _in_time(self, request: Request, work: Coroutine[Any, Any, ExecutionResult]) -> ExecutionResult:
        """Do the work while the client waits for it and the time lasts.

        Raises:
            ClientDisconnect: the client left.
            Refusal: the time is over.
        """
        working = asyncio.create_task(work)
        leaving = asyncio.create_task(_client_left(request))
        try:
            timeout = self._seconds + GRACE_SECONDS
            await asyncio.wait({working, leaving}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            if leaving.done():
                raise ClientDisconnect
            message = f"The request took longer than {self._seconds:g} s."
            raise Refusal(HTTPStatus.GATEWAY_TIMEOUT, ErrorCode.DEADLINE_EXCEEDED, message)
        finally:
            leaving.cancel()
            if not working.done():
                working.cancel()
                await asyncio.wait({working}, timeout=GRACE_SECONDS)


async def _client_left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def read_question(request: Request) -> Question:
    """The question in a request.

    Raises:
        Refusal: the method, the media type or the content is not what GraphQL over HTTP asks for.
    """
    if request.method == "POST":
        _check_content_type(request.headers.get("content-type", ""))
        body = await request.body()
        parts = _load(body, "The body")
        holds_nul = b"\\u0000" in body
    elif request.method == "GET":
        parts = {name: value for name, value in request.query_params.items() if value}
        for name in ("variables", "extensions"):
            if name in parts:
                parts[name] = _load(parts[name], f"'{name}'")
        holds_nul = "u0000" in request.query_params.get("variables", "")
    else:
        allow = {"Allow": "GET, POST"}
        message = "GraphQL is asked by GET or POST."
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, ErrorCode.METHOD_NOT_ALLOWED, message, allow)
    question = _question(parts)
    if holds_nul and _holds_nul(question.variables):
        message = "Text must not hold the character U+0000."
        raise Refusal(HTTPStatus.BAD_REQUEST, ErrorCode.BAD_USER_INPUT, message)
    return question


def _check_content_type(content_type: str) -> None:
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = {part.removeprefix("charset=").strip('"') for part in parameters if part.startswith("charset=")}
    if media_type != JSON or charsets - {"utf-8", "utf8"}:
        message = "The body must be application/json in UTF-8."
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, ErrorCode.UNSUPPORTED_MEDIA_TYPE, message)


def _load(text: str | bytes, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _malformed(f"{what} is not valid JSON in UTF-8.") from None


def _question(parts: Any) -> Question:
    if not isinstance(parts, dict):
        raise _malformed("The body must be a JSON object with 'query'; batches are not served.")
    query, operation_name, variables = (parts.get(name) for name in ("query", "operationName", "variables"))
    if not isinstance(query, str) or not query:
        raise _malformed("'query' must be a GraphQL document.")
    if not isinstance(operation_name, (str, type(None))):
        raise _malformed("'operationName' must be a string.")
    for name in ("variables", "extensions"):
        if not isinstance(parts.get(name), (dict, type(None))):
            raise _malformed(f"'{name}' must be an object.")
    return Question(query, variables, operation_name or None)


def _holds_nul(value: Any) -> bool:
    """Whether a text anywhere in a JSON value holds U+0000, which PostgreSQL does not store."""
    values = [value]
    while values:
        item = values.pop()
        if isinstance(item, dict):
            values.extend(item)
            values.extend(item.values())
        elif isinstance(item, list):
            values.extend(item)
        elif isinstance(item, str) and "\0" in item:
            return True
    return False


def _malformed(message: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, ErrorCode.BAD_REQUEST, message)


def negotiate(accept: str | None) -> str:
    """The media type to answer in: what an Accept header likes best, GraphQL's own where it likes both alike.

    Raises:
        Refusal: it accepts neither.
    """
    if accept is None:
        return GRAPHQL_JSON
    liked = {media_type: _quality(accept, media_type) for media_type in (GRAPHQL_JSON, JSON)}
    best = max(liked, key=lambda media_type: liked[media_type])
    if liked[best][0] <= 0:
        message = f"Answers are {GRAPHQL_JSON} or {JSON}."
        raise Refusal(HTTPStatus.NOT_ACCEPTABLE, ErrorCode.NOT_ACCEPTABLE, message)
    return best


def _quality(accept: str, media_type: str) -> tuple[float, int]:
    """How much a media type is wanted, by the most specific range that holds it; 0 if none does."""
    ranges = ("*/*", "application/*", media_type)
    found = (0.0, -1)
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        if name in ranges and ranges.index(name) > found[1]:
            given = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
            quality = float(given) if re.fullmatch(r"[01](\.\d{0,3})?", given) else 0.0
            found = (quality, ranges.index(name))
    return found


def answer_response(result: ExecutionResult, media_type: str, request_id: str) -> Response:
    """The HTTP response for what a document came to."""
    errors = [error.formatted for error in result.errors or ()]
    nothing_ran = result.data is None and not any("path" in error for error in errors)
    answer: dict[str, Any] = {"errors": errors} if errors else {}
    if not nothing_ran:
        answer["data"] = result.data
    try:
        body = orjson.dumps(answer)
    except TypeError:
        logger.exception("request %s: the answer is not JSON", request_id)
        return _response(_unexpected(request_id), HTTPStatus.INTERNAL_SERVER_ERROR, media_type)
    status = HTTPStatus.BAD_REQUEST if nothing_ran and media_type == GRAPHQL_JSON else HTTPStatus.OK
    return _response(body, status, media_type)


def _unexpected(request_id: str) -> bytes:
    return refusal_body(ErrorCode.INTERNAL_ERROR, UNEXPECTED, requestId=request_id)


def _response(body: bytes, status: HTTPStatus, media_type: str, headers: Mapping[str, str] | None = None) -> Response:
    always = {"Content-Type": f"{media_type}; charset=utf-8", "Cache-Control": "no-store"}
    return Response(body, status_code=status, headers={**always, **(headers or {})})
