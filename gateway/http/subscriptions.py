"""Subscriptions over any transport: execution, limits, and shutdown."""

import asyncio
import signal
import threading
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import FrameType

from graphql import ExecutionResult, GraphQLError
from starlette.types import Scope
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from gateway.http.auth import TokenVerifier
from gateway.http.graphql_request import GraphQLRequest
from gateway.http.middleware import record_of
from integrations.deadline import deadline
from resolvers.actor import Actor
from resolvers.context import Context
from resolvers.installation import Installation
from schema.execution import Loaders
from schema.gateway_schema import GatewaySchema
from schema.runtime.errors import ErrorCode
from schema.runtime.streaming import ContextFactory, StreamedResult

# A client that receives nothing for so long is disconnected; it can reconnect with its cursor.
SEND_SECONDS = 60.0
SHUTDOWN_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class LimitReached(Exception):
    """A limit of connections or subscriptions is reached; the message may be shown to the client."""


class ConnectionLimiter:
    """Limits the connections of this process, and the subscriptions of one actor in it.

    Args:
        connections: maximum number of open connections.
        subscriptions: maximum number of running subscriptions of one actor.
    """

    def __init__(self, connections: int, subscriptions: int) -> None:
        self._max_connections = connections
        self._max_subscriptions = subscriptions
        self.connections = 0
        self.subscriptions: Counter[tuple[int | None, str]] = Counter()

    @contextmanager
    def connection(self) -> Iterator[None]:
        """Counts an open connection.

        Raises:
            LimitReached: there are too many.
        """
        if self.connections >= self._max_connections:
            raise LimitReached("The server has reached its limit of open streams: try again later.")
        self.connections += 1
        try:
            yield
        finally:
            self.connections -= 1

    @contextmanager
    def subscription(self, actor: Actor) -> Iterator[None]:
        """Counts a running operation of an actor.

        Raises:
            LimitReached: there are too many.
        """
        key = actor.airline_id, actor.id
        if self.subscriptions[key] >= self._max_subscriptions:
            raise LimitReached(f"You have reached the limit of {self._max_subscriptions} subscriptions: end one first.")
        self.subscriptions[key] += 1
        try:
            yield
        finally:
            self.subscriptions[key] -= 1
            if not self.subscriptions[key]:
                del self.subscriptions[key]


@dataclass(frozen=True, slots=True)
class SubscriptionService:
    """Executes operations for streams.

    Args:
        schema: executes operations.
        tokens: authenticates connections.
        installation: the airline that is served.
        signing_key: signs cursors and links.
        seconds: deadline of one response.
        now: the clock.
        limiter: limits connections and subscriptions.
        closing: set when the process shuts down.
    """

    schema: GatewaySchema
    tokens: TokenVerifier
    installation: Installation
    signing_key: bytes = field(repr=False)
    seconds: float
    now: Callable[[], datetime]
    limiter: ConnectionLimiter
    closing: asyncio.Event

    async def responses(
        self,
        scope: Scope,
        actor: Actor,
        request: GraphQLRequest,
        allowed: Collection[OperationType],
        resume: str | None,
    ) -> AsyncGenerator[StreamedResult, None]:
        """Yields the responses to a request; the last one is a failure if the operation could not start or continue.

        Args:
            allowed: the operation types that the transport permits.
            resume: a cursor to resume from; takes precedence over that of the request.
        """
        responses = self.schema.stream_operation(
            request.query,
            self._contexts(scope, actor, resume),
            variables=request.variables,
            operation_name=request.operation_name,
            allowed=allowed,
        )
        try:
            async for response in responses:
                yield response
        except CannotGetOperationTypeError as error:
            yield failure(ErrorCode.OPERATION_RESOLUTION_FAILED, error.as_http_error_reason())
        except InvalidOperationTypeError as error:
            yield failure(ErrorCode.METHOD_NOT_ALLOWED, error.as_http_error_reason("GET"))
        finally:
            await responses.aclose()

    def _contexts(self, scope: Scope, actor: Actor, resume: str | None) -> ContextFactory:
        state, request_id = scope["state"], record_of(scope).id

        @asynccontextmanager
        async def open_context() -> AsyncGenerator[Context, None]:
            context = Context(
                actor,
                request_id,
                self.now,
                state["stores"],
                self.installation,
                self.signing_key,
                Loaders(),
                live=state["live"],
                resume=resume,
            )
            try:
                with deadline(self.seconds):
                    yield context
            finally:
                await context.loaders.close()

        return open_context


def failure(code: ErrorCode, message: str) -> StreamedResult:
    """Returns the response of an operation that cannot start or continue."""
    return StreamedResult(ExecutionResult(None, [GraphQLError(message, extensions={"code": code})]))


@contextmanager
def on_shutdown_signal(closing: asyncio.Event) -> Iterator[None]:
    """Sets an event when the process receives a shutdown signal.

    uvicorn waits for open streams before it shuts the lifespan down, so streams need a signal of their own.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can handle signals
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in SHUTDOWN_SIGNALS}

    def end(number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(closing.set)
        signal.signal(number, before[signal.Signals(number)])
        signal.raise_signal(number)

    for number in SHUTDOWN_SIGNALS:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
