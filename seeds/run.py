"""Fills the records: network, flights, reservations, and bags that come about by messages, as all bags do."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from time import monotonic

from integrations.messages.formats import pieces_of
from integrations.records.pirs import PirStatus
from integrations.records.seedings import Seeding
from integrations.stores.postgres import bags, bookings, flights, network, passengers, pirs, seedings
from integrations.stores.postgres.manager import PostgresManager, Reader
from integrations.stores.postgres.pirs import NewPirBag
from resolvers.context import Context
from resolvers.ingestion import events, pipeline
from resolvers.ingestion.pipeline import IntakeChannel
from resolvers.irregularities import matches
from resolvers.publish import ChangeSet, publish
from seeds.bag_factory import MOST_BAGS, MOST_EXCEPTIONS, Cast, GuideBag, Rows, tag
from seeds.network import Network, read_network
from seeds.operations import DatedFlight, Operations, fly
from seeds.type_b import Telegram

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
class SeedReport:
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
) -> SeedReport:
    """Fills an empty database with a demo around ``now``; the same seed and clock give the same rows but for bags' ids.

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
    if schedule:
        await seedings.reserve_ids(records, len(schedule), seeding.bags, seeding.exceptions)
        await flights.insert(records, seeding.airline_id, now, [flight.known_at(now) for flight in schedule])
    new_flights = [flight.id for flight in schedule]
    await publish(records, seeding.airline_id, ChangeSet(network=True, new_flights=new_flights))


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
        if not await _is_written(context, ids):
            await _write(context, await asyncio.to_thread(cast.rows, ids), now)
        if progress.add(len(ids)):
            await seedings.analyze(context.stores.postgres)


async def _is_written(context: Context, ids: range) -> bool:
    """Descriptions are written last, together with the files."""
    tags = [tag(bag_id) for bag_id in ids]
    return await seedings.count_described(context.stores.postgres, context.airline_id, tags) == len(tags)


async def _write(context: Context, rows: Rows, now: datetime) -> None:
    """Each step may be repeated: what is there stays as it is, and messages and scans are known again."""
    async with context.stores.postgres.transaction() as records:
        await bookings.insert(records, context.airline_id, rows.bookings)
        await passengers.insert(records, context.airline_id, rows.passengers)
    for received_at, texts in _received(rows.messages, now):
        await pipeline.ingest(context, pieces_of("".join(texts).encode()), received_at, IntakeChannel.SEED)
    if rows.scans:
        await events.record(context, rows.scans, now)
    async with context.stores.postgres.transaction() as records:
        await _describe(records, context.airline_id, rows)


def _received(parties: Iterable[Sequence[Telegram]], now: datetime) -> Iterator[tuple[datetime, list[str]]]:
    """Messages of parties as they are brought: what is said of a party within a day at once, at the end of that day.

    Their dates have no year, so that they are understood only near the time they were sent. Not more at once than
    ``messages.BATCH``, and never a part of what is said within a day: then a bag moves once, and not once for each.
    """
    brought: dict[datetime, list[list[str]]] = {}
    for party in parties:
        for together in _within_days(sorted(party, key=lambda telegram: telegram.at)):
            midnight = datetime.combine(together[-1].at.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
            brought.setdefault(min(midnight, now), []).append([telegram.text for telegram in together])
    for received_at in sorted(brought):
        waiting: list[str] = []
        for texts in brought[received_at]:
            if len(waiting) + len(texts) > pipeline.BATCH:
                yield received_at, waiting
                waiting = []
            waiting += texts
        yield received_at, waiting


def _within_days(sent: Sequence[Telegram]) -> Iterator[list[Telegram]]:
    """Messages in order of time, in parts of a day from their first."""
    part = [sent[0]]
    for telegram in sent[1:]:
        if telegram.at - part[0].at > timedelta(days=1):
            yield part
            part = []
        part.append(telegram)
    yield part


async def _describe(records: Reader, airline_id: int, rows: Rows) -> None:
    """What messages do not say of bags that they made known, and files about them."""
    tags = [looks.tag for looks in rows.looks]
    found = await bags.tagged_at(records, airline_id, tags, [looks.seen_at for looks in rows.looks])
    await seedings.describe(
        records, airline_id, {found[place]: looks.description for place, looks in enumerate(rows.looks)}
    )
    if rows.pirs:
        ids = {tags[place]: bag_id for place, bag_id in found.items()}
        reported = [
            NewPirBag(one.pir_id, 1, ids[one.tag], one.description, one.brand, one.contents, one.state, one.tag)
            for one in rows.pir_bags
        ]
        await pirs.insert(records, airline_id, rows.pirs)
        await pirs.insert_bags(records, airline_id, reported)
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
) -> SeedReport:
    records: PostgresManager = context.stores.postgres
    return SeedReport(
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
