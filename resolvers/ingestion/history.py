"""What the records know of bags' journeys: events, plans and the flights they name."""

from collections.abc import Sequence

from integrations.records.events import Event
from integrations.records.flights import FlightColumns, Leg
from integrations.stores.postgres import events, flights
from integrations.stores.postgres.manager import Reader
from resolvers.rules.bag_state import in_order
from resolvers.rules.history import History


async def sighted(records: Reader, airline_id: int, bag_ids: Sequence[int]) -> dict[int, History]:
    """As ``of_bags``, with the columns that say where a bag stands and no others."""
    happened: dict[int, list[Event]] = {bag_id: [] for bag_id in bag_ids}
    planned: dict[int, list[Leg]] = {bag_id: [] for bag_id in bag_ids}
    named: dict[int, FlightColumns] = {}
    off_plan: set[int] = set()
    for event in await events.sightings(records, airline_id, bag_ids):
        happened[event.bag_id].append(event)
        if event.flight_id is not None:
            off_plan.add(event.flight_id)
    for leg in await flights.stations_of_bags(records, airline_id, bag_ids):
        planned[leg.bag_id].append(leg)
        named[leg.id] = leg
    off_plan -= named.keys()
    if off_plan:
        named.update(await flights.departures(records, airline_id, sorted(off_plan)))
    return {bag_id: History(happened[bag_id], planned[bag_id], named) for bag_id in bag_ids}


async def of_bags(records: Reader, airline_id: int, bag_ids: Sequence[int]) -> dict[int, History]:
    """The history of each bag; three statements for any number of bags."""
    happened: dict[int, list[Event]] = {bag_id: [] for bag_id in bag_ids}
    planned: dict[int, list[Leg]] = {bag_id: [] for bag_id in bag_ids}
    named: dict[int, FlightColumns] = {}
    for event in await events.of_bags(records, airline_id, bag_ids):
        happened[event.bag_id].append(event)
    for leg in await flights.legs_of_bags(records, airline_id, bag_ids):
        planned[leg.bag_id].append(leg)
        named[leg.id] = leg
    off_plan = {
        event.flight_id for of_bag in happened.values() for event in of_bag if event.flight_id is not None
    } - named.keys()
    if off_plan:
        named.update(await flights.by_id(records, airline_id, sorted(off_plan)))
    return {bag_id: History(in_order(happened[bag_id]), planned[bag_id], named) for bag_id in bag_ids}
