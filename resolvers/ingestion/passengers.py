"""Passengers that messages name: found in their booking, or created (``docs/DOMAIN.md#rule-18``)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from integrations.records.bags import Bag
from integrations.records.instructions import BagInstruction
from integrations.records.passengers import Passenger, name_key, name_words, readable_locator, search_name
from integrations.stores.postgres import bookings, passengers
from integrations.stores.postgres.bookings import NewBooking
from integrations.stores.postgres.manager import Reader
from integrations.stores.postgres.passengers import BookedPassenger, NewPassenger, Renaming
from resolvers.rules.itinerary import MergedInstructions
from resolvers.rules.passenger_names import PassengerName, can_be_same, fuller

# Tickets are sold up to about a year ahead, and a reservation system reuses locators over the years.
BOOKING_WINDOW = timedelta(days=365)


class NamedBag(NamedTuple):
    """A bag whose messages name its passenger.

    Args:
        current: the passenger of the bag so far.
        locator: of the booking; empty if unknown or of another form.
        at: when the message that names the passenger was sent, UTC.
        groups: the messages, each with its group, that name a passenger: bags of one group have one.
    """

    bag_id: int
    current: Passenger | None
    name: PassengerName
    locator: str
    at: datetime
    groups: Sequence[tuple[UUID, int]]


class PassengersOfBags(NamedTuple):
    """Passengers of bags by bag id, and the bags that keep a passenger whose name or booking changed."""

    ids: dict[int, int]
    changed: set[int]


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
            readable_locator(one.locator),
            one.known_at,
            [(one.message_id, one.instruction.group) for one in instructions[bag_id] if one.instruction.surname],
        )
        for bag_id, one in merged.items()
        if one.name is not None
    ]
    names = _Names()
    wanted: list[NamedBag] = []
    of_groups = _Groups()
    for bag in sorted(named, key=_order):
        if bag.current is not None and _stays(bag, bag.current):
            names.add(bag.current, bag.name)
            of_groups.add(bag, bag.current.id)
        else:
            wanted.append(bag)
    ids = await _assign(records, airline_id, wanted, names, of_groups) if wanted else {}
    if renamed := names.changed():
        await passengers.rename(records, airline_id, [Renaming(one, *_columns(name)) for one, name in renamed.items()])
    changed = renamed.keys() | names.booked
    return PassengersOfBags(
        ids, {bag.bag_id for bag in named if bag.bag_id not in ids and bag.current and bag.current.id in changed}
    )


def _stays(bag: NamedBag, current: Passenger) -> bool:
    """Whether a bag keeps its passenger, without a look at bookings."""
    return bag.locator in ("", current.locator) and can_be_same(_name_of(current), bag.name)


def _order(bag: NamedBag) -> tuple[bool, int, int]:
    """Those that say most come first: with a locator, then with the longest given name."""
    return not bag.locator, -len(name_key(bag.name.given_names)), bag.bag_id


def _name_of(passenger: Passenger | BookedPassenger) -> PassengerName:
    return PassengerName(passenger.surname, passenger.given_names, passenger.title)


class _Groups:
    """Passengers by the groups of messages that name them."""

    def __init__(self) -> None:
        self._passengers: dict[tuple[UUID, int], tuple[int, PassengerName]] = {}

    def add(self, bag: NamedBag, passenger_id: int) -> None:
        for group in bag.groups:
            self._passengers.setdefault(group, (passenger_id, bag.name))

    def find(self, bag: NamedBag) -> int | None:
        """The passenger of another bag of a group, with a name that can be the bag's."""
        for group in bag.groups:
            passenger_id, name = self._passengers.get(group, (0, bag.name))
            if passenger_id and can_be_same(name, bag.name):
                return passenger_id
        return None


class _Names:
    """Names of known passengers, before and with what messages add to them.

    Attributes:
        booked: ids of passengers whose booking became known.
    """

    def __init__(self) -> None:
        self.booked: set[int] = set()
        self._before: dict[int, PassengerName] = {}
        self._now: dict[int, PassengerName] = {}

    def add(self, passenger: Passenger | BookedPassenger, name: PassengerName) -> None:
        before = self._before.setdefault(passenger.id, _name_of(passenger))
        self._now[passenger.id] = fuller(self._now.get(passenger.id, before), name)

    def changed(self) -> dict[int, PassengerName]:
        """The names that became fuller, by passenger id."""
        return {one: name for one, name in self._now.items() if name != self._before[one]}


def _columns(name: PassengerName) -> tuple[str, str, str, str, str]:
    keys = search_name(name.surname, name.given_names), name_words(name.surname, name.given_names)
    return name.surname, name.given_names, name.title, *keys


@dataclass(slots=True)
class _NewRows:
    """Passengers and bookings to create."""

    passenger_ids: list[int]
    booking_ids: list[int]
    people: dict[int, tuple[int | None, PassengerName]] = field(default_factory=dict)
    bookings: dict[str, NewBooking] = field(default_factory=dict)

    def booking(self, bag: NamedBag, known_id: int | None) -> int:
        """The booking of a bag, created where it is unknown."""
        if known_id is not None:
            return known_id
        if bag.locator not in self.bookings:
            self.bookings[bag.locator] = NewBooking(self.booking_ids.pop(), bag.locator, bag.at)
        return self.bookings[bag.locator].id


async def _assign(
    records: Reader,
    airline_id: int,
    wanted: Sequence[NamedBag],
    names: _Names,
    of_groups: _Groups,
) -> dict[int, int]:
    """The passengers of bags that have none or another one.

    Args:
        names: receives the names of found passengers.
        of_groups: the passengers of other bags of the same groups.
    """
    located = list(dict.fromkeys((bag.locator, bag.at) for bag in wanted if bag.locator))
    found: dict[tuple[str, datetime], dict[int, list[BookedPassenger]]] = {}
    if located:
        await passengers.lock_locators(records, airline_id, {locator for locator, _ in located})
        found = await passengers.of_locators(records, airline_id, located, BOOKING_WINDOW)
    ids: dict[int, int] = {}
    unknown: list[NamedBag] = []
    attached: dict[int, int] = {}
    for bag in wanted:
        booked = _named_alike(bag, found.get((bag.locator, bag.at), {}))
        if _stays_with_contacts(bag, booked):
            continue
        if booked is None:
            unknown.append(bag)
        else:
            names.add(booked, bag.name)
            ids[bag.bag_id] = booked.id
            of_groups.add(bag, booked.id)
    if not unknown:
        return ids
    reserved = await passengers.reserve_ids(records, len(unknown))
    new = _NewRows([one for one, _ in reserved], [one for _, one in reserved])
    for bag in unknown:
        if not bag.locator:
            ids[bag.bag_id] = of_groups.find(bag) or _create(new, None, bag.name)
            of_groups.add(bag, ids[bag.bag_id])
            continue
        booking_id = new.booking(bag, next(iter(found.get((bag.locator, bag.at), {})), None))
        if bag.current is not None and bag.current.booking_id is None and _is_named_alike(bag.current, bag):
            attached.setdefault(bag.current.id, booking_id)
            names.add(bag.current, bag.name)
            names.booked.add(bag.current.id)
        else:
            ids[bag.bag_id] = _in_booking(bag, booking_id, new)
            of_groups.add(bag, ids[bag.bag_id])
    if new.bookings:
        await bookings.insert(records, airline_id, list(new.bookings.values()))
    if attached:
        await passengers.attach_bookings(records, airline_id, attached)
    if new.people:
        rows = [NewPassenger(one, booking_id, *_columns(name)) for one, (booking_id, name) in new.people.items()]
        await passengers.insert(records, airline_id, rows)
    return ids


def _is_named_alike(passenger: Passenger | BookedPassenger, bag: NamedBag) -> bool:
    return can_be_same(_name_of(passenger), bag.name)


def _named_alike(bag: NamedBag, booked: Mapping[int, Sequence[BookedPassenger]]) -> BookedPassenger | None:
    """The passenger of a booking whose name can be the bag's: with the same given name, else the first known."""
    same = [one for people in booked.values() for one in people if _is_named_alike(one, bag)]
    given = name_key(bag.name.given_names)
    return next((one for one in same if name_key(one.given_names) == given), same[0] if same else None)


def _stays_with_contacts(bag: NamedBag, booked: BookedPassenger | None) -> bool:
    """Whether a bag stays with a passenger who can be reached, since the other one cannot.

    Another name in another booking is another person's.
    """
    current = bag.current
    if current is None or not (current.phone or current.email) or (booked is not None and booked.has_contacts):
        return False
    return bag.locator in ("", current.locator) or can_be_same(_name_of(current), bag.name)


def _in_booking(bag: NamedBag, booking_id: int, new: _NewRows) -> int:
    """A passenger to create in a booking, with a name that can be the bag's."""
    for passenger_id, (of_booking, name) in new.people.items():
        if of_booking == booking_id and can_be_same(name, bag.name):
            new.people[passenger_id] = of_booking, fuller(name, bag.name)
            return passenger_id
    return _create(new, booking_id, bag.name)


def _create(new: _NewRows, booking_id: int | None, name: PassengerName) -> int:
    passenger_id = new.passenger_ids.pop()
    new.people[passenger_id] = booking_id, name
    return passenger_id
