"""GraphQL over WebSocket, by the protocol graphql-transport-ws: many operations on one connection.

The credential comes as ``authorization`` in the payload of ``connection_init``, since browsers send no header with a
WebSocket, or in the header. The connection ends with it. Pages of other sites are refused by their Origin.

Follows https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md: closed with 4400 for what is no message of it,
4401 for an operation before the connection is acknowledged, 4403 for a credential that is not, or no longer, accepted,
4406 for another protocol, 4408 where nothing comes to begin with, 4409 for an id that is in use, 4429 for a second
beginning or too many connections, 4500 for a fault of ours; 1012 where the process ends, as the server below closes
what it finds open first: the client is to come again.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import aclosing
from enum import IntEnum
from typing import Any
from urllib.parse import urlsplit

import orjson
from starlette.types import Receive, Scope, Send
from strawberry.types.graphql import OperationType

from gateway.http.graphql_request import JSON, GraphQLRequest, RequestError, request_in_body
from gateway.http.graphql_response import response_of
from gateway.http.jwt import InvalidToken
from gateway.http.middleware import record_of
from gateway.http.subscriptions import SEND_SECONDS, LimitReached, SubscriptionService, failure
from resolvers.actor import Actor
from schema.runtime.errors import UNEXPECTED, ErrorCode
from schema.runtime.streaming import StreamedResult

logger = logging.getLogger("gateway.http.websocket")
PROTOCOL = "graphql-transport-ws"
INIT_SECONDS = 10.0
LONGEST_ID = 128
LONGEST_REASON = 120  # bytes; a close frame holds 123


class CloseCode(IntEnum):
    """Why the server ends a connection."""

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
    """The connection is to be ended."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class ClientClosed(Exception):
    """The client has ended the connection."""


class GraphQLSockets:
    """The ASGI endpoint of GraphQL for WebSockets.

    Args:
        desk: answers.
        origin: of the product's own pages: ``https://bags.example``.
    """

    def __init__(self, desk: SubscriptionService, origin: str) -> None:
        self._desk = desk
        self._origin = origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await receive()  # websocket.connect
        headers = dict(reversed(list(scope["headers"])))
        if not self._is_own_page(headers) or self._desk.closing.is_set():
            await send({"type": "websocket.close"})  # before it is accepted: the server answers 403
            return
        # The server logs the address of what it accepts.
        scope["query_string"] = b""
        known = PROTOCOL in scope["subprotocols"]
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL if known else None})
        connection = _Connection(self._desk, scope, receive, send)
        try:
            if not known:
                raise ConnectionClosed(CloseCode.PROTOCOL_NOT_ACCEPTABLE, "Subprotocol not acceptable")
            with self._desk.seats.connection():
                await connection.serve(headers.get(b"authorization"))
        except ConnectionClosed as closed:
            await connection.close(closed.code, str(closed))
        except LimitReached as full:
            await connection.close(CloseCode.TOO_MANY, str(full))
        except ClientClosed:
            pass
        except TimeoutError:
            logger.info("request %s: the client took nothing for %g s", record_of(scope).id, SEND_SECONDS)
        record = record_of(scope)
        logger.info("closed actor=%s operations=%d request=%s", record.actor, connection.served, record.id)

    def _is_own_page(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether it is no browser, or one that shows a page of this host or of the product's public address."""
        origin = headers.get(b"origin")
        if origin is None:
            return True
        host = headers.get(b"host", b"").decode("latin-1")
        text = origin.decode("latin-1")
        return text == self._origin or urlsplit(text).netloc == host


class _Connection:
    """One connection: who it is of, and the operations that run on it."""

    def __init__(self, desk: SubscriptionService, scope: Scope, receive: Receive, send: Send) -> None:
        self._desk = desk
        self._scope = scope
        self._receive = receive
        self._send = send
        self._actor: Actor | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self._expiry: asyncio.TimerHandle | None = None
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.served = 0

    async def serve(self, authorization: bytes | None) -> None:
        """Takes messages until the client leaves.

        Args:
            authorization: the header, if it came with the handshake.

        Raises:
            Closed: the connection is to be ended.
            ClientLeft: it has.
            TimeoutError: the client takes nothing any more.
        """
        ends: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(self._take_messages(authorization)),
            asyncio.ensure_future(self._desk.closing.wait()),
            self._over,
        ]
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
            raise ConnectionClosed(CloseCode.SERVICE_RESTART, "The server ends: come again")
        finally:
            if self._expiry is not None:
                self._expiry.cancel()
            tasks = [*ends, *self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self, code: CloseCode, reason: str) -> None:
        """Ends the connection."""
        await self._write({"type": "websocket.close", "code": code, "reason": reason[:LONGEST_REASON]})

    async def _take_messages(self, authorization: bytes | None) -> None:
        try:
            async with asyncio.timeout(INIT_SECONDS):
                message = await self._next()
                while message["type"] in ("ping", "pong"):
                    await self._answer_ping(message)
                    message = await self._next()
        except TimeoutError:
            raise ConnectionClosed(CloseCode.INIT_TIMEOUT, "Connection initialisation timeout") from None
        if message["type"] != "connection_init":
            raise ConnectionClosed(CloseCode.UNAUTHORIZED, "Unauthorized")
        await self._begin(message.get("payload"), authorization)
        while True:
            message = await self._next()
            match message["type"]:
                case "subscribe":
                    self._subscribe(message)
                case "complete":
                    task = self._running.pop(_id_of(message), None)
                    if task is not None:
                        task.cancel()
                case "ping" | "pong":
                    await self._answer_ping(message)
                case "connection_init":
                    raise ConnectionClosed(CloseCode.TOO_MANY, "Too many initialisation requests")
                case _:
                    raise ConnectionClosed(CloseCode.BAD_REQUEST, "Unknown type of message")

    async def _next(self) -> dict[str, Any]:
        received = await self._receive()
        if received["type"] == "websocket.disconnect":
            raise ClientClosed
        try:
            message = orjson.loads(received.get("text") or b"")
        except orjson.JSONDecodeError:
            raise ConnectionClosed(CloseCode.BAD_REQUEST, "A message is a JSON object") from None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise ConnectionClosed(CloseCode.BAD_REQUEST, "A message is a JSON object with a type")
        return message

    async def _answer_ping(self, message: dict[str, Any]) -> None:
        if message["type"] == "ping":
            payload = {"payload": message["payload"]} if isinstance(message.get("payload"), dict) else {}
            await self._say({"type": "pong", **payload})

    async def _begin(self, payload: object, authorization: bytes | None) -> None:
        given = authorization.decode("latin-1") if authorization is not None else None
        if isinstance(payload, dict):
            given = next((payload[name] for name in ("authorization", "Authorization") if name in payload), given)
        if not isinstance(given, (str, type(None))):
            raise ConnectionClosed(CloseCode.BAD_REQUEST, "authorization is a text: Bearer TOKEN")
        try:
            self._actor, expires_at = self._desk.tokens.actor_and_expiry(given)
        except InvalidToken as error:
            raise ConnectionClosed(CloseCode.FORBIDDEN, str(error)) from None
        record_of(self._scope).actor = self._actor.id
        if expires_at is not None:
            left = expires_at - self._desk.now().timestamp()
            expired = ConnectionClosed(CloseCode.FORBIDDEN, "The token has expired")
            self._expiry = asyncio.get_running_loop().call_later(left, self._end, expired)
        await self._say({"type": "connection_ack"})

    def _end(self, reason: Exception) -> None:
        if not self._over.done():
            self._over.set_exception(reason)

    def _subscribe(self, message: dict[str, Any]) -> None:
        operation_id = _id_of(message)
        if operation_id in self._running:
            raise ConnectionClosed(CloseCode.SUBSCRIBER_EXISTS, f"Subscriber for {operation_id} already exists")
        try:
            question = request_in_body(orjson.dumps(message.get("payload")))
        except RequestError as refusal:
            raise ConnectionClosed(CloseCode.BAD_REQUEST, str(refusal)) from None
        self.served += 1
        self._running[operation_id] = asyncio.create_task(self._run(operation_id, question))

    async def _run(self, operation_id: str, question: GraphQLRequest) -> None:
        """Answer one operation to its end."""
        assert self._actor is not None
        try:
            with self._desk.seats.subscription(self._actor):
                answers = self._desk.answers(self._scope, self._actor, question, frozenset(OperationType), None)
                async with aclosing(answers):
                    async for one in answers:
                        await self._tell(operation_id, one)
                        if one.is_failure:
                            return
            await self._say({"id": operation_id, "type": "complete"})
        except LimitReached as full:
            await self._tell(operation_id, failure(ErrorCode.TOO_MANY_SUBSCRIPTIONS, str(full)))
        except (TimeoutError, ClientClosed) as error:
            self._end(error)
        except Exception:
            logger.exception("request %s failed", record_of(self._scope).id)
            self._end(ConnectionClosed(CloseCode.INTERNAL_ERROR, UNEXPECTED))
        finally:
            if self._running.get(operation_id) is asyncio.current_task():
                del self._running[operation_id]

    async def _tell(self, operation_id: str, one: StreamedResult) -> None:
        body = response_of(one.result, JSON, record_of(self._scope).id).body
        kind, payload = ("next", body) if not one.is_failure else ("error", orjson.dumps(orjson.loads(body)["errors"]))
        await self._say({"id": operation_id, "type": kind, "payload": orjson.Fragment(payload)})

    async def _say(self, message: dict[str, Any]) -> None:
        await self._write({"type": "websocket.send", "text": orjson.dumps(message).decode()})

    async def _write(self, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send(message)
        except TimeoutError:
            raise
        except OSError:
            raise ClientClosed from None


def _id_of(message: Mapping[str, Any]) -> str:
    operation_id = message.get("id")
    if not isinstance(operation_id, str) or not 0 < len(operation_id) <= LONGEST_ID:
        raise ConnectionClosed(CloseCode.BAD_REQUEST, "id is a text")
    return operation_id
