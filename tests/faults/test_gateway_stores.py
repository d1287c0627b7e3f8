"""The gateway and the projector, each a process of its own, while one store after the other is killed or frozen."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest

from gateway.config import Settings
from gateway.demo.supervisor import Program
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.redis import EmbeddedRedis
from integrations.embedded.server import EmbeddedServer, free_port
from integrations.stores.routes import cache_key as cache_key
from migrations.run import load_graph_schema
from resolvers import health
from resolvers.actor import Role
from resolvers.installation import Stores
from tests.conftest import Neo4jCredentials
from tests.faults.processes import eventually, frozen
from tests.gateway import NOBODY, SECRET, Api, settings_for
from tests.world import DELIVERED, LOADED, OURS, SIGNING_KEY, open_stores, our_day

# Whoever asks a store that is dead is told at once; one that hangs is given half a second, and its probe a whole one.
DEAD_SECONDS = 2.0
HUNG_SECONDS = 2.5
# From the moment a store is there again: reconnection backs off to 5 s, and a started Neo4j plans its statements anew.
RECOVERY_SECONDS = 30.0

JOURNEY = """
    query($tag: String!) { bag(by: {tag: $tag}) { state passenger { surname } journey {
      source behind planned { flight { designator } } flown { flight { designator } }
      scans { kind at airport place } gaps { kind airport } custodian { code } } } }
"""
FELLOWS = "query($tag: String!) { bag(by: {tag: $tag}) { tag passenger { surname } fellows { total } } }"
ROUTES = "query($one: String!, $other: String!) { routes(from: $one, to: $other) { source options { minutes } } }"
HEALTH = "{ health { status services { name healthy } } }"
RECORD = """
    mutation($input: RecordScansInput!) { recordScans(input: $input) {
      userErrors { code } results { outcome bag { tag state } } } }
"""

Fault = Callable[[EmbeddedServer], AbstractAsyncContextManager[None]]
_tags = count(125_100_000)


@asynccontextmanager
async def killed(server: EmbeddedServer) -> AsyncIterator[None]:
    """A power cut: ports are closed, connections reset; power is back with the end of the block."""
    await server.kill()
    try:
        yield
    finally:
        await server.start()


@asynccontextmanager
async def hanging(server: EmbeddedServer) -> AsyncIterator[None]:
    """A host that hangs."""
    with frozen(server):
        yield


FAULTS = pytest.mark.parametrize(("fault", "patience"), [(killed, DEAD_SECONDS), (hanging, HUNG_SECONDS)])


class ImpatientApi(Api):
    """Asks as a person does: whatever the answer is, it must come in time."""

    patience = DEAD_SECONDS

    async def send(self, *args: Any, **variables: Any) -> httpx.Response:
        started = monotonic()
        response = await super().send(*args, **variables)
        assert monotonic() - started < self.patience, f"{args}: {response.text}"
        return response

    async def status(self, path: str) -> tuple[int, str]:
        """HTTP status and word of a health path, which answers soon whatever is down."""
        started = monotonic()
        response = await self.client.get(f"/health{path}")
        assert monotonic() - started < DEAD_SECONDS
        return response.status_code, response.json()["status"]

    async def refusals(self, query: str, role: Role = Role.AGENT, **variables: Any) -> list[tuple[str, str]]:
        """Code and store of each error of an answer; an answer without errors is none."""
        answer = (await self.send(query, role, **variables)).json()
        return [(error["extensions"]["code"], error["extensions"]["store"]) for error in answer["errors"]]


@dataclass(frozen=True)
class Running:
    """What runs, and the tests' own way into the stores."""

    api: ImpatientApi
    gateway: Program
    projector: Program
    stores: Stores
    servers: dict[str, EmbeddedServer]

    async def is_well(self) -> bool:
        """Whether the gateway finds all stores and the graph has heard of everything."""
        if await self.api.status("") != (200, "healthy"):
            return False
        return (await health.lag(self.stores.postgres)).notices == 0

    async def recovers(self) -> None:
        """Waits until all is well, without anything being started anew."""
        pids = self.gateway.pid, self.projector.pid
        await eventually(self.is_well, RECOVERY_SECONDS)
        assert (self.gateway.pid, self.projector.pid) == pids


def environment_of(settings: Settings, port: int) -> dict[str, str]:
    """What the product's processes are told."""
    return {
        "PATH": os.environ["PATH"],
        "NEON_DATABASE_URL": settings.neon_database_url.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "NEO4J_URI": settings.neo4j_uri,
        "NEO4J_USER": settings.neo4j_user,
        "NEO4J_PASSWORD": settings.neo4j_password.get_secret_value(),
        "JWT_SECRET": SECRET,
        "EXTERNAL_SERVICES": NOBODY,
        "SECRET_KEY": SIGNING_KEY.decode(),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "PYTHONUNBUFFERED": "1",
    }


@asynccontextmanager
async def serve(settings: Settings, folder: Path, name: str) -> AsyncIterator[tuple[Program, httpx.AsyncClient]]:
    """``python -m gateway serve``, and a client of it."""
    port = free_port()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client:

        async def ready() -> bool:
            try:
                return bool((await client.get("/health")).json()["status"] == "healthy")
            except httpx.HTTPError:
                return False

        environment = environment_of(settings, port)
        command = [sys.executable, "-m", "gateway", "serve"]
        program = Program(name, command, folder=folder, environment=environment, ready=ready)
        try:
            await program.start(print)
            yield program, client
        finally:
            await program.stop()


@pytest.fixture(scope="module")
async def settings(migrated_url: str, redis_url: str, neo4j_credentials: Neo4jCredentials) -> Settings:
    return settings_for(migrated_url, redis_url, neo4j_credentials)


@pytest.fixture(scope="module")
async def running(
    settings: Settings,
    embedded_postgres: EmbeddedPostgres,
    embedded_neo4j: EmbeddedNeo4j,
    embedded_redis: EmbeddedRedis,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("processes")
    servers: dict[str, EmbeddedServer] = {
        "database": embedded_postgres,
        "graph": embedded_neo4j,
        "cache": embedded_redis,
    }
    async with open_stores(settings) as stores, serve(settings, folder, "gateway") as (gateway, client):
        await load_graph_schema(stores.neo4j)
        await our_day(stores)
        command = [sys.executable, "-m", "gateway", "project"]
        telling = Program("projector", command, folder=folder, environment=environment_of(settings, 1))
        everything = Running(ImpatientApi(client), gateway, telling, stores, servers)
        try:
            await telling.start(print)
            await eventually(everything.is_well, 60)
            yield everything
        finally:
            await telling.stop()


@pytest.fixture
async def well(running: Running) -> AsyncIterator[Running]:
    """Everything runs; whatever a test leaves behind, it runs again afterwards."""
    # The graph answers in milliseconds from the second time on: what is measured is not its first plan.
    await eventually(lambda: source_is(running, DELIVERED, "GRAPH"))
    yield running
    running.api.patience = DEAD_SECONDS
    for server in running.servers.values():
        await server.start()
    await running.recovers()


async def source_is(running: Running, tag: str, source: str) -> bool:
    """Where the journey of a bag comes from now."""
    answer = (await Api(running.api.client).send(JOURNEY, tag=tag)).json()
    return bool("errors" not in answer and answer["data"]["bag"]["journey"]["source"] == source)


def scan(tag: str, kind: str = "SORTED") -> dict[str, Any]:
    """The input of ``recordScans`` for one scan."""
    return {"scans": [{"tag": tag, "kind": kind, "at": "2025-07-01T16:00:00Z", "airport": "PTY", "place": "SORTER1"}]}


def new_tag() -> str:
    """One that no bag carries."""
    return f"{next(_tags):010d}"


async def record(running: Running, tag: str) -> None:
    """Records a scan of an unknown tag; the bag must be there at once."""
    recorded = (await running.api.ask(RECORD, Role.SERVICE, input=scan(tag)))["recordScans"]
    assert recorded["userErrors"] == []
    assert recorded["results"] == [{"outcome": "RECORDED", "bag": {"tag": tag, "state": "SORTED"}}]


async def journey(running: Running, tag: str) -> tuple[str, dict[str, Any]]:
    """Where a bag's journey comes from, and the bag with it."""
    bag = (await running.api.ask(JOURNEY, tag=tag))["bag"]
    return bag["journey"].pop("source"), bag


async def routes(running: Running, origin: str, destination: str) -> str:
    """Where the ways between two airports come from."""
    data = await running.api.ask(ROUTES, one=origin, other=destination)
    assert data["routes"]["options"]
    return str(data["routes"]["source"])


@FAULTS
async def test_without_the_graph_the_records_tell_journeys(well: Running, fault: Fault, patience: float) -> None:
    """Given Neo4j is away, then what the records know is answered; what happens meanwhile reaches the graph later."""
    source, known = await journey(well, DELIVERED)
    assert source == "GRAPH"
    await routes(well, "MIA", "GRU")
    tag = new_tag()

    well.api.patience = patience
    async with fault(well.servers["graph"]):
        assert await journey(well, DELIVERED) == ("RECORDS", known)
        answer = (await well.api.send(FELLOWS, tag=DELIVERED)).json()
        assert answer["data"]["bag"] == {"tag": DELIVERED, "passenger": {"surname": "González"}, "fellows": None}
        assert [error["path"] for error in answer["errors"]] == [["bag", "fellows"]]
        assert await well.api.refusals(FELLOWS, tag=DELIVERED) == [("STORE_UNAVAILABLE", "graph")]
        assert await routes(well, "MIA", "GRU") == "CACHE"
        assert await well.api.refusals(ROUTES, one="BOG", other="LIM") == [("STORE_UNAVAILABLE", "graph")]
        await record(well, tag)
        source, told = await journey(well, tag)
        assert (source, told["journey"]["scans"][0]["kind"]) == ("RECORDS", "SORTED")
        await eventually(lambda: has_status(well, "", 200, "degraded"), 3)
        assert await well.api.status("/graph") == (503, "unhealthy")
        assert await well.api.status("/ready") == (200, "healthy")
        assert (await well.api.ask(HEALTH))["health"]["status"] == "DEGRADED"

    await well.recovers()
    await eventually(lambda: source_is(well, tag, "GRAPH"))
    assert await journey(well, tag) == ("GRAPH", told)
    assert await journey(well, DELIVERED) == ("GRAPH", known)


@FAULTS
async def test_without_the_cache_everything_is_answered(well: Running, fault: Fault, patience: float) -> None:
    """Given Redis is away, then ways come from the graph, and nothing else is different."""
    await well.stores.redis.delete(cache_key(OURS, "PTY", "LIM"))
    assert await routes(well, "PTY", "LIM") == "GRAPH"
    tag = new_tag()

    well.api.patience = patience
    async with fault(well.servers["cache"]):
        assert await routes(well, "PTY", "LIM") == "GRAPH"
        assert (await journey(well, DELIVERED))[0] == "GRAPH"
        await record(well, tag)
        await eventually(lambda: has_status(well, "", 200, "degraded"), 3)
        assert await well.api.status("/cache") == (503, "unhealthy")
        assert await well.api.status("/ready") == (200, "healthy")
        await eventually(lambda: source_is(well, tag, "GRAPH"), 5)

    await well.recovers()
    await routes(well, "PTY", "LIM")
    assert await routes(well, "PTY", "LIM") == "CACHE"


@FAULTS
async def test_without_the_records_the_gateway_says_so_and_does_nothing(
    well: Running, fault: Fault, patience: float
) -> None:
    """Given PostgreSQL is away, then health and cached ways are answered, and no mutation has an effect."""
    await routes(well, "MIA", "GRU")
    tag = new_tag()

    well.api.patience = patience
    async with fault(well.servers["database"]):
        assert await well.api.refusals(JOURNEY, tag=DELIVERED) == [("STORE_UNAVAILABLE", "records")]
        assert await well.api.refusals(RECORD, Role.SERVICE, input=scan(tag)) == [("STORE_UNAVAILABLE", "records")]
        assert await routes(well, "MIA", "GRU") == "CACHE"
        await eventually(lambda: has_status(well, "", 503, "unhealthy"), 3)
        assert await well.api.status("/database") == (503, "unhealthy")
        assert await well.api.status("/ready") == (503, "unhealthy")
        assert await well.api.status("/live") == (200, "healthy")
        health = (await well.api.ask(HEALTH, None))["health"]
        assert (health["status"], health["services"][0]) == ("UNHEALTHY", {"name": "database", "healthy": False})

    await well.recovers()
    assert await well.api.ask(FELLOWS, tag=tag) == {"bag": None}, "what was refused left nothing behind"
    await record(well, tag)
    await eventually(lambda: source_is(well, tag, "GRAPH"))


async def has_status(running: Running, path: str, code: int, word: str) -> bool:
    """Whether a health path answers so."""
    return await running.api.status(path) == (code, word)


async def test_many_who_ask_at_once_are_all_answered_soon(well: Running) -> None:
    """Given Neo4j hangs, then those who ask together do not wait for one another."""
    well.api.patience = HUNG_SECONDS
    async with hanging(well.servers["graph"]):
        found = await asyncio.gather(*(journey(well, tag) for tag in [DELIVERED, LOADED] * 20))
    assert {source for source, _ in found} == {"RECORDS"}


async def test_what_was_asked_before_the_end_is_answered(well: Running, settings: Settings, tmp_path: Path) -> None:
    """Given questions that wait for the records, when the gateway is asked to end, then it answers them first."""
    async with serve(settings, tmp_path, "ending") as (gateway, client):
        api = Api(client)
        with frozen(well.servers["database"]):
            asking = [asyncio.create_task(api.ask(FELLOWS, tag=DELIVERED)) for _ in range(20)]
            await asyncio.sleep(0.3)
            ending = asyncio.create_task(gateway.stop())
            await asyncio.sleep(0.3)
            assert not any(task.done() for task in (*asking, ending))
        answers = await asyncio.gather(*asking)
        await asyncio.wait_for(ending, 10)
        # It ends itself by the signal once all is done; a gateway that had to be forced would have ended by SIGKILL.
        assert await gateway.wait() == -signal.SIGTERM
        with pytest.raises(httpx.TransportError):
            await client.get("/health/live")
    assert all(answer["bag"]["fellows"] for answer in answers)
