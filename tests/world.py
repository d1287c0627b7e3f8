"""Two fixed days of a small airline, and a second airline with the same tags, names and numbers.

Plain SQL writes the records, ``resolvers.ingestion.events.record_scans`` the events, and the projector the graph.
``BAGS`` describes the journey of each bag.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Self
from uuid import uuid4

import pytest

from gateway.config import Settings
from integrations.errors import Unavailable
from integrations.messages.split_input import InputPiece, Splitter
from integrations.records.events import EventKind, FlightKey, Scan
from integrations.records.outbox import Consumer
from integrations.records.passengers import name_words, search_name
from integrations.records.pirs import PirKind
from integrations.stores.availability import Availability
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.postgres import outbox
from integrations.stores.postgres.manager import PostgresManager
from integrations.stores.redis.manager import RedisManager
from migrations.run import load_graph_schema
from resolvers.actor import Actor, Role
from resolvers.context import Context
from resolvers.ingestion import events
from resolvers.ingestion.pipeline import IngestResult, IntakeChannel, ingest
from resolvers.installation import Installation, Stores
from resolvers.publish import ChangeSet, publish
from resolvers.rules import pir_lifecycle
from resolvers.workers.projector import Projector
from schema.execution import Loaders
from schema.fields.node import join

OURS, THEIRS, SPARE = 1, 2, 3
DAY = datetime(2025, 7, 1, tzinfo=UTC)
SIGNING_KEY = b"k" * 32
INSTALLATION = Installation(OURS, "Copa", "CM", "https://copa.example/b")
MAX_ATTEMPTS = 10
PATIENCE_SECONDS = 20.0
SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

INSERT_AIRLINE = "INSERT INTO airlines (id, designator, accounting_code, name, hub) VALUES ($1, $2, $3, $4, $5)"

INSERT_PARTIES = """
INSERT INTO parties (airline_id, code, name, kind) SELECT $1, code, name, kind FROM parties WHERE airline_id = 1
"""

INSERT_AIRPORT = """
INSERT INTO airports (iata, icao, name, city, country, country_code, latitude, longitude, time_zone)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""

INSERT_ROUTE = """
INSERT INTO routes (airline_id, carrier, origin, destination, distance_km, block_minutes, daily_frequency, aircraft,
                    source)
VALUES ($1, $2, $3, $4, $5, $6, $7, '738', 'made for a test')
"""

INSERT_FLIGHT = """
INSERT INTO flights (airline_id, carrier, number, departure_date, origin, destination, scheduled_departure,
                     scheduled_arrival, actual_departure, actual_arrival, status, aircraft, seats)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '738', 160)
RETURNING id
"""

INSERT_PASSENGER = """
WITH booking AS (
    INSERT INTO bookings (airline_id, locator, booked_at) VALUES ($1, $2, $3) RETURNING id
)
INSERT INTO passengers (airline_id, booking_id, surname, given_names, search_name, name_words,
                        loyalty_programme, loyalty_tier, alliance_tier, language, phone, email)
SELECT $1, id, $4, $5, $6, CAST($7::text AS tsvector), $8, $9, $10, $11, $12, $13 FROM booking
RETURNING id
"""

INSERT_BAG = """
INSERT INTO bags (airline_id, passenger_id, tag, weight_kg, description, created_at, state_at)
VALUES ($1, $2, $3, 22.5, 'BK22RHW', $4, $4)
RETURNING id
"""

INSERT_TAG = """
INSERT INTO bag_tags (airline_id, bag_id, number, role, valid_from, valid_until) VALUES ($1, $2, $3, $4, $5, $6)
"""

INSERT_LEGS = """
INSERT INTO bag_legs (bag_id, seq, flight_id) SELECT $1, seq, flight FROM unnest($2::bigint[])
WITH ORDINALITY AS leg(flight, seq)
"""

INSERT_PIR = """
INSERT INTO pirs (airline_id, reference, kind, status, station, passenger_id, opened_at, closed_at, remarks)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
RETURNING id
"""

INSERT_PIR_BAG = """
INSERT INTO pir_bags (pir_id, seq, bag_id, description, brand, contents, state, tag)
SELECT $1, $2, $3, $4, $5, $6, $7, (SELECT tag FROM bags WHERE id = $3)
"""


def at(text: str) -> datetime:
    """A time of the first day, or with ``+`` of the next: ``12:05``, ``+00:15``; UTC."""
    hours, minutes = text.lstrip("+").split(":")
    return DAY + timedelta(days=int(text.startswith("+")), hours=int(hours), minutes=int(minutes))


@contextmanager
def patient() -> Iterator[None]:
    """Raises the probe timeout of stores that are opened meanwhile, so that load from other tests is not an outage."""
    defaults: Any = Availability.__init__.__kwdefaults__
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(defaults, "probe_timeout", PATIENCE_SECONDS)
        yield


@asynccontextmanager
async def open_stores(settings: Settings) -> AsyncIterator[Stores]:
    """The three managers, connected; with longer timeouts than in production, since tests share two cores."""
    with patient():
        stores = Stores(
            PostgresManager(settings.neon_database_url.get_secret_value(), timeout=PATIENCE_SECONDS),
            Neo4jManager(
                settings.neo4j_uri,
                settings.neo4j_user,
                settings.neo4j_password.get_secret_value(),
                timeout=PATIENCE_SECONDS,
            ),
            RedisManager(settings.redis_url.get_secret_value(), timeout=5.0),
        )
    async with AsyncExitStack() as stack:
        for store in (stores.postgres, stores.neo4j, stores.redis):
            await store.connect()
            stack.push_async_callback(store.disconnect)
        yield stores


def context_of(
    stores: Stores, role: Role | None = Role.AGENT, airline_id: int = OURS, now: datetime | None = None
) -> Context:
    """The context of a request of an airline's actor; without an actor for None as role."""
    actor = Actor("tester", role, airline_id) if role else Actor.anonymous()
    return Context(actor, "request-1", lambda: now or datetime.now(UTC), stores, INSTALLATION, SIGNING_KEY, Loaders())


async def project_changes(stores: Stores) -> int:
    """Projects all pending changes to the graph; returns their number.

    A graph database that has just started plans its statements, which may take longer than a projector waits.
    """
    projector = Projector(stores.postgres, stores.neo4j, "test")
    projected = 0
    for attempt in count():
        try:
            while step := await projector.step():
                projected += step
        except Unavailable:
            if attempt == MAX_ATTEMPTS:
                raise
            await asyncio.sleep(1)  # a graph that counts as unavailable is probed again at intervals
        else:
            break
    await outbox.release(stores.postgres, Consumer.GRAPH, projector.owner)
    return projected


def pieces(*texts: str) -> list[InputPiece]:
    """The pieces of texts that follow each other."""
    splitter = Splitter()
    return [*splitter.feed("".join(texts).encode()), *splitter.close()]


@dataclass
class Builder:
    """Writes the records of one airline; each has a name by which tests find its id."""

    stores: Stores
    airline_id: int = OURS
    carrier: str = "CM"
    flights: dict[str, int] = field(default_factory=dict)
    keys: dict[str, FlightKey] = field(default_factory=dict)
    passengers: dict[str, int] = field(default_factory=dict)
    bags: dict[str, int] = field(default_factory=dict)
    pirs: dict[str, int] = field(default_factory=dict)

    @classmethod
    async def of_new_airline(cls, stores: Stores, airline_id: int, designator: str) -> Self:
        """An airline with the parties of the first one and nothing else."""
        values = (airline_id, designator, f"{airline_id:03d}", f"Airline {designator}", "PTY")
        await stores.postgres.execute(INSERT_AIRLINE, *values, name="BUILD")
        await stores.postgres.execute(INSERT_PARTIES, airline_id, name="BUILD")
        return cls(stores, airline_id)

    async def _insert(self, sql: str, *values: Any) -> int:
        return int(await self.stores.postgres.fetchval(sql, *values, name="BUILD"))

    async def airport(self, iata: str, city: str, country: str, code: str, zone: str) -> None:
        values = (iata, f"X{iata}", f"{city} airport", city, country, code, 9.0, -79.5, zone)
        await self.stores.postgres.execute(INSERT_AIRPORT, *values, name="BUILD")

    async def route(self, origin: str, destination: str, minutes: int, daily: int = 2) -> None:
        for one, other in ((origin, destination), (destination, origin)):
            values = (self.airline_id, self.carrier, one, other, minutes * 10, minutes, daily)
            await self.stores.postgres.execute(INSERT_ROUTE, *values, name="BUILD")

    async def flight(
        self,
        number: int,
        origin: str,
        destination: str,
        leaves: datetime,
        minutes: int,
        *,
        left: datetime | None = None,
        came: datetime | None = None,
        name: str = "",
    ) -> None:
        status = "ARRIVED" if came else "DEPARTED" if left else "SCHEDULED"
        key = FlightKey(self.carrier, number, "", leaves.date(), origin)
        name = name or f"{self.carrier}{number}"
        self.keys[name] = key
        self.flights[name] = await self._insert(
            INSERT_FLIGHT,
            *(self.airline_id, self.carrier, number, key.departure_date, origin, destination),
            *(leaves, leaves + timedelta(minutes=minutes), left, came, status),
        )

    async def passenger(self, name: str, locator: str, surname: str, given: str, *more: str | None) -> None:
        """``more``: programme, tier and alliance tier, language, phone, email."""
        keys = search_name(surname, given), name_words(surname, given)
        values = (self.airline_id, locator, DAY - timedelta(days=9), surname, given, *keys, *more)
        self.passengers[name] = await self._insert(INSERT_PASSENGER, *values)

    async def bag(
        self, name: str, tag: str, passenger: str | None, flights: Sequence[str], rush_tag: str | None = None
    ) -> None:
        owner = self.passengers[passenger] if passenger else None
        bag_id = await self._insert(INSERT_BAG, self.airline_id, owner, tag, at("10:00"))
        self.bags[name] = bag_id
        tags = [(tag, "ORIGINAL", DAY - timedelta(days=1))]
        tags += [(rush_tag, "RUSH", at("20:00"))] if rush_tag else []
        for number, role, since in tags:
            values = (self.airline_id, bag_id, number, role, since, DAY + timedelta(days=30))
            await self.stores.postgres.execute(INSERT_TAG, *values, name="BUILD")
        legs = [self.flights[flight] for flight in flights]
        await self.stores.postgres.execute(INSERT_LEGS, bag_id, legs, name="BUILD")

    async def pir(
        self,
        reference: str,
        kind: str,
        station: str,
        passenger: str | None,
        bags: Sequence[str | None],
        opened_at: datetime,
        closed_at: datetime | None = None,
    ) -> None:
        owner = self.passengers[passenger] if passenger else None
        values = (kind, "CLOSED" if closed_at else "OPEN", station, owner, opened_at, closed_at, "Handle was taped.")
        pir_id = self.pirs[reference] = await self._insert(INSERT_PIR, self.airline_id, reference, *values)
        for seq, bag in enumerate(bags, start=1):
            described = ("BK22RHW", "Samsonite", "A camera.", pir_lifecycle.initial_state(PirKind(kind)))
            bag_id = self.bags[bag] if bag else None
            await self.stores.postgres.execute(INSERT_PIR_BAG, pir_id, seq, bag_id, *described, name="BUILD")

    def scan(
        self, tag: str, kind: str, airport: str, when: str | datetime, flight: str | None = None, **more: Any
    ) -> Scan:
        """A scan at a time as of ``at``; ``flight`` is the builder's name of a flight."""
        time = at(when) if isinstance(when, str) else when
        return Scan(tag, EventKind(kind), time, airport, flight=self.keys[flight] if flight else None, **more)

    async def record(self, *scans: Scan, received_at: datetime | None = None) -> list[events.RecordedScan]:
        """Records scans as a service of the airline does."""
        context = context_of(self.stores, Role.SERVICE, self.airline_id)
        return await events.record_scans(context, scans, received_at)

    async def ingest(self, *texts: str, at: datetime) -> IngestResult:
        """Ingests Type B texts that were received together at a time."""
        context = context_of(self.stores, airline_id=self.airline_id)
        return await ingest(context, pieces(*texts), at, IntakeChannel.HTTP)

    async def network(self) -> None:
        """Publishes airports, routes and all flights to the graph."""
        changes = ChangeSet(network=True, new_flights=list(self.flights.values()))
        await publish(self.stores.postgres, self.airline_id, changes)

    def id(self, type_name: str, name: str) -> str:
        """The global id of a ``Bag``, ``Flight``, ``Passenger`` or ``Pir`` by its name here."""
        named = {"Bag": self.bags, "Flight": self.flights, "Passenger": self.passengers, "Pir": self.pirs}
        return join(type_name, named[type_name][name])


DELIVERED = "0230456781"
MISSED, RUSH = "0230456782", "2230000457"
DAMAGED = "0230456783"
LOADED = "0230456784"
EXPECTED = "0230456785"
MISROUTED = "0230456786"
SEEN = "0125000001"

BAGS = {
    "delivered": "MIA - PTY - GRU on CM335 and CM758, handed to its passenger; no transfer scan at PTY: a gap",
    "missed": "the same plan; not seen for CM758, left behind at PTY, rush-tagged for CM702; an open PIR",
    "damaged": "MIA - PTY on CM335, at claim; an older open PIR and a newer closed one",
    "loaded": "PTY - BOG, loaded on CM411, which has not left",
    "expected": "PTY - BOG on CM411, never seen",
    "misrouted": "MIA - PTY - BOG on CM335 and CM411, came out at LIM",
    "seen": "a scan of an unknown tag at PTY",
}


async def our_day(stores: Stores) -> Builder:
    """The records and scans of the first airline."""
    build = Builder(stores)
    for airport in (
        ("PTY", "Panama City", "Panama", "PA", "America/Panama"),
        ("MIA", "Miami", "United States", "US", "America/New_York"),
        ("BOG", "Bogota", "Colombia", "CO", "America/Bogota"),
        ("GRU", "Sao Paulo", "Brazil", "BR", "America/Sao_Paulo"),
        ("LIM", "Lima", "Peru", "PE", "America/Lima"),
    ):
        await build.airport(*airport)
    for destination, minutes in (("MIA", 180), ("BOG", 95), ("GRU", 435), ("LIM", 220)):
        await build.route("PTY", destination, minutes)
    await build.flight(335, "MIA", "PTY", at("12:00"), 180, left=at("12:05"), came=at("15:10"))
    await build.flight(758, "PTY", "GRU", at("16:30"), 435, left=at("16:40"), came=at("23:50"))
    await build.flight(411, "PTY", "BOG", at("18:00"), 95)
    await build.flight(702, "PTY", "GRU", at("+16:30"), 435)
    await build.passenger(
        *("gonzalez", "F7K2QX", "González", "María", "ConnectMiles", "Gold", "Star Alliance Gold"),
        *("ES", "+15555550142", "maria@example.com"),
    )
    await build.passenger("penha", "K3P9WM", "Peña", "José", None, None, None, "EN", "+15555550143", "jose@example.com")
    await build.passenger("silva", "P2M4ZT", "Silva", "Ana", None, None, None, "PT", None, None)
    await build.bag("delivered", DELIVERED, "gonzalez", ["CM335", "CM758"])
    await build.bag("missed", MISSED, "gonzalez", ["CM335", "CM758", "CM702"], rush_tag=RUSH)
    await build.bag("damaged", DAMAGED, "penha", ["CM335"])
    await build.bag("loaded", LOADED, "silva", ["CM411"])
    await build.bag("expected", EXPECTED, "silva", ["CM411"])
    await build.bag("misrouted", MISROUTED, None, ["CM335", "CM411"])
    await build.pir("GRUCM12345", "DELAYED", "GRU", "gonzalez", ["missed"], at("+01:00"))
    await build.pir("PTYCM00777", "DAMAGED", "PTY", "penha", ["damaged"], at("17:00"), closed_at=at("19:00"))
    await build.pir("PTYCM00100", "DAMAGED", "PTY", "penha", ["damaged", "delivered"], at("16:00"))
    await build.pir("PTYCM00500", "ON_HAND", "PTY", None, [None], at("17:00"))
    await build.record(*_our_scans(build))
    build.bags["seen"] = await stores.postgres.fetchval("SELECT id FROM bags WHERE tag = $1", SEEN, name="BUILD")
    await build.network()
    return build


def _our_scans(build: Builder) -> list[Scan]:
    scan = build.scan
    return [
        scan(
            DELIVERED, "ACCEPTED", "MIA", "10:30", place="DESK12", released_by="PASSENGER", custodian="CM", device="D12"
        ),
        scan(DELIVERED, "SORTED", "MIA", "10:40", place="BELT3", custodian="HANDLER"),
        scan(DELIVERED, "LOADED", "MIA", "11:40", "CM335"),
        scan(DELIVERED, "ARRIVED", "PTY", "15:15", "CM335", custodian="HANDLER"),
        scan(DELIVERED, "SORTED", "PTY", "15:40", place="SORTER1"),
        scan(DELIVERED, "LOADED", "PTY", "16:05", "CM758"),
        scan(DELIVERED, "ARRIVED", "GRU", "23:58", "CM758", custodian="HANDLER"),
        scan(DELIVERED, "AT_CLAIM", "GRU", "+00:15", place="BELT7"),
        scan(DELIVERED, "DELIVERED", "GRU", "+00:20"),
        scan(MISSED, "ACCEPTED", "MIA", "10:31", place="DESK12", custodian="CM"),
        scan(MISSED, "LOADED", "MIA", "11:41", "CM335"),
        scan(MISSED, "ARRIVED", "PTY", "15:55", "CM335", custodian="HANDLER"),
        scan(MISSED, "NOT_SEEN", "PTY", "16:35", "CM758"),
        scan(MISSED, "LEFT_BEHIND", "PTY", "16:50", place="STAND208"),
        scan(RUSH, "RUSH_TAGGED", "PTY", "20:10"),
        scan(RUSH, "SORTED", "PTY", "+10:00", place="SORTER1"),
        scan(DAMAGED, "ACCEPTED", "MIA", "10:35", custodian="CM"),
        scan(DAMAGED, "LOADED", "MIA", "11:42", "CM335"),
        scan(DAMAGED, "ARRIVED", "PTY", "15:16", "CM335", custodian="HANDLER"),
        scan(DAMAGED, "AT_CLAIM", "PTY", "15:30", place="BELT2"),
        scan(LOADED, "ACCEPTED", "PTY", "14:00", custodian="CM"),
        scan(LOADED, "LOADED", "PTY", "17:30", "CM411"),
        scan(MISROUTED, "ACCEPTED", "MIA", "10:36", custodian="CM"),
        scan(MISROUTED, "ARRIVED", "LIM", "20:00"),
        scan(SEEN, "POSITION", "PTY", "15:00", place="SORTER1"),
    ]


async def their_day(stores: Stores) -> Builder:
    """The records and scans of the second airline, with the same tag, name, locator, flight, date and PIR reference."""
    build = await Builder.of_new_airline(stores, THEIRS, "ZZ")
    await build.route("BOG", "LIM", 190)
    await build.flight(758, "PTY", "GRU", at("16:30"), 435)
    await build.passenger(
        "gonzalez", "F7K2QX", "González", "Carlos", None, None, None, "ES", "+15555550144", "carlos@example.org"
    )
    await build.bag("delivered", DELIVERED, "gonzalez", ["CM758"])
    await build.pir("GRUCM12345", "DELAYED", "GRU", "gonzalez", ["delivered"], at("+01:00"))
    await build.record(build.scan(DELIVERED, "LOADED", "PTY", "16:00", "CM758"))
    await build.network()
    return build


def _designator(number: int) -> str:
    """A designator of two characters for each number up to 453, the one before CM."""
    return SIGNS[number // len(SIGNS)] + SIGNS[number % len(SIGNS)]


@dataclass
class World:
    """The fixed records over open stores.

    Tests that change records do so for an airline of their own, so that other tests find what they expect.
    """

    stores: Stores
    ours: Builder
    theirs: Builder
    airlines: int = SPARE
    stamp: str = field(default_factory=lambda: uuid4().hex)

    @classmethod
    async def make(cls, stores: Stores) -> Self:
        """Fills migrated, empty records; ``rebuild_graph`` fills the graph."""
        ours = await our_day(stores)
        theirs = await their_day(stores)
        await Builder.of_new_airline(stores, SPARE, "YY")
        return cls(stores, ours, theirs)

    async def another_airline(self) -> Builder:
        """An airline for one test: parties, a few flights, no bags."""
        self.airlines += 1
        build = await Builder.of_new_airline(self.stores, self.airlines, _designator(self.airlines))
        await build.flight(335, "MIA", "PTY", at("12:00"), 180)
        await build.flight(758, "PTY", "GRU", at("16:30"), 435)
        await build.flight(411, "PTY", "BOG", at("18:00"), 95)
        return build

    async def rebuild_graph(self) -> None:
        """Rebuilds the graph from the records, if another world has used it since."""
        graph = self.stores.neo4j
        if not await graph.execute_read("MATCH (world:World {of: $of}) RETURN world", {"of": self.stamp}):
            await graph.execute_write("MATCH (node) DETACH DELETE node")
            await load_graph_schema(graph)
            await self.stores.postgres.execute("UPDATE outbox SET done_at = NULL")
            await project_changes(self.stores)
            await graph.execute_write("CREATE (:World {of: $of})", {"of": self.stamp})
