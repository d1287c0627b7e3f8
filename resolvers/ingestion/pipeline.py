"""Ingestion pipeline: stores each message word for word and turns its content into itineraries and events.

The only way in for Type B, JSON scans and Baggage XML from every channel. Safe to repeat: a Type B message is
identified by its origin line and body, the others by their bytes (``docs/DOMAIN.md#rule-3``).
"""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from uuid import UUID

from integrations.errors import OutsideError, Refused
from integrations.messages.formats import body_of, pieces_of, tags_named
from integrations.messages.split_input import InputPiece
from integrations.records.bags import BagWithAuthority
from integrations.records.events import FlightKey, Scan
from integrations.records.instructions import BagInstruction, Instruction, Receipt
from integrations.repeats import repeated_after_migration, repeated_on_conflict
from integrations.stores.postgres import bags, flights, instructions, messages
from integrations.stores.postgres.manager import Reader
from integrations.stores.postgres.messages import NewDeadLetter, NewMessage
from integrations.tracebacks import place_of
from resolvers.context import Context
from resolvers.ingestion import bag_tags, itineraries
from resolvers.ingestion.bag_tags import UNKNOWN_TAG_WINDOW, CheckIn
from resolvers.ingestion.events import ResolvedScan, ScanOutcome, append_events
from resolvers.ingestion.flight_updates import close_flights, flight_ids_of
from resolvers.ingestion.reading import INTERNAL_ERROR, ParsedPiece, read_all, with_known_flights
from resolvers.rules.tag_reuse import is_check_in, names_another_booking

logger = logging.getLogger(__name__)

# Messages in a transaction: enough to make its own cost negligible, few enough to release locked bags soon.
BATCH = 500
# Tags that the messages of a transaction may name. A message of ten lines can name a thousand, each with its own rows.
BATCH_TAGS = 2_000
MOST_LOGGED_CODES = 20
BAGS_REMEMBERED = 16_384


class _MustSplit(Exception):
    """A batch must be stored in parts: a message may begin a new bag, which depends on the messages before it.

    Args:
        positions: of these messages in the batch, ascending; the first is at least 1.
    """

    def __init__(self, positions: Collection[int]) -> None:
        self.positions = sorted(positions)
        super().__init__(self.positions)


class IntakeChannel(StrEnum):
    """The channel that a message came in by."""

    HTTP = "HTTP"
    GRAPHQL = "GRAPHQL"
    FILE = "FILE"
    KAFKA = "KAFKA"
    REPLAY = "REPLAY"
    SEED = "SEED"


@dataclass(frozen=True, slots=True)
class IngestResult:
    """Counts of what became of a text.

    Args:
        messages: new messages, and texts without an origin line that count again (``docs/DOMAIN.md#rule-3``).
        duplicates: messages that were stored before or come twice in the text; they change nothing.
        dead_letters: new unreadable messages, kept until they are corrected.
        others: texts other than baggage messages; stored.
        events: new events of bags.
        bags: bags that the new messages name. A sum counts a bag again only after ``BAGS_REMEMBERED`` others.
        unknown_airports: new messages that name an airport without reference data.
        unread: texts that are dead letters or no baggage messages, new or stored before.
        bag_ids: ids of the bags that count, as far as a sum remembers them.
    """

    messages: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    others: int = 0
    events: int = 0
    bags: int = 0
    unknown_airports: int = 0
    unread: int = 0
    bag_ids: frozenset[int] = field(default=frozenset(), repr=False, compare=False)

    def __add__(self, more: "IngestResult") -> "IngestResult":
        bag_ids = self.bag_ids | more.bag_ids
        counted_twice = len(self.bag_ids) + len(more.bag_ids) - len(bag_ids)
        return IngestResult(
            self.messages + more.messages,
            self.duplicates + more.duplicates,
            self.dead_letters + more.dead_letters,
            self.others + more.others,
            self.events + more.events,
            self.bags + more.bags - counted_twice,
            self.unknown_airports + more.unknown_airports,
            self.unread + more.unread,
            # A stream may be endless, so that it cannot remember all of its bags.
            bag_ids if len(bag_ids) <= BAGS_REMEMBERED else more.bag_ids,
        )


async def ingest_text(context: Context, data: bytes, received_at: datetime, intake: IntakeChannel) -> IngestResult:
    """Ingests a text of any number of messages, batch by batch.

    Args:
        received_at: when the text was received, UTC; dates without a year resolve against it.

    Raises:
        OutsideError: PostgreSQL is unavailable; the same text may be sent again.
    """
    result = IngestResult()
    for batch in batches_of(pieces_of(data)):
        result += await ingest(context, batch, received_at, intake)
    return result


def batches_of(pieces: Iterable[InputPiece]) -> Iterator[Sequence[InputPiece]]:
    """Yields batches for ``ingest``: at most ``BATCH`` pieces, and ``BATCH_TAGS`` tags unless one piece has more.

    It takes a piece only when the batch before it has been handled, so that the text is split little by little.
    """
    batch, tags = list[InputPiece](), 0
    for piece in pieces:
        named = tags_named(piece)
        if batch and (len(batch) == BATCH or tags + named > BATCH_TAGS):
            yield batch
            batch, tags = [], 0
        batch.append(piece)
        tags += named
    if batch:
        yield batch


@repeated_after_migration
async def ingest(
    context: Context, pieces: Sequence[InputPiece], received_at: datetime, channel: IntakeChannel
) -> IngestResult:
    """Stores pieces of input, applies them to bags and flights, and publishes the changes, in one transaction.

    A batch with a message that may begin a new bag under the tag of an earlier message takes several transactions
    (``docs/DOMAIN.md#rule-12``).

    The number of statements does not depend on the number of pieces. A piece that cannot be read or applied, for
    whatever reason, becomes a dead letter by itself, and the others are stored without it.

    Args:
        pieces: a batch of ``batches_of``.
        received_at: when the pieces were received, UTC; dates without a year resolve against it.

    Raises:
        OutsideError: PostgreSQL is unavailable; the same pieces may be sent again.
    """
    return await _store(context, await read_all(context, pieces, received_at), received_at, channel)


async def _store(
    context: Context, parsed: Sequence[ParsedPiece], received_at: datetime, channel: IntakeChannel
) -> IngestResult:
    """Stores pieces; halves the batch until a piece that raises stands alone, and makes it a dead letter.

    The batch is also split where the content of one message depends on those before it.

    A message that fails for an unforeseen reason must not keep the others out.
    """
    try:
        return await _store_together(context, parsed, received_at, channel)
    except _MustSplit as split:
        bounds = pairwise([0, *split.positions, len(parsed)])
        parts = [await _store(context, parsed[start:end], received_at, channel) for start, end in bounds]
        return sum(parts, IngestResult())
    except Exception as error:
        if not _is_of_a_piece(error) or (len(parsed) == 1 and parsed[0].fault is not None):
            raise
        reason = "The database rejected the message." if isinstance(error, Refused) else INTERNAL_ERROR
        if len(parsed) == 1:
            # The error itself may quote the message, unless it is one of PostgreSQL's, which are cleared of it.
            logger.warning("a message failed: %s", error if isinstance(error, Refused) else place_of(error))
    if len(parsed) == 1:
        return await _store_together(context, [parsed[0].failed(1, 1, reason)], received_at, channel)
    half = len(parsed) // 2
    first = await _store(context, parsed[:half], received_at, channel)
    return first + await _store(context, parsed[half:], received_at, channel)


def _is_of_a_piece(error: Exception) -> bool:
    """Whether a piece may be the cause: not for a store that is away or busy, for which all are sent again."""
    return isinstance(error, Refused) or not isinstance(error, OutsideError | OSError)


@repeated_on_conflict
async def _store_together(
    context: Context, parsed: Sequence[ParsedPiece], received_at: datetime, channel: IntakeChannel
) -> IngestResult:
    times = [scan.at for one in parsed if one.reading for scan in one.reading.scans]
    await context.stores.partitions.ensure(context.stores.postgres, times)
    await close_flights(context, parsed)
    async with context.stores.postgres.transaction() as records:
        return await _Batch(context, records, received_at, channel).store(parsed)


def _check_ins_behind_others(new: Sequence[ParsedPiece], positions: Mapping[UUID, int]) -> dict[tuple[UUID, str], int]:
    """Positions of the messages that may begin a bag and whose tag an earlier message of the batch names.

    Args:
        positions: of each message in the batch.

    Raises:
        _MustSplit: earlier messages name other bookings.
    """
    following: dict[tuple[UUID, str], int] = {}
    splits: set[int] = set()
    named: dict[str, int] = {}
    booked: dict[str, Instruction] = {}
    for message in new:
        if message.reading is None:
            continue
        position = positions[message.id]
        for one in message.reading.instructions:
            if named.setdefault(one.tag, position) < position and is_check_in(one):
                following[message.id, one.tag] = position
                if one.tag in booked and names_another_booking(one, booked[one.tag]):
                    splits.add(position)
            if one.surname or one.locator:
                booked[one.tag] = one
        for scan in message.reading.scans:
            named.setdefault(scan.tag, position)
    if splits:
        raise _MustSplit(splits)
    return following


class _Batch:
    """One batch of pieces in its transaction."""

    def __init__(self, context: Context, records: Reader, received_at: datetime, channel: IntakeChannel) -> None:
        self._context = context
        self._records = records
        self._airline_id = context.airline_id
        self._received_at = received_at
        self._channel = channel

    async def store(self, parsed: Sequence[ParsedPiece]) -> IngestResult:
        readings = [one.reading for one in parsed if one.reading is not None]
        flight_ids = await flight_ids_of(self._context, self._records, readings)
        if flight_ids:
            await flights.lock_shared(self._records, self._airline_id, list(flight_ids.values()))
        pieces: list[ParsedPiece] = []
        positions: dict[UUID, int] = {}
        for position, whole in enumerate(parsed):
            for piece in with_known_flights(whole, flight_ids):
                positions.setdefault(piece.id, position)
                pieces.append(piece)
        unreadable = [one for one in pieces if one.fault is not None]
        dead_letters = await self._insert_dead_letters(unreadable) if unreadable else 0
        readable: dict[UUID, ParsedPiece] = {}
        for one in pieces:
            if one.fault is None:
                readable.setdefault(one.id, one)
        stored = await self._insert_messages(list(readable.values())) if readable else {}
        new = [one for message_id, one in readable.items() if stored.get(message_id)]
        again = [
            one
            for one in pieces
            if one.fault is None
            and not (stored.get(one.id) and one is readable[one.id])
            and (one.may_count_again or stored.get(one.id) is False)
        ]
        following = _check_ins_behind_others(new, positions)
        events, bag_ids, counted_again = await self._apply(new, again, flight_ids, following)
        others = sum(one.reading is None for one in new)
        elsewhere = [one for one in new if one.unknown_airports]
        if elsewhere:
            codes = sorted({code for one in elsewhere for code in one.unknown_airports})
            logger.warning("Airports without reference data: %s", ", ".join(codes[:MOST_LOGGED_CODES]))
        return IngestResult(
            messages=len(new) - others + counted_again,
            duplicates=len(pieces) - len(unreadable) - len(new) - counted_again,
            dead_letters=dead_letters,
            others=others,
            events=events,
            bags=len(bag_ids),
            unknown_airports=len(elsewhere),
            unread=sum(one.reading is None for one in pieces),
            bag_ids=bag_ids,
        )

    async def _insert_dead_letters(self, unreadable: Sequence[ParsedPiece]) -> int:
        letters = {
            one.id: NewDeadLetter(one.id, body_of(one.piece), one.fault.line, one.fault.column, one.fault.reason)
            for one in unreadable
            if one.fault is not None
        }
        return await messages.insert_dead_letters(
            self._records, self._airline_id, self._received_at, self._channel, list(letters.values())
        )

    async def _insert_messages(self, readable: Sequence[ParsedPiece]) -> dict[UUID, bool]:
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
                    one.piece.line,
                    body_of(one.piece),
                )
                for one in readable
            ],
        )

    async def _apply(
        self,
        new: Sequence[ParsedPiece],
        again: Sequence[ParsedPiece],
        flight_ids: Mapping[FlightKey, int],
        following: Mapping[tuple[UUID, str], int],
    ) -> tuple[int, frozenset[int], int]:
        """Applies the content of messages.

        Args:
            again: known messages whose receipt may count, with instructions only.
            following: as ``_check_ins_behind_others``.

        Returns:
            The number of new events, the ids of bags that the new messages name, and the number of repeats that count
            again, which are new in this sense.
        """
        received = self._instructions_of(new)
        repeated = self._instructions_of(again)
        settled, elsewhere = await self._settle(repeated, len(received)) if repeated else ({}, {})
        received += repeated
        scans = [(one.id, scan) for one in new if one.reading is not None for scan in one.reading.scans]
        if not received and not scans:
            return 0, frozenset(), 0
        rush_tags = {
            one.tag: (one.original_tag, one.at)
            for index, (_, one, _) in enumerate(received)
            if one.original_tag and index not in settled
        }
        tags = [(one.tag, one.at) for _, one, _ in received]
        # An event of unknown time belongs to the bag of its instruction.
        tags += [(scan.tag, self._received_at if scan.assumed else scan.at) for _, scan in scans]
        merged = await self._attach_rush_tags(rush_tags, tags, settled) if rush_tags else {}
        found = await self._bags_of(tags, settled)
        affected = {bag_id for bag_id in found if bag_id is not None} | merged.keys() | set(merged.values())
        locked = await bag_tags.lock_carriers(self._records, self._airline_id, affected)
        found, ended = await self._begin_journeys(
            received, scans, tags, settled, found, locked, merged, flight_ids, following
        )
        transferred_events = await self._merge(merged) if merged else []
        bag_ids = [merged.get(bag_id, bag_id) if bag_id is not None else None for bag_id in found]
        of_bags = [
            BagInstruction(bag_id, message_id, one, receipt)
            for (message_id, one, receipt), bag_id in zip(received, bag_ids, strict=False)
            if bag_id is not None
        ]
        replanned = {*merged.values(), *ended, *(one.bag_id for one in of_bags if one.instruction.original_tag)}
        changed: set[tuple[int, UUID | None]] = {
            *transferred_events,
            *((bag_id, None) for bag_id in replanned | merged.keys()),
        }
        counted_again: Set[tuple[UUID, Receipt]] = frozenset()
        if of_bags:
            instructed = {bag_id: locked[bag_id] for bag_id in {one.bag_id for one in of_bags} | set(merged.values())}
            recomputed = await itineraries.recompute_itineraries(
                self._records, self._airline_id, self._context.stores.reference, instructed, flight_ids, of_bags
            )
            counted_again = recomputed.counted_again | {
                (received[index][0], received[index][2])
                for index, others in elsewhere.items()
                if bag_ids[index] not in others
            }
            if recomputed.changed:
                locked |= await bags.by_id(self._records, self._airline_id, sorted(recomputed.changed))
            changed |= {(bag_id, None) for bag_id in recomputed.changed}
            replanned |= recomputed.replanned
        resolved = [
            ResolvedScan(scan, bag_id, flight_ids.get(scan.flight) if scan.flight else None, message_id)
            for (message_id, scan), bag_id in zip(scans, bag_ids[len(received) :], strict=True)
        ]
        remaining = {bag_id: bag for bag_id, bag in locked.items() if bag_id not in merged}
        outcomes = await append_events(
            self._records, self._airline_id, self._received_at, remaining, resolved, changed, replanned
        )
        events = sum(one.outcome == ScanOutcome.RECORDED for one in outcomes)
        known = {one.id for one in again} - {one.id for one in new}
        named = [
            bag_id
            for (message_id, _, receipt), bag_id in zip(received, bag_ids, strict=False)
            if message_id not in known or (message_id, receipt) in counted_again
        ]
        named += bag_ids[len(received) :]
        return events, frozenset(bag_id for bag_id in named if bag_id is not None), len(counted_again)

    def _instructions_of(self, pieces: Iterable[ParsedPiece]) -> list[tuple[UUID, Instruction, Receipt]]:
        return [
            (one.id, instruction, Receipt(self._received_at, one.piece.line, one.piece.text_id))
            for one in pieces
            if one.reading is not None
            for instruction in one.reading.instructions
        ]

    async def _settle(
        self, repeated: Sequence[tuple[UUID, Instruction, Receipt]], start: int
    ) -> tuple[dict[int, int], dict[int, Set[int]]]:
        """Finds the bags of instructions that are read again, whatever their tags mean by now.

        Args:
            start: index of the first.

        Returns:
            By index: the bag that has the instruction with this receipt, or with its origin time; the bags that have it
            with other receipts, for the indexes without such a bag.
        """
        settled: dict[int, int] = {}
        elsewhere: dict[int, Set[int]] = {}
        stored = await instructions.receipts(
            self._records, self._airline_id, [(one.tag, message_id) for message_id, one, _ in repeated]
        )
        for index, rows in stored.items():
            _, one, receipt = repeated[index]
            known = [bag_id for bag_id, first, last in rows if not one.assumed or first <= receipt.at <= last]
            if known:
                settled[start + index] = known[0]
            else:
                elsewhere[start + index] = {bag_id for bag_id, _, _ in rows}
        return settled, elsewhere

    async def _bags_of(self, tags: Sequence[tuple[str, datetime]], settled: Mapping[int, int]) -> list[int | None]:
        """The bags that carried tags at given times; ``settled`` has those that are known by index."""
        named = [one for index, one in enumerate(tags) if index not in settled] if settled else tags
        found = await bag_tags.bags_for_tags(
            self._records, self._airline_id, [tag for tag, _ in named], [at for _, at in named]
        )
        if not settled:
            return found
        others = iter(found)
        return [settled[index] if index in settled else next(others) for index in range(len(tags))]

    async def _begin_journeys(
        self,
        received: Sequence[tuple[UUID, Instruction, Receipt]],
        scans: Sequence[tuple[UUID, Scan]],
        tags: Sequence[tuple[str, datetime]],
        settled: Mapping[int, int],
        found: list[int | None],
        locked: dict[int, BagWithAuthority],
        merged: Mapping[int, int],
        flight_ids: Mapping[FlightKey, int],
        following: Mapping[tuple[UUID, str], int],
    ) -> tuple[list[int | None], Set[int]]:
        """Begins new bags under used tags (``docs/DOMAIN.md#rule-12``).

        Args:
            tags: of each instruction and scan, with the time at which it means the bag.
            settled: as ``_bags_of``.
            found: the bag of each instruction and scan.
            locked: rows of these bags; the new bags are added.
            following: as ``_check_ins_behind_others``.

        Returns:
            The bag of each instruction and scan now, and the ids of the bags that lost a tag.

        Raises:
            _MustSplit: a message may begin a new bag once the messages before it are stored.
        """
        check_ins = [
            CheckIn(
                message_id,
                one,
                bag_id,
                flight_ids.get(one.outbound.key) if one.outbound else None,
                (message_id, one.tag) in following,
            )
            for index, ((message_id, one, _), bag_id) in enumerate(zip(received, found, strict=False))
            if bag_id is not None
            and index not in settled
            and bag_id not in merged
            and locked[bag_id].passenger_id is not None
            and is_check_in(one)
        ]
        if not check_ins:
            return found, frozenset()
        journeys = await bag_tags.begin_journeys(self._records, self._airline_id, check_ins)
        if journeys.unsettled:
            raise _MustSplit({following[key] for key in journeys.unsettled})
        if not journeys.bag_ids:
            return found, frozenset()
        bag_ids = await self._bags_of(tags, settled)
        message_ids = [message_id for message_id, _, _ in received] + [message_id for message_id, _ in scans]
        now = [
            journeys.bag_ids.get((message_id, tag), bag_id)
            for message_id, (tag, _), bag_id in zip(message_ids, tags, bag_ids, strict=True)
        ]
        if others := {bag_id for bag_id in now if bag_id is not None} - locked.keys():
            locked |= await bag_tags.lock_carriers(self._records, self._airline_id, others)
        return now, journeys.ended

    async def _attach_rush_tags(
        self,
        rush_tags: Mapping[str, tuple[str, datetime]],
        tags: Sequence[tuple[str, datetime]],
        settled: Mapping[int, int],
    ) -> dict[int, int]:
        """Attaches rush tags to the bags whose tags they replace (``docs/DOMAIN.md#rule-11``).

        Args:
            rush_tags: the original tag of each rush tag, and the time of the message.
            settled: as ``_bags_of``.
            tags: all tags of the batch with their times. They are resolved together with the original tags, so that
                the bag of an unknown tag dates from the earliest message or scan of the batch.

        Returns:
            Bags to merge, each with the bag that it is merged into: a scan of a rush tag that came before its message
            created a bag of its own.
        """
        numbers = list(rush_tags)
        times = [at for _, at in rush_tags.values()]
        named = [
            *rush_tags.values(),
            *(one for index, one in enumerate(tags) if one[0] not in rush_tags and index not in settled),
        ]
        originals = await bag_tags.bags_for_tags(
            self._records, self._airline_id, [tag for tag, _ in named], [at for _, at in named]
        )
        await bags.lock_unknown_tags(self._records, self._airline_id, numbers)
        carried = await bags.tagged_at(self._records, self._airline_id, numbers, times)
        merged: dict[int, int] = {}
        new_tags: list[tuple[int, str, datetime]] = []
        for index, (number, at, original) in enumerate(zip(numbers, times, originals, strict=False)):
            if original is None:
                continue
            if index not in carried:
                new_tags.append((original, number, at))
            elif carried[index] != original:
                merged[carried[index]] = original
        if new_tags:
            await bags.insert_rush_tags(self._records, self._airline_id, new_tags, UNKNOWN_TAG_WINDOW)
        return merged

    async def _merge(self, merged: Mapping[int, int]) -> list[tuple[int, UUID]]:
        await flights.replace_legs(self._records, self._airline_id, list(merged), [])
        return await bags.merge_bags(self._records, self._airline_id, merged)
