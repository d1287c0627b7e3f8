"""Messages: reads."""

from collections.abc import Sequence

from integrations.records.bags import Bag
from integrations.records.events import EventColumns
from integrations.records.messages import Message
from integrations.stores.postgres import messages
from resolvers.context import Context
from resolvers.errors import check_range

MAX_MESSAGES = 200


async def of_bags(context: Context, parents: Sequence[Bag], *, last: int = 50) -> list[list[Message]]:
    """The newest messages about each bag, in order of receipt.

    Args:
        last: maximum number of messages of a bag, 1 to 200.

    Raises:
        BadInput: ``last`` is out of bounds.
    """
    check_range("last", last, 1, MAX_MESSAGES)
    found = await messages.of_bags(context.stores.postgres, context.airline_id, list({bag.id for bag in parents}), last)
    return [found.get(bag.id, []) for bag in parents]


async def of_events(context: Context, parents: Sequence[EventColumns]) -> list[Message | None]:
    """The message that each event was read from, None for an event that was recorded otherwise."""
    wanted = {event.id: event.at for event in parents}
    found = await messages.of_events(context.stores.postgres, context.airline_id, wanted.items())
    return [found.get(event.id) for event in parents]
