"""Writes the flights of the days into the records, as a timetable and its updates would."""

from collections.abc import Sequence

from benchmarks.bank.schedule import Day
from integrations.stores.postgres import flights, network, seedings
from integrations.stores.postgres.manager import PostgresManager
from resolvers.publish import ChangeSet, publish


async def write_flights(postgres: PostgresManager, airline_id: int, days: Sequence[Day]) -> None:
    """Writes the network, and all flights around the days as of the receipt time of the last day.

    Args:
        postgres: connections to PostgreSQL.
        airline_id: the airline.
        days: days in order, a week at most.

    Raises:
        ValueError: there are flights or bags already.
        OutsideError: PostgreSQL does not respond or rejects a statement.
    """
    last = days[-1]
    rows = last.rows
    async with postgres.transaction() as records:
        if await seedings.ids_are_taken(records):
            raise ValueError("There are flights or bags already; a bank needs a fresh installation.")
        await network.write_airports(records, last.network.airports)
        await network.write_routes(records, airline_id, last.network.routes)
        await seedings.reserve_ids(records, len(rows), 0, 0)
        await flights.insert(records, airline_id, last.received_at, rows)
        await publish(records, airline_id, ChangeSet(network=True, new_flights=[row.id for row in rows]))
