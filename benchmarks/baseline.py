"""Baseline: the same data by one hand-written statement behind a bare ASGI endpoint.

No authentication, no validation, no pool of our own, no errors: the least work that returns the data. PostgreSQL makes
the JSON.
"""

import os
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from datetime import date
from typing import Any

import asyncpg
import orjson

from benchmarks.operations import BAGS_OF_FLIGHT_BY_HAND, ONE_BAG_BY_HAND, PAGE_OF_BAGS_BY_HAND
from resolvers.flights import parse_designator

AIRLINE_ID = 1
CONNECTIONS = 20

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def _bag(variables: Mapping[str, Any]) -> tuple[Any, ...]:
    return AIRLINE_ID, variables["tag"]


def _flight(variables: Mapping[str, Any]) -> tuple[Any, ...]:
    designator = parse_designator(variables["designator"])
    assert designator is not None
    day = date.fromisoformat(variables["date"])
    return AIRLINE_ID, designator.carrier, designator.number, designator.suffix, day


def _page(_variables: Mapping[str, Any]) -> tuple[Any, ...]:
    return (AIRLINE_ID,)


STATEMENTS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]]] = {
    "/bag": (ONE_BAG_BY_HAND, _bag),
    "/flight": (BAGS_OF_FLIGHT_BY_HAND, _flight),
    "/page": (PAGE_OF_BAGS_BY_HAND, _page),
}


def application() -> App:
    """ASGI application over the database in NEON_DATABASE_URL."""
    pool: asyncpg.Pool = asyncpg.create_pool(
        os.environ["NEON_DATABASE_URL"], min_size=CONNECTIONS, max_size=CONNECTIONS, reset=_no_reset
    )

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(pool, receive, send)
            return
        body = b"healthy" if scope["method"] == "GET" else await _response(pool, scope["path"], receive)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return serve


async def _response(pool: asyncpg.Pool, path: str, receive: Receive) -> bytes:
    message = await receive()
    body = message["body"]
    while message["more_body"]:
        message = await receive()
        body += message["body"]
    statement, arguments = STATEMENTS[path]
    data: str = await pool.fetchval(statement, *arguments(orjson.loads(body)["variables"]))
    return b'{"data":' + data.encode() + b"}"


async def _lifespan(pool: asyncpg.Pool, receive: Receive, send: Send) -> None:
    await receive()
    await pool
    await send({"type": "lifespan.startup.complete"})
    await receive()
    pool.terminate()
    await send({"type": "lifespan.shutdown.complete"})


async def _no_reset(_connection: asyncpg.Connection) -> None:
    """Resets nothing, since no session state is set."""
