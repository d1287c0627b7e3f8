"""Empties a seeded database, so that it can be seeded again, while gateway and projector run."""

from asyncio import sleep
from time import monotonic

from integrations.progress import Progress
from integrations.records.outbox import Consumer
from integrations.stores.neo4j import seedings as graph_seedings
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.postgres import outbox, seedings
from integrations.stores.postgres.manager import PostgresManager
from resolvers.context import Context
from resolvers.workers.projector import MARGIN_SECONDS
from seeds.run import AlreadyInUse

OWNER = "reset"
LEASE_SECONDS = 90.0


async def reset(context: Context, progress: Progress) -> None:
    """Empties the graph, then the records except reference data, network and users. The caller flushes the cache.

    No projector may write meanwhile: it would restore old bags, with versions that new ones never reach. Therefore all
    lanes are taken first, and a running batch is awaited. An interrupted reset can be repeated. The graph goes first,
    since records without a graph are correct and a graph of other records is not.

    Args:
        context: the airline, and the stores.
        progress: receives one line of text for each step.

    Raises:
        AlreadyInUse: the database also serves another airline; nothing is changed.
        OutsideError: a store does not respond; the next run starts again.
    """
    postgres = context.stores.postgres
    if await seedings.others_have_records(postgres, context.airline_id):
        raise AlreadyInUse("The database has records of another airline and cannot be emptied.")
    await _stop_projectors(postgres)
    try:
        await _empty_graph(postgres, context.stores.neo4j, progress)
        async with postgres.transaction() as records:
            await seedings.empty(records)
        progress("records emptied")
    finally:
        await outbox.release(postgres, Consumer.GRAPH, OWNER)


async def _stop_projectors(postgres: PostgresManager) -> None:
    """Takes the lanes from their owners and waits until no owner can be in the middle of a batch.

    A batch is marked as done at its end: if nothing is pending, nothing is running.
    """
    await seedings.seize_lanes(postgres, Consumer.GRAPH, OWNER, LEASE_SECONDS)
    deadline = monotonic() + MARGIN_SECONDS
    while monotonic() < deadline and (await outbox.lag(postgres, Consumer.GRAPH, 1))[0]:  # noqa: ASYNC110 # a table has no event
        await sleep(0.1)


async def _empty_graph(postgres: PostgresManager, graph: Neo4jManager, progress: Progress) -> None:
    deleted = 0
    while count := await graph_seedings.delete_nodes(graph):
        deleted += count
        await outbox.lease(postgres, Consumer.GRAPH, OWNER, LEASE_SECONDS)
    progress(f"graph emptied: {deleted:,} nodes deleted")
