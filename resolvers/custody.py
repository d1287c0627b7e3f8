"""Custody (Resolution 753): which points of a bag's journey are proved, by what, and where proof is missing.

Rules: the binding readings of the domain reference, section 12 (numbers in the comments below).
"""

from collections.abc import Sequence

from integrations.records.flights import FlightColumns
from integrations.records.inventory import CustodyCompleteness, CustodyGap
from integrations.stores.postgres import flights
from resolvers.context import Context
from resolvers.errors import BadInput
from resolvers.ingestion import history
from resolvers.rules.custody import completeness, custody_points

MAX_GAPS = 200


async def of_flights(context: Context, parents: Sequence[FlightColumns]) -> list[CustodyCompleteness]:
    """How complete the proof is for the bags of each flight; four statements for any number of flights."""
    records, airline_id = context.stores.postgres, context.airline_id
    of_flight = await flights.bag_ids(records, airline_id, sorted({flight.id for flight in parents}))
    known = await history.of_bags(records, airline_id, sorted({one for ids in of_flight.values() for one in ids}))
    points = {bag_id: custody_points(one.events, one.planned) for bag_id, one in known.items()}
    planned = {bag_id: {leg.seq: leg.id for leg in one.planned} for bag_id, one in known.items()}
    found = []
    for flight in parents:
        of_bags = {
            bag_id: [point for point in points[bag_id] if planned[bag_id][point.leg] == flight.id]
            for bag_id in sorted(of_flight.get(flight.id, ()))
            if flight.id in planned[bag_id].values()
        }
        found.append(completeness(of_bags))
    return found


async def gaps(
    _context: Context, parents: Sequence[CustodyCompleteness], *, first: int = 25
) -> list[Sequence[CustodyGap]]:
    """The first gaps of each flight.

    Raises:
        BadInput: ``first`` is out of bounds.
    """
    if not 1 <= first <= MAX_GAPS:
        raise BadInput("first", f"`first` must be between 1 and {MAX_GAPS}.")
    return [one.gaps[:first] for one in parents]
