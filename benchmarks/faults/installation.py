"""The product with stores and partners behind proxies, so that each can fail in every way."""

import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from secrets import randbelow
from tempfile import mkdtemp
from urllib.parse import urlsplit

from benchmarks.client import Client
from benchmarks.faults.load import CLIENT_SECONDS, Read, static_reads
from benchmarks.faults.matrix import PARTNERS, STORES, Subject
from benchmarks.faults.stores import FaultyNeo4j, FaultyPostgres, limited_disk
from benchmarks.installation import AIRLINE_ID, lock_folder
from benchmarks.operations import operations
from benchmarks.partner_installation import PartnerInstallation, started_partner_programs
from benchmarks.proxy import FaultProxy
from gateway.http.jwt import issue_token
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.process import StartError
from integrations.embedded.redis import EmbeddedRedis
from integrations.embedded.server import EmbeddedServer
from integrations.progress import Progress
from integrations.stores.neo4j.manager import Neo4jManager
from resolvers.actor import Role

# Size of each store's file system, where it has one of its own.
MEGABYTES: Mapping[Subject, int] = {Subject.RECORDS: 600, Subject.GRAPH: 700, Subject.CACHE: 64}
STATIC_TAGS = 12
STATIC_FLIGHTS = 3
FLIGHT_BAGS = 2
# Step of a clock.
CLOCK_SECONDS = 3600.0
TOKEN_LIFETIME = timedelta(hours=12)

FREE_BAGS = """
SELECT bags.id FROM bags
WHERE airline_id = $1 AND passenger_id IS NOT NULL AND NOT tag = ANY($2::text[])
  AND NOT EXISTS (SELECT FROM pir_bags WHERE bag_id = bags.id)
  AND NOT EXISTS (SELECT FROM bag_legs JOIN flights ON flights.id = flight_id
                  WHERE bag_id = bags.id AND carrier || number || suffix = ANY($3::text[]))
ORDER BY bags.id
"""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Clocks that libfaketime steps, by the file that holds the step of each.

    Args:
        library: libfaketime's shared object.
        folder: folder of the files.
    """

    library: Path
    folder: Path

    def environment(self, name: str) -> dict[str, str]:
        """Environment of a process with the clock of this name."""
        file = self.file(name)
        if not file.exists():
            self.step(name, 0)
        return {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_CACHE_DURATION": "1",
            # As a step of a real clock, which leaves the monotonic one alone.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def file(self, name: str) -> Path:
        """File that holds the step."""
        return self.folder / f"{name}.clock"

    def step(self, name: str, seconds: float) -> None:
        """Moves a clock by so many seconds."""
        file = self.file(name)
        ahead = float(file.read_text()) if file.exists() else 0.0
        file.write_text(f"{ahead + seconds:+.0f}\n")
        file.chmod(0o644)


@dataclass(frozen=True, slots=True)
class FaultInstallation:
    """Running processes, and what is needed to make them fail and to judge.

    Args:
        product: processes of the product, and the partners' mocks.
        port: port through which callers reach the product.
        stores: running servers; a failover replaces one.
        proxies: proxies through which the product reaches stores and partners.
        disks: file systems of the stores that have one of their own.
        clocks: clocks that can be stepped; None without libfaketime.
        folder: folder of the logs.
        graph: connection of the judge.
        tag: tag of a bag that does not change.
        reads: queries whose responses are known.
        bags: bags without a PIR.
        tags: tags that no bag carries.
        token: token of an administrator.
    """

    product: PartnerInstallation
    port: int
    stores: dict[Subject, EmbeddedServer]
    proxies: Mapping[Subject, FaultProxy]
    disks: Mapping[Subject, Path]
    clocks: Clocks | None
    folder: Path
    graph: Neo4jManager
    tag: str
    reads: list[Read]
    bags: Iterator[int]
    tags: Iterator[str]
    token: str = field(repr=False)


@asynccontextmanager
async def fault_installation(
    folder: Path, bags: int, library: Path | None, progress: Progress, **settings: str
) -> AsyncIterator[FaultInstallation]:
    """Starts stores of its own and everything else, and stops it at the end in every case.

    Args:
        folder: folder of the logs of all runs.
        bags: number of bags to seed.
        library: libfaketime's shared object; None leaves clocks alone.
        progress: receives one line of text for each step.
        settings: environment variables that differ from production.
    """
    base = _base_folder()
    clocks = Clocks(library, base) if library is not None else None
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, base, ignore_errors=True)
        folder = stack.enter_context(own_folder(folder))
        disks = {
            subject: base / subject.lower()
            for subject in STORES
            if stack.enter_context(limited_disk(base / subject.lower(), MEGABYTES[subject]))
        }
        clock = clocks.environment(Subject.RECORDS) if clocks is not None else {}
        stores: dict[Subject, EmbeddedServer] = {
            Subject.RECORDS: FaultyPostgres(
                base / Subject.RECORDS.lower() / "server", [f"{name}={value}" for name, value in clock.items()]
            ),
            Subject.GRAPH: FaultyNeo4j(base / Subject.GRAPH.lower() / "server"),
            Subject.CACHE: EmbeddedRedis(base / Subject.CACHE.lower() / "server"),
        }
        stack.push_async_callback(_stop_all, stores)
        for store in stores.values():
            await store.start(progress)
        started = started_fault_installation(stores, folder, bags, progress, disks, clocks, **settings)
        yield await stack.enter_async_context(started)
        progress("stopping")


@contextmanager
def own_folder(folder: Path) -> Iterator[Path]:
    """The first of several folders that no other run uses, without what the mocks kept."""
    for number in count(1):
        mine = folder / str(number)
        if (lock := lock_folder(mine)) is not None:
            with lock:
                for journal in mine.glob("*.journal"):
                    journal.unlink()
                yield mine
            return


def _base_folder() -> Path:
    """A new folder for the stores, outside the checkout, so that the user that runs PostgreSQL reaches it."""
    base = Path(mkdtemp(prefix="baggage-faults-"))
    base.chmod(0o711)
    return base


async def _stop_all(stores: Mapping[Subject, EmbeddedServer]) -> None:
    for store in stores.values():
        await store.stop()


@asynccontextmanager
async def started_fault_installation(
    stores: dict[Subject, EmbeddedServer],
    folder: Path,
    bags: int,
    progress: Progress,
    disks: Mapping[Subject, Path],
    clocks: Clocks | None,
    database_url: str | None = None,
    **settings: str,
) -> AsyncIterator[FaultInstallation]:
    """Starts the product on running stores, behind proxies; arguments as for `fault_installation`.

    Args:
        database_url: database on the server; None for the server's own.
    """
    async with AsyncExitStack() as stack:
        proxies = {
            subject: await stack.enter_async_context(FaultProxy(store.port).running())
            for subject, store in stores.items()
        }
        addresses = addresses_through(proxies, stores, database_url)
        clock = clocks.environment(Subject.PRODUCT) if clocks is not None else {}
        product = await stack.enter_async_context(
            started_partner_programs(stores.values(), folder, bags, progress, **addresses, **clock, **settings)
        )
        graph = await stack.enter_async_context(direct_graph(stores[Subject.GRAPH]))
        progress("running; reading what is correct")
        token, port = lasting_token(product), urlsplit(product.gateway).port or 0
        known = await operations(product.database_url, AIRLINE_ID, FLIGHT_BAGS)
        tags = [str(one["tag"]) for one in known["bag"].variables[:STATIC_TAGS]]
        flights = known["flight"].variables[:STATIC_FLIGHTS]
        async with Client(port, CLIENT_SECONDS) as client:
            reads = await static_reads(client, token, tags, flights)
        free = await product.rows(FREE_BAGS, AIRLINE_ID, tags, [flight["designator"] for flight in flights])
        if not free:
            raise StartError("No bag without a PIR is left: seed more.")
        yield FaultInstallation(
            product=product,
            port=port,
            stores=stores,
            proxies={**proxies, **{subject: product.proxies[subject] for subject in PARTNERS}},
            disks=disks,
            clocks=clocks,
            folder=folder,
            graph=graph,
            tag=tags[0],
            reads=reads,
            bags=iter([row["id"] for row in free]),
            tags=unused_tags(),
            token=token,
        )


def addresses_through(
    proxies: Mapping[Subject, FaultProxy], stores: Mapping[Subject, EmbeddedServer], database_url: str | None
) -> dict[str, str]:
    """Settings by which the product finds the stores through proxies."""
    own = {} if database_url is None else {"NEON_DATABASE_URL": database_url}
    return {
        name: own.get(name, value).replace(f":{store.port}", f":{proxies[subject].port}")
        for subject, store in stores.items()
        for name, value in store.addresses().items()
    }


@asynccontextmanager
async def direct_graph(store: EmbeddedServer) -> AsyncIterator[Neo4jManager]:
    """A connection to Neo4j that does not lead through its proxy."""
    assert isinstance(store, EmbeddedNeo4j)
    graph = Neo4jManager(store.uri, store.user, store.password)
    await graph.connect()
    try:
        yield graph
    finally:
        await graph.disconnect()


def lasting_token(product: PartnerInstallation) -> str:
    """Token of an administrator, issued before the time that a clock may step back to."""
    issued_at = datetime.now(UTC) - timedelta(seconds=CLOCK_SECONDS + 60)
    return issue_token(product.keys["JWT_SECRET"], Role.ADMIN, AIRLINE_ID, TOKEN_LIFETIME, now=issued_at)


def unused_tags() -> Iterator[str]:
    """Yields tags of an accounting code that no seeded bag has."""
    first = 700_000_000 + randbelow(90_000) * 1_000
    return (f"{first + place:010d}" for place in range(10_000_000))
