"""Empties what a demo has filled, so that it can be seeded anew, while gateway and projector run."""

from asyncio import sleep
from collections.abc import Callable
from time import monotonic

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


async def reset(context: Context, say: Callable[[str], None]) -> None:
    """Empties the graph, then the records but for reference data, the network and users; the caller flushes the cache.

    No projector writes meanwhile: it would bring old bags back, with versions that new ones never reach. All lanes are
    taken first, and a batch that is under way is waited for. An interrupted reset can be repeated; the graph goes
    first, since records without a graph are right and a graph of other records is not.

    Raises:
        AlreadyInUse: the database serves another airline as well; nothing is changed.
        OutsideError: a store does not answer; the next run starts again.
    """
    postgres = context.stores.postgres
    if await seedings.others_have_records(postgres, context.airline_id):
        raise AlreadyInUse("Another airline has records in this database: it cannot be emptied.")
    await _stop_projectors(postgres)
    try:
        await _empty_graph(postgres, context.stores.neo4j, say)
        async with postgres.transaction() as records:
            await seedings.empty(records)
        say("the records are empty")
    finally:
        await outbox.release(postgres, Consumer.GRAPH, OWNER)


async def _stop_projectors(postgres: PostgresManager) -> None:
    """Takes the lanes from their owners and waits until none of them can be in the middle of a batch.

    A batch is marked as done at its end: where nothing waits, nothing is under way.
    """
    await seedings.seize_lanes(postgres, Consumer.GRAPH, OWNER, LEASE_SECONDS)
    until = monotonic() + MARGIN_SECONDS
    while monotonic() < until and (await outbox.lag(postgres, Consumer.GRAPH, 1))[0]:  # noqa: ASYNC110 # tables tell nobody
        await sleep(0.1)


async def _empty_graph(postgres: PostgresManager, graph: Neo4jManager, say: Callable[[str], None]) -> None:
    deleted = 0
    while some := await graph_seedings.delete_nodes(graph):
        deleted += some
        await outbox.lease(postgres, Consumer.GRAPH, OWNER, LEASE_SECONDS)
    say(f"the graph is empty: {deleted:,} nodes deleted")
