"""Reads of bag histories: events, plans and the flights that they name."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from integrations.records.events import Event
from integrations.records.flights import FlightColumns, FlightTo, Leg
from integrations.records.instructions import NamedFlight
from integrations.stores.postgres import events, flights, instructions
from integrations.stores.postgres.manager import Reader
from resolvers.rules.bag_state import sort_events
from resolvers.rules.history import History
from resolvers.rules.itinerary import merge_instructions, sort_instructions


async def sightings_of_bags(records: Reader, airline_id: int, bag_ids: Sequence[int]) -> dict[int, History]:
    """The histories of bags, as ``of_bags``, with only the columns that the status of a bag depends on."""
    by_bag: dict[int, list[Event]] = {bag_id: [] for bag_id in bag_ids}
    planned: dict[int, list[Leg]] = {bag_id: [] for bag_id in bag_ids}
    named: dict[int, FlightColumns] = {}
    off_plan: set[int] = set()
    for event in await events.sightings(records, airline_id, bag_ids):
        by_bag[event.bag_id].append(event)
        if event.flight_id is not None:
            off_plan.add(event.flight_id)
    for leg in await flights.stations_of_bags(records, airline_id, bag_ids):
        planned[leg.bag_id].append(leg)
        named[leg.id] = leg
    off_plan -= named.keys()
    if off_plan:
        named.update(await flights.departures(records, airline_id, sorted(off_plan)))
    return {bag_id: History(by_bag[bag_id], planned[bag_id], named) for bag_id in bag_ids}


async def of_bags(records: Reader, airline_id: int, bag_ids: Sequence[int]) -> dict[int, History]:
    """The histories of bags by bag id; three statements for any number of bags."""
    by_bag: dict[int, list[Event]] = {bag_id: [] for bag_id in bag_ids}
    planned: dict[int, list[Leg]] = {bag_id: [] for bag_id in bag_ids}
    named: dict[int, FlightColumns] = {}
    for event in await events.of_bags(records, airline_id, bag_ids):
        by_bag[event.bag_id].append(event)
    for leg in await flights.legs_of_bags(records, airline_id, bag_ids):
        planned[leg.bag_id].append(leg)
        named[leg.id] = leg.flight
    off_plan = {
        event.flight_id for of_bag in by_bag.values() for event in of_bag if event.flight_id is not None
    } - named.keys()
    if off_plan:
        named.update(await flights.by_id(records, airline_id, sorted(off_plan)))
    return {bag_id: History(sort_events(by_bag[bag_id]), planned[bag_id], named) for bag_id in bag_ids}


async def with_replaced_flights(
    records: Reader, airline_id: int, histories: Mapping[int, History]
) -> dict[int, History]:
    """The histories with the flights that messages once planned; at most three statements for any number of bags."""
    of_bags = await instructions.of_bags(records, airline_id, list(histories))
    once = {
        bag_id: merge_instructions(sort_instructions(of_bag)).once_planned
        for bag_id, of_bag in of_bags.items()
        if len({one.instruction.tag for one in of_bag}) > 1
    }
    if not once:
        return dict(histories)
    ids = await flights.ids_by_key(
        records, airline_id, list({flight.key for named in once.values() for flight in named})
    )
    known = await flights.by_id(records, airline_id, sorted(ids.values()))
    return {
        bag_id: replace(one, replaced=[_to(known[ids[flight.key]], flight) for flight in once.get(bag_id, ())])
        for bag_id, one in histories.items()
    }


def _to(flight: FlightColumns, named: NamedFlight) -> FlightColumns:
    """The flight as a leg to the airport that the messages name."""
    return FlightTo(flight, named.destination) if named.destination not in ("", flight.destination) else flight
