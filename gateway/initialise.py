"""Initialisation of an installation: steps 2 to 5 of a deployment; each is repeatable."""

from functools import partial
from time import monotonic

import migrations.run
import seeds
from gateway.config import Settings
from gateway.console import REPORT_SECONDS, step
from gateway.deploy.steps import DeploymentStep, Finding, StepRunner
from gateway.errors import CommandError
from gateway.lifespan import installation, now, open_stores
from gateway.partners import open_partners
from gateway.world_airports import outdated_airports, update_airports
from integrations.deadline import deadline
from integrations.errors import OutsideError
from integrations.progress import Progress, ProgressTimer
from integrations.records.outbox import Consumer
from integrations.stores import routes
from integrations.stores.neo4j import journeys
from integrations.stores.postgres import airports, outbox, seedings
from resolvers import health
from resolvers.actor import Actor, Role
from resolvers.context import Context
from resolvers.installation import Stores
from resolvers.workers.projector import Projector

# Longest wait for an unavailable graph.
GRAPH_WAIT_SECONDS = 60.0
PARTNER_SECONDS = 5.0
STORES = ("database", "graph", "cache")
STEPS = ("migrate", "initialise", "seed", "health")


async def initialise(settings: Settings, progress: Progress) -> None:
    """Runs all steps in order.

    Raises:
        CommandError: a step failed. The steps before it are complete.
    """
    async with open_stores(settings) as stores:
        steps = initialisation_steps(settings, stores, progress)
        await StepRunner(progress, STEPS).run(*steps)


def initialisation_steps(settings: Settings, stores: Stores, progress: Progress) -> list[DeploymentStep]:
    """Returns the steps from the migration to the check of all stores."""

    return [
        DeploymentStep(
            "migrate",
            "apply the missing migrations",
            partial(_migrate, stores, progress),
            partial(_find_migrations, stores),
        ),
        DeploymentStep(
            "initialise",
            "load the graph's schema and the world's airports, and warm the caches",
            partial(_prepare, settings, stores, progress),
            partial(_find_prepared, settings, stores),
        ),
        DeploymentStep(
            "seed",
            "write the airline's reference data, and project it into the graph",
            partial(seed, settings, stores, progress),
            partial(_find_seeded, settings, stores),
        ),
        DeploymentStep("health", "check all stores and partners", partial(_check_health, settings, stores)),
    ]


async def _migrate(stores: Stores, progress: Progress) -> str:
    applied = await migrations.run.migrate(stores.postgres, progress)
    return f"{len(applied)} migrations applied"


async def _find_migrations(stores: Stores) -> Finding:
    pending = await migrations.run.pending_migrations(stores.postgres)
    return Finding(not pending, f"apply {', '.join(pending)}" if pending else "every migration is applied")


async def _prepare(settings: Settings, stores: Stores, progress: Progress) -> str:
    async with step(progress, "loading the world's airports"):
        airports_summary = await update_airports(stores.postgres)
    progress(airports_summary)
    async with step(progress, "loading the graph schema"):
        await migrations.run.load_graph_schema(stores.neo4j)
    async with step(progress, "planning graph statements"):
        await journeys.warm_plan_cache(stores.neo4j, settings.copa_airline_id)
    entries = await warm_cache(stores, progress)
    return f"the graph's schema is loaded, the route cache has {entries} entries"


async def _find_prepared(settings: Settings, stores: Stores) -> Finding:
    pending = []
    if missing := await migrations.run.missing_graph_schema(stores.neo4j):
        pending.append(f"create {', '.join(missing)} in the graph")
    if outdated := await outdated_airports(stores.postgres):
        pending.append(f"add or update {outdated:,} airports")
    if await _is_cache_cold(settings, stores):
        pending.append("warm the route cache")
    return Finding(not pending, "; ".join(pending) or "the graph's schema, the airports and the route cache are there")


async def _is_cache_cold(settings: Settings, stores: Stores) -> bool:
    """Returns whether the network has stations and the cache has no route between any of them and the hub."""
    airline_id = settings.copa_airline_id
    hub = await airports.hub(stores.postgres, airline_id)
    served = await airports.served(stores.postgres, airline_id)
    pairs = [(hub, airport.iata) for airport in served if hub and airport.iata != hub]
    return bool(pairs) and not await routes.read_cache(stores.redis, airline_id, pairs, now())


async def _require_airline(settings: Settings, stores: Stores) -> None:
    if await airports.hub(stores.postgres, settings.copa_airline_id) is None:
        raise CommandError(f"COPA_AIRLINE_ID: the database has no airline {settings.copa_airline_id}.")


async def _find_seeded(settings: Settings, stores: Stores) -> Finding:
    await _require_airline(settings, stores)
    seeding = await seedings.find(stores.postgres, settings.copa_airline_id)
    if seeding is None or seeding.finished_at is None:
        return Finding(
            False, f"write the network and {settings.seed_bags:,} bags of airline {settings.copa_airline_id}"
        )
    pending, *_ = await outbox.lag(stores.postgres, Consumer.GRAPH)
    if pending:
        return Finding(False, f"project {pending:,} pending changes into the graph")
    return Finding(True, f"seeded on {seeding.finished_at:%Y-%m-%d %H:%M} UTC, and the graph has all of it")


async def _check_health(settings: Settings, stores: Stores) -> str:
    found = await health.check(stores, now, installation(settings), STORES)
    if failed := [one for one in found.services if not one.healthy]:
        reasons = "; ".join(f"{one.name}: {one.details.get('error', 'does not respond')}" for one in failed)
        raise CommandError(f"{reasons}. Start it, then run this again.")
    times = ", ".join(f"{one.name} {one.latency_ms:.1f} ms" for one in found.services)
    return f"{found.status}, {times}; {await verify_partners(settings)}"


async def warm_cache(stores: Stores, progress: Progress) -> int:
    """Fills the route cache from the graph; returns the number of entries."""
    async with step(progress, "warming the route cache"):
        return await stores.redis.warm_cache_for_copa()


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


async def seed(settings: Settings, stores: Stores, progress: Progress) -> str:
    """Seeds the records, projects them into the graph, warms the cache from it, and returns a summary.

    Raises:
        CommandError: the airline is not in the database.
    """
    await _require_airline(settings, stores)
    report = await seeds.seed(
        operator(settings, stores),
        bags=settings.seed_bags,
        exceptions=settings.seed_exceptions,
        now=now(),
        progress=progress,
    )
    if await project_pending(stores, progress):
        await warm_cache(stores, progress)
    return (
        f"{report.bags} bags ({report.exceptions} with exceptions) on {report.flights} flights "
        f"and {sum(report.pirs.values())} PIRs, as of {report.anchored_at:%Y-%m-%dT%H:%MZ}"
    )


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
