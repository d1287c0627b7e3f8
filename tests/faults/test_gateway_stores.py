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

from benchmarks.faults.stores import read_only_postgres
from gateway.config import Settings
from gateway.supervisor import Program
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
from tests.gateway import NO_PARTNERS, SECRET, Api, credential, settings_for
from tests.world import DELIVERED, LOADED, OURS, SIGNING_KEY, open_stores, our_day

# Limits for a response: a dead store fails at once; a hanging one takes half a second, and its probe a whole one.
DEAD_SECONDS = 2.0
HUNG_SECONDS = 2.5
# Limit for recovery once a store is back: reconnection backs off to 5 s, and a restarted Neo4j plans statements again.
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
    """A power cut: ports are closed and connections reset. The block ends with the restart."""
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
    """Client with a limit on the time of each response."""

    patience = DEAD_SECONDS

    async def send(self, *args: Any, **variables: Any) -> httpx.Response:
        started = monotonic()
        response = await super().send(*args, **variables)
        assert monotonic() - started < self.patience, f"{args}: {response.text}"
        return response

    async def status(self, path: str) -> tuple[int, str]:
        """HTTP status and status word of a health path, which must respond soon in every condition."""
        started = monotonic()
        response = await self.client.get(f"/health{path}")
        assert monotonic() - started < DEAD_SECONDS
        return response.status_code, response.json()["status"]

    async def errors_of(self, query: str, role: Role = Role.AGENT, **variables: Any) -> list[tuple[str, str]]:
        """Code and store of each error of a response that has errors."""
        response = (await self.send(query, role, **variables)).json()
        return [(error["extensions"]["code"], error["extensions"]["store"]) for error in response["errors"]]


@dataclass(frozen=True)
class Running:
    """Running processes, and the test's own connections to the stores."""

    api: ImpatientApi
    gateway: Program
    projector: Program
    stores: Stores
    servers: dict[str, EmbeddedServer]

    async def is_well(self) -> bool:
        """Whether the gateway finds all stores and the graph has caught up."""
        if await self.api.status("") != (200, "healthy"):
            return False
        return (await health.lag(self.stores.postgres)).messages == 0

    async def recovers(self) -> None:
        """Waits until all stores are available and the graph is current, without a restart of a process."""
        pids = self.gateway.pid, self.projector.pid
        await eventually(self.is_well, RECOVERY_SECONDS)
        assert (self.gateway.pid, self.projector.pid) == pids


def environment_of(settings: Settings, port: int) -> dict[str, str]:
    """Environment of the product's processes."""
    return {
        "PATH": os.environ["PATH"],
        "NEON_DATABASE_URL": settings.neon_database_url.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "NEO4J_URI": settings.neo4j_uri,
        "NEO4J_USER": settings.neo4j_user,
        "NEO4J_PASSWORD": settings.neo4j_password.get_secret_value(),
        "JWT_SECRET": SECRET,
        "EXTERNAL_SERVICES": NO_PARTNERS,
        "SECRET_KEY": SIGNING_KEY.decode(),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "PYTHONUNBUFFERED": "1",
        "DRAIN_NOTICE_SECONDS": "0",
    }


@asynccontextmanager
async def serve(
    settings: Settings, folder: Path, name: str, **variables: str
) -> AsyncIterator[tuple[Program, httpx.AsyncClient]]:
    """Runs ``python -m gateway serve``, with further variables, and yields it with a client."""
    port = free_port()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client:

        async def ready() -> bool:
            try:
                return bool((await client.get("/health")).json()["status"] == "healthy")
            except httpx.HTTPError:
                return False

        environment = {**environment_of(settings, port), **variables}
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
        projector = Program("projector", command, folder=folder, environment=environment_of(settings, 1))
        running_processes = Running(ImpatientApi(client), gateway, projector, stores, servers)
        try:
            await projector.start(print)
            await eventually(running_processes.is_well, 60)
            yield running_processes
        finally:
            await projector.stop()


@pytest.fixture
async def well(running: Running) -> AsyncIterator[Running]:
    """Running processes and stores, restored after the test."""
    # From the second time on the graph responds in milliseconds: the first plan is not part of the measurement.
    await eventually(lambda: source_is(running, DELIVERED, "GRAPH"))
    yield running
    running.api.patience = DEAD_SECONDS
    for server in running.servers.values():
        await server.start()
    await running.recovers()


async def source_is(running: Running, tag: str, source: str) -> bool:
    """Whether the journey of a bag comes from this source."""
    response = (await Api(running.api.client).send(JOURNEY, tag=tag)).json()
    return bool("errors" not in response and response["data"]["bag"]["journey"]["source"] == source)


def scan(tag: str, kind: str = "SORTED") -> dict[str, Any]:
    """Input of ``recordScans`` for one scan."""
    return {"scans": [{"tag": tag, "kind": kind, "at": "2025-07-01T16:00:00Z", "airport": "PTY", "place": "SORTER1"}]}


def new_tag() -> str:
    """A tag that no bag carries."""
    return f"{next(_tags):010d}"


async def record(running: Running, tag: str) -> None:
    """Records a scan of an unknown tag. The bag must exist at once."""
    recorded = (await running.api.ask(RECORD, Role.SERVICE, input=scan(tag)))["recordScans"]
    assert recorded["userErrors"] == []
    assert recorded["results"] == [{"outcome": "RECORDED", "bag": {"tag": tag, "state": "SORTED"}}]


async def journey(running: Running, tag: str) -> tuple[str, dict[str, Any]]:
    """Source of a bag's journey, and the bag with it."""
    bag = (await running.api.ask(JOURNEY, tag=tag))["bag"]
    return bag["journey"].pop("source"), bag


async def routes(running: Running, origin: str, destination: str) -> str:
    """Source of the routes between two airports."""
    data = await running.api.ask(ROUTES, one=origin, other=destination)
    assert data["routes"]["options"]
    return str(data["routes"]["source"])


@FAULTS
async def test_without_the_graph_journeys_come_from_the_records(well: Running, fault: Fault, patience: float) -> None:
    """Given Neo4j is unavailable, then the records' data is returned, and the graph catches up afterwards."""
    source, known = await journey(well, DELIVERED)
    assert source == "GRAPH"
    await routes(well, "MIA", "GRU")
    tag = new_tag()

    well.api.patience = patience
    async with fault(well.servers["graph"]):
        assert await journey(well, DELIVERED) == ("RECORDS", known)
        response = (await well.api.send(FELLOWS, tag=DELIVERED)).json()
        assert response["data"]["bag"] == {"tag": DELIVERED, "passenger": {"surname": "González"}, "fellows": None}
        assert [error["path"] for error in response["errors"]] == [["bag", "fellows"]]
        assert await well.api.errors_of(FELLOWS, tag=DELIVERED) == [("STORE_UNAVAILABLE", "graph")]
        assert await routes(well, "MIA", "GRU") == "CACHE"
        assert await well.api.errors_of(ROUTES, one="BOG", other="LIM") == [("STORE_UNAVAILABLE", "graph")]
        await record(well, tag)
        source, bag = await journey(well, tag)
        assert (source, bag["journey"]["scans"][0]["kind"]) == ("RECORDS", "SORTED")
        await eventually(lambda: has_status(well, "", 200, "degraded"), 3)
        assert await well.api.status("/graph") == (503, "unhealthy")
        assert await well.api.status("/ready") == (200, "healthy")
        assert (await well.api.ask(HEALTH))["health"]["status"] == "DEGRADED"

    await well.recovers()
    await eventually(lambda: source_is(well, tag, "GRAPH"))
    assert await journey(well, tag) == ("GRAPH", bag)
    assert await journey(well, DELIVERED) == ("GRAPH", known)


@FAULTS
async def test_without_the_cache_every_request_succeeds(well: Running, fault: Fault, patience: float) -> None:
    """Given Redis is unavailable, then routes come from the graph, and nothing else differs."""
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
async def test_without_the_records_the_gateway_reports_it_and_changes_nothing(
    well: Running, fault: Fault, patience: float
) -> None:
    """Given PostgreSQL is unavailable, then health and cached routes are returned, and no mutation has an effect."""
    await routes(well, "MIA", "GRU")
    tag = new_tag()

    well.api.patience = patience
    async with fault(well.servers["database"]):
        assert await well.api.errors_of(JOURNEY, tag=DELIVERED) == [("STORE_UNAVAILABLE", "records")]
        assert await well.api.errors_of(RECORD, Role.SERVICE, input=scan(tag)) == [("STORE_UNAVAILABLE", "records")]
        assert await routes(well, "MIA", "GRU") == "CACHE"
        await eventually(lambda: has_status(well, "", 503, "unhealthy"), 3)
        assert await well.api.status("/database") == (503, "unhealthy")
        assert await well.api.status("/ready") == (503, "unhealthy")
        assert await well.api.status("/live") == (200, "healthy")
        health = (await well.api.ask(HEALTH, None))["health"]
        assert (health["status"], health["services"][0]) == ("UNHEALTHY", {"name": "database", "healthy": False})

    await well.recovers()
    assert await well.api.ask(FELLOWS, tag=tag) == {"bag": None}, "a rejected mutation leaves no trace"
    await record(well, tag)
    await eventually(lambda: source_is(well, tag, "GRAPH"))


async def test_a_read_only_database_is_unavailable_until_it_accepts_writes(well: Running) -> None:
    """Given a failover leaves a read-only server, then mutations are retryable and the gateway is not ready."""
    await record(well, new_tag())
    tag = new_tag()

    async def rejected() -> bool:
        response = (await well.api.send(RECORD, Role.SERVICE, input=scan(new_tag()))).json()
        return [one["extensions"]["code"] for one in response.get("errors", ())] == ["STORE_UNAVAILABLE"]

    database = well.servers["database"]
    assert isinstance(database, EmbeddedPostgres)
    async with read_only_postgres(database):
        await eventually(rejected, 5)
        await eventually(lambda: has_status(well, "/ready", 503, "unhealthy"), 3)
        assert await well.api.errors_of(RECORD, Role.SERVICE, input=scan(tag)) == [("STORE_UNAVAILABLE", "records")]

    async def recorded() -> bool:
        response = (await well.api.send(RECORD, Role.SERVICE, input=scan(tag))).json()
        results = ((response.get("data") or {}).get("recordScans") or {}).get("results")
        return bool(results == [{"outcome": "RECORDED", "bag": {"tag": tag, "state": "SORTED"}}])

    await well.recovers()
    # Each session learns by itself that the server accepts writes; until then the client retries.
    await eventually(recorded, 5)
    await eventually(lambda: source_is(well, tag, "GRAPH"))


async def test_a_migration_under_running_processes_is_not_noticed(well: Running) -> None:
    """Given warm processes, when result types change, then queries, messages and the projector go on."""
    postgres, tag = well.stores.postgres, new_tag()
    await record(well, tag)
    await well.recovers()
    kept = await postgres.fetchval("SELECT count(*) FROM dead_letters")
    _, known = await journey(well, DELIVERED)
    for digits in (7, 8, 9):
        await postgres.execute(f"ALTER TABLE bags ALTER COLUMN weight_kg TYPE numeric({digits}, 1)")
        message = f"BPM\n.V/1LPTY\n.J/S//S1/01JUL/16{digits:02d}00Z/SORTER1/\n.N/{tag}001\nENDBPM\n"
        headers = {**credential(Role.SERVICE), "Content-Type": "text/plain", "X-Received-At": "2025-07-01T17:00:00Z"}
        stored = await well.api.client.post("/ingest/typeb", content=message, headers=headers)
        assert (stored.status_code, stored.json()["messages"], stored.json()["events"]) == (200, 1, 1)
        assert await journey(well, DELIVERED) == ("GRAPH", known)
        await record(well, new_tag())
    await well.recovers()
    assert await postgres.fetchval("SELECT count(*) FROM dead_letters") == kept


async def has_status(running: Running, path: str, code: int, word: str) -> bool:
    """Whether a health path has this status."""
    return await running.api.status(path) == (code, word)


async def test_concurrent_requests_do_not_delay_one_another(well: Running) -> None:
    """Given Neo4j hangs, then concurrent requests do not delay one another."""
    well.api.patience = HUNG_SECONDS
    async with hanging(well.servers["graph"]):
        found = await asyncio.gather(*(journey(well, tag) for tag in [DELIVERED, LOADED] * 20))
    assert {source for source, _ in found} == {"RECORDS"}


async def test_requests_before_the_shutdown_are_completed(well: Running, settings: Settings, tmp_path: Path) -> None:
    """Given requests that wait for the records, when the gateway receives SIGTERM, then it first completes them."""
    async with serve(settings, tmp_path, "ending") as (gateway, client):
        api = Api(client)
        with frozen(well.servers["database"]):
            requests = [asyncio.create_task(api.ask(FELLOWS, tag=DELIVERED)) for _ in range(20)]
            await asyncio.sleep(0.3)
            ending = asyncio.create_task(gateway.stop())
            await asyncio.sleep(0.3)
            assert not any(task.done() for task in (*requests, ending))
        responses = await asyncio.gather(*requests)
        await asyncio.wait_for(ending, 10)
        # It ends by the signal once all requests are complete; a forced end would be by SIGKILL.
        assert await gateway.wait() == -signal.SIGTERM
        with pytest.raises(httpx.TransportError):
            await client.get("/health/live")
    assert all(response["bag"]["fellows"] for response in responses)
