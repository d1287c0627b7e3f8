"""Flight updates: new times, status and gate of flights, and the bags whose status they change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from integrations.messages.typeb_reader import MessageContent
from integrations.records.events import FlightKey
from integrations.records.flights import Flight, FlightStatus
from integrations.records.instructions import NamedFlight
from integrations.stores.postgres import bags, flights
from integrations.stores.postgres.flights import FlightValues
from integrations.stores.postgres.manager import Reader
from resolvers.audit import audit
from resolvers.context import Context
from resolvers.errors import BadInput, NotFound
from resolvers.ingestion import events
from resolvers.ingestion.reading import ParsedPiece
from resolvers.publish import ChangeSet, publish

# A time further from the schedule is a typing error: a flight that late is scheduled again.
MAX_FROM_SCHEDULE = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class FlightChange:
    """New values of a flight; None leaves a value unchanged."""

    estimated_departure: datetime | None = None
    estimated_arrival: datetime | None = None
    actual_departure: datetime | None = None
    actual_arrival: datetime | None = None
    status: FlightStatus | None = None
    gate: str | None = None


@dataclass(frozen=True, slots=True)
class UpdatedFlight:
    """A flight after an update.

    Args:
        changed: whether the update changed any value.
        changed_bags: number of bags whose status changed because of it.
    """

    flight: Flight
    changed: bool
    changed_bags: int


async def update_flights(
    context: Context, records: Reader, new: Mapping[int, FlightChange]
) -> dict[int, UpdatedFlight]:
    """Updates flights and the status of their bags; part of a transaction that has locked no bag yet.

    The number of statements does not depend on the number of flights.

    Args:
        new: new values by flight id.

    Raises:
        NotFound: one of the flights does not exist.
        BadInput: a time is more than 14 days from the schedule, an arrival is not after the departure, or an actual
            arrival has no actual departure.
    """
    airline_id = context.airline_id
    locked = await flights.lock(records, airline_id, sorted(new))
    if len(locked) < len(new):
        raise NotFound("flightId", "flightId must be the id of an existing flight")
    values = [one for flight in locked.values() if (one := _new_values(flight, new[flight.id])) != _values_of(flight)]
    if not values:
        return {flight.id: UpdatedFlight(flight, changed=False, changed_bags=0) for flight in locked.values()}
    updated = await flights.update(records, airline_id, context.now(), values)
    of_flights = await flights.bag_ids(records, airline_id, list(updated))
    affected = sorted({bag_id for bag_ids in of_flights.values() for bag_id in bag_ids})
    locked_bags = await bags.lock(records, airline_id, affected)
    changed_bags = set(await events.recompute_status(records, airline_id, locked_bags, always=False))
    bag_changes = [(bag_id, None) for bag_id in changed_bags]
    await publish(records, airline_id, ChangeSet(flights=list(updated), bags=bag_changes))
    await audit(context, records, "UPDATE_FLIGHT", "FLIGHT", list(updated), {"changedBags": len(changed_bags)})
    return {
        flight_id: UpdatedFlight(
            updated.get(flight_id, flight),
            changed=flight_id in updated,
            changed_bags=len(changed_bags.intersection(of_flights.get(flight_id, ()))),
        )
        for flight_id, flight in locked.items()
    }


def _values_of(flight: Flight) -> FlightValues:
    return FlightValues(
        flight.id,
        flight.estimated_departure,
        flight.estimated_arrival,
        flight.actual_departure,
        flight.actual_arrival,
        flight.status,
        flight.gate,
    )


def _new_values(flight: Flight, change: FlightChange) -> FlightValues:
    old = _values_of(flight)
    _check_times(flight, change)
    new = FlightValues(
        flight.id,
        _whole_seconds(change.estimated_departure) or old.estimated_departure,
        _whole_seconds(change.estimated_arrival) or old.estimated_arrival,
        _whole_seconds(change.actual_departure) or old.actual_departure,
        _whole_seconds(change.actual_arrival) or old.actual_arrival,
        change.status or _status(flight.status, change),
        change.gate if change.gate is not None else old.gate,
    )
    if new.actual_arrival is not None and new.actual_departure is None:
        raise BadInput("actualArrival", "actualArrival requires actualDeparture: the flight has not departed")
    if new.actual_arrival and new.actual_departure and new.actual_arrival <= new.actual_departure:
        raise BadInput("actualArrival", "actualArrival must be after actualDeparture")
    return new


def _check_times(flight: Flight, change: FlightChange) -> None:
    for field, scheduled, at in (
        ("estimatedDeparture", flight.scheduled_departure, change.estimated_departure),
        ("estimatedArrival", flight.scheduled_arrival, change.estimated_arrival),
        ("actualDeparture", flight.scheduled_departure, change.actual_departure),
        ("actualArrival", flight.scheduled_arrival, change.actual_arrival),
    ):
        if at is not None and abs(at - scheduled) > MAX_FROM_SCHEDULE:
            raise BadInput(field, f"{field} must be within {MAX_FROM_SCHEDULE.days} days of the schedule")


def _whole_seconds(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(microsecond=0)


def _status(old: str, change: FlightChange) -> str:
    """The status that the new times imply where the caller gives none."""
    if change.actual_arrival is not None:
        return FlightStatus.ARRIVED
    if change.actual_departure is not None:
        return FlightStatus.DEPARTED
    return old


async def close_flights(context: Context, parsed: Sequence[ParsedPiece]) -> None:
    """Sets the actual departure of flights from their close-outs, where it is unknown (``docs/DOMAIN.md#rule-10``).

    Runs in a transaction of its own before that of the messages, which shares locks of flights with transactions that
    may wait for this one. Safe to repeat: the messages are stored after it. A close-out of a flight that is unknown and
    cannot be created, or whose time does not fit the other times of its flight, sets nothing.
    """
    closing = [one.reading for one in parsed if one.reading and one.reading.flight_closed]
    if not closing:
        return
    async with context.stores.postgres.transaction() as records:
        flight_ids = await flight_ids_of(context, records, closing)
        departures = {
            flight_ids[reading.flight_closed.key]: FlightChange(actual_departure=reading.sent_at)
            for reading in closing
            if reading.flight_closed and reading.flight_closed.key in flight_ids
        }
        known = await flights.by_id(records, context.airline_id, sorted(departures))
        changes = {
            flight_id: departures[flight_id]
            for flight_id, flight in known.items()
            if flight.actual_departure is None and _fits(flight, departures[flight_id])
        }
        if changes:
            await update_flights(context, records, changes)


def _fits(flight: Flight, change: FlightChange) -> bool:
    try:
        _new_values(flight, change)
    except BadInput:
        return False
    return True


async def flight_ids_of(context: Context, records: Reader, readings: Sequence[MessageContent]) -> dict[FlightKey, int]:
    """Ids of the flights that messages name; creates unknown flights whose destination is named, the first one."""
    named: dict[FlightKey, NamedFlight] = {}
    for flight in (flight for reading in readings for flight in reading.flights):
        if not named.setdefault(flight.key, flight).destination:
            named[flight.key] = flight
    keys = named.keys() | {scan.flight for reading in readings for scan in reading.scans if scan.flight}
    if not keys:
        return {}
    ids = await flights.ids_by_key(records, context.airline_id, list(keys))
    if unknown := [named[key] for key in named.keys() - ids.keys() if named[key].destination]:
        added = await flights.insert_named(records, context.airline_id, context.now(), unknown)
        await publish(records, context.airline_id, ChangeSet(new_flights=added))
        ids = await flights.ids_by_key(records, context.airline_id, list(keys))
    return ids
