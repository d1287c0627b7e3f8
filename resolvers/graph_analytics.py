"""Graph analytics: reads that only the graph can serve, unavailable while it is."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from integrations.records.bags import Bag
from integrations.records.flights import FlightColumns
from integrations.stores.neo4j import analytics
from integrations.stores.neo4j.analytics import Bottleneck, MissedOnwardFlight, PlannedAgainstActual
from integrations.stores.postgres import bags
from resolvers.context import Context
from resolvers.errors import BadInput, check_range

MAX_BAGS = 200
MAX_MINUTES = 2 * 24 * 60
MAX_BOTTLENECKS = 500
# The statement reads every event of the window, and a hub has 400,000 a day.
MAX_WINDOW = timedelta(hours=6)


async def planned_against_actual(
    context: Context, parents: Sequence[FlightColumns], *, first: int = 25
) -> list[PlannedAgainstActual | None]:
    """Planned and flown bags of each flight; None for a flight that the graph does not have yet.

    Args:
        first: maximum number of bags of each difference, 1 to 200.

    Raises:
        BadInput: ``first`` is out of bounds.
        Unavailable: the graph is unavailable.
    """
    check_range("first", first, 1, MAX_BAGS)
    ids = list({flight.id for flight in parents})
    found = await analytics.planned_against_actual(context.stores.neo4j, context.airline_id, ids, first)
    return [found.get(flight.id) for flight in parents]


async def blast_radius(
    context: Context, parents: Sequence[FlightColumns], *, minutes_late: int | None = None, bags_of_each: int = 25
) -> list[list[MissedOnwardFlight]]:
    """The onward flights that bags of each inbound flight would miss, by departure.

    Args:
        minutes_late: assumed delay of the inbound flight, 0 to 2,880 minutes; None for its current delay.
        bags_of_each: maximum number of bags of each onward flight, 1 to 200.

    Raises:
        BadInput: ``minutes_late`` or ``bags_of_each`` is out of bounds.
        Unavailable: the graph is unavailable.
    """
    if minutes_late is not None:
        check_range("minutesLate", minutes_late, 0, MAX_MINUTES)
    check_range("bagsOfEach", bags_of_each, 1, MAX_BAGS)
    ids = list({flight.id for flight in parents})
    found = await analytics.blast_radius(context.stores.neo4j, context.airline_id, ids, minutes_late, bags_of_each)
    return [found.get(flight.id, []) for flight in parents]


async def missing(context: Context, parents: Sequence[MissedOnwardFlight]) -> list[list[Bag]]:
    """The records of the bags that would miss each connection."""
    return await _records(context, [parent.bag_ids for parent in parents])


async def not_flown(context: Context, parents: Sequence[PlannedAgainstActual]) -> list[list[Bag]]:
    """The records of bags that were planned on the flight and did not fly with it."""
    return await _records(context, [parent.not_flown_ids for parent in parents])


async def not_planned(context: Context, parents: Sequence[PlannedAgainstActual]) -> list[list[Bag]]:
    """The records of bags that flew without a plan for the flight."""
    return await _records(context, [parent.not_planned_ids for parent in parents])


async def _records(context: Context, wanted: Sequence[Sequence[int]]) -> list[list[Bag]]:
    ids = sorted({bag_id for of_one in wanted for bag_id in of_one})
    found = await bags.by_id(context.stores.postgres, context.airline_id, ids)
    return [[found[bag_id] for bag_id in of_one if bag_id in found] for of_one in wanted]


async def bottlenecks(context: Context, airport: str, since: datetime, until: datetime, first: int) -> list[Bottleneck]:
    """Places of an airport by hour, those where bags stay longest first.

    Args:
        since: start of the window, UTC.
        until: end of the window, UTC; at most 6 hours later.
        first: maximum number of places and hours, 1 to 500.

    Raises:
        BadInput: the window or ``first`` is out of bounds.
        Unavailable: the graph is unavailable.
    """
    if not timedelta(0) < until - since <= MAX_WINDOW:
        raise BadInput("to", f"to must be after from and at most {MAX_WINDOW // timedelta(hours=1)} hours later")
    check_range("first", first, 1, MAX_BOTTLENECKS)
    return await analytics.bottlenecks(context.stores.neo4j, context.airline_id, airport, since, until, first)
