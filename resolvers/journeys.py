"""Journeys of bags: from the graph, or from the records while the graph is unavailable."""

from collections.abc import Mapping, Sequence

from integrations.errors import Unavailable
from integrations.records.bags import Bag
from integrations.records.events import EventColumns
from integrations.records.flights import FlightColumns
from integrations.records.journeys import Journey, JourneySource
from integrations.stores.neo4j import journeys
from integrations.stores.neo4j.journeys import GraphJourney
from resolvers.context import Context
from resolvers.events import check_last
from resolvers.ingestion import history
from resolvers.rules.bag_state import flown_legs
from resolvers.rules.custody import custody_points
from resolvers.rules.history import History


async def of_bags(context: Context, bags: Sequence[Bag]) -> list[Journey]:
    """The journey of each bag, in one round trip.

    While the graph is unavailable, or does not have a bag yet, the journey comes from the records, and its ``source``
    says so.
    """
    ids = list({bag.id for bag in bags})
    try:
        known: Mapping[int, GraphJourney] = await journeys.of_bags(context.stores.neo4j, context.airline_id, ids)
    except Unavailable:
        known = {}
    missing = [bag_id for bag_id in ids if bag_id not in known]
    rebuilt = await history.of_bags(context.stores.postgres, context.airline_id, missing) if missing else {}
    return [_from_graph(bag, known[bag.id]) if bag.id in known else _from_records(bag, rebuilt[bag.id]) for bag in bags]


def _from_graph(bag: Bag, journey: GraphJourney) -> Journey:
    planned, events = journey.planned, journey.events
    flights: dict[int, FlightColumns] = {flight.id: flight for flight in journey.flown}
    flights.update({leg.id: leg.flight for leg in planned})
    return Journey(
        bag_id=journey.bag_id,
        source=JourneySource.GRAPH,
        as_of=journey.as_of,
        version=journey.version,
        behind=max(0, bag.version - journey.version),
        planned=planned,
        flown=flown_legs(events, flights),
        events=events,
        custodian=journey.custodian,
        points=custody_points(events, planned, flights),
    )


def _from_records(bag: Bag, known: History) -> Journey:
    return Journey(
        bag_id=bag.id,
        source=JourneySource.RECORDS,
        as_of=max((event.received_at for event in known.events), default=None),
        version=bag.version,
        behind=0,
        planned=known.planned,
        flown=flown_legs(known.events, known.flights),
        events=known.events,
        custodian=bag.custodian,
        points=custody_points(known.events, known.planned, known.flights),
    )


async def scans(
    _context: Context, parents: Sequence[Journey], *, last: int | None = None
) -> list[Sequence[EventColumns]]:
    """The newest events of each journey, in order of event time.

    Args:
        last: maximum number of events of a journey; None for all.

    Raises:
        BadInput: ``last`` is out of bounds.
    """
    check_last(last)
    return [journey.events if last is None else journey.events[-last:] for journey in parents]
