"""The commands that compare the graph with the records and make it anew: ``python -m gateway graph``."""

from collections.abc import Callable

from integrations.errors import OutsideError
from resolvers.installation import Stores
from resolvers.workers import graph_check
from resolvers.workers.graph_check import Difference

# More differences than one reads; the total says how many there are.
MOST_LINES = 100

Say = Callable[[str], None]


async def check_graph(stores: Stores, airline_id: int, say: Say) -> int:
    """Says what differs, at most ``MOST_LINES`` of it; answers the exit code."""
    lines = 0

    def tell(difference: Difference) -> None:
        nonlocal lines
        lines += 1
        if lines <= MOST_LINES:
            say(f"{difference.subject.value.lower()} {difference.id}: {'; '.join(difference.details)}")

    try:
        found = await graph_check.check(stores, airline_id, tell)
    except OutsideError as error:
        say(f"Not finished: {error}")
        return 1
    compared = f"{found.bags:,} bags and {found.flights:,} flights compared: {found.different:,} differ"
    say(f"{compared}; {found.undecided:,} still to be told" if found.undecided else compared)
    return 1 if found.different else 0


async def rebuild_graph(stores: Stores, airline_id: int, say: Say) -> int:
    """Makes the graph anew and says how far it is; answers the exit code."""
    try:
        await graph_check.rebuild(stores, airline_id, say)
    except (OutsideError, graph_check.ConcurrentChanges) as error:
        say(f"Not finished: {error}. Run it again: it may be repeated.")
        return 1
    return 0
