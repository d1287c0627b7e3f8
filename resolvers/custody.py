"""Custody of the bags of flights (``docs/DOMAIN.md#custody-points``): reads."""

from collections.abc import Sequence

from integrations.records.flights import FlightColumns
from integrations.records.inventory import CustodyCompleteness, CustodyGap
from integrations.stores.postgres import flights
from resolvers.context import Context
from resolvers.errors import check_range
from resolvers.ingestion import history
from resolvers.rules.custody import completeness, custody_points

MAX_GAPS = 200


async def of_flights(context: Context, parents: Sequence[FlightColumns]) -> list[CustodyCompleteness]:
    """The custody completeness of each flight; four statements for any number of flights."""
    records, airline_id = context.stores.postgres, context.airline_id
    of_flight = await flights.bag_ids(records, airline_id, sorted({flight.id for flight in parents}))
    known = await history.of_bags(records, airline_id, sorted({one for ids in of_flight.values() for one in ids}))
    points = {bag_id: custody_points(one.events, one.planned, one.flights) for bag_id, one in known.items()}
    planned = {bag_id: {leg.id for leg in one.planned} for bag_id, one in known.items()}
    found = []
    for flight in parents:
        of_bags = {
            bag_id: [point for point in points[bag_id] if point.flight_id == flight.id]
            for bag_id in sorted(of_flight.get(flight.id, ()))
            if flight.id in planned[bag_id] or any(point.flight_id == flight.id for point in points[bag_id])
        }
        found.append(completeness(of_bags))
    return found


async def gaps(
    _context: Context, parents: Sequence[CustodyCompleteness], *, first: int = 25
) -> list[Sequence[CustodyGap]]:
    """The gaps of each flight.

    Args:
        first: maximum number of gaps of a flight, 1 to 200.

    Raises:
        BadInput: ``first`` is out of bounds.
    """
    check_range("first", first, 1, MAX_GAPS)
    return [one.gaps[:first] for one in parents]
