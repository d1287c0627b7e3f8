"""Events of many bags."""

from collections.abc import Sequence

from integrations.records.bags import Bag
from integrations.records.events import Event
from integrations.stores import events
from resolvers.context import Context
from resolvers.errors import BadInput

MOST_EVENTS = 500


def check_last(last: int | None) -> None:
    """Bounds how many events of a bag are asked for.

    Raises:
        BadInput: ``last`` is out of bounds.
    """
    if last is not None and not 1 <= last <= MOST_EVENTS:
        raise BadInput("last", f"`last` must be between 1 and {MOST_EVENTS}.")


async def of_bags(context: Context, parents: Sequence[Bag], *, last: int | None = None) -> list[list[Event]]:
    """The newest ``last`` events of each bag, all where None, in order of event time.

    Raises:
        BadInput: ``last`` is out of bounds.
    """
    check_last(last)
    found: dict[int, list[Event]] = {bag.id: [] for bag in parents}
    rows = (
        await events.of_bags(context.stores.postgres, context.airline_id, list(found))
        if last is None
        else await events.last_of_bags(context.stores.postgres, context.airline_id, list(found), last)
    )
    for event in rows:
        found[event.bag_id].append(event)
    return [found[bag.id] for bag in parents]
