"""Bags that tags mean: which bag carried a tag at a time."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from integrations.records.tags import UNREADABLE
from integrations.stores.postgres import bags
from integrations.stores.postgres.manager import Reader

# How long before and after its first scan an unknown tag is taken for the same bag. Serials wrap after a million bags
# of an airline and leading digit; a journey with its claim stays well within a month. The same to both sides, so that
# late scans find the bag whichever of them comes first.
UNKNOWN_TAG_WINDOW = timedelta(days=30)


async def bags_for_tags(
    records: Reader, airline_id: int, numbers: Sequence[str], moments: Sequence[datetime]
) -> list[int | None]:
    """The bag that carried each number at its moment, made where none did; None for a tag that could not be read.

    Part of the transaction that records what happened to them.
    """
    known = await bags.tagged_at(records, airline_id, numbers, moments)
    if unknown := _first_seen(numbers, moments, known):
        await bags.lock_unknown_tags(records, airline_id, list(unknown))
        known = await bags.tagged_at(records, airline_id, numbers, moments)
        # Scans of one number that lie further apart than the window are of several bags.
        while unknown := _first_seen(numbers, moments, known):
            await bags.insert_unknown(records, airline_id, list(unknown), list(unknown.values()), UNKNOWN_TAG_WINDOW)
            known = await bags.tagged_at(records, airline_id, numbers, moments)
    return [known.get(index) for index in range(len(numbers))]


def _first_seen(numbers: Sequence[str], moments: Sequence[datetime], known: Mapping[int, int]) -> dict[str, datetime]:
    """When each number was seen first that no bag carried then; ``known`` are the places whose bag is known."""
    first_seen: dict[str, datetime] = {}
    for index, (number, moment) in enumerate(zip(numbers, moments, strict=True)):
        if index not in known and number != UNREADABLE:
            first_seen[number] = min(first_seen.get(number, moment), moment)
    return first_seen
