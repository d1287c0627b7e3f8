"""GraphQL over server-sent events: one request is one operation, its answers are events until it is complete.

Follows the protocol graphql-sse in its mode of distinct connections: events ``next`` and ``complete``. The id of an
event is its cursor, so that a browser's EventSource goes on by itself where it was cut off, by ``Last-Event-ID``.
"""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from contextlib import aclosing
from http import HTTPStatus
from typing import Any

from starlette.types import Receive, Scope, Send
from strawberry.types.graphql import OperationType

from gateway.http.disconnect import ClientDisconnected
from gateway.http.graphql import request_of, text_of, unauthenticated
from gateway.http.graphql_request import JSON, GraphQLRequest, RequestError
from gateway.http.graphql_response import error_response, response_of
from gateway.http.jwt import InvalidToken
from gateway.http.middleware import record_of
from gateway.http.subscriptions import SEND_SECONDS, LimitReached, SubscriptionService, failure
from resolvers.actor import Actor
from schema.runtime.errors import ErrorCode
from schema.runtime.streaming import StreamedResult

logger = logging.getLogger("gateway.http.sse")
HEARTBEAT_SECONDS = 15.0
# Nobody may change the state of things by a link.
ALLOWED = {
    "GET": frozenset({OperationType.QUERY, OperationType.SUBSCRIPTION}),
    "POST": frozenset(OperationType),
}
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
COMMENT = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"


class EventStreams:
    """The ASGI endpoint of GraphQL for requests that accept ``text/event-stream``.

    Args:
        desk: answers.
    """

    def __init__(self, desk: SubscriptionService) -> None:
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        headers = dict(reversed(list(scope["headers"])))
        try:
            actor, expires_at = self._signed_in(headers)
            record_of(scope).actor = actor.id
            question = await request_of(scope, headers, receive)
            with self._desk.seats.connection(), self._desk.seats.subscription(actor):
                await self._serve(scope, receive, send, actor, expires_at, question, text_of(headers, b"last-event-id"))
        except LimitReached as full:
            refusal = RequestError(HTTPStatus.TOO_MANY_REQUESTS, ErrorCode.TOO_MANY_SUBSCRIPTIONS, str(full))
            await error_response(refusal, JSON).send(send, gzip=False)
        except RequestError as refusal:
            await error_response(refusal, JSON).send(send, gzip=False)
        except ClientDisconnected:
            return

    def _signed_in(self, headers: Mapping[bytes, bytes]) -> tuple[Actor, int | None]:
        try:
            return self._desk.tokens.actor_and_expiry(text_of(headers, b"authorization"))
        except InvalidToken as error:
            raise unauthenticated(error) from None

    async def _serve(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        actor: Actor,
        expires_at: int | None,
        question: GraphQLRequest,
        last_event: str | None,
    ) -> None:
        """Send events until the operation is complete, its credential or the process ends, or the client leaves."""
        request_id = record_of(scope).id

        async def write(data: bytes, *, more: bool = True) -> None:
            async with asyncio.timeout(SEND_SECONDS):
                await send({"type": "http.response.body", "body": data, "more_body": more})

        async def tell() -> bytes:
            answers = self._desk.answers(scope, actor, question, ALLOWED[scope["method"]], last_event)
            async with aclosing(answers):
                async for one in answers:
                    await write(_event(one, request_id))
            return COMPLETE

        async def beat() -> bytes:
            while True:
                await asyncio.sleep(HEARTBEAT_SECONDS)
                await write(COMMENT)

        async def expire() -> bytes:
            if expires_at is None:
                await asyncio.Event().wait()
            else:
                await asyncio.sleep(expires_at - self._desk.now().timestamp())
            return _event(failure(ErrorCode.UNAUTHENTICATED, "The token has expired."), request_id) + COMPLETE

        async def leave() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        async def close() -> bytes:
            await self._desk.closing.wait()
            return COMMENT  # not complete: the client is to come again

        await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": HEADERS})
        try:
            last = await _first(tell(), beat(), expire(), leave(), close())
            if last is not None:
                await write(last, more=False)
        except TimeoutError:
            logger.info("request %s: the client took nothing for %g s", request_id, SEND_SECONDS)


async def _first(*coroutines: Coroutine[Any, Any, bytes | None]) -> bytes | None:
    """What the first of them comes to that ends; the others are cancelled."""
    tasks = [asyncio.ensure_future(one) for one in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _event(streamed: StreamedResult, request_id: str) -> bytes:
    data = response_of(streamed.result, JSON, request_id).body
    mark = b"" if streamed.cursor is None else b"id: " + streamed.cursor.encode() + b"\n"
    return b"event: next\n" + mark + b"data: " + data + b"\n\n"
