"""Rebuild of the computed columns of bags from messages and events, beside live traffic."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from integrations.stores.postgres import bags
from resolvers.context import Context
from resolvers.ingestion import events, itineraries
from resolvers.publish import ChangeSet, publish

BATCH = 500


@dataclass(frozen=True, slots=True)
class RebuildProgress:
    """Progress of a rebuild.

    Args:
        checked: number of bags checked so far.
        corrected: number of those that differed and were corrected.
    """

    checked: int
    corrected: int


async def rebuild(context: Context) -> AsyncIterator[RebuildProgress]:
    """Recomputes plan, passenger, authority and status of each bag and stores what differs; yields after each batch.

    Safe to repeat and to interrupt. A bag without differences is not written, so a second run corrects nothing.

    Raises:
        OutsideError: PostgreSQL is unavailable or rejects a statement; earlier corrections persist.
    """
    airline_id, last, checked, corrected = context.airline_id, 0, 0, 0
    while bag_ids := await bags.ids_after(context.stores.postgres, airline_id, last, BATCH):
        async with context.stores.postgres.transaction() as records:
            locked = await bags.lock(records, airline_id, bag_ids)
            reference = context.stores.reference
            transfers = await events.correct_transfers(records, airline_id, bag_ids)
            changed = {one.bag_id for one in transfers}
            changed |= (await itineraries.recompute_itineraries(records, airline_id, reference, locked, {})).changed
            unchanged = {bag_id: bag for bag_id, bag in locked.items() if bag_id not in changed}
            differing = set(await events.recompute_status(records, airline_id, unchanged, always=False))
            if changed:
                replanned = await bags.by_id(records, airline_id, sorted(changed))
                differing |= set(await events.recompute_status(records, airline_id, replanned, always=True))
            if differing:
                corrections: list[tuple[int, UUID | None]] = [(bag_id, None) for bag_id in sorted(differing)]
                corrections += [(one.bag_id, one.id) for one in transfers]
                await publish(records, airline_id, ChangeSet(bags=corrections, replanned=differing))
        last, checked, corrected = bag_ids[-1], checked + len(bag_ids), corrected + len(differing)
        yield RebuildProgress(checked, corrected)
