"""Questions that only the graph answers: while it is away there is no answer."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from integrations.records.bags import Bag
from integrations.records.flights import FlightColumns
from integrations.stores.neo4j import analytics
from integrations.stores.neo4j.analytics import Bottleneck, MissedOnwardFlight, PlannedAgainstActual
from integrations.stores.postgres import bags
from resolvers.context import Context
from resolvers.errors import BadInput

MAX_BAGS = 200
MAX_MINUTES = 2 * 24 * 60
MAX_BOTTLENECKS = 500
# Each event of the time is looked at: a hub has 400,000 a day.
MAX_WINDOW = timedelta(hours=6)


async def planned_against_actual(
    context: Context, parents: Sequence[FlightColumns], *, first: int = 25
) -> list[PlannedAgainstActual | None]:
    """Who was planned on each flight and who flew; None for a flight that the graph does not know yet.

    Raises:
        BadInput: ``first`` is out of bounds.
        Unavailable: the graph cannot be reached; nothing else knows.
    """
    if not 1 <= first <= MAX_BAGS:
        raise BadInput("first", f"`first` must be between 1 and {MAX_BAGS}.")
    ids = list({flight.id for flight in parents})
    found = await analytics.planned_against_actual(context.stores.neo4j, context.airline_id, ids, first)
    return [found.get(flight.id) for flight in parents]


async def blast_radius(
    context: Context, parents: Sequence[FlightColumns], *, minutes_late: int | None = None, bags_of_each: int = 25
) -> list[list[MissedOnwardFlight]]:
    """The onward flights that bags of each inbound flight would miss, by departure.

    Raises:
        BadInput: ``minutes_late`` or ``bags_of_each`` is out of bounds.
        Unavailable: the graph cannot be reached; nothing else knows.
    """
    if minutes_late is not None and not 0 <= minutes_late <= MAX_MINUTES:
        raise BadInput("minutesLate", f"`minutesLate` must be between 0 and {MAX_MINUTES}.")
    if not 1 <= bags_of_each <= MAX_BAGS:
        raise BadInput("bagsOfEach", f"`bagsOfEach` must be between 1 and {MAX_BAGS}.")
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
    """The places of an airport by hour, where bags stay longest first.

    Raises:
        BadInput: the time or ``first`` is out of bounds.
        Unavailable: the graph cannot be reached; nothing else knows.
    """
    if not timedelta(0) < until - since <= MAX_WINDOW:
        raise BadInput("to", f"`to` must be after `from`, by {MAX_WINDOW // timedelta(hours=1)} hours at most.")
    if not 1 <= first <= MAX_BOTTLENECKS:
        raise BadInput("first", f"`first` must be between 1 and {MAX_BOTTLENECKS}.")
    return await analytics.bottlenecks(context.stores.neo4j, context.airline_id, airport, since, until, first)
