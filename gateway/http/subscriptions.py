"""Subscriptions over any transport: execution and limits."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Hashable, Iterator
from contextlib import AbstractContextManager, aclosing, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from graphql import ExecutionResult, GraphQLError
from starlette.types import Scope
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from gateway.http.admission import RequestLimiter
from gateway.http.auth import TokenVerifier
from gateway.http.graphql_request import GraphQLRequest, RequestError
from gateway.http.middleware import address_of, record_of
from gateway.http.observation import observed, operation_name
from gateway.http.persisted_queries import PersistedDocuments
from integrations.deadline import deadline
from integrations.log_fields import log_fields
from integrations.records.registered_operations import ClientVersion
from resolvers.actor import Actor
from resolvers.context import Context
from resolvers.installation import Installation
from resolvers.operation_uses import CountedUse, OperationUses
from schema.execution import Loaders
from schema.gateway_schema import GatewaySchema
from schema.runtime.errors import ErrorCode, shortened
from schema.runtime.streaming import ContextFactory, StreamedResult

# A client that receives nothing for so long is disconnected; it can reconnect with its cursor.
SEND_SECONDS = 60.0
# Without a credential only health can be read, which needs no open connection.
ANONYMOUS_SECONDS = 60.0
ANONYMOUS_OPERATIONS = 10
# Streams look this often whether their account was disabled.
ACCOUNT_SECONDS = 5.0


class LimitReached(Exception):
    """A limit of connections or subscriptions is reached; the message may be shown to the client."""


class _Counts:
    """Counts by key, none above a maximum; a key with the count 0 takes no memory."""

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self.by_key: Counter[Hashable] = Counter()

    def add(self, key: Hashable) -> bool:
        """Adds one to a key; returns False if it has reached the maximum."""
        if self.by_key[key] >= self.maximum:
            return False
        self.by_key[key] += 1
        return True

    def remove(self, key: Hashable) -> None:
        """Subtracts one from a key."""
        self.by_key[key] -= 1
        if not self.by_key[key]:
            del self.by_key[key]


class ConnectionLimiter:
    """Limits the connections of this process, of one actor and of one address, and the operations of one actor.

    A connection without a credential counts for its address, and so do its operations. All of them together take half
    of the places, and those that have not presented their credential yet another quarter, in which a newer one takes
    the place of the oldest: actors with a token find room, also behind the address of a proxy that they share.

    Args:
        connections: maximum number of open connections.
        of_actor: maximum number of connections, and of running operations, of one actor.
        of_address: maximum number of connections without a credential of one address.
    """

    def __init__(self, connections: int, of_actor: int, of_address: int) -> None:
        self._max_connections = connections
        self._max_anonymous = max(1, connections // 2)
        self._max_waiting = max(1, connections // 4)
        self.connections = 0
        # In order of arrival.
        self.waiting: dict[ConnectionSeat, None] = {}
        self.of_actors = _Counts(of_actor)
        self.of_addresses = _Counts(of_address)
        self.operations = _Counts(of_actor)
        self.anonymous_operations = _Counts(min(ANONYMOUS_OPERATIONS, of_actor))

    @contextmanager
    def connection(
        self, address: str, actor: Actor | None = None, *, awaits_credential: bool = False
    ) -> Iterator["ConnectionSeat"]:
        """Counts an open connection.

        Args:
            address: IP address of the client.
            actor: of the connection; None without a credential.
            awaits_credential: whether the client may still present one; ``sign_in`` follows.

        Raises:
            LimitReached: there are too many.
        """
        if awaits_credential and len(self.waiting) >= self._max_waiting:
            next(iter(self.waiting)).give_way()
        if self.connections >= self._max_connections:
            raise LimitReached("The server has reached its limit of open streams: try again later.")
        seat = ConnectionSeat(self, address)
        if awaits_credential:
            self.waiting[seat] = None
        else:
            seat.sign_in(actor or Actor.anonymous())
        self.connections += 1
        try:
            yield seat
        finally:
            seat.close()

    @property
    def has_room_for_anonymous(self) -> bool:
        """Whether one more connection without a credential may be open."""
        return self.of_addresses.by_key.total() < self._max_anonymous


class ConnectionSeat:
    """The place of one open connection in the counts: that of its address, or of its actor.

    Its ``given_way`` is set when a newer connection takes the place before a credential was presented.
    """

    def __init__(self, limiter: ConnectionLimiter, address: str) -> None:
        self._limiter = limiter
        self._address = address
        self._counts: _Counts | None = None
        self._key: Hashable = None
        self.given_way = asyncio.Event()

    def sign_in(self, actor: Actor) -> None:
        """Counts the connection for its actor from now on; an anonymous one counts for its address.

        Raises:
            LimitReached: the actor, or the address, has too many, or the place was given away.
        """
        if self.given_way.is_set():
            raise LimitReached("Too many connections wait for a credential: try again later.")
        counts, key = self._limiter.of_addresses, cast(Hashable, self._address)
        if actor.role is not None:
            counts, key = self._limiter.of_actors, (actor.airline_id, actor.id)
        if counts is self._counts and key == self._key:
            return
        if actor.role is None and not self._limiter.has_room_for_anonymous:
            raise LimitReached("The server has reached its limit of streams without a token: present one.")
        if not counts.add(key):
            whose = "the streams of one actor" if actor.role else "the streams without a token of one address"
            raise LimitReached(f"The limit of {counts.maximum} is reached for {whose}: end one first.")
        self._leave()
        self._counts, self._key = counts, key

    def give_way(self) -> None:
        """Leaves the place to another connection; this one must end."""
        self.close()
        self.given_way.set()

    def close(self) -> None:
        """Removes the connection from all counts."""
        if not self.given_way.is_set():
            self._limiter.connections -= 1
            self._leave()

    def _leave(self) -> None:
        self._limiter.waiting.pop(self, None)
        if self._counts is not None:
            self._counts.remove(self._key)

    @contextmanager
    def operation(self) -> Iterator[None]:
        """Counts a running operation.

        Raises:
            LimitReached: there are too many.
        """
        key, limiter = self._key, self._limiter
        counts = limiter.operations if self._counts is limiter.of_actors else limiter.anonymous_operations
        if not counts.add(key):
            raise LimitReached(f"You have reached the limit of {counts.maximum} subscriptions: end one first.")
        try:
            yield
        finally:
            counts.remove(key)


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
        requests: admits queries and mutations.
        persisted: finds the documents of persisted queries.
        uses: counts the uses of operations.
        closing: set when streams are to end, since the process shuts down.
    """

    schema: GatewaySchema
    tokens: TokenVerifier
    installation: Installation
    signing_key: bytes = field(repr=False)
    seconds: float
    now: Callable[[], datetime]
    limiter: ConnectionLimiter
    requests: RequestLimiter
    persisted: PersistedDocuments
    uses: OperationUses
    closing: asyncio.Event

    async def responses(
        self,
        scope: Scope,
        actor: Actor,
        request: GraphQLRequest,
        allowed: Collection[OperationType],
        resume: str | None,
        client: ClientVersion,
    ) -> AsyncGenerator[StreamedResult, None]:
        """Yields the responses to a request; the last one is a failure if the operation could not start or continue.

        Args:
            allowed: the operation types that the transport permits.
            resume: a cursor to resume from; takes precedence over that of the request.
            client: as the client names itself.
        """
        try:
            request = await self.persisted.document_of(request, actor, client, scope["state"]["stores"])
            self.uses.count(CountedUse(client, request.operation_name, request.query))
            with self._place(scope, actor, request):
                async with aclosing(self._responses(scope, actor, request, allowed, resume)) as responses:
                    async for response in responses:
                        yield response
        except RequestError as error:
            yield failure(error.code, str(error), **error.extensions)

    def _place(self, scope: Scope, actor: Actor, request: GraphQLRequest) -> AbstractContextManager[None]:
        """Returns the place of a query or mutation; a subscription, which the connection limits bound, needs none."""
        documents = self.schema.documents
        try:
            operation = documents.of(request.query).operation(request.operation_name)
        except (GraphQLError, CannotGetOperationTypeError):
            return nullcontext()  # the response says what is wrong
        if operation.kind is OperationType.SUBSCRIPTION:
            return nullcontext()
        return self.requests.place(actor, address_of(scope), operation.request_class(request.variables or {}))

    async def _responses(
        self,
        scope: Scope,
        actor: Actor,
        request: GraphQLRequest,
        allowed: Collection[OperationType],
        resume: str | None,
    ) -> AsyncGenerator[StreamedResult, None]:
        responses = self.schema.stream_operation(
            request.query,
            self._contexts(scope, actor, operation_name(request.operation_name), resume),
            variables=request.variables,
            operation_name=request.operation_name,
            allowed=allowed,
        )
        try:
            async for response in responses:
                yield response
        except CannotGetOperationTypeError as error:
            yield failure(ErrorCode.OPERATION_RESOLUTION_FAILED, shortened(error.as_http_error_reason()))
        except InvalidOperationTypeError as error:
            yield failure(ErrorCode.METHOD_NOT_ALLOWED, error.as_http_error_reason("GET"))
        finally:
            await responses.aclose()

    def _contexts(self, scope: Scope, actor: Actor, operation: str, resume: str | None) -> ContextFactory:
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
                # Operations of one WebSocket run at the same time, so each has log fields of its own.
                with deadline(self.seconds), log_fields(), observed(scope, actor, "stream", operation):
                    yield context
            finally:
                await context.loaders.close()

        return open_context


def failure(code: ErrorCode, message: str, **extensions: object) -> StreamedResult:
    """Returns the response of an operation that cannot start or continue."""
    return StreamedResult(ExecutionResult(None, [GraphQLError(message, extensions={"code": code, **extensions})]))
