"""The records' projections made anew: what is computed from messages and events, beside live traffic."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from integrations.stores.postgres import bags
from resolvers.context import Context
from resolvers.ingestion import events, itineraries
from resolvers.publish import ChangeSet, publish

BATCH = 500


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How far a rebuild has come: bags that it has looked at, and those of them that were not what they should be."""

    looked_at: int
    corrected: int


async def rebuild(context: Context) -> AsyncIterator[Rebuilt]:
    """Computes plan, passenger, authority and state of each bag anew and writes what differs; tells after each batch.

    Safe to repeat and to interrupt. A bag that is right is not touched: a second run corrects nothing.

    Raises:
        OutsideError: PostgreSQL does not answer or refuses; what was corrected so far stays so.
    """
    airline_id, last, looked_at, corrected = context.airline_id, 0, 0, 0
    while bag_ids := await bags.ids_after(context.stores.postgres, airline_id, last, BATCH):
        async with context.stores.postgres.transaction() as records:
            locked = await bags.lock(records, airline_id, bag_ids)
            changed, _ = await itineraries.follow(records, airline_id, locked, {})
            right = {bag_id: bag for bag_id, bag in locked.items() if bag_id not in changed}
            moved = set(await events.recompute_status(records, airline_id, right, always=False))
            if changed:
                replanned = await bags.by_id(records, airline_id, sorted(changed))
                moved |= set(await events.recompute_status(records, airline_id, replanned, always=True))
            if moved:
                corrections = [(bag_id, None) for bag_id in sorted(moved)]
                await publish(records, airline_id, ChangeSet(bags=corrections, replanned=moved))
        last, looked_at, corrected = bag_ids[-1], looked_at + len(bag_ids), corrected + len(moved)
        yield Rebuilt(looked_at, corrected)
