"""Bringing an installation up, step by step; each step may be repeated."""

from time import monotonic

import migrations.run
import seeds
from gateway.config import Settings
from gateway.console import Say, step
from gateway.errors import CommandError
from gateway.lifespan import installation, now, open_stores
from gateway.partners import open_partners
from integrations.deadline import deadline
from integrations.errors import OutsideError
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

# How long a graph that does not answer is waited for.
PATIENCE_SECONDS = 60.0
PARTNER_SECONDS = 5.0
STORES = ("database", "graph", "cache")


class InitialisationError(CommandError):
    """A step failed; the message names it and says what to do."""


async def initialise(settings: Settings, say: Say) -> None:
    """The steps of the production guide, in order: connect, migrate, graph schema, cache, partners, seed, health.

    Raises:
        InitialisationError: a step could not be done. Those before it stay done.
    """
    async with open_stores(settings) as stores:
        try:
            await _initialise(settings, stores, say)
        except (AlreadyInUse, MigrationError) as error:
            raise InitialisationError(str(error)) from error
        except OutsideError as error:
            raise InitialisationError(f"{error}: bring it up, then run this again.") from error


async def _initialise(settings: Settings, stores: Stores, say: Say) -> None:
    async with step(say, "connecting to PostgreSQL, Neo4j and Redis"):
        found = await health.check(stores, now, installation(settings), STORES)
    if unhealthy := [service.name for service in found.services if not service.healthy]:
        raise InitialisationError(f"Not reachable: {', '.join(unhealthy)}. Run python -m gateway verify to see why.")
    applied = await migrations.run.migrate(stores.postgres, say)
    say(f"migrations: {', '.join(applied) if applied else 'up to date'}")
    async with step(say, "loading the graph schema"):
        await migrations.run.load_graph_schema(stores.neo4j)
    async with step(say, "planning graph statements"):
        await journeys.warm_plan_cache(stores.neo4j, settings.copa_airline_id)
    await warm_cache(stores, say)
    async with step(say, "checking the partners"):
        partners = await verify_partners(settings)
    say(partners)
    await seed(settings, stores, say)
    found = await health.check(stores, now, installation(settings), STORES)
    say(f"health: {found.status}")
    if found.status is not HealthStatus.HEALTHY:
        raise InitialisationError("A store became unreachable during initialisation: run this again.")


async def warm_cache(stores: Stores, say: Say) -> None:
    """Fills the route cache from the graph."""
    async with step(say, "warming the route cache"):
        entries = await stores.redis.warm_cache_for_copa()
    say(f"route cache: {entries} entries")


async def verify_partners(settings: Settings) -> str:
    """Asks each partner for a sign of life; one that is away keeps nobody from going on: effects wait for it.

    Raises:
        SettingsError: something that a used partner needs is missing.
    """
    async with open_partners(settings) as lines:
        said = []
        for service, line in lines.by_service.items():
            name = f"{service}{' (mock)' if line.port.mock else ''}"
            if not line.enabled:
                said.append(f"{name} is switched off")
                continue
            try:
                with deadline(PARTNER_SECONDS):
                    await line.port.ping()
                said.append(f"{name} answers")
            except OutsideError as error:
                said.append(f"{name} does not answer ({error.reason})")
    return f"partners: {', '.join(said)}"


async def seed(settings: Settings, stores: Stores, say: Say) -> None:
    """Seeds the records, tells the graph of it, and warms the cache with what the graph then knows."""
    report = await seeds.seed(
        operator(settings, stores),
        bags=settings.seed_bags,
        exceptions=settings.seed_exceptions,
        now=now(),
        progress=say,
    )
    say(
        f"seeds: {report.bags} bags ({report.exceptions} in trouble) on {report.flights} flights "
        f"and {sum(report.pirs.values())} files, as of {report.anchored_at:%Y-%m-%dT%H:%MZ}"
    )
    if await tell_graph(stores, say):
        await warm_cache(stores, say)


def operator(settings: Settings, stores: Stores) -> Context:
    """The context of whoever runs a command on this machine."""
    return Context(
        actor=Actor("operator", Role.SERVICE, settings.copa_airline_id),
        request_id="command",
        now=now,
        stores=stores,
        installation=installation(settings),
        signing_key=settings.secret_key.get_secret_value().encode(),
    )


async def tell_graph(stores: Stores, say: Say) -> int:
    """Tells the graph everything that waits, with progress; answers how many changes that were."""
    projector = Projector(stores.postgres, stores.neo4j, "initialise")
    began = spoke = worked = monotonic()
    told = 0
    try:
        while True:
            # A graph that has just started is slow at first; one that stays away ends this with its own error.
            patient = monotonic() < worked + PATIENCE_SECONDS
            step = await (projector.try_step() if patient else projector.step())
            if step is None:
                continue
            if step == 0:
                break
            told += step
            worked = monotonic()
            if monotonic() - spoke > 5:
                spoke = monotonic()
                waiting, *_ = await outbox.lag(stores.postgres, Consumer.GRAPH)
                say(f"graph: {told} changes told, {waiting} to go")
    finally:
        await outbox.release(stores.postgres, Consumer.GRAPH, projector.owner)
    say(f"graph: {told} changes told in {monotonic() - began:.1f} s")
    return told
