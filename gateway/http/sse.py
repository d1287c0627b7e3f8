"""GraphQL over server-sent events: one request is one operation, and its responses are events until it completes.

Follows the protocol graphql-sse in distinct connections mode: events ``next`` and ``complete``. The id of an event is
its cursor, so a browser's EventSource resumes by itself after an interruption, by ``Last-Event-ID``.
"""

import asyncio
import logging
import random
from collections.abc import Coroutine, Mapping
from contextlib import aclosing
from http import HTTPStatus
from typing import Any

from starlette.types import Receive, Scope, Send
from strawberry.types.graphql import OperationType

from gateway.http.auth import DISABLED
from gateway.http.disconnect import ClientDisconnected
from gateway.http.drain import MESSAGE, RETRY_AFTER
from gateway.http.graphql import request_of, text_of, unauthenticated
from gateway.http.graphql_request import JSON, GraphQLRequest, RequestError
from gateway.http.graphql_response import error_response, response_of
from gateway.http.jwt import InvalidToken
from gateway.http.middleware import address_of, record_of
from gateway.http.persisted_queries import client_of
from gateway.http.subscriptions import (
    ACCOUNT_SECONDS,
    ANONYMOUS_SECONDS,
    SEND_SECONDS,
    LimitReached,
    SubscriptionService,
    failure,
)
from integrations.records.registered_operations import ClientVersion
from resolvers.actor import Actor
from schema.runtime.errors import ErrorCode
from schema.runtime.streaming import StreamedResult

logger = logging.getLogger("gateway.http.sse")
HEARTBEAT_SECONDS = 15.0
# A link must not change state.
ALLOWED = {
    "GET": frozenset({OperationType.QUERY, OperationType.SUBSCRIPTION}),
    "POST": frozenset(OperationType),
}
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
RECONNECT_MILLISECONDS = 100, 2_000
COMMENT = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"


class EventStreams:
    """The ASGI endpoint of GraphQL for requests that accept ``text/event-stream``.

    Args:
        subscriptions: executes the operations.
    """

    def __init__(self, subscriptions: SubscriptionService) -> None:
        self._subscriptions = subscriptions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        headers = dict(reversed(list(scope["headers"])))
        limiter = self._subscriptions.limiter
        try:
            if self._subscriptions.closing.is_set():
                raise RequestError(HTTPStatus.SERVICE_UNAVAILABLE, ErrorCode.SHUTTING_DOWN, MESSAGE, RETRY_AFTER)
            actor, expires_at = self._authenticate(headers)
            record_of(scope).actor = actor.id
            request = await request_of(scope, headers, receive)
            with limiter.connection(address_of(scope), actor) as seat, seat.operation():
                last_event = text_of(headers, b"last-event-id")
                await self._serve(scope, receive, send, actor, expires_at, request, last_event, client_of(headers))
        except LimitReached as reached:
            error = RequestError(HTTPStatus.TOO_MANY_REQUESTS, ErrorCode.TOO_MANY_SUBSCRIPTIONS, str(reached))
            await error_response(error, JSON).send(send, gzip=False)
        except RequestError as error:
            await error_response(error, JSON).send(send, gzip=False)
        except ClientDisconnected:
            return

    def _authenticate(self, headers: Mapping[bytes, bytes]) -> tuple[Actor, int | None]:
        try:
            return self._subscriptions.tokens.actor_and_expiry(text_of(headers, b"authorization"))
        except InvalidToken as error:
            raise unauthenticated(error) from None

    async def _serve(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        actor: Actor,
        expires_at: int | None,
        request: GraphQLRequest,
        last_event: str | None,
        client: ClientVersion,
    ) -> None:
        """Sends events until the operation completes, the token expires, the process ends or the client disconnects."""
        request_id = record_of(scope).id
        cursor = last_event

        async def write(data: bytes, *, more: bool = True) -> None:
            async with asyncio.timeout(SEND_SECONDS):
                await send({"type": "http.response.body", "body": data, "more_body": more})

        async def send_responses() -> bytes:
            nonlocal cursor
            allowed = ALLOWED[scope["method"]]
            responses = self._subscriptions.responses(scope, actor, request, allowed, last_event, client)
            async with aclosing(responses):
                async for response in responses:
                    await write(_event(response, request_id))
                    cursor = response.cursor or cursor
            return COMPLETE

        async def send_heartbeats() -> bytes:
            while True:
                await asyncio.sleep(HEARTBEAT_SECONDS)
                await write(COMMENT)

        async def wait_for_expiry() -> bytes:
            if expires_at is None:
                await asyncio.sleep(ANONYMOUS_SECONDS)
                message = f"A stream without a token ends after {ANONYMOUS_SECONDS:g} s."
            else:
                await asyncio.sleep(expires_at - self._subscriptions.now().timestamp())
                message = "The token has expired."
            return _event(failure(ErrorCode.UNAUTHENTICATED, message), request_id) + COMPLETE

        async def wait_until_disabled() -> bytes:
            while True:
                if self._subscriptions.tokens.is_disabled(actor):
                    return _event(failure(ErrorCode.UNAUTHENTICATED, DISABLED), request_id) + COMPLETE
                await asyncio.sleep(ACCOUNT_SECONDS)

        async def wait_for_disconnect() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        async def wait_for_shutdown() -> bytes:
            await self._subscriptions.closing.wait()
            return _reconnect(cursor)

        await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": HEADERS})
        try:
            last = await _first(
                send_responses(),
                send_heartbeats(),
                wait_for_expiry(),
                wait_until_disabled(),
                wait_for_disconnect(),
                wait_for_shutdown(),
            )
            if last is not None:
                await write(last, more=False)
        except TimeoutError:
            logger.info("request %s: the client received nothing for %g s", request_id, SEND_SECONDS)


async def _first(*coroutines: Coroutine[Any, Any, bytes | None]) -> bytes | None:
    """Returns the result of the first coroutine that ends, and cancels the others."""
    tasks = [asyncio.ensure_future(one) for one in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _reconnect(cursor: str | None) -> bytes:
    """Returns the end of a stream that the client is to resume: without COMPLETE, and without data, so it is no event.

    Each client waits for another time, so that not all reconnect at once.
    """
    pause = random.randint(*RECONNECT_MILLISECONDS)  # noqa: S311 - jitter is not a secret
    return _id(cursor) + b"retry: %d\n\n" % pause


def _id(cursor: str | None) -> bytes:
    return b"" if cursor is None else b"id: " + cursor.encode() + b"\n"


def _event(streamed: StreamedResult, request_id: str) -> bytes:
    data = response_of(streamed.result, JSON, request_id).body
    return b"event: next\n" + _id(streamed.cursor) + b"data: " + data + b"\n\n"
