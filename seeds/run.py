"""Fills the records: network, flights, and bags whose scans go the way that all scans go."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from integrations.records.outbox import GRAPH, Subject
from integrations.records.pirs import PirStatus
from integrations.records.seedings import Seeding
from integrations.stores import bags, bookings, flights, network, outbox, passengers, pirs, seedings
from integrations.stores.postgres import PostgresManager, Reader
from resolvers import matches, scans
from resolvers.context import Context
from seeds.cast import MOST_BAGS, MOST_EXCEPTIONS, Cast, GuideBag, Rows
from seeds.network import Network, read_network
from seeds.operations import DatedFlight, Operations, fly

Say = Callable[[str], None]

# A multiple of eight, so that those who travel together are written together.
BATCH = 400
# One makes the next bags while PostgreSQL works for the others.
WORKERS = 3
# Statistics are taken anew each time the tables have grown so many times over.
GROWTH = 4
SAY_SECONDS = 2.0


class AlreadyInUse(Exception):
    """The database holds records that no seeding made: seeds are for an empty one."""


@dataclass(frozen=True, slots=True)
class Report:
    """What there is after a seeding.

    Args:
        seed: what chance began with.
        anchored_at: the moment that the stories are told up to.
        fresh: whether this run made it, or found it.
        states: how many bags stand in each state.
        pirs: how many files stand in each status.
        guide: the bags that the guide to the demo tells of.
        seconds: what it took.
    """

    seed: int
    anchored_at: datetime
    fresh: bool
    bags: int
    exceptions: int
    flights: int
    states: dict[str, int]
    pirs: dict[str, int]
    guide: list[GuideBag]
    seconds: float

    @property
    def summary(self) -> str:
        """In a sentence."""
        verb = "seeded" if self.fresh else "found"
        trouble = f"{self.exceptions:,} exceptions, {self.pirs.get(PirStatus.OPEN, 0):,} open files"
        return (
            f"{verb} {self.bags:,} bags ({trouble}) on {self.flights:,} flights "
            f"around {self.anchored_at:%Y-%m-%d %H:%M} UTC with seed {self.seed} in {self.seconds:.1f} s"
        )


async def seed(
    context: Context, *, bags: int = 50, exceptions: int = 10, seed: int = 230, now: datetime | None = None, say: Say
) -> Report:
    """Fills an empty database with a demo around ``now``; the same seed and clock give the same rows.

    Safe to repeat: seed and clock of the first run stay, and later runs change nothing, whatever they ask for. A run
    that was interrupted is continued by the next one. Works in batches, in bounded memory.

    Args:
        context: whose airline, and the stores; what happens is recorded in its actor's name.
        bags: up to 1,000,000; 0 for the network alone, without the invented flights.
        exceptions: how many of the bags get into trouble.
        seed: what chance begins with.
        now: the moment that the stories are told up to, with a zone; rounded down to the minute. The context's if
            absent.
        say: takes a line for the person at the console.

    Raises:
        ValueError: numbers out of range.
        AlreadyInUse: there are records that no seeding made.
        OutsideError: PostgreSQL does not answer or refuses; the next run continues.
    """
    if not 0 <= exceptions <= min(bags, MOST_EXCEPTIONS) or bags > MOST_BAGS:
        raise ValueError(f"up to {MOST_BAGS} bags, and no more exceptions among them than bags or {MOST_EXCEPTIONS}")
    began = monotonic()
    anchor = (now or context.now()).astimezone(UTC).replace(second=0, microsecond=0)
    world = read_network()
    seeding = await _begin(context, world, seed, anchor, bags, exceptions, say)
    schedule = _schedule(world, seeding)
    cast = Cast(world, Operations(schedule, seeding.anchored_at), seeding.seed, seeding.bags, seeding.exceptions)
    if seeding.finished_at is None:
        await _write_bags(context, cast, seeding.anchored_at, say)
        await seedings.finish(context.stores.postgres, context.airline_id)
    return await _report(context, seeding, schedule, cast, monotonic() - began)


def _schedule(world: Network, seeding: Seeding) -> list[DatedFlight]:
    return fly(world, seeding.seed, seeding.anchored_at) if seeding.bags else []


async def _begin(
    context: Context, world: Network, seed: int, now: datetime, bags: int, exceptions: int, say: Say
) -> Seeding:
    """Notes what is seeded and writes network and flights, all or nothing; or finds what an earlier run noted."""
    airline_id = context.airline_id
    async with context.stores.postgres.transaction() as records:
        seeding = await seedings.start(records, airline_id, seed, now, bags, exceptions)
        if seeding is not None:
            if bags and await seedings.ids_are_taken(records):
                raise AlreadyInUse("There are flights or bags that no seeding made: seeds need an empty database.")
            await _write_world(records, world, seeding)
            say(f"the network is there: {len(world.airports)} airports, {len(world.routes)} routes")
            return seeding
    found = await seedings.find(context.stores.postgres, airline_id)
    assert found is not None
    done = "kept as it is" if found.finished_at else "continued"
    say(f"seeded before with seed {found.seed} as of {found.anchored_at:%Y-%m-%d %H:%M} UTC: {done}")
    return found


async def _write_world(records: Reader, world: Network, seeding: Seeding) -> None:
    now, schedule = seeding.anchored_at, _schedule(world, seeding)
    await network.write_airports(records, world.airports)
    await network.write_routes(records, seeding.airline_id, world.routes)
    await outbox.tell(records, seeding.airline_id, GRAPH, Subject.NETWORK, seeding.airline_id)
    if schedule:
        await seedings.reserve_ids(records, len(schedule), seeding.bags, seeding.exceptions)
        await flights.insert(records, seeding.airline_id, GRAPH, now, [flight.known_at(now) for flight in schedule])
    await outbox.wake(records, GRAPH)


async def _write_bags(context: Context, cast: Cast, now: datetime, say: Say) -> None:
    progress = _Progress(cast.bags, say)
    batches = (range(first, min(first + BATCH, cast.bags + 1)) for first in range(1, cast.bags + 1, BATCH))
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(_work(context, cast, now, batches, progress))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def _work(context: Context, cast: Cast, now: datetime, batches: Iterator[range], progress: "_Progress") -> None:
    for ids in batches:
        if await bags.count_moved(context.stores.postgres, context.airline_id, ids[0], ids[-1]) < len(ids):
            rows = cast.rows(ids)
            async with context.stores.postgres.transaction() as records:
                await _write(records, context.airline_id, rows)
            await scans.record(context, rows.scans, now)
        if progress.add(len(ids)):
            await seedings.analyze(context.stores.postgres)


async def _write(records: Reader, airline_id: int, rows: Rows) -> None:
    """What is known of bags before anything has happened to them."""
    await bookings.insert(records, airline_id, rows.bookings)
    await passengers.insert(records, airline_id, rows.passengers)
    await bags.insert(records, airline_id, rows.bags)
    await bags.insert_tags(records, airline_id, rows.tags)
    await flights.insert_legs(records, airline_id, rows.legs)
    if rows.pirs:
        await pirs.insert(records, airline_id, rows.pirs)
        await pirs.insert_bags(records, airline_id, rows.pir_bags)
        await matches.index(records, airline_id, [pir.id for pir in rows.pirs])


class _Progress:
    """Says how far it has come, how fast, and for how long still."""

    def __init__(self, total: int, say: Say) -> None:
        self._total = total
        self._say = say
        self._began = self._said = monotonic()
        self._done = 0
        self._analyzed = 0

    def add(self, bags: int) -> bool:
        """Counts bags; answers whether the tables have grown enough for new statistics."""
        self._done += bags
        now = monotonic()
        if now - self._said >= SAY_SECONDS or self._done == self._total:
            self._said = now
            rate = self._done / (now - self._began)
            left = (self._total - self._done) / rate
            self._say(f"{self._done:,} of {self._total:,} bags, {rate:,.0f}/s, {left:,.0f} s left")
        grown = self._done >= GROWTH * self._analyzed or self._done == self._total
        if grown:
            self._analyzed = self._done
        return grown


async def _report(
    context: Context, seeding: Seeding, schedule: list[DatedFlight], cast: Cast, seconds: float
) -> Report:
    records: PostgresManager = context.stores.postgres
    return Report(
        seed=seeding.seed,
        anchored_at=seeding.anchored_at,
        fresh=seeding.finished_at is None,
        bags=seeding.bags,
        exceptions=seeding.exceptions,
        flights=len(schedule),
        states=await bags.count_by_state(records, context.airline_id),
        pirs=await pirs.count_by_status(records, context.airline_id),
        guide=cast.guide(),
        seconds=seconds,
    )
