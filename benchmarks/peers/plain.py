"""Strawberry as its manual has it: data loaders, its own ASGI view, documents parsed and validated at each request.

The pool is asyncpg's as it comes, which resets a connection each time it is given back.
"""

import os
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.types import Info

AIRLINE_ID = 1
CONNECTIONS = 10
DESIGNATOR = re.compile(r"([A-Z0-9]{2})(\d{1,4})([A-Z]?)")
STATEMENTS = Path(__file__).with_name("statements.sql")

T = TypeVar("T")


def statements() -> dict[str, str]:
    """The statements of all peers with hand-written resolvers, by name; columns under their own names."""
    text = re.sub(r' AS "\w+"', "", STATEMENTS.read_text())
    _, *parts = re.split(r"^-- ([A-Z_]+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


class Data:
    """PostgreSQL as resolvers need it, and one request's loaders.

    Args:
        pool: of connections.
        texts: the statements by name.
    """

    def __init__(self, pool: asyncpg.Pool, texts: dict[str, str]) -> None:
        self._pool = pool
        self._texts = texts
        self.passengers = DataLoader(partial(self._one, Passenger, "PASSENGERS_BY_ID"))
        self.flights = DataLoader(partial(self._one, Flight, "FLIGHTS_BY_ID"))
        self.pirs = DataLoader(partial(self._one, Pir, "PIRS_OF_BAGS"))
        self._scans: dict[int | None, DataLoader[int, list[Scan]]] = {}

    def scans(self, last: int | None) -> "DataLoader[int, list[Scan]]":
        """The loader of the newest so many scans of bags, of all where None."""
        if last not in self._scans:
            self._scans[last] = DataLoader(partial(self._scans_of, last))
        return self._scans[last]

    async def rows(self, name: str, *values: Any) -> list[asyncpg.Record]:
        """What the statement finds for the airline and these values."""
        found: list[asyncpg.Record] = await self._pool.fetch(self._texts[name], AIRLINE_ID, *values)
        return found

    async def _one(self, make: Callable[..., T], name: str, keys: Sequence[int]) -> list[T | None]:
        found = {row[0]: make(**row) for row in await self.rows(name, keys)}
        return [found.get(key) for key in keys]

    async def _scans_of(self, last: int | None, bag_ids: Sequence[int]) -> "list[list[Scan]]":
        rows = self.rows("SCANS_OF_BAGS", bag_ids) if last is None else self.rows("LAST_SCANS_OF_BAGS", bag_ids, last)
        found: defaultdict[int, list[Scan]] = defaultdict(list)
        for row in await rows:
            found[row[0]].append(Scan(**row))
        return [found[bag_id] for bag_id in bag_ids]


Asked = Info[Data, None]


@strawberry.type
class Passenger:
    """Who owns a bag."""

    id: strawberry.Private[int]
    surname: str
    given_names: str
    locator: str | None
    language: str


@strawberry.type
class Scan:
    """An event of a bag."""

    bag_id: strawberry.Private[int]
    kind: str
    at: datetime
    received_at: datetime
    airport: str
    place: str
    tag: str
    method: str
    device: str


@strawberry.type
class Pir:
    """A file of a bag."""

    bag_id: strawberry.Private[int]
    reference: str | None
    kind: str
    status: str
    opened_at: datetime


@strawberry.type
class Bag:
    """A bag."""

    id: strawberry.Private[int]
    passenger_id: strawberry.Private[int | None]
    flight_id: strawberry.Private[int | None]
    tag: str
    state: str
    state_at: datetime
    airport: str | None
    place: str | None
    weight_kg: float | None
    description: str | None
    priority: bool
    version: int

    @strawberry.field
    async def passenger(self, info: Asked) -> Passenger | None:
        """Whose it is."""
        return None if self.passenger_id is None else await info.context.passengers.load(self.passenger_id)

    @strawberry.field
    async def flight(self, info: Asked) -> "Flight | None":
        """The flight it is on."""
        return None if self.flight_id is None else await info.context.flights.load(self.flight_id)

    @strawberry.field
    async def scans(self, info: Asked, last: int | None = None) -> list[Scan]:
        """What happened to it."""
        return await info.context.scans(last).load(self.id)

    @strawberry.field
    async def pir(self, info: Asked) -> Pir | None:
        """The file that matters for it."""
        return await info.context.pirs.load(self.id)


@strawberry.type
class Bags:
    """A page of bags."""

    nodes: list[Bag]


@strawberry.type
class Flight:
    """A flight."""

    id: strawberry.Private[int]
    designator: str
    departure_date: date
    origin: str
    destination: str
    scheduled_departure: datetime
    scheduled_arrival: datetime
    estimated_departure: datetime | None
    actual_departure: datetime | None
    actual_arrival: datetime | None
    status: str
    gate: str | None

    @strawberry.field
    async def bags(self, info: Asked, first: int) -> Bags:
        """The bags planned on it."""
        return Bags(nodes=[Bag(**row) for row in await info.context.rows("BAGS_OF_FLIGHT", self.id, first)])


@strawberry.input
class BagBy:
    """What identifies a bag."""

    tag: str


@strawberry.input
class Departure:
    """A flight's designator and departure date."""

    designator: str
    departure_date: date


@strawberry.input
class FlightBy:
    """What identifies a flight."""

    departure: Departure


@strawberry.type
class Query:
    """Where questions begin."""

    @strawberry.field
    async def bag(self, info: Asked, by: BagBy) -> Bag | None:
        """The bag that carried the tag last."""
        return next((Bag(**row) for row in await info.context.rows("BAG_BY_TAG", by.tag)), None)

    @strawberry.field
    async def bags(self, info: Asked, first: int) -> Bags:
        """The newest bags."""
        return Bags(nodes=[Bag(**row) for row in await info.context.rows("BAGS_PAGE", first)])

    @strawberry.field
    async def flight(self, info: Asked, by: FlightBy) -> Flight | None:
        """The flight of that day."""
        written = DESIGNATOR.fullmatch(by.departure.designator)
        if written is None:
            return None
        carrier, number, suffix = written.groups()
        found = await info.context.rows(
            "FLIGHT_BY_DESIGNATOR", carrier, int(number), suffix, by.departure.departure_date
        )
        return next((Flight(**row) for row in found), None)


def application() -> Starlette:
    """The ASGI application; asks the database that DATABASE_URL names."""
    pool: asyncpg.Pool = asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=CONNECTIONS, max_size=CONNECTIONS)
    texts = statements()

    class View(GraphQL[Data, None]):
        async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Data:  # noqa: ARG002
            return Data(pool, texts)

    @asynccontextmanager
    async def live(_: Starlette) -> AsyncIterator[None]:
        async with pool:
            yield

    async def alive(_: Request) -> Response:
        return PlainTextResponse("healthy")

    schema = strawberry.Schema(Query)
    view: Any = View(schema, graphql_ide=None)
    return Starlette(routes=[Route("/health", alive), Route("/graphql", view)], lifespan=live)
