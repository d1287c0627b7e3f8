"""What all streams have in common, whatever carries them: who asks, how many there may be, and when they end."""

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

# A client that takes nothing for so long is cut off; it may come back with its cursor.
SEND_SECONDS = 60.0
ENDING = (signal.SIGTERM, signal.SIGINT)


class LimitReached(Exception):
    """There are as many as there may be; the message may be shown."""


class ConnectionLimiter:
    """How many streams there are, and may be.

    Args:
        connections: the most in this process.
        subscriptions: the most of one actor in this process.
    """

    def __init__(self, connections: int, subscriptions: int) -> None:
        self._connections = connections
        self._subscriptions = subscriptions
        self.open = 0
        self.taken: Counter[tuple[int | None, str]] = Counter()

    @contextmanager
    def connection(self) -> Iterator[None]:
        """Counts one connection.

        Raises:
            NoSeat: there are too many.
        """
        if self.open >= self._connections:
            raise LimitReached("This server has as many streams as it may have: try again later.")
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1

    @contextmanager
    def subscription(self, actor: Actor) -> Iterator[None]:
        """Counts one running operation of an actor.

        Raises:
            NoSeat: there are too many.
        """
        key = actor.airline_id, actor.id
        if self.taken[key] >= self._subscriptions:
            raise LimitReached(f"You have {self._subscriptions} subscriptions here; end one first.")
        self.taken[key] += 1
        try:
            yield
        finally:
            self.taken[key] -= 1
            if not self.taken[key]:
                del self.taken[key]


@dataclass(frozen=True, slots=True)
class SubscriptionService:
    """What answers operations on streams.

    Args:
        schema: that is asked.
        tokens: tells who asks.
        installation: whose it is.
        signing_key: signs cursors and links.
        seconds: the time that one answer may take.
        now: the clock.
        seats: how many there may be.
        closing: set when the process is about to end.
    """

    schema: GatewaySchema
    tokens: TokenVerifier
    installation: Installation
    signing_key: bytes = field(repr=False)
    seconds: float
    now: Callable[[], datetime]
    seats: ConnectionLimiter
    closing: asyncio.Event

    async def answers(
        self,
        scope: Scope,
        actor: Actor,
        question: GraphQLRequest,
        allowed: Collection[OperationType],
        resume: str | None,
    ) -> AsyncGenerator[StreamedResult, None]:
        """The answers to a question; the last one is a failure where it could not begin or go on.

        Args:
            allowed: kinds of operations.
            resume: a cursor to go on from, instead of the one that the question may hold.
        """
        answers = self.schema.stream_operation(
            question.query,
            self._contexts(scope, actor, resume),
            variables=question.variables,
            operation_name=question.operation_name,
            allowed=allowed,
        )
        try:
            async for one in answers:
                yield one
        except CannotGetOperationTypeError as error:
            yield failure(ErrorCode.OPERATION_RESOLUTION_FAILED, error.as_http_error_reason())
        except InvalidOperationTypeError as error:
            yield failure(ErrorCode.METHOD_NOT_ALLOWED, error.as_http_error_reason("GET"))
        finally:
            await answers.aclose()

    def _contexts(self, scope: Scope, actor: Actor, resume: str | None) -> ContextFactory:
        state, request_id = scope["state"], record_of(scope).id

        @asynccontextmanager
        async def context() -> AsyncGenerator[Context, None]:
            made = Context(
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
                    yield made
            finally:
                await made.loaders.close()

        return context


def failure(code: ErrorCode, message: str) -> StreamedResult:
    """That a stream does not begin or go on, and why."""
    return StreamedResult(ExecutionResult(None, [GraphQLError(message, extensions={"code": code})]))


@contextmanager
def on_shutdown_signal(closing: asyncio.Event) -> Iterator[None]:
    """Sets an event as soon as the process is told to end: its server waits for streams before it says so itself."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in ENDING}

    def end(number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(closing.set)
        signal.signal(number, before[signal.Signals(number)])
        signal.raise_signal(number)

    for number in ENDING:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
