"""Resolution of tags: which bag carried a tag at a time (``docs/DOMAIN.md#rule-12``)."""

from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from integrations.errors import Conflict
from integrations.records.bags import BagWithAuthority, TagWindow
from integrations.records.instructions import Instruction
from integrations.records.tags import UNREADABLE
from integrations.stores.postgres import bags
from integrations.stores.postgres.manager import Reader
from resolvers.publish import ChangeSet, publish
from resolvers.rules.tag_reuse import is_another_journey, is_free

# How long after its last sighting a tag belongs to the same bag, and how long before its first one. Serials wrap after
# a million bags of an airline and leading digit; a journey with its claim takes well under a month. A window is
# symmetric, so that late scans find the bag whichever of them arrives first; a sighting after its end extends it.
UNKNOWN_TAG_WINDOW = timedelta(days=30)

_NEXT = timedelta(microseconds=1)


async def bags_for_tags(
    records: Reader, airline_id: int, numbers: Sequence[str], times: Sequence[datetime]
) -> list[int | None]:
    """Ids of the bags that carried tags at given times; creates the bag of an unknown tag.

    Part of the transaction that records their events.

    Args:
        numbers: ten digits each.
        times: one for each number, UTC.

    Returns:
        One id for each number; None for a tag that could not be read.
    """
    known = await bags.tagged_at(records, airline_id, numbers, times)
    if unknown := _first_seen(numbers, times, known):
        await bags.lock_unknown_tags(records, airline_id, list(unknown))
        # Scans of one number that are further apart than the window may belong to several bags.
        while True:
            windows = await bags.tag_windows(records, airline_id, numbers, times)
            known = {index: one.bag_id for index, one in windows.items() if times[index] < one.valid_until}
            unknown = _first_seen(numbers, times, known)
            if not unknown:
                break
            first = {number: times[index] for number, index in unknown.items()}
            ended = {number: windows[index] for number, index in unknown.items() if index in windows}
            if ended:
                sightings = _last_sightings(numbers, times, known, first)
                extended = await _extend(records, airline_id, ended, first, sightings)
                first = {number: at for number, at in first.items() if number not in extended}
            if first:
                await bags.insert_unknown(records, airline_id, list(first), list(first.values()), UNKNOWN_TAG_WINDOW)
    return [known.get(index) for index in range(len(numbers))]


async def lock_carriers(records: Reader, airline_id: int, bag_ids: Set[int]) -> dict[int, BagWithAuthority]:
    """Locks the bags that tags were resolved to, by id.

    Raises:
        Conflict: since then another transaction has merged one of the bags into another bag.
    """
    locked = await bags.lock(records, airline_id, sorted(bag_ids))
    if len(locked) < len(bag_ids):
        raise Conflict("records", "a bag was merged into another one")
    return locked


def _first_seen(numbers: Sequence[str], times: Sequence[datetime], known: Mapping[int, int]) -> dict[str, int]:
    """The index of the earliest time of each number without a bag; ``known`` has the bags found so far, by index."""
    first_seen: dict[str, int] = {}
    for index, (number, at) in enumerate(zip(numbers, times, strict=True)):
        if index not in known and number != UNREADABLE and at < times[first_seen.setdefault(number, index)]:
            first_seen[number] = index
    return first_seen


def _last_sightings(
    numbers: Sequence[str], times: Sequence[datetime], known: Mapping[int, int], before: Mapping[str, datetime]
) -> dict[tuple[str, int], datetime]:
    """The last time at which each number and bag are named together, before a timestamp of the number."""
    last: dict[tuple[str, int], datetime] = {}
    for index, bag_id in known.items():
        number, at = numbers[index], times[index]
        if number in before and at < before[number]:
            last[number, bag_id] = max(last.get((number, bag_id), at), at)
    return last


async def _extend(
    records: Reader,
    airline_id: int,
    ended: Mapping[str, TagWindow],
    times: Mapping[str, datetime],
    sightings: Mapping[tuple[str, int], datetime],
) -> set[str]:
    """Extends the ended windows of numbers that their bags still carry, and returns these numbers.

    Args:
        times: when each number was seen, after the end of its window.
        sightings: earlier sightings of numbers on bags that are not stored yet.
    """
    uses = await bags.tag_uses(
        records, airline_id, list(ended), [one.bag_id for one in ended.values()], [times[number] for number in ended]
    )
    numbers = list(ended)
    carried = {}
    for use in uses:
        number = numbers[use.seq - 1]
        window = ended[number]
        seen = [at for at in (use.last_seen_at, sightings.get((number, window.bag_id))) if at is not None]
        if use.has_open_pir or (seen and times[number] - max(seen) < UNKNOWN_TAG_WINDOW):
            carried[number] = window
    if carried:
        since = [window.valid_from for window in carried.values()]
        until = [times[number] for number in carried]
        await bags.extend_tags(records, airline_id, list(carried), since, until, UNKNOWN_TAG_WINDOW)
        changed = {window.bag_id for window in carried.values()}
        await publish(
            records, airline_id, ChangeSet(bags=[(bag_id, None) for bag_id in sorted(changed)], replanned=changed)
        )
    return set(carried)


class CheckIn(NamedTuple):
    """A new BSM of the first station for a tag that a bag with a passenger carries.

    Args:
        bag_id: the bag that carries the tag.
        first_flight_id: the first flight of the message.
        follows: whether an earlier message of the batch names the tag.
    """

    message_id: UUID
    instruction: Instruction
    bag_id: int
    first_flight_id: int | None
    follows: bool


class NewJourneys(NamedTuple):
    """Bags of messages that do not belong to the bag that carries their tag.

    Args:
        bag_ids: the bag of each of these messages, by message and tag.
        ended: ids of the bags whose tag now means another bag.
        unsettled: messages and tags that may begin a new bag once the earlier messages of the batch are stored.
    """

    bag_ids: Mapping[tuple[UUID, str], int]
    ended: frozenset[int] = frozenset()
    unsettled: frozenset[tuple[UUID, str]] = frozenset()


async def begin_journeys(records: Reader, airline_id: int, check_ins: Sequence[CheckIn]) -> NewJourneys:
    """Creates the bags of messages that begin a new journey under a used tag (``docs/DOMAIN.md#rule-12``).

    Args:
        check_ins: of locked bags.

    Raises:
        Conflict: another transaction has begun a new bag under one of the tags.
    """
    tags = [one.instruction.tag for one in check_ins]
    carriers = await bags.tag_carriers(
        records,
        airline_id,
        tags,
        [one.instruction.at for one in check_ins],
        [one.message_id for one in check_ins],
        [one.bag_id for one in check_ins],
    )
    bag_ids: dict[tuple[UUID, str], int] = {}
    unsettled: set[tuple[UUID, str]] = set()
    ended: dict[str, tuple[CheckIn, datetime, datetime]] = {}
    for index, one in enumerate(check_ins):
        carrier = carriers.get(index)
        if carrier is None:
            raise Conflict("records", "another message began a new bag under the tag")
        if carrier.stored_bag_id is not None:
            if carrier.stored_bag_id != one.bag_id:
                bag_ids[one.message_id, one.instruction.tag] = carrier.stored_bag_id
        elif is_another_journey(one.instruction, carrier, one.first_flight_id):
            if one.follows and not carrier.has_open_pir:
                unsettled.add((one.message_id, one.instruction.tag))
            elif is_free(carrier, one.instruction.at):
                # The sightings so far stay with the bag that has them. Later ones are the new bag's, also those from
                # before the receipt of a message of unknown time.
                last = max(carrier.last_seen_at or carrier.valid_from, carrier.valid_from)
                begins_at = max(one.instruction.implied_at, last + _NEXT)
                ended.setdefault(one.instruction.tag, (one, carrier.valid_from, begins_at))
    if ended and not unsettled:
        since, begins = [since for _, since, _ in ended.values()], [at for _, _, at in ended.values()]
        await bags.end_tags(records, airline_id, list(ended), since, begins)
        await bags.insert_unknown(records, airline_id, list(ended), begins, UNKNOWN_TAG_WINDOW)
        begun = await bags.tagged_at(records, airline_id, list(ended), begins)
        for index, (tag, (one, _, _)) in enumerate(ended.items()):
            bag_ids[one.message_id, tag] = begun[index]
    return NewJourneys(bag_ids, frozenset(one.bag_id for one, _, _ in ended.values()), frozenset(unsettled))
