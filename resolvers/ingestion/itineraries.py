"""What messages mean for bags becomes their record: itinerary, passenger, authority to load."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from integrations.records.bags import Bag, BagWithAuthority
from integrations.records.events import FlightKey
from integrations.records.passengers import search_name
from integrations.stores.postgres import bags, bookings, flights, instructions, passengers
from integrations.stores.postgres.bags import BagValues
from integrations.stores.postgres.bookings import NewBooking
from integrations.stores.postgres.flights import PlannedLegRow
from integrations.stores.postgres.manager import Reader
from integrations.stores.postgres.passengers import NamedPassenger, NewPassenger
from resolvers.publish import ChangeSet, publish
from resolvers.rules.itinerary import Meant, in_order, meaning

# Tickets are sold up to about a year ahead, and a locator is reused by its system over the years.
BOOKING_WINDOW = timedelta(days=365)

_LOCATOR = re.compile(r"[A-Z0-9]{6}")
# Behind the given names, as reservation systems glue them there.
_TITLE = re.compile(r"(?<=[A-Z])\s?(?:MRS|MR|MSTR|MISS|MS|DR)$")


class Followed(NamedTuple):
    """Bags for which messages mean something else than before.

    Args:
        changed: all of them.
        replanned: those with another passenger, tag or way; for the others, only how they are to be treated is new.
    """

    changed: set[int]
    replanned: set[int]


async def follow(
    records: Reader, airline_id: int, locked: Mapping[int, BagWithAuthority], flight_ids: Mapping[FlightKey, int]
) -> Followed:
    """Writes anew what messages mean for bags; statements do not grow with their number.

    Args:
        locked: the bags as they are now, held by this transaction.
        flight_ids: those of the flights that the newest messages name; older ones are looked up.
    """
    told = await instructions.of_bags(records, airline_id, list(locked))
    meant = {
        bag_id: meaning(in_order((one.message_id, one.instruction) for one in said))
        for bag_id, said in told.items()
        if said
    }
    if not meant:
        return Followed(set(), set())
    owners = await _owners(records, airline_id, locked, meant)
    changed = [
        new for bag_id, one in meant.items() if (new := _new(locked[bag_id], one, owners.get(bag_id))) is not None
    ]
    if changed:
        await bags.update_values(records, airline_id, changed)
    before = [locked[bag_id].passenger_id for bag_id in owners]
    if left := [owner for owner in before if owner is not None]:
        await passengers.delete_unbooked(records, airline_id, left)
    rerouted = await _write_legs(records, airline_id, meant, flight_ids)
    renamed = {
        new.bag_id
        for new in changed
        if (new.tag, new.passenger_id) != (locked[new.bag_id].tag, locked[new.bag_id].passenger_id)
    }
    return Followed({new.bag_id for new in changed} | rerouted.changed, renamed | rerouted.replanned)


def _new(bag: BagWithAuthority, meant: Meant, owner: int | None) -> BagValues | None:
    """What is to be written of a bag; None where it is there already."""
    new = BagValues(
        bag.id,
        meant.tag,
        owner or bag.passenger_id,
        meant.weight_kg or bag.weight_kg,
        meant.priority,
        meant.authorised,
        meant.deleted,
    )
    old = (bag.id, bag.tag, bag.passenger_id, bag.weight_kg, bag.priority, bag.authorised, bag.deleted)
    return None if new == old else new


async def _write_legs(
    records: Reader, airline_id: int, meant: Mapping[int, Meant], flight_ids: Mapping[FlightKey, int]
) -> Followed:
    named = {leg.flight.key for one in meant.values() for leg in one.legs}
    ids = dict(flight_ids)
    if older := named - ids.keys():
        ids.update(await flights.ids_by_key(records, airline_id, list(older)))
    there = await flights.planned_leg_rows(records, airline_id, list(meant))
    changed: dict[int, list[PlannedLegRow]] = {}
    for bag_id, one in meant.items():
        spoken = {leg.tag for leg in one.legs}
        way = [(ids[leg.flight.key], leg.tag, leg.authorised) for leg in one.legs]
        way += [
            (leg.flight_id, leg.tag, leg.authorised)
            for leg in there[bag_id]
            if leg.tag is not None and leg.tag not in spoken
        ]
        new = [PlannedLegRow(bag_id, seq, *leg) for seq, leg in enumerate(way, start=1)]
        if new != there[bag_id]:
            changed[bag_id] = new
    if changed:
        legs = [leg for of_bag in changed.values() for leg in of_bag]
        await flights.replace_legs(records, airline_id, list(changed), legs)
        # Who watches a flight that a bag was taken off hears of it: the bag itself is not of that flight any more.
        stay = {(leg.bag_id, leg.flight_id) for leg in legs}
        left = {leg.flight_id for bag_id in changed for leg in there[bag_id] if (bag_id, leg.flight_id) not in stay}
        if left:
            await publish(records, airline_id, ChangeSet(reduced_flights=left))
    return Followed(
        set(changed),
        {
            bag_id
            for bag_id, new in changed.items()
            if [leg.flight_id for leg in new] != [leg.flight_id for leg in there[bag_id]]
        },
    )


async def _owners(
    records: Reader, airline_id: int, known: Mapping[int, Bag], meant: Mapping[int, Meant]
) -> dict[int, int]:
    """The passenger of each bag whose messages name one, made where nobody is so named; absent where nothing changes.

    Two of one name in one booking are taken for one: messages tell no more of them.
    """
    named = {bag_id: one for bag_id, one in meant.items() if one.surname}
    people = await passengers.by_id(
        records, airline_id, sorted({bag.passenger_id for bag in known.values() if bag.passenger_id is not None})
    )
    wanted: dict[int, NamedPassenger] = {}
    for bag_id, one in named.items():
        name, untitled = _names(one)
        owner = people.get(known[bag_id].passenger_id or 0)
        locator = one.locator if one.locator and _LOCATOR.fullmatch(one.locator) else ""
        same = owner is not None and search_name(owner.surname, owner.given_names) in (name, untitled)
        # One who was known by name alone is found again in a booking once a message tells it.
        if owner is not None and same and (owner.booking_id is not None or not locator):
            continue
        wanted[bag_id] = NamedPassenger(locator, name, untitled, one.known_at)
    if not wanted:
        return {}
    return await _book(records, airline_id, wanted, named)


async def _book(
    records: Reader, airline_id: int, wanted: Mapping[int, NamedPassenger], named: Mapping[int, Meant]
) -> dict[int, int]:
    locators = {one.locator for one in wanted.values() if one.locator}
    if locators:
        await passengers.lock_locators(records, airline_id, locators)
    found = await passengers.match_bookings(records, airline_id, list(wanted.values()), BOOKING_WINDOW)
    owners: dict[int, int] = {}
    made: dict[tuple[str, str], int] = {}
    booked: dict[str, int] = {}
    new_people: list[NewPassenger] = []
    new_bookings: list[NewBooking] = []
    ids = iter(await passengers.reserve_ids(records, len(wanted) - len([b for b in found.values() if b.passenger_id])))
    for place, (bag_id, one) in enumerate(wanted.items()):
        booking = found.get(place)
        if booking is not None and booking.passenger_id is not None:
            owners[bag_id] = booking.passenger_id
            continue
        who = (one.locator, one.untitled_name) if one.locator else (str(bag_id), "")
        if who not in made:
            passenger_id, booking_id = next(ids)
            if booking is not None:
                booked[one.locator] = booking.booking_id
            elif one.locator and one.locator not in booked:
                booked[one.locator] = booking_id
                new_bookings.append(NewBooking(booking_id, one.locator, one.at))
            made[who] = passenger_id
            meant = named[bag_id]
            new_people.append(
                NewPassenger(
                    passenger_id, booked.get(one.locator), meant.surname or "", meant.given_names or "", one.name
                )
            )
        owners[bag_id] = made[who]
    if new_bookings:
        await bookings.insert(records, airline_id, new_bookings)
    if new_people:
        await passengers.insert(records, airline_id, new_people)
    return owners


def _names(meant: Meant) -> tuple[str, str]:
    """As a search by name compares it, with the title behind the given names and without."""
    given = meant.given_names or ""
    return search_name(meant.surname or "", given), search_name(meant.surname or "", _TITLE.sub("", given))
