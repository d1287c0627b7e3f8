"""The flights of the days that are told, written into the records as a timetable and its updates would bring them."""

from collections.abc import Sequence

from benchmarks.bank.schedule import Day
from integrations.stores.postgres import flights, network, seedings
from integrations.stores.postgres.manager import PostgresManager
from resolvers.publish import ChangeSet, publish


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
        await flights.insert(records, airline_id, last.told_at, rows)
        await publish(records, airline_id, ChangeSet(network=True, new_flights=[row.id for row in rows]))
