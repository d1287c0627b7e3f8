"""Events of bags: reads."""

from collections.abc import Sequence
from typing import Any

from integrations.records.bags import Bag, BagWithPassenger, RelatedBag
from integrations.records.events import BriefEvent, Event
from integrations.stores.postgres import events
from resolvers.context import Context
from resolvers.errors import check_range
from resolvers.selection import JsonTexts, Layout, Selected

MAX_EVENTS = 500
# The fields of an event that its brief form holds.
BRIEF = frozenset({"kind", "at", "airport", "place", "local_time", "station"})
# Records that hold the events of a bag as JSON text.
WITH_EVENTS = frozenset({BagWithPassenger, RelatedBag})
# For fewer bags JSON texts save no time.
MIN_JSON_PARENTS = 10


def check_last(last: int | None) -> None:
    """Checks the maximum number of events of a bag; None stands for all.

    Raises:
        BadInput: ``last`` is out of bounds.
    """
    if last is not None:
        check_range("last", last, 1, MAX_EVENTS)


async def of_bags(
    context: Context,
    parents: Sequence[Bag],
    *,
    last: int | None = None,
    selected: Selected = None,
    layout: Layout | None = None,
) -> Sequence[Any]:
    """The newest events of each bag, in order of event time.

    Args:
        last: maximum number of events of a bag, 1 to 500; None for all.
        selected: the selected fields of the events; None if unknown.
        layout: of each event, if JSON texts may be returned; then long results are JSON texts.

    Raises:
        BadInput: ``last`` is out of bounds.
    """
    check_last(last)
    if layout and len(parents) >= MIN_JSON_PARENTS and _is_written(layout):
        return await _written(context, parents, last, layout)
    found: dict[int, list[Event | BriefEvent]] = {bag.id: [] for bag in parents}
    brief = selected is not None and selected.keys() <= BRIEF
    for event in await _rows(context, list(found), last, brief=brief):
        found[event.bag_id].append(event)
    return [found[bag.id] for bag in parents]


def layout_of(selected: Selected) -> tuple[Layout | None, int | None]:
    """Layout and argument ``last`` of a bag's events, if its row may hold them as JSON text; two Nones otherwise."""
    if selected is None or selected.layout is None or selected.arguments is None or not _is_written(selected.layout):
        return None, None
    return selected.layout, selected.arguments["last"]


def prefetched(parents: Sequence[Any], *, last: int | None = None) -> JsonTexts | None:  # noqa: ARG001 # the selection has applied it
    """The events of bags whose rows hold them; None if any row does not.

    Number and layout are those of the selection that the rows were read for.
    """
    if not WITH_EVENTS.issuperset(map(type, parents)):
        return None
    texts = [parent.events_json for parent in parents]
    return None if None in texts else JsonTexts(texts)


def _is_written(layout: Layout) -> bool:
    return events.JSON_OF.keys() >= {column for _, column in layout}


async def _written(context: Context, parents: Sequence[Bag], last: int | None, layout: Layout) -> JsonTexts:
    records, airline_id = context.stores.postgres, context.airline_id
    ids = list({bag.id for bag in parents})
    if last is None:
        texts = await events.json_of_bags(records, airline_id, ids, layout)
    else:
        texts = await events.last_json_of_bags(records, airline_id, ids, last, layout)
    return JsonTexts(texts.get(bag.id, "[]") for bag in parents)


async def _rows(
    context: Context, bag_ids: Sequence[int], last: int | None, *, brief: bool
) -> Sequence[Event | BriefEvent]:
    records, airline_id = context.stores.postgres, context.airline_id
    if last is None:
        fetch = events.brief_of_bags if brief else events.of_bags
        return await fetch(records, airline_id, bag_ids)
    fetch_last = events.last_brief_of_bags if brief else events.last_of_bags
    return await fetch_last(records, airline_id, bag_ids, last)
