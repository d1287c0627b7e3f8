"""Flight updates: new times, status and gate of flights, and the bags whose status they change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from integrations.messages.typeb_reader import MessageContent
from integrations.records.events import FlightKey
from integrations.records.flights import Flight, FlightStatus
from integrations.stores.postgres import bags, flights
from integrations.stores.postgres.flights import FlightValues
from integrations.stores.postgres.manager import Reader
from resolvers.audit import audit
from resolvers.context import Context
from resolvers.errors import BadInput, NotFound
from resolvers.ingestion import events
from resolvers.ingestion.reading import ParsedPiece
from resolvers.publish import ChangeSet, publish

# A time further from the planned one is a slip of the pen: a flight so late is planned anew.
FURTHEST_FROM_PLAN = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class FlightChange:
    """New values of a flight; None leaves what is there."""

    estimated_departure: datetime | None = None
    estimated_arrival: datetime | None = None
    actual_departure: datetime | None = None
    actual_arrival: datetime | None = None
    status: FlightStatus | None = None
    gate: str | None = None


@dataclass(frozen=True, slots=True)
class UpdatedFlight:
    """The flight after a change, and how many bags stand elsewhere because of it."""

    flight: Flight
    changed: bool
    moved_bags: int


async def change_many(context: Context, records: Reader, new: Mapping[int, FlightChange]) -> dict[int, UpdatedFlight]:
    """Changes flights as ``update`` does, as part of a transaction that has locked no bag yet.

    The number of statements does not depend on the number of flights.

    Raises:
        NotFound: one of the flights is not there.
        BadInput: as ``update``, of any of them; nothing is changed then.
    """
    airline_id = context.airline_id
    locked = await flights.lock(records, airline_id, sorted(new))
    if len(locked) < len(new):
        raise NotFound("flightId", "There is no such flight.")
    values = [_changed(flight, new[flight.id]) for flight in locked.values()]
    values = [one for one in values if one != _changing(locked[one.id])]
    if not values:
        return {flight.id: UpdatedFlight(flight, changed=False, moved_bags=0) for flight in locked.values()}
    updated = await flights.update(records, airline_id, context.now(), values)
    of_flights = await flights.bag_ids(records, airline_id, list(updated))
    affected = sorted({bag_id for bag_ids in of_flights.values() for bag_id in bag_ids})
    locked_bags = await bags.lock(records, airline_id, affected)
    moved = set(await events.recompute_status(records, airline_id, locked_bags, always=False))
    await publish(records, airline_id, ChangeSet(flights=list(updated), bags=[(bag_id, None) for bag_id in moved]))
    await audit(context, records, "UPDATE_FLIGHT", "FLIGHT", list(updated), {"movedBags": len(moved)})
    return {
        flight_id: UpdatedFlight(
            updated.get(flight_id, flight),
            changed=flight_id in updated,
            moved_bags=len(moved.intersection(of_flights.get(flight_id, ()))),
        )
        for flight_id, flight in locked.items()
    }


def _changing(flight: Flight) -> FlightValues:
    return FlightValues(
        flight.id,
        flight.estimated_departure,
        flight.estimated_arrival,
        flight.actual_departure,
        flight.actual_arrival,
        flight.status,
        flight.gate,
    )


def _changed(flight: Flight, change: FlightChange) -> FlightValues:
    old = _changing(flight)
    _check_times(flight, change)
    new = FlightValues(
        flight.id,
        _seconds(change.estimated_departure) or old.estimated_departure,
        _seconds(change.estimated_arrival) or old.estimated_arrival,
        _seconds(change.actual_departure) or old.actual_departure,
        _seconds(change.actual_arrival) or old.actual_arrival,
        change.status or _status(flight.status, change),
        change.gate if change.gate is not None else old.gate,
    )
    if new.actual_arrival is not None and new.actual_departure is None:
        raise BadInput("actualArrival", "A flight that has not departed cannot have arrived: give actualDeparture.")
    if new.actual_arrival and new.actual_departure and new.actual_arrival <= new.actual_departure:
        raise BadInput("actualArrival", "The arrival must be after the departure.")
    return new


def _check_times(flight: Flight, change: FlightChange) -> None:
    for field, planned, moment in (
        ("estimatedDeparture", flight.scheduled_departure, change.estimated_departure),
        ("estimatedArrival", flight.scheduled_arrival, change.estimated_arrival),
        ("actualDeparture", flight.scheduled_departure, change.actual_departure),
        ("actualArrival", flight.scheduled_arrival, change.actual_arrival),
    ):
        if moment is not None and abs(moment - planned) > FURTHEST_FROM_PLAN:
            raise BadInput(field, f"More than {FURTHEST_FROM_PLAN.days} days from the plan: check the date.")


def _seconds(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(microsecond=0)


def _status(old: str, change: FlightChange) -> str:
    """What the times say where the caller does not."""
    if change.actual_arrival is not None:
        return FlightStatus.ARRIVED
    if change.actual_departure is not None:
        return FlightStatus.DEPARTED
    return old


async def close_flights(context: Context, came: Sequence[ParsedPiece]) -> None:
    """A close-out tells when its flight left (rule 10), where nobody has told it better.

    A transaction before that of the messages, in which flights are shared by others who may wait for us; it may be
    repeated, and the messages are stored only after it.
    """
    closing = [one.reading for one in came if one.reading and one.reading.flight_closed]
    if not closing:
        return
    async with context.stores.postgres.transaction() as records:
        flight_ids = await flight_ids_of(context, records, closing)
        left_at = {
            flight_ids[reading.flight_closed.key]: reading.sent_at for reading in closing if reading.flight_closed
        }
        known = await flights.by_id(records, context.airline_id, sorted(left_at))
        await change_many(
            context,
            records,
            {
                flight_id: FlightChange(actual_departure=left_at[flight_id])
                for flight_id, flight in known.items()
                if flight.actual_departure is None
            },
        )


async def flight_ids_of(context: Context, records: Reader, readings: Sequence[MessageContent]) -> dict[FlightKey, int]:
    """The flights that messages name, made where nobody knows them."""
    named = {flight.key: flight for reading in readings for flight in reading.flights}
    keys = named.keys() | {scan.flight for reading in readings for scan in reading.scans if scan.flight}
    if not keys:
        return {}
    ids = await flights.ids_by_key(records, context.airline_id, list(keys))
    if unknown := [named[key] for key in named.keys() - ids.keys() if named[key].destination]:
        added = await flights.insert_named(records, context.airline_id, context.now(), unknown)
        await publish(records, context.airline_id, ChangeSet(new_flights=added))
        ids = await flights.ids_by_key(records, context.airline_id, list(keys))
    return ids
