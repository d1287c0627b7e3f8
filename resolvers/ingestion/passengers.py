"""Passengers that messages name: found in their booking, or created (``docs/DOMAIN.md#rule-18``)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from integrations.records.bags import Bag
from integrations.records.instructions import BagInstruction
from integrations.records.passengers import Passenger, name_key, particle_free_name, search_name
from integrations.stores.postgres import bookings, passengers
from integrations.stores.postgres.bookings import NewBooking
from integrations.stores.postgres.manager import Reader
from integrations.stores.postgres.passengers import BookedPassenger, NewPassenger, Renaming
from resolvers.rules.itinerary import MergedInstructions
from resolvers.rules.passenger_names import PassengerName, can_be_same, fuller

# Tickets are sold up to about a year ahead, and a reservation system reuses locators over the years.
BOOKING_WINDOW = timedelta(days=365)

_LOCATOR = re.compile(r"[A-Z0-9]{5,7}")


class NamedBag(NamedTuple):
    """A bag whose messages name its passenger.

    Args:
        current: the passenger of the bag so far.
        locator: of the booking; empty if unknown or of another form.
        at: when the message that names the passenger was sent, UTC.
        group: the message and its group that name the passenger: bags of one group have one passenger.
    """

    bag_id: int
    current: Passenger | None
    name: PassengerName
    locator: str
    at: datetime
    group: tuple[UUID, int]


class PassengersOfBags(NamedTuple):
    """Passengers of bags by bag id, and the bags of passengers whose name became fuller."""

    ids: dict[int, int]
    renamed: set[int]


async def passengers_of_bags(
    records: Reader,
    airline_id: int,
    locked: Mapping[int, Bag],
    merged: Mapping[int, MergedInstructions],
    instructions: Mapping[int, Sequence[BagInstruction]],
) -> PassengersOfBags:
    """The new passenger of each bag whose messages name one; creates unknown passengers.

    Bags whose passenger does not change are absent. Two passengers of one name in one booking are taken for one, since
    the messages do not distinguish them. The number of statements does not depend on the number of bags.

    Args:
        locked: the current rows of the bags.
        instructions: of each bag.
    """
    current_ids = {bag.passenger_id for bag in locked.values() if bag.passenger_id is not None}
    people = await passengers.by_id(records, airline_id, sorted(current_ids)) if current_ids else {}
    named = [
        NamedBag(
            bag_id,
            people.get(locked[bag_id].passenger_id or 0),
            one.name,
            one.locator if one.locator and _LOCATOR.fullmatch(one.locator) else "",
            one.known_at,
            _group(instructions[bag_id]),
        )
        for bag_id, one in merged.items()
        if one.name is not None
    ]
    names = _Names()
    wanted: list[NamedBag] = []
    kept: dict[int, int] = {}
    for bag in sorted(named, key=_fullest_first):
        if bag.current is not None and _stays(bag, bag.current):
            names.add(bag.current, bag.name)
            kept[bag.bag_id] = bag.current.id
        else:
            wanted.append(bag)
    ids = await _assign(records, airline_id, wanted, names) if wanted else {}
    if renamed := names.changed():
        await passengers.rename(records, airline_id, [Renaming(one, *_columns(name)) for one, name in renamed.items()])
    return PassengersOfBags(ids, {bag_id for bag_id, passenger_id in kept.items() if passenger_id in renamed})


def _group(instructions: Iterable[BagInstruction]) -> tuple[UUID, int]:
    """The message and its group that name the passenger, those received last."""
    naming = [one for one in instructions if one.instruction.surname]
    last = max(naming, key=lambda one: (one.last_received, one.message_id))
    return last.message_id, last.instruction.group


def _stays(bag: NamedBag, current: Passenger) -> bool:
    """Whether a bag keeps its passenger. One known by name alone is looked up once a message gives the locator."""
    same = can_be_same(_name_of(current), bag.name)
    return same and (current.booking_id is not None or not bag.locator)


def _fullest_first(bag: NamedBag) -> tuple[int, int]:
    return -len(name_key(bag.name.given_names)), bag.bag_id


def _name_of(passenger: Passenger | BookedPassenger) -> PassengerName:
    return PassengerName(passenger.surname, passenger.given_names, passenger.title)


class _Names:
    """Names of known passengers, before and with what messages add to them."""

    def __init__(self) -> None:
        self._before: dict[int, PassengerName] = {}
        self._now: dict[int, PassengerName] = {}

    def add(self, passenger: Passenger | BookedPassenger, name: PassengerName) -> None:
        before = self._before.setdefault(passenger.id, _name_of(passenger))
        self._now[passenger.id] = fuller(self._now.get(passenger.id, before), name)

    def changed(self) -> dict[int, PassengerName]:
        """The names that became fuller, by passenger id."""
        return {one: name for one, name in self._now.items() if name != self._before[one]}


def _columns(name: PassengerName) -> tuple[str, str, str, str, str | None]:
    keys = search_name(name.surname, name.given_names), particle_free_name(name.surname, name.given_names)
    return name.surname, name.given_names, name.title, *keys


@dataclass(slots=True)
class _NewRows:
    """Passengers and bookings to create."""

    ids: list[tuple[int, int]]
    people: dict[int, tuple[int | None, PassengerName]] = field(default_factory=dict)
    bookings: dict[str, NewBooking] = field(default_factory=dict)


async def _assign(records: Reader, airline_id: int, wanted: Sequence[NamedBag], names: _Names) -> dict[int, int]:
    """The passengers of bags that have none or another one; ``names`` receives names of found ones that are fuller."""
    located = list(dict.fromkeys((bag.locator, bag.at) for bag in wanted if bag.locator))
    found: dict[tuple[str, datetime], dict[int, list[BookedPassenger]]] = {}
    if located:
        await passengers.lock_locators(records, airline_id, {locator for locator, _ in located})
        found = await passengers.of_locators(records, airline_id, located, BOOKING_WINDOW)
    new = _NewRows(await passengers.reserve_ids(records, len(wanted)))
    ids: dict[int, int] = {}
    of_group: dict[tuple[UUID, int, str], int] = {}
    for bag in wanted:
        if bag.locator:
            passenger_id = _of_booking(bag, found.get((bag.locator, bag.at), {}), new, names)
        else:
            key = (*bag.group, search_name(bag.name.surname, bag.name.given_names))
            passenger_id = None if _has_contacts(bag.current) else of_group.get(key)
            if passenger_id is None and not _has_contacts(bag.current):
                passenger_id = of_group[key] = _create(new, None, bag.name)
        if passenger_id is not None:
            ids[bag.bag_id] = passenger_id
    if new.bookings:
        await bookings.insert(records, airline_id, list(new.bookings.values()))
    if new.people:
        rows = [NewPassenger(one, booking_id, *_columns(name)) for one, (booking_id, name) in new.people.items()]
        await passengers.insert(records, airline_id, rows)
    return ids


def _of_booking(
    bag: NamedBag, booked: Mapping[int, Sequence[BookedPassenger]], new: _NewRows, names: _Names
) -> int | None:
    """The passenger of a booking by name, or a new one; None where the bag stays with one who can be reached."""
    everyone = [one for people in booked.values() for one in people]
    same = [one for one in everyone if can_be_same(_name_of(one), bag.name)]
    given = name_key(bag.name.given_names)
    best = next((one for one in same if name_key(one.given_names) == given), same[0] if same else None)
    stays = _has_contacts(bag.current) and bag.current is not None and bag.current.locator == bag.locator
    if best is not None:
        if stays and not best.has_contacts:
            return None
        names.add(best, bag.name)
        return best.id
    if stays:
        return None
    booking_id = next(iter(booked), None)
    if booking_id is None:
        if bag.locator not in new.bookings:
            new.bookings[bag.locator] = NewBooking(new.ids[-1][1], bag.locator, bag.at)
        booking_id = new.bookings[bag.locator].id
    for passenger_id, (of_booking, name) in new.people.items():
        if of_booking == booking_id and can_be_same(name, bag.name):
            new.people[passenger_id] = of_booking, fuller(name, bag.name)
            return passenger_id
    return _create(new, booking_id, bag.name)


def _create(new: _NewRows, booking_id: int | None, name: PassengerName) -> int:
    passenger_id, _ = new.ids.pop()
    new.people[passenger_id] = booking_id, name
    return passenger_id


def _has_contacts(passenger: Passenger | None) -> bool:
    return passenger is not None and bool(passenger.phone or passenger.email)
