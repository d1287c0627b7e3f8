"""Fills the records: network, flights and reservations, and bags, which messages create as in production."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from time import monotonic

from integrations.messages.formats import pieces_of
from integrations.progress import Progress, ProgressTimer
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
from seeds.bag_factory import MOST_BAGS, MOST_EXCEPTIONS, BagFactory, GuideBag, SeedRows, tag
from seeds.network import Network, read_network
from seeds.operations import DatedFlight, Operations, build_flights
from seeds.type_b import SeedMessage

# A multiple of eight, so that those who travel together are written together.
BATCH = 400
# While PostgreSQL works for the others, one creates the next bags.
WORKERS = 3
# Statistics are refreshed each time the tables have grown by this factor.
GROWTH = 4
PROGRESS_SECONDS = 2.0


class AlreadyInUse(Exception):
    """The database holds records that no seeding wrote. Seeds require an empty database."""


@dataclass(frozen=True, slots=True)
class SeedReport:
    """Result of a seeding.

    Args:
        seed: seed of the random numbers.
        anchored_at: timestamp up to which the scenarios run.
        fresh: True if this run seeded the database, False if an earlier one did.
        states: number of bags by state.
        pirs: number of PIRs by status.
        guide: bags that the demo's guide describes.
        seconds: duration of this run.
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
        """One sentence."""
        verb = "seeded" if self.fresh else "found"
        exceptions = f"{self.exceptions:,} exceptions, {self.pirs.get(PirStatus.OPEN, 0):,} open PIRs"
        return (
            f"{verb} {self.bags:,} bags ({exceptions}) on {self.flights:,} flights "
            f"around {self.anchored_at:%Y-%m-%d %H:%M} UTC with seed {self.seed} in {self.seconds:.1f} s"
        )


async def seed(
    context: Context,
    *,
    bags: int = 50,
    exceptions: int = 10,
    seed: int = 230,
    now: datetime | None = None,
    progress: Progress,
) -> SeedReport:
    """Fills an empty database with a demo around ``now``. Same seed and clock give the same rows except ids of bags.

    Safe to repeat: seed and clock of the first run are kept, and later runs change nothing, with any arguments.
    The next run continues an interrupted one. Works in batches, in bounded memory.

    Args:
        context: the airline, and the stores; its actor is recorded as the author.
        bags: number of bags, up to 1,000,000; 0 for the network alone, without flights.
        exceptions: number of bags among them with an exception.
        seed: seed of the random numbers.
        now: timestamp up to which the scenarios run, with a zone, rounded down to the minute; the context's if absent.
        progress: receives one line of text for each step.

    Raises:
        ValueError: a number is out of range.
        AlreadyInUse: the database has records that no seeding wrote.
        OutsideError: PostgreSQL does not respond or rejects a statement; the next run continues.
    """
    if not 0 <= exceptions <= min(bags, MOST_EXCEPTIONS) or bags > MOST_BAGS:
        raise ValueError(f"bags must be 0 to {MOST_BAGS}, exceptions 0 to bags and at most {MOST_EXCEPTIONS}")
    started_at = monotonic()
    anchor = (now or context.now()).astimezone(UTC).replace(second=0, microsecond=0)
    route_network = read_network()
    seeding = await _begin(context, route_network, seed, anchor, bags, exceptions, progress)
    schedule = _schedule(route_network, seeding)
    operations = Operations(schedule, seeding.anchored_at)
    factory = BagFactory(route_network, operations, seeding.seed, seeding.bags, seeding.exceptions)
    if seeding.finished_at is None:
        await _write_bags(context, factory, seeding.anchored_at, progress)
        await seedings.finish(context.stores.postgres, context.airline_id)
    return await _report(context, seeding, schedule, factory, monotonic() - started_at)


def _schedule(route_network: Network, seeding: Seeding) -> list[DatedFlight]:
    return build_flights(route_network, seeding.seed, seeding.anchored_at) if seeding.bags else []


async def _begin(
    context: Context, route_network: Network, seed: int, now: datetime, bags: int, exceptions: int, progress: Progress
) -> Seeding:
    """Records the seeding and writes network and flights in one transaction, or returns an earlier seeding."""
    airline_id = context.airline_id
    async with context.stores.postgres.transaction() as records:
        seeding = await seedings.start(records, airline_id, seed, now, bags, exceptions)
        if seeding is not None:
            if bags and await seedings.ids_are_taken(records):
                raise AlreadyInUse(
                    "The database has flights or bags that no seeding wrote. Seeds require an empty one."
                )
            await _write_network(records, route_network, seeding)
            progress(f"network written: {len(route_network.airports)} airports, {len(route_network.routes)} routes")
            return seeding
    found = await seedings.find(context.stores.postgres, airline_id)
    assert found is not None
    done = "kept" if found.finished_at else "continued"
    progress(f"seeded before with seed {found.seed} as of {found.anchored_at:%Y-%m-%d %H:%M} UTC: {done}")
    return found


async def _write_network(records: Reader, route_network: Network, seeding: Seeding) -> None:
    now, schedule = seeding.anchored_at, _schedule(route_network, seeding)
    await network.write_airports(records, route_network.airports)
    await network.write_routes(records, seeding.airline_id, route_network.routes)
    if schedule:
        await seedings.reserve_ids(records, len(schedule), seeding.bags, seeding.exceptions)
        await flights.insert(records, seeding.airline_id, now, [flight.known_at(now) for flight in schedule])
    new_flights = [flight.id for flight in schedule]
    await publish(records, seeding.airline_id, ChangeSet(network=True, new_flights=new_flights))


async def _write_bags(context: Context, factory: BagFactory, now: datetime, progress: Progress) -> None:
    counter = _BagProgress(factory.bags, progress)
    batches = (range(first, min(first + BATCH, factory.bags + 1)) for first in range(1, factory.bags + 1, BATCH))
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(_work(context, factory, now, batches, counter))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def _work(
    context: Context, factory: BagFactory, now: datetime, batches: Iterator[range], counter: "_BagProgress"
) -> None:
    for ids in batches:
        if not await _is_written(context, ids):
            await _write(context, await asyncio.to_thread(factory.rows, ids), now)
        if counter.add(len(ids)):
            await seedings.analyze(context.stores.postgres)


async def _is_written(context: Context, ids: range) -> bool:
    """Whether these bags are complete. Descriptions are written last, together with the PIRs."""
    tags = [tag(bag_id) for bag_id in ids]
    return await seedings.count_described(context.stores.postgres, context.airline_id, tags) == len(tags)


async def _write(context: Context, rows: SeedRows, now: datetime) -> None:
    """Writes one batch. Each step may be repeated: existing rows stay, and known messages and scans are duplicates."""
    async with context.stores.postgres.transaction() as records:
        await bookings.insert(records, context.airline_id, rows.bookings)
        await passengers.insert(records, context.airline_id, rows.passengers)
    for received_at, texts in _messages_by_receipt(rows.messages, now):
        await pipeline.ingest(context, list(pieces_of("".join(texts).encode())), received_at, IntakeChannel.SEED)
    if rows.scans:
        await events.record_scans(context, rows.scans, now)
    async with context.stores.postgres.transaction() as records:
        await _describe(records, context.airline_id, rows)


def _messages_by_receipt(
    parties: Iterable[Sequence[SeedMessage]], now: datetime
) -> Iterator[tuple[datetime, list[str]]]:
    """Texts of messages by receipt time: messages of a party within a day arrive together, at the end of that day.

    Dates in messages have no year, so they are resolved only near their receipt. A batch has at most ``pipeline.BATCH``
    messages and never splits those of a party within a day: a bag is then recomputed once, not once a message.
    """
    by_receipt: dict[datetime, list[list[str]]] = {}
    for party in parties:
        for together in _within_days(sorted(party, key=lambda message: message.at)):
            midnight = datetime.combine(together[-1].at.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
            by_receipt.setdefault(min(midnight, now), []).append([message.text for message in together])
    for received_at in sorted(by_receipt):
        batch: list[str] = []
        for texts in by_receipt[received_at]:
            if len(batch) + len(texts) > pipeline.BATCH:
                yield received_at, batch
                batch = []
            batch += texts
        yield received_at, batch


def _within_days(sent: Sequence[SeedMessage]) -> Iterator[list[SeedMessage]]:
    """Splits messages in order of time into parts of a day, counted from the first of each part."""
    part = [sent[0]]
    for message in sent[1:]:
        if message.at - part[0].at > timedelta(days=1):
            yield part
            part = []
        part.append(message)
    yield part


async def _describe(records: Reader, airline_id: int, rows: SeedRows) -> None:
    """Writes what messages do not carry: descriptions of the bags, and PIRs about them."""
    tags = [entry.tag for entry in rows.descriptions]
    found = await bags.tagged_at(records, airline_id, tags, [entry.seen_at for entry in rows.descriptions])
    await seedings.describe(
        records, airline_id, {found[place]: entry.description for place, entry in enumerate(rows.descriptions)}
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


class _BagProgress:
    """Reports bags done, rate and remaining time."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total = total
        self._progress = progress
        self._timer = ProgressTimer(PROGRESS_SECONDS)
        self._done = 0
        self._analyzed = 0

    def add(self, bags: int) -> bool:
        """Counts bags; returns whether the tables have grown enough for new statistics."""
        self._done += bags
        if self._timer.is_due() or self._done == self._total:
            rate = self._timer.rate(self._done)
            left = (self._total - self._done) / rate
            self._progress(f"{self._done:,} of {self._total:,} bags, {rate:,.0f}/s, {left:,.0f} s left")
        grown = self._done >= GROWTH * self._analyzed or self._done == self._total
        if grown:
            self._analyzed = self._done
        return grown


async def _report(
    context: Context, seeding: Seeding, schedule: list[DatedFlight], factory: BagFactory, seconds: float
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
        guide=factory.guide(),
        seconds=seconds,
    )
