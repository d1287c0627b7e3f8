"""Resolution of tags: which bag carried a tag at a time (``docs/DOMAIN.md#rule-12``)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from integrations.records.tags import UNREADABLE
from integrations.stores.postgres import bags
from integrations.stores.postgres.manager import Reader

# How long before and after its first scan an unknown tag belongs to the same bag. Serials wrap after a million bags of
# an airline and leading digit; a journey with its claim takes well under a month. The window is symmetric, so that late
# scans find the bag whichever of them arrives first.
UNKNOWN_TAG_WINDOW = timedelta(days=30)


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
        known = await bags.tagged_at(records, airline_id, numbers, times)
        # Scans of one number that are further apart than the window belong to several bags.
        while unknown := _first_seen(numbers, times, known):
            await bags.insert_unknown(records, airline_id, list(unknown), list(unknown.values()), UNKNOWN_TAG_WINDOW)
            known = await bags.tagged_at(records, airline_id, numbers, times)
    return [known.get(index) for index in range(len(numbers))]


def _first_seen(numbers: Sequence[str], times: Sequence[datetime], known: Mapping[int, int]) -> dict[str, datetime]:
    """The earliest time of each number without a bag; ``known`` has the bags found so far, by index."""
    first_seen: dict[str, datetime] = {}
    for index, (number, at) in enumerate(zip(numbers, times, strict=True)):
        if index not in known and number != UNREADABLE:
            first_seen[number] = min(first_seen.get(number, at), at)
    return first_seen
