"""How each fault begins and ends. Every one is real: a signal, a network that misbehaves, a full file system."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager

import httpx

from benchmarks.client import Client, post_bytes
from benchmarks.faults.installation import CLOCK_SECONDS, FaultInstallation
from benchmarks.faults.load import CLIENT_SECONDS, headers_of
from benchmarks.faults.matrix import PARTNERS, Fault, Row, Subject
from benchmarks.faults.responses import judge_ingestion
from benchmarks.faults.stores import (
    SYNCHRONOUS_SETTING,
    EmptyRedis,
    FaultyNeo4j,
    FaultyPostgres,
    StandbyPostgres,
    configured,
    full_disk,
    read_only_neo4j,
    read_only_postgres,
    read_only_redis,
)
from benchmarks.partner_installation import DISPATCHERS, control
from benchmarks.processes import frozen
from benchmarks.proxy import FaultProxy
from integrations.embedded.process import StartError
from integrations.embedded.redis import EmbeddedRedis

LATE: Mapping[Fault, float] = {Fault.LATE: 0.3, Fault.VERY_LATE: 3.0}
# Probability that a part of a response is cut off.
CUT = 0.3
# Responses of an HTTP partner that cannot store anything, and of one that does not want to.
PARTNER_STATUS: Mapping[Fault, dict[str, object]] = {
    Fault.DISK_FULL: {"status": 500},
    Fault.READ_ONLY: {"status": 503, "retry_after": 5},
}
CLOCKS: Mapping[Fault, float] = {Fault.CLOCK_FORWARD: CLOCK_SECONDS, Fault.CLOCK_BACK: -CLOCK_SECONDS}
# Time for which partners are away before a clock steps.
AWAY_SECONDS = 4.0
# Messages that wait in the outbox, and messages of one request.
BACKLOG = 20_000
UPLOAD = 1_000


def why_not(installation: FaultInstallation, row: Row) -> str:
    """Returns why a row cannot run here; empty if it can."""
    if row.fault is Fault.DISK_FULL and row.subject not in PARTNERS and row.subject not in installation.disks:
        return "a small file system cannot be mounted (root only)"
    if row.fault in CLOCKS and installation.clocks is None:
        return "needs --libfaketime"
    return ""


def fault_of(installation: FaultInstallation, row: Row) -> AbstractAsyncContextManager[None]:
    """Returns the fault of a row, which lasts as long as its block and for the row's duration at least."""
    match row.subject, row.fault:
        case _, Fault.LATE | Fault.VERY_LATE:
            return _late(installation.proxies[row.subject], LATE[row.fault])
        case _, Fault.CUT:
            return _cut(installation.proxies[row.subject])
        case _, Fault.REFUSING:
            return _refusing(installation.proxies[row.subject])
        case ((Subject.RECORDS | Subject.PRODUCT), (Fault.CLOCK_FORWARD | Fault.CLOCK_BACK)):
            return _stepped_clock(installation, row)
        case Subject.PRODUCT, Fault.FULL_OUTBOX:
            return _full_outbox(installation)
        case ((Subject.WORLDTRACER | Subject.TWILIO | Subject.SENDGRID), _):
            return _partner_fault(installation, row)
        case _, _:
            return _store_fault(installation, row)


@asynccontextmanager
async def _late(proxy: FaultProxy, seconds: float) -> AsyncIterator[None]:
    proxy.delay = seconds
    try:
        yield
    finally:
        proxy.delay = 0.0


@asynccontextmanager
async def _cut(proxy: FaultProxy) -> AsyncIterator[None]:
    proxy.cut = CUT
    try:
        yield
    finally:
        proxy.cut = 0.0


@asynccontextmanager
async def _refusing(proxy: FaultProxy) -> AsyncIterator[None]:
    await proxy.close()
    try:
        yield
    finally:
        await proxy.open()


def _partner_fault(installation: FaultInstallation, row: Row) -> AbstractAsyncContextManager[None]:
    match row.fault:
        case Fault.KILLED:
            return _killed_partner(installation, row.subject)
        case Fault.FROZEN:
            return _frozen(installation, row.subject)
        case _:
            return _failing_partner(installation, row)


@asynccontextmanager
async def _killed_partner(installation: FaultInstallation, subject: Subject) -> AsyncIterator[None]:
    program = installation.product.programs[subject]
    assert program.pid is not None
    os.kill(program.pid, signal.SIGKILL)
    await program.wait()
    try:
        yield
    finally:
        await program.start(lambda _: None)


@asynccontextmanager
async def _frozen(installation: FaultInstallation, *names: str) -> AsyncIterator[None]:
    pids = [installation.product.programs[name].pid for name in names]
    with ExitStack() as stack:
        for pid in pids:
            assert pid is not None
            stack.enter_context(frozen(pid))
        yield


@asynccontextmanager
async def _failing_partner(installation: FaultInstallation, row: Row) -> AsyncIterator[None]:
    mock = installation.product.mocks[row.subject]
    async with httpx.AsyncClient(trust_env=False) as client:
        fault = {"kind": "status", "times": None, "method": "POST", **PARTNER_STATUS[row.fault]}
        await control(client, mock, "faults", fault)
        try:
            yield
        finally:
            (await client.delete(f"{mock}/_mock/faults")).raise_for_status()


def _store_fault(installation: FaultInstallation, row: Row) -> AbstractAsyncContextManager[None]:
    store = installation.stores[row.subject]
    match row.fault, store:
        case Fault.KILLED, _:
            return _killed_store(installation, row.subject)
        case Fault.FROZEN, _:
            return _frozen_store(installation, row.subject)
        case Fault.DISK_FULL, _:
            return _store_without_disk(installation, row.subject)
        case Fault.READ_ONLY, FaultyNeo4j():
            return read_only_neo4j(store)
        case Fault.READ_ONLY, FaultyPostgres():
            return read_only_postgres(store)
        case Fault.READ_ONLY, EmbeddedRedis():
            return read_only_redis(store)
        case Fault.FAILOVER, FaultyPostgres():
            return _postgres_failover(installation, store)
        case Fault.FAILOVER, EmbeddedRedis():
            return _redis_failover(installation, store)
    raise StartError(f"{row.name} is not a fault of this installation.")


@asynccontextmanager
async def _killed_store(installation: FaultInstallation, subject: Subject) -> AsyncIterator[None]:
    await installation.stores[subject].kill()
    try:
        yield
    finally:
        await installation.stores[subject].start()


@asynccontextmanager
async def _frozen_store(installation: FaultInstallation, subject: Subject) -> AsyncIterator[None]:
    pid = installation.stores[subject].pid
    assert pid is not None
    with frozen(pid):
        yield


@asynccontextmanager
async def _store_without_disk(installation: FaultInstallation, subject: Subject) -> AsyncIterator[None]:
    """A store that gives up without disk is started again afterwards, as its supervisor would."""
    store = installation.stores[subject]
    with full_disk(installation.disks[subject]):
        yield
    if subject is Subject.GRAPH or not store.alive():
        # A database of Neo4j that could not write stays stopped until the server restarts.
        await store.kill()
        await store.start()


@asynccontextmanager
async def _postgres_failover(installation: FaultInstallation, primary: FaultyPostgres) -> AsyncIterator[None]:
    """The primary is killed, and the address then leads to its promoted standby."""
    proxy = installation.proxies[Subject.RECORDS]
    standby = StandbyPostgres(primary.folder.with_name("standby"), primary)
    await standby.start()
    async with configured(primary, SYNCHRONOUS_SETTING):
        await asyncio.sleep(1.0)
        await primary.kill()
        yield
    installation.stores[Subject.RECORDS] = standby
    await standby.promote()
    proxy.target = standby.port
    await proxy.reset()


@asynccontextmanager
async def _redis_failover(installation: FaultInstallation, primary: EmbeddedRedis) -> AsyncIterator[None]:
    """The server is killed, and the address then leads to an empty one."""
    proxy = installation.proxies[Subject.CACHE]
    await primary.kill()
    yield
    other = EmptyRedis(primary.folder.with_name("other"), primary)
    await other.start()
    installation.stores[Subject.CACHE] = other
    proxy.target = other.port
    await proxy.reset()


@asynccontextmanager
async def _stepped_clock(installation: FaultInstallation, row: Row) -> AsyncIterator[None]:
    """The clock of PostgreSQL, or of all processes of the product, steps, and goes on from there.

    Partners are away before, so that effects wait for their next attempt while the clock steps.
    """
    assert installation.clocks is not None
    async with AsyncExitStack() as stack:
        for partner in PARTNERS:
            await stack.enter_async_context(_refusing(installation.proxies[partner]))
        await asyncio.sleep(AWAY_SECONDS)
        installation.clocks.step(row.subject, CLOCKS[row.fault])
        yield


@asynccontextmanager
async def _full_outbox(installation: FaultInstallation) -> AsyncIterator[None]:
    """No worker runs for longer than the leases of its lanes last, while 20,000 messages arrive."""
    async with _frozen(installation, "projector", *DISPATCHERS):
        await _upload_backlog(installation)
        yield


async def _upload_backlog(installation: FaultInstallation) -> None:
    headers = {
        **headers_of(installation.token),
        "Content-Type": "text/plain",
        "X-Received-At": "2025-07-01T17:00:00Z",
    }
    async with Client(installation.port, CLIENT_SECONDS) as client:
        for _ in range(BACKLOG // UPLOAD):
            text = "".join(
                f"BPM\n.V/1LPTY\n.J/S//BULK/01JUL/1600Z/SORTER1/\n.N/{next(installation.tags)}001\nENDBPM\n"
                for _ in range(UPLOAD)
            )
            verdict = judge_ingestion(await client.send(post_bytes("/ingest/typeb", text.encode(), headers)), UPLOAD)
            if not verdict.complete:
                raise StartError(f"The backlog could not be uploaded: {verdict.wrong or verdict.codes}")
