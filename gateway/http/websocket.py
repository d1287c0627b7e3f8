"""GraphQL over WebSocket, by the protocol graphql-transport-ws: many operations on one connection.

The credential is ``authorization`` in the payload of ``connection_init``, since browsers send no header with a
WebSocket, ``headers.Authorization`` there, or the header of the handshake. The connection closes when the credential
expires, its account is disabled, or after a minute without one. Pages of other origins are rejected.

Follows https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md, close reasons included. Close codes: 4400 for
an invalid message, 4401 for an operation before the connection is acknowledged and for a connection that stays without
a credential, 4403 for a credential that is invalid or has expired, 4406 for another protocol, 4408 without a timely
``connection_init``, 4409 for an id in use, 4429 for a second ``connection_init`` or too many connections, 4500 for an
internal error, and 1012 when the process shuts down, so that the client reconnects.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import ExitStack, aclosing, suppress
from enum import IntEnum
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.types.graphql import OperationType

from gateway.http.auth import DISABLED
from gateway.http.drain import RETRY_AFTER
from gateway.http.graphql_request import JSON, GraphQLRequest, RequestError, request_in_body
from gateway.http.graphql_response import response_of
from gateway.http.jwt import InvalidToken
from gateway.http.middleware import address_of, record_of
from gateway.http.persisted_queries import client_of, named_client
from gateway.http.subscriptions import (
    ACCOUNT_SECONDS,
    ANONYMOUS_SECONDS,
    SEND_SECONDS,
    ConnectionSeat,
    LimitReached,
    SubscriptionService,
    failure,
)
from integrations.records.registered_operations import ClientVersion
from resolvers.actor import Actor
from schema.runtime.errors import UNEXPECTED, ErrorCode
from schema.runtime.streaming import StreamedResult

logger = logging.getLogger("gateway.http.websocket")
PROTOCOL = "graphql-transport-ws"
INIT_SECONDS = 10.0
MAX_ID = 128
# A longer payload of a ping is not returned.
MAX_ECHO = 200
MAX_REASON = 120  # bytes; a close frame has room for 123


class CloseCode(IntEnum):
    """Close codes that the server sends."""

    SERVICE_RESTART = 1012
    BAD_REQUEST = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    PROTOCOL_NOT_ACCEPTABLE = 4406
    INIT_TIMEOUT = 4408
    SUBSCRIBER_EXISTS = 4409
    TOO_MANY = 4429
    INTERNAL_ERROR = 4500


class ConnectionClosed(Exception):
    """The server closes the connection.

    Args:
        code: the close code.
        reason: shown to the client.
    """

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class ClientClosed(Exception):
    """The client closed the connection."""


class GraphQLWebSockets:
    """The ASGI endpoint of GraphQL for WebSockets.

    Args:
        subscriptions: executes the operations.
        origin: the origin of the product's own pages, such as ``https://bags.example``.
    """

    def __init__(self, subscriptions: SubscriptionService, origin: str) -> None:
        self._subscriptions = subscriptions
        self._origin = origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        await receive()  # websocket.connect
        headers = dict(reversed(list(scope["headers"])))
        if not self._is_own_origin(headers):
            await send({"type": "websocket.close"})  # before it is accepted: uvicorn responds with 403
            return
        if self._subscriptions.closing.is_set():
            rejection = Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE, headers=RETRY_AFTER)
            await WebSocket(scope, receive, send).send_denial_response(rejection)
            return
        # uvicorn logs the URL of an accepted WebSocket.
        scope["query_string"] = b""
        supported = PROTOCOL in scope["subprotocols"]
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL if supported else None})
        connection = _Connection(self._subscriptions, scope, receive, send)
        try:
            if not supported:
                raise ConnectionClosed(CloseCode.PROTOCOL_NOT_ACCEPTABLE, "Subprotocol not acceptable")
            authorization = headers.get(b"authorization")
            actor = self._actor_of_handshake(authorization)
            limiter = self._subscriptions.limiter
            with limiter.connection(address_of(scope), actor, awaits_credential=actor is None) as seat:
                await connection.serve(seat, authorization)
        except ConnectionClosed as closed:
            await connection.close(closed.code, str(closed))
        except LimitReached as reached:
            await connection.close(CloseCode.TOO_MANY, str(reached))
        except ClientClosed:
            pass
        except TimeoutError:
            logger.info("request %s: the client received nothing for %g s", record_of(scope).id, SEND_SECONDS)
        record = record_of(scope)
        logger.info("closed actor=%s operations=%d request=%s", record.actor, connection.operations, record.id)

    def _actor_of_handshake(self, authorization: bytes | None) -> Actor | None:
        """Returns the actor whose valid credential the handshake has, if any; ``connection_init`` may have another."""
        if authorization is None:
            return None
        try:
            return self._subscriptions.tokens.actor(authorization.decode("latin-1"))
        except InvalidToken:
            return None  # connection_init decides

    def _is_own_origin(self, headers: Mapping[bytes, bytes]) -> bool:
        """Returns whether the client is not a browser, or shows a page of this host or of the public URL."""
        origin = headers.get(b"origin")
        if origin is None:
            return True
        host = headers.get(b"host", b"").decode("latin-1")
        text = origin.decode("latin-1")
        try:
            return text == self._origin or urlsplit(text).netloc == host
        except ValueError:  # such as http://[
            return False


class _Connection:
    """One connection: its actor and its running operations."""

    def __init__(self, subscriptions: SubscriptionService, scope: Scope, receive: Receive, send: Send) -> None:
        self._subscriptions = subscriptions
        self._scope = scope
        self._receive = receive
        self._send = send
        self._actor: Actor | None = None
        self._client = client_of(dict(scope["headers"]))
        self._seat: ConnectionSeat | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self._expiry: asyncio.TimerHandle | None = None
        self._account_check: asyncio.TimerHandle | None = None
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.operations = 0

    async def serve(self, seat: ConnectionSeat, authorization: bytes | None) -> None:
        """Receives messages until the connection ends.

        Args:
            seat: counts the connection and its operations.
            authorization: the header of the handshake, if any.

        Raises:
            ConnectionClosed: the server closes the connection.
            ClientClosed: the client closed it.
            TimeoutError: the client no longer receives messages.
        """
        self._seat = seat
        ends: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(self._receive_messages(authorization)),
            asyncio.ensure_future(self._subscriptions.closing.wait()),
            asyncio.ensure_future(self._wait_until_given_way(seat)),
            self._closed,
        ]
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
            raise ConnectionClosed(CloseCode.SERVICE_RESTART, "The server is shutting down: reconnect")
        finally:
            for timer in (self._expiry, self._account_check):
                if timer is not None:
                    timer.cancel()
            tasks = [*ends, *self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _wait_until_given_way(self, seat: ConnectionSeat) -> None:
        await seat.given_way.wait()
        raise ConnectionClosed(CloseCode.TOO_MANY, "Too many connections wait for connection_init: try again later")

    async def close(self, code: CloseCode, reason: str) -> None:
        """Closes the connection."""
        reason = reason.encode(errors="replace")[:MAX_REASON].decode(errors="ignore")
        with suppress(TimeoutError, ClientClosed):  # the client no longer receives messages
            await self._write({"type": "websocket.close", "code": code, "reason": reason})

    async def _receive_messages(self, authorization: bytes | None) -> None:
        try:
            async with asyncio.timeout(INIT_SECONDS):
                message = await self._next()
                while message["type"] in ("ping", "pong"):
                    await self._send_pong(message)
                    message = await self._next()
        except TimeoutError:
            raise ConnectionClosed(CloseCode.INIT_TIMEOUT, "Connection initialisation timeout") from None
        if message["type"] != "connection_init":
            raise ConnectionClosed(CloseCode.UNAUTHORIZED, "Unauthorized")
        await self._initialise(message.get("payload"), authorization)
        while True:
            message = await self._next()
            match message["type"]:
                case "subscribe":
                    await self._subscribe(message)
                case "complete":
                    task = self._running.pop(_id_of(message), None)
                    if task is not None:
                        task.cancel()
                case "ping" | "pong":
                    await self._send_pong(message)
                case "connection_init":
                    raise ConnectionClosed(CloseCode.TOO_MANY, "Too many initialisation requests")
                case _:
                    raise ConnectionClosed(CloseCode.BAD_REQUEST, "The type of the message is unknown")

    async def _next(self) -> dict[str, Any]:
        received = await self._receive()
        if received["type"] == "websocket.disconnect":
            raise ClientClosed
        try:
            message = orjson.loads(received.get("text") or b"")
        except orjson.JSONDecodeError:
            raise ConnectionClosed(CloseCode.BAD_REQUEST, "A message must be a JSON object") from None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise ConnectionClosed(CloseCode.BAD_REQUEST, "A message must be a JSON object with a type")
        return message

    async def _send_pong(self, message: dict[str, Any]) -> None:
        if message["type"] == "ping":
            payload = message.get("payload")
            echoed = isinstance(payload, dict) and len(orjson.dumps(payload)) <= MAX_ECHO
            await self._send_json({"type": "pong", **({"payload": payload} if echoed else {})})

    async def _initialise(self, payload: object, authorization: bytes | None) -> None:
        assert self._seat is not None
        if not isinstance(payload, (dict, type(None))):
            raise ConnectionClosed(CloseCode.BAD_REQUEST, "The payload of connection_init must be a JSON object")
        credential = _credential_in(payload)
        if credential is None and authorization is not None:
            credential = authorization.decode("latin-1")
        if not isinstance(credential, (str, type(None))):
            raise ConnectionClosed(CloseCode.BAD_REQUEST, "authorization must be a string: Bearer TOKEN")
        try:
            self._actor, expires_at = self._subscriptions.tokens.actor_and_expiry(credential)
        except InvalidToken as error:
            raise ConnectionClosed(CloseCode.FORBIDDEN, str(error)) from None
        record_of(self._scope).actor = self._actor.id
        self._client = _client_in(payload) or self._client
        self._seat.sign_in(self._actor)
        if expires_at is not None:
            seconds = expires_at - self._subscriptions.now().timestamp()
            ended = ConnectionClosed(CloseCode.FORBIDDEN, "The token has expired")
        else:
            seconds = ANONYMOUS_SECONDS
            message = f"A connection without a token ends after {seconds:g} s"
            ended = ConnectionClosed(CloseCode.UNAUTHORIZED, message)
        self._expiry = asyncio.get_running_loop().call_later(seconds, self._end, ended)
        self._check_account()
        await self._send_json({"type": "connection_ack"})

    def _check_account(self) -> None:
        """Closes the connection of an account that was disabled meanwhile; repeats itself."""
        assert self._actor is not None
        if self._subscriptions.tokens.is_disabled(self._actor):
            self._end(ConnectionClosed(CloseCode.FORBIDDEN, DISABLED))
        self._account_check = asyncio.get_running_loop().call_later(ACCOUNT_SECONDS, self._check_account)

    def _end(self, reason: Exception) -> None:
        if not self._closed.done():
            self._closed.set_exception(reason)

    async def _subscribe(self, message: dict[str, Any]) -> None:
        """Starts an operation.

        It is counted before its task exists, and a rejection is sent before the next message is received. So a client
        that does not read cannot pile up operations.
        """
        assert self._seat is not None
        operation_id = _id_of(message)
        if operation_id in self._running:
            raise ConnectionClosed(CloseCode.SUBSCRIBER_EXISTS, f"Subscriber for {operation_id} already exists")
        try:
            request = request_in_body(orjson.dumps(message.get("payload")))
        except RequestError as error:
            raise ConnectionClosed(CloseCode.BAD_REQUEST, str(error)) from None
        counted = ExitStack()
        try:
            counted.enter_context(self._seat.operation())
        except LimitReached as reached:
            await self._send_response(operation_id, failure(ErrorCode.TOO_MANY_SUBSCRIPTIONS, str(reached)))
            return
        self.operations += 1
        task = self._running[operation_id] = asyncio.create_task(self._run(operation_id, request))
        # Not at the end of the task's own code, which does not run if it is cancelled before its start.
        task.add_done_callback(lambda _: counted.close())

    async def _run(self, operation_id: str, request: GraphQLRequest) -> None:
        """Executes one operation and sends its responses."""
        assert self._actor is not None
        try:
            allowed = frozenset(OperationType)
            responses = self._subscriptions.responses(self._scope, self._actor, request, allowed, None, self._client)
            async with aclosing(responses):
                async for response in responses:
                    await self._send_response(operation_id, response)
                    if response.is_failure:
                        return
            await self._send_json({"id": operation_id, "type": "complete"})
        except (TimeoutError, ClientClosed) as error:
            self._end(error)
        except Exception:
            logger.exception("request %s failed", record_of(self._scope).id)
            self._end(ConnectionClosed(CloseCode.INTERNAL_ERROR, UNEXPECTED))
        finally:
            if self._running.get(operation_id) is asyncio.current_task():
                del self._running[operation_id]

    async def _send_response(self, operation_id: str, response: StreamedResult) -> None:
        kind, payload = "next", response_of(response.result, JSON, record_of(self._scope).id).body
        if response.is_failure:
            kind, payload = "error", orjson.dumps(orjson.loads(payload)["errors"])
        await self._send_json({"id": operation_id, "type": kind, "payload": orjson.Fragment(payload)})

    async def _send_json(self, message: dict[str, Any]) -> None:
        await self._write({"type": "websocket.send", "text": orjson.dumps(message).decode()})

    async def _write(self, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send(message)
        except TimeoutError:
            raise
        except OSError:
            raise ClientClosed from None


def _credential_in(payload: object) -> object:
    """Returns the credential in the payload of ``connection_init``, however the client's library places it.

    It is ``authorization`` in the payload itself or in its ``headers``, in any letter case.
    """
    if not isinstance(payload, dict):
        return None
    for fields in (payload, payload.get("headers")):
        if isinstance(fields, dict):
            for name, value in fields.items():
                if name.lower() == "authorization":
                    return value
    return None


def _client_in(payload: object) -> ClientVersion | None:
    """Returns the client that ``client: {name, version}`` in the payload of ``connection_init`` names, if any."""
    client = payload.get("client") if isinstance(payload, dict) else None
    return named_client(client.get("name"), client.get("version")) if isinstance(client, dict) else None


def _id_of(message: Mapping[str, Any]) -> str:
    operation_id = message.get("id")
    if not isinstance(operation_id, str) or not 0 < len(operation_id) <= MAX_ID:
        raise ConnectionClosed(CloseCode.BAD_REQUEST, f"id must be a string of 1 to {MAX_ID} characters")
    return operation_id
