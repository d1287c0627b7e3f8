"""Messages: reads."""

from collections.abc import Sequence

from integrations.records.bags import Bag
from integrations.records.messages import Message as Received
from integrations.stores.postgres import messages
from resolvers.context import Context
from resolvers.errors import BadInput

MAX_MESSAGES = 200


async def of_bags(context: Context, parents: Sequence[Bag], *, last: int = 50) -> list[list[Received]]:
    """The newest messages that spoke of each bag, in order of receipt.

    Raises:
        BadInput: not between 1 and 200 of them.
    """
    if not 1 <= last <= MAX_MESSAGES:
        raise BadInput("last", f"`last` must be between 1 and {MAX_MESSAGES}.")
    found = await messages.of_bags(context.stores.postgres, context.airline_id, list({bag.id for bag in parents}), last)
    return [found.get(bag.id, []) for bag in parents]
