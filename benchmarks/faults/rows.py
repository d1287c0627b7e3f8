"""Runs rows of the matrix: load, fault, recovery, and the look-up of every acknowledged write."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from time import monotonic
from typing import TypeVar

import httpx
from asyncpg.exceptions import InterfaceError, PostgresError

from benchmarks.client import HOST, Client
from benchmarks.faults.actions import fault_of, why_not
from benchmarks.faults.installation import FaultInstallation
from benchmarks.faults.ledger import last_effect, look_up
from benchmarks.faults.load import CLIENT_SECONDS, FaultLoad, sources
from benchmarks.faults.matrix import SERVICES, Row, RowResult, WriteFigures, simultaneous
from integrations.embedded.process import StartError
from integrations.progress import Progress

STEADY_SECONDS = 2.0
POLL_SECONDS = 0.25
# Longest time to wait for a recovery, beyond the limit of the row.
PATIENCE_SECONDS = 60.0

# What existed when the fault ended. An email whose outcome is unknown waits for SendGrid's event, or 15 minutes for an
# agent, and later emails of its PIR wait for it.
LAST_CHANGES = """
SELECT (SELECT coalesce(max(id), 0) FROM outbox) AS message, (SELECT coalesce(max(id), 0) FROM effects) AS effect
"""
PENDING_CHANGES = """
SELECT (SELECT count(*) FROM outbox WHERE done_at IS NULL AND id <= $1) AS messages,
       (SELECT count(*) FROM effects
        WHERE state IN ('PENDING', 'SENDING', 'UNSETTLED') AND id <= $2 AND service = ANY($3::text[])
          AND NOT EXISTS (SELECT FROM effects AS unknown
                          WHERE unknown.pir_id = effects.pir_id AND unknown.service = 'EMAIL'
                            AND effects.service = 'EMAIL' AND unknown.state = 'UNSETTLED')) AS effects
"""

T = TypeVar("T")
FaultOf = Callable[[FaultInstallation, Row], AbstractAsyncContextManager[None]]

# Failures of a look at the stores while they are away.
LOOK_ERRORS = (OSError, PostgresError, InterfaceError, httpx.HTTPError)


async def run_rows(installation: FaultInstallation, rows: Sequence[Row], progress: Progress) -> list[RowResult]:
    """Runs rows one group after the other."""
    results: list[RowResult] = []
    for group in simultaneous(rows):
        reasons = {row: why_not(installation, row) for row in group}
        results += [RowResult(row, skipped=reason) for row, reason in reasons.items() if reason]
        if runnable := [row for row, reason in reasons.items() if not reason]:
            progress(" and ".join(row.name for row in runnable))
            results += (found := await run_group(installation, runnable))
            for one in found:
                progress(f"{one.row.name}: recovered after {one.recovered or 0:.1f} s; {one.faults() or 'as expected'}")
    return results


async def run_group(installation: FaultInstallation, rows: Sequence[Row], fault: FaultOf = fault_of) -> list[RowResult]:
    """Runs faults at the same time, under one load.

    Args:
        fault: returns the fault of a row.

    Raises:
        StartError: the product is not well before, so that the row would say nothing.
    """
    await until_well(installation, list(SERVICES.values()), rows[0].recovery_seconds + PATIENCE_SECONDS)
    first_effect = await last_effect(installation.product)
    async with Client(installation.port, CLIENT_SECONDS) as client:
        load = FaultLoad(client, installation.token, installation.reads, installation.bags, installation.tags)
        recovered: Mapping[Row, float | None]
        async with running(load):
            await asyncio.sleep(STEADY_SECONDS)
            async with AsyncExitStack() as stack:
                for row in rows:
                    await stack.enter_async_context(fault(installation, row))
                await asyncio.sleep(rows[0].seconds)
            recovered = await recoveries(installation, rows)
            await asyncio.sleep(STEADY_SECONDS)
        written = await settled(installation, load, first_effect)
    return [RowResult(row, load.figures, written, recovered[row]) for row in rows]


@asynccontextmanager
async def running(load: FaultLoad, rate: float | None = None) -> AsyncIterator[None]:
    """Runs a load beside the block; the rate is that of `FaultLoad.run`."""
    task = asyncio.create_task(load.run(rate))
    try:
        yield
    finally:
        load.stop()
        await task


async def recoveries(installation: FaultInstallation, rows: Sequence[Row]) -> dict[Row, float | None]:
    """Seconds from now to full service for each row; None where that takes too long."""

    async def of_row(row: Row) -> float | None:
        services = [SERVICES[row.subject]] if row.subject in SERVICES else list(SERVICES.values())
        with suppress(StartError):
            return await until_well(installation, services, row.recovery_seconds + PATIENCE_SECONDS)
        return None

    found = await asyncio.gather(*(of_row(row) for row in rows))
    return dict(zip(rows, found, strict=True))


async def settled(installation: FaultInstallation, load: FaultLoad, first_effect: int) -> WriteFigures:
    """Looks up the writes of a load once nothing of them is pending."""
    with suppress(StartError):  # what is still pending then counts as lost
        await until_well(installation, list(SERVICES.values()), PATIENCE_SECONDS * 4)
    return await look_up(load.ledger, installation.product, installation.graph, first_effect)


async def until_well(installation: FaultInstallation, services: Sequence[str], seconds: float) -> float:
    """Waits until the product says that it is well, reads from each store, and has done what was pending at first.

    Args:
        services: services whose effects are awaited.
        seconds: longest wait.

    Returns:
        Seconds that it took.

    Raises:
        StartError: it takes longer.
    """
    started = monotonic()
    last = await _until(lambda: _last_changes(installation), seconds)
    await _until(lambda: _has_done(installation, *last, services), seconds - (monotonic() - started))
    await _until(lambda: _serves(installation), seconds - (monotonic() - started))
    return monotonic() - started


async def _until(look: Callable[[], Awaitable[T | None]], seconds: float) -> T:
    deadline = monotonic() + seconds
    while True:
        with suppress(*LOOK_ERRORS):
            if (found := await look()) is not None:
                return found
        if monotonic() > deadline:
            raise StartError("The product is not well in time.")
        await asyncio.sleep(POLL_SECONDS)


async def _last_changes(installation: FaultInstallation) -> tuple[int, int] | None:
    (row,) = await installation.product.rows(LAST_CHANGES)
    return row["message"], row["effect"]


async def _has_done(installation: FaultInstallation, message: int, effect: int, services: Sequence[str]) -> bool | None:
    (row,) = await installation.product.rows(PENDING_CHANGES, message, effect, list(services))
    return None if row["messages"] or row["effects"] else True


async def _serves(installation: FaultInstallation) -> bool | None:
    """True if health is good, and a journey comes from the graph and routes from the cache."""
    async with httpx.AsyncClient(trust_env=False, timeout=5.0) as http:
        health = await http.get(f"http://{HOST}:{installation.port}/health")
    if health.status_code != 200 or health.json()["status"] != "healthy":
        return None
    async with Client(installation.port) as client:
        return True if await sources(client, installation.token, installation.tag) == ("GRAPH", "CACHE") else None
