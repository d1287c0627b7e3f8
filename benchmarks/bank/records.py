"""The flights of the days that are told, written into the records as a timetable and its updates would bring them."""

from collections.abc import Sequence

from benchmarks.bank.schedule import Day
from integrations.records.outbox import GRAPH, Subject
from integrations.stores.postgres import flights, network, outbox, seedings
from integrations.stores.postgres.manager import PostgresManager


async def write_flights(postgres: PostgresManager, airline_id: int, days: Sequence[Day]) -> None:
    """Writes the network, and all flights around the days as they are when the last day is told.

    Args:
        days: in their order; a week at most.

    Raises:
        ValueError: there are flights already.
        OutsideError: PostgreSQL does not answer or refuses.
    """
    last = days[-1]
    rows = last.rows
    async with postgres.transaction() as records:
        if await seedings.ids_are_taken(records):
            raise ValueError("There are flights or bags already: a bank needs an installation of its own.")
        await network.write_airports(records, last.network.airports)
        await network.write_routes(records, airline_id, last.network.routes)
        await seedings.reserve_ids(records, len(rows), 0, 0)
        await outbox.enqueue(records, airline_id, GRAPH, Subject.NETWORK, airline_id)
        await flights.insert(records, airline_id, GRAPH, last.told_at, rows)
        await outbox.wake(records, GRAPH)
