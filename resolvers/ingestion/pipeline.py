"""Messages come in: each is kept word for word, and what it says of bags becomes their plans and events.

The one way in for Type B, scans as JSON and Baggage XML, whoever brings them. Safe to repeat: a Type B message is known
by its origin line and body, the others by their bytes.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from integrations.errors import Conflict, Refused
from integrations.messages.formats import pieces_of
from integrations.messages.split_input import InputPiece
from integrations.messages.typeb_reader import MessageContent
from integrations.records.events import FlightKey
from integrations.stores.postgres import bags, flights, instructions, messages
from integrations.stores.postgres.instructions import BagInstruction
from integrations.stores.postgres.manager import Reader
from integrations.stores.postgres.messages import NewDeadLetter, NewMessage
from resolvers.context import Context
from resolvers.ingestion import bag_tags, itineraries
from resolvers.ingestion.bag_tags import UNKNOWN_TAG_WINDOW
from resolvers.ingestion.events import ResolvedScan, ScanOutcome, append_events
from resolvers.ingestion.flight_updates import close_flights, flight_ids_of
from resolvers.ingestion.reading import ParsedPiece, read_all, with_known_flights

logger = logging.getLogger(__name__)

# Messages at once: enough that a transaction's own cost does not count, few enough that nobody waits long for a bag.
BATCH = 500
# Batches that touch the same bags at the same time may have to wait for each other in a ring; PostgreSQL ends one.
ATTEMPTS = 5


class IntakeChannel(StrEnum):
    """The way in that a message took."""

    HTTP = "HTTP"
    GRAPHQL = "GRAPHQL"
    FILE = "FILE"
    KAFKA = "KAFKA"
    REPLAY = "REPLAY"
    SEED = "SEED"


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of texts that came in.

    Args:
        messages: stored now.
        duplicates: known before, or twice among these; they change nothing.
        dead_letters: could not be read; kept until somebody corrects them, those known before not counted again.
        others: text that is no baggage message; kept.
        events: that bags had not had.
        bags: that these say something new of.
    """

    messages: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    others: int = 0
    events: int = 0
    bags: int = 0

    def __add__(self, more: "IngestResult") -> "IngestResult":
        return IngestResult(
            self.messages + more.messages,
            self.duplicates + more.duplicates,
            self.dead_letters + more.dead_letters,
            self.others + more.others,
            self.events + more.events,
            self.bags + more.bags,
        )


async def ingest_text(context: Context, data: bytes, received_at: datetime, intake: IntakeChannel) -> IngestResult:
    """Ingests text of any number of messages, as ``ingest``, in transactions of at most ``BATCH`` pieces each."""
    pieces = pieces_of(data)
    result = IngestResult()
    for start in range(0, len(pieces), BATCH):
        result += await ingest(context, pieces[start : start + BATCH], received_at, intake)
    return result


async def ingest(
    context: Context, pieces: Sequence[InputPiece], received_at: datetime, channel: IntakeChannel
) -> IngestResult:
    """Keeps what came in, moves the bags that it speaks of, and leaves word for the graph: one transaction.

    The number of statements does not depend on the number of pieces, of which there should be at most ``BATCH``. Where
    PostgreSQL refuses one of them, the others are stored without it, and it is a dead letter.

    Raises:
        OutsideError: PostgreSQL does not answer; the same may be sent again.
    """
    came = await read_all(context, pieces, received_at)
    moments = [scan.at for one in came if one.reading for scan in one.reading.scans]
    await context.stores.partitions.ensure(context.stores.postgres, moments)
    await close_flights(context, came)
    return await _store(context, came, received_at, channel)


async def _store(
    context: Context, came: Sequence[ParsedPiece], received_at: datetime, channel: IntakeChannel
) -> IngestResult:
    """A message that the records refuse, for a reason that nobody has thought of, must not keep the others out."""
    try:
        return await _store_together(context, came, received_at, channel)
    except Refused as error:
        if len(came) == 1:
            if came[0].fault is not None:
                raise
            logger.warning("the records refuse a message: %s", error)
            refused = [came[0].failed(1, 1, "The records refuse it.")]
            return await _store_together(context, refused, received_at, channel)
    half = len(came) // 2
    done = await _store(context, came[:half], received_at, channel)
    return done + await _store(context, came[half:], received_at, channel)


async def _store_together(
    context: Context, came: Sequence[ParsedPiece], received_at: datetime, channel: IntakeChannel
) -> IngestResult:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with context.stores.postgres.transaction() as records:
                return await _Batch(context, records, received_at, channel).take(came)
        except Conflict:
            if attempt == ATTEMPTS:
                raise
    raise AssertionError


class _Batch:
    """The transaction that takes one batch in."""

    def __init__(self, context: Context, records: Reader, received_at: datetime, channel: IntakeChannel) -> None:
        self._context = context
        self._records = records
        self._airline_id = context.airline_id
        self._received_at = received_at
        self._channel = channel

    async def take(self, read: Sequence[ParsedPiece]) -> IngestResult:
        readings = [one.reading for one in read if one.reading is not None]
        flight_ids = await flight_ids_of(self._context, self._records, readings)
        if flight_ids:
            await flights.lock_shared(self._records, self._airline_id, list(flight_ids.values()))
        came = [with_known_flights(one, flight_ids) for one in read]
        broken = [one for one in came if one.fault is not None]
        dead = await self._keep_dead_letters(broken) if broken else 0
        whole = {one.id: one for one in came if one.fault is None}
        fresh = await self._keep(list(whole.values())) if whole else set()
        new = [one for message_id, one in whole.items() if message_id in fresh]
        understood = [(one.id, one.reading) for one in new if one.reading is not None]
        events, moved = await self._apply(understood, flight_ids)
        others = sum(one.reading is None for one in new)
        return IngestResult(
            messages=len(new) - others,
            duplicates=len(came) - len(broken) - len(new),
            dead_letters=dead,
            others=others,
            events=events,
            bags=moved,
        )

    async def _keep_dead_letters(self, broken: Sequence[ParsedPiece]) -> int:
        letters = {
            one.id: NewDeadLetter(one.id, one.piece.text, one.fault.line, one.fault.column, one.fault.reason)
            for one in broken
            if one.fault is not None
        }
        return await messages.insert_dead_letters(
            self._records, self._airline_id, self._received_at, self._channel, list(letters.values())
        )

    async def _keep(self, whole: Sequence[ParsedPiece]) -> set[UUID]:
        return await messages.insert(
            self._records,
            self._airline_id,
            self._received_at,
            self._channel,
            [
                NewMessage(
                    one.id,
                    one.kind,
                    None if one.reading is None else one.reading.sent_at,
                    one.piece.text,
                )
                for one in whole
            ],
        )

    async def _apply(
        self, readings: Sequence[tuple[UUID, MessageContent]], flight_ids: Mapping[FlightKey, int]
    ) -> tuple[int, int]:
        """Answers how many events were new, and of how many bags there is news."""
        said = [(message_id, one) for message_id, reading in readings for one in reading.instructions]
        seen = [(message_id, scan) for message_id, reading in readings for scan in reading.scans]
        if not said and not seen:
            return 0, 0
        links = {one.tag: (one.original_tag, one.at) for _, one in said if one.original_tag}
        tags = [(one.tag, one.at) for _, one in said] + [(scan.tag, scan.at) for _, scan in seen]
        into = await self._link(links, tags) if links else {}
        bag_ids = await bag_tags.bags_for_tags(
            self._records, self._airline_id, [tag for tag, _ in tags], [moment for _, moment in tags]
        )
        concerned = {bag_id for bag_id in bag_ids if bag_id is not None}
        concerned |= into.keys() | set(into.values())
        locked = await bags.lock(self._records, self._airline_id, sorted(concerned))
        moved_events = await self._merge(into) if into else []
        now_of = [into.get(bag_id, bag_id) if bag_id is not None else None for bag_id in bag_ids]
        spoken = [
            BagInstruction(bag_id, message_id, one)
            for (message_id, one), bag_id in zip(said, now_of, strict=False)
            if bag_id is not None
        ]
        replanned = set(into.values()) | {one.bag_id for one in spoken if one.instruction.original_tag}
        changed: set[tuple[int, UUID | None]] = {*moved_events, *((bag_id, None) for bag_id in replanned | into.keys())}
        if spoken:
            await instructions.insert(self._records, self._airline_id, spoken)
            planned = {bag_id: locked[bag_id] for bag_id in {one.bag_id for one in spoken} | set(into.values())}
            followed = await itineraries.follow(self._records, self._airline_id, planned, flight_ids)
            if followed.changed:
                locked |= await bags.by_id(self._records, self._airline_id, sorted(followed.changed))
            changed |= {(bag_id, None) for bag_id in followed.changed}
            replanned |= followed.replanned
        happened = [
            ResolvedScan(scan, bag_id, flight_ids.get(scan.flight) if scan.flight else None, message_id)
            for (message_id, scan), bag_id in zip(seen, now_of[len(said) :], strict=True)
        ]
        there = {bag_id: bag for bag_id, bag in locked.items() if bag_id not in into}
        outcomes = await append_events(
            self._records, self._airline_id, self._received_at, there, happened, changed, replanned
        )
        events = sum(one.outcome == ScanOutcome.RECORDED for one in outcomes)
        return events, len({bag_id for bag_id in now_of if bag_id is not None})

    async def _link(
        self, links: Mapping[str, tuple[str, datetime]], tags: Sequence[tuple[str, datetime]]
    ) -> dict[int, int]:
        """Ties rush tags to the bags whose tags they replace (rule 11).

        The other tags are looked up together with those: a bag that nobody knows is as old as the first word of it.

        Answers bags that are no bags of their own, since scans of a rush tag came before the message that ties it, each
        with the bag it is.
        """
        numbers = list(links)
        moments = [at for _, at in links.values()]
        named = [*links.values(), *((tag, at) for tag, at in tags if tag not in links)]
        originals = await bag_tags.bags_for_tags(
            self._records, self._airline_id, [tag for tag, _ in named], [at for _, at in named]
        )
        await bags.lock_unknown_tags(self._records, self._airline_id, numbers)
        carried = await bags.tagged_at(self._records, self._airline_id, numbers, moments)
        into: dict[int, int] = {}
        ties: list[tuple[int, str, datetime]] = []
        for place, (number, moment, original) in enumerate(zip(numbers, moments, originals, strict=False)):
            if original is None:
                continue
            if place not in carried:
                ties.append((original, number, moment))
            elif carried[place] != original:
                into[carried[place]] = original
        if ties:
            await bags.insert_rush_tags(self._records, self._airline_id, ties, UNKNOWN_TAG_WINDOW)
        return into

    async def _merge(self, into: Mapping[int, int]) -> list[tuple[int, UUID]]:
        await flights.replace_legs(self._records, self._airline_id, list(into), [])
        return await bags.merge_bags(self._records, self._airline_id, into)
