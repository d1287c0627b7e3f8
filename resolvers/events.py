"""Events of many bags."""

from collections.abc import Sequence
from typing import Any

from integrations.records.bags import Bag, RelatedBag
from integrations.records.events import BriefEvent, Event, JoinedEvent
from integrations.stores import events
from resolvers.context import Context, Layout, Selected, Written
from resolvers.errors import BadInput

MOST_EVENTS = 500
# The fields of an event that its brief form answers.
BRIEF = frozenset({"kind", "at", "airport", "place", "local_time", "station"})
# For fewer bags it is not worth a statement of another form.
WRITTEN_FROM = 10
# Those that an event answers which the row of its bag has brought along.
BROUGHT = BRIEF | {"received_at", "tag", "method", "device"}


def check_last(last: int | None) -> None:
    """Bounds how many events of a bag are asked for.

    Raises:
        BadInput: ``last`` is out of bounds.
    """
    if last is not None and not 1 <= last <= MOST_EVENTS:
        raise BadInput("last", f"`last` must be between 1 and {MOST_EVENTS}.")


async def of_bags(
    context: Context,
    parents: Sequence[Bag],
    *,
    last: int | None = None,
    selected: Selected = None,
    written: Layout | None = None,
) -> Sequence[Any]:
    """The newest ``last`` events of each bag, all where None, in order of event time.

    Args:
        selected: the fields that the events are asked for; None where nobody can say.
        written: how each event is laid out where lists of JSON text do; then long answers are such lists.

    Raises:
        BadInput: ``last`` is out of bounds.
    """
    check_last(last)
    if written and len(parents) >= WRITTEN_FROM and all(column in events.JSON_OF for _, column in written):
        return await _written(context, parents, last, written)
    found: dict[int, list[Event | BriefEvent]] = {bag.id: [] for bag in parents}
    brief = selected is not None and selected.keys() <= BRIEF
    for event in await _rows(context, list(found), last, brief=brief):
        found[event.bag_id].append(event)
    return [found[bag.id] for bag in parents]


def brought(parents: Sequence[Any], *, last: int | None = None) -> Sequence[Sequence[JoinedEvent]] | None:
    """The events that bags have brought along, if all have; ``last`` as in ``of_bags``.

    Raises:
        BadInput: ``last`` is out of bounds.
    """
    check_last(last)
    if set(map(type, parents)) != {RelatedBag} or not all(parent.brings_events for parent in parents):
        return None
    found = [parent.events for parent in parents]
    return found if last is None else [events[-last:] for events in found]


async def _written(context: Context, parents: Sequence[Bag], last: int | None, layout: Layout) -> Written:
    records, airline_id = context.stores.postgres, context.airline_id
    ids = list({bag.id for bag in parents})
    if last is None:
        texts = await events.written(records, airline_id, ids, layout)
    else:
        texts = await events.last_written(records, airline_id, ids, last, layout)
    return Written(texts.get(bag.id, "[]") for bag in parents)


async def _rows(
    context: Context, bag_ids: Sequence[int], last: int | None, *, brief: bool
) -> Sequence[Event | BriefEvent]:
    records, airline_id = context.stores.postgres, context.airline_id
    if last is None:
        fetch = events.brief_of_bags if brief else events.of_bags
        return await fetch(records, airline_id, bag_ids)
    fetch_last = events.last_brief_of_bags if brief else events.last_of_bags
    return await fetch_last(records, airline_id, bag_ids, last)
