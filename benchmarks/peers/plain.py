"""Strawberry as its manual shows it: data loaders, its own ASGI view, each request parsed and validated.

asyncpg's pool has its defaults and resets a connection after each use.
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
    """Statements of all peers with hand-written resolvers, by name; columns under their own names."""
    text = re.sub(r' AS "\w+"', "", STATEMENTS.read_text())
    _, *parts = re.split(r"^-- ([A-Z_]+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


class Data:
    """PostgreSQL for the resolvers, with one request's loaders.

    Args:
        pool: pool of connections.
        texts: statements by name.
    """

    def __init__(self, pool: asyncpg.Pool, texts: dict[str, str]) -> None:
        self._pool = pool
        self._texts = texts
        self.passengers = DataLoader(partial(self._one, PlainPassenger, "PASSENGERS_BY_ID"))
        self.flights = DataLoader(partial(self._one, PlainFlight, "FLIGHTS_BY_ID"))
        self.pirs = DataLoader(partial(self._one, PlainPir, "PIRS_OF_BAGS"))
        self._scans: dict[int | None, DataLoader[int, list[PlainScan]]] = {}

    def scans(self, last: int | None) -> "DataLoader[int, list[PlainScan]]":
        """Loader of so many newest scans of bags; of all if None."""
        if last not in self._scans:
            self._scans[last] = DataLoader(partial(self._scans_of, last))
        return self._scans[last]

    async def rows(self, name: str, *values: Any) -> list[asyncpg.Record]:
        """Rows of the statement for the airline and these values."""
        rows_found: list[asyncpg.Record] = await self._pool.fetch(self._texts[name], AIRLINE_ID, *values)
        return rows_found

    async def _one(self, create: Callable[..., T], name: str, keys: Sequence[int]) -> list[T | None]:
        rows_found = {row[0]: create(**row) for row in await self.rows(name, keys)}
        return [rows_found.get(key) for key in keys]

    async def _scans_of(self, last: int | None, bag_ids: Sequence[int]) -> "list[list[PlainScan]]":
        rows = self.rows("SCANS_OF_BAGS", bag_ids) if last is None else self.rows("LAST_SCANS_OF_BAGS", bag_ids, last)
        rows_found: defaultdict[int, list[PlainScan]] = defaultdict(list)
        for row in await rows:
            rows_found[row[0]].append(PlainScan(**row))
        return [rows_found[bag_id] for bag_id in bag_ids]


RequestInfo = Info[Data, None]


@strawberry.type(name="Passenger")
class PlainPassenger:
    """Owner of a bag."""

    id: strawberry.Private[int]
    surname: str
    given_names: str
    locator: str | None
    language: str


@strawberry.type(name="Scan")
class PlainScan:
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


@strawberry.type(name="Pir")
class PlainPir:
    """PIR of a bag."""

    bag_id: strawberry.Private[int]
    reference: str | None
    kind: str
    status: str
    opened_at: datetime


@strawberry.type(name="Bag")
class PlainBag:
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
    async def passenger(self, info: RequestInfo) -> PlainPassenger | None:
        """Owner of the bag."""
        return None if self.passenger_id is None else await info.context.passengers.load(self.passenger_id)

    @strawberry.field
    async def flight(self, info: RequestInfo) -> "PlainFlight | None":
        """Flight of the bag."""
        return None if self.flight_id is None else await info.context.flights.load(self.flight_id)

    @strawberry.field
    async def scans(self, info: RequestInfo, last: int | None = None) -> list[PlainScan]:
        """Events of the bag."""
        return await info.context.scans(last).load(self.id)

    @strawberry.field
    async def pir(self, info: RequestInfo) -> PlainPir | None:
        """The PIR that matters for the bag."""
        return await info.context.pirs.load(self.id)


@strawberry.type(name="Bags")
class PlainBags:
    """A page of bags."""

    nodes: list[PlainBag]


@strawberry.type(name="Flight")
class PlainFlight:
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
    async def bags(self, info: RequestInfo, first: int) -> PlainBags:
        """Bags planned on the flight."""
        return PlainBags(nodes=[PlainBag(**row) for row in await info.context.rows("BAGS_OF_FLIGHT", self.id, first)])


@strawberry.input(name="BagBy")
class PlainBagBy:
    """Identity of a bag."""

    tag: str


@strawberry.input(name="Departure")
class PlainDeparture:
    """A flight's designator and departure date."""

    designator: str
    departure_date: date


@strawberry.input(name="FlightBy")
class PlainFlightBy:
    """Identity of a flight."""

    departure: PlainDeparture


@strawberry.type(name="Query")
class PlainQuery:
    """Root fields."""

    @strawberry.field
    async def bag(self, info: RequestInfo, by: PlainBagBy) -> PlainBag | None:
        """The bag that carried the tag last."""
        return next((PlainBag(**row) for row in await info.context.rows("BAG_BY_TAG", by.tag)), None)

    @strawberry.field
    async def bags(self, info: RequestInfo, first: int) -> PlainBags:
        """The newest bags."""
        return PlainBags(nodes=[PlainBag(**row) for row in await info.context.rows("BAGS_PAGE", first)])

    @strawberry.field
    async def flight(self, info: RequestInfo, by: PlainFlightBy) -> PlainFlight | None:
        """The flight of that day."""
        match = DESIGNATOR.fullmatch(by.departure.designator)
        if match is None:
            return None
        carrier, number, suffix = match.groups()
        rows_found = await info.context.rows(
            "FLIGHT_BY_DESIGNATOR", carrier, int(number), suffix, by.departure.departure_date
        )
        return next((PlainFlight(**row) for row in rows_found), None)


def application() -> Starlette:
    """ASGI application over the database in DATABASE_URL."""
    pool: asyncpg.Pool = asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=CONNECTIONS, max_size=CONNECTIONS)
    texts = statements()

    class PlainView(GraphQL[Data, None]):
        async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Data:  # noqa: ARG002
            return Data(pool, texts)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with pool:
            yield

    async def health(_: Request) -> Response:
        return PlainTextResponse("healthy")

    schema = strawberry.Schema(PlainQuery)
    view: Any = PlainView(schema, graphql_ide=None)
    return Starlette(routes=[Route("/health", health), Route("/graphql", view)], lifespan=lifespan)
