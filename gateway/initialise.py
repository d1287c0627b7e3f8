"""Initialisation of an installation, step by step; each step is repeatable."""

from time import monotonic

import migrations.run
import seeds
from gateway.config import Settings
from gateway.console import REPORT_SECONDS, step
from gateway.errors import CommandError
from gateway.lifespan import installation, now, open_stores
from gateway.partners import open_partners
from gateway.world_airports import update_airports
from integrations.deadline import deadline
from integrations.errors import OutsideError
from integrations.progress import Progress, ProgressTimer
from integrations.records.health import HealthStatus
from integrations.records.outbox import Consumer
from integrations.stores.neo4j import journeys
from integrations.stores.postgres import outbox
from migrations.run import MigrationError
from resolvers import health
from resolvers.actor import Actor, Role
from resolvers.context import Context
from resolvers.installation import Stores
from resolvers.workers.projector import Projector
from seeds import AlreadyInUse

# Longest wait for an unavailable graph.
GRAPH_WAIT_SECONDS = 60.0
PARTNER_SECONDS = 5.0
STORES = ("database", "graph", "cache")


class InitialisationError(CommandError):
    """A step failed; the message names it and what to do."""


async def initialise(settings: Settings, progress: Progress) -> None:
    """Runs all steps in order: connect, migrate, load airports and graph schema, warm the cache, check partners, seed.

    Raises:
        InitialisationError: a step failed. The steps before it are complete.
    """
    async with open_stores(settings) as stores:
        try:
            await _initialise(settings, stores, progress)
        except (AlreadyInUse, MigrationError) as error:
            raise InitialisationError(str(error)) from error
        except OutsideError as error:
            raise InitialisationError(f"{error}. Start it, then run this again.") from error


async def _initialise(settings: Settings, stores: Stores, progress: Progress) -> None:
    async with step(progress, "connecting to PostgreSQL, Neo4j and Redis"):
        found = await health.check(stores, now, installation(settings), STORES)
    if unhealthy := [service.name for service in found.services if not service.healthy]:
        raise InitialisationError(f"Not reachable: {', '.join(unhealthy)}. Run python -m gateway verify to see why.")
    applied = await migrations.run.migrate(stores.postgres, progress)
    progress(f"migrations: {', '.join(applied) if applied else 'up to date'}")
    async with step(progress, "loading the world's airports"):
        airports = await update_airports(stores.postgres)
    progress(airports)
    async with step(progress, "loading the graph schema"):
        await migrations.run.load_graph_schema(stores.neo4j)
    async with step(progress, "planning graph statements"):
        await journeys.warm_plan_cache(stores.neo4j, settings.copa_airline_id)
    await warm_cache(stores, progress)
    async with step(progress, "checking the partners"):
        partners = await verify_partners(settings)
    progress(partners)
    await seed(settings, stores, progress)
    found = await health.check(stores, now, installation(settings), STORES)
    progress(f"health: {found.status}")
    if found.status is not HealthStatus.HEALTHY:
        raise InitialisationError("A store became unreachable during initialisation: run this again.")


async def warm_cache(stores: Stores, progress: Progress) -> None:
    """Fills the route cache from the graph."""
    async with step(progress, "warming the route cache"):
        entries = await stores.redis.warm_cache_for_copa()
    progress(f"route cache: {entries} entries")


async def verify_partners(settings: Settings) -> str:
    """Pings each partner and returns a summary; effects wait for a partner that is unavailable.

    Raises:
        SettingsError: a setting of an enabled partner is missing.
    """
    async with open_partners(settings) as links:
        states = []
        for service, link in links.by_service.items():
            name = f"{service}{' (mock)' if link.port.mock else ''}"
            if not link.enabled:
                states.append(f"{name} is disabled")
                continue
            try:
                with deadline(PARTNER_SECONDS):
                    await link.port.ping()
                states.append(f"{name} is available")
            except OutsideError as error:
                states.append(f"{name} is unavailable ({error.reason})")
    return f"partners: {', '.join(states)}"


async def seed(settings: Settings, stores: Stores, progress: Progress) -> None:
    """Seeds the records, projects them into the graph, and warms the cache from it."""
    report = await seeds.seed(
        operator(settings, stores),
        bags=settings.seed_bags,
        exceptions=settings.seed_exceptions,
        now=now(),
        progress=progress,
    )
    progress(
        f"seeds: {report.bags} bags ({report.exceptions} with exceptions) on {report.flights} flights "
        f"and {sum(report.pirs.values())} PIRs, as of {report.anchored_at:%Y-%m-%dT%H:%MZ}"
    )
    if await project_pending(stores, progress):
        await warm_cache(stores, progress)


def operator(settings: Settings, stores: Stores) -> Context:
    """Returns the context of a command run on this machine."""
    return Context(
        actor=Actor("operator", Role.SERVICE, settings.copa_airline_id),
        request_id="command",
        now=now,
        stores=stores,
        installation=installation(settings),
        signing_key=settings.secret_key.get_secret_value().encode(),
    )


async def project_pending(stores: Stores, progress: Progress) -> int:
    """Projects all pending changes into the graph, with progress; returns the number of changes."""
    projector = Projector(stores.postgres, stores.neo4j, "initialise")
    timer = ProgressTimer(REPORT_SECONDS)
    started = progressed = monotonic()
    projected = 0
    try:
        while True:
            # A graph that has just started is slow at first; if it stays unavailable, its own error ends the loop.
            may_wait = monotonic() < progressed + GRAPH_WAIT_SECONDS
            changes = await (projector.try_step() if may_wait else projector.step())
            if changes is None:
                continue
            if changes == 0:
                break
            projected += changes
            progressed = monotonic()
            if timer.is_due():
                pending, *_ = await outbox.lag(stores.postgres, Consumer.GRAPH)
                progress(f"graph: {projected} changes projected, {pending} pending")
    finally:
        await outbox.release(stores.postgres, Consumer.GRAPH, projector.owner)
    progress(f"graph: {projected} changes projected in {monotonic() - started:.1f} s")
    return projected
