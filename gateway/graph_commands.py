"""``python -m gateway graph``: compares the graph with the records, or rebuilds it."""

from gateway.errors import CommandError
from integrations.progress import Progress
from resolvers.installation import Stores
from resolvers.workers import graph_check
from resolvers.workers.graph_check import Difference

# Further differences are only counted.
MAX_LINES = 100


async def check_graph(stores: Stores, airline_id: int, progress: Progress) -> int:
    """Reports differences, at most ``MAX_LINES``; returns the exit code.

    Raises:
        OutsideError: a store is unavailable.
    """
    lines = 0

    def report(difference: Difference) -> None:
        nonlocal lines
        lines += 1
        if lines <= MAX_LINES:
            progress(f"{difference.subject.value.lower()} {difference.id}: {'; '.join(difference.details)}")

    found = await graph_check.check(stores, airline_id, report)
    compared = f"{found.bags:,} bags and {found.flights:,} flights compared: {found.different:,} differ"
    progress(f"{compared}; {found.undecided:,} have pending changes" if found.undecided else compared)
    return 1 if found.different else 0


async def rebuild_graph(stores: Stores, airline_id: int, progress: Progress) -> int:
    """Rebuilds the graph and reports progress; returns the exit code.

    Raises:
        CommandError: the graph was changed at the same time.
        OutsideError: a store is unavailable.
    """
    try:
        await graph_check.rebuild(stores, airline_id, progress)
    except graph_check.ConcurrentChanges as error:
        raise CommandError(f"graph did not finish: {error}. Run it again; it is repeatable.") from error
    return 0
