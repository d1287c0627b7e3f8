"""Itinerary and authority to load of bags, recomputed from their messages."""

from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple
from uuid import UUID

from integrations.records.bags import BagWithAuthority
from integrations.records.events import FlightKey
from integrations.records.instructions import BagInstruction, Receipt
from integrations.stores.postgres import bags, flights, instructions, passengers
from integrations.stores.postgres.bags import BagValues
from integrations.stores.postgres.flights import PlannedLegRow
from integrations.stores.postgres.manager import Reader
from integrations.stores.postgres.reference import Reference
from resolvers.ingestion.passengers import passengers_of_bags
from resolvers.publish import ChangeSet, publish
from resolvers.rules.itinerary import MergedInstructions, add_receipts, merge_instructions, sort_instructions


class RecomputedBags(NamedTuple):
    """Ids of bags whose messages give a new result.

    Args:
        changed: all of them.
        replanned: those with another passenger, tag or itinerary; for the others only the authority to load, the
            priority or the weight changed.
        counted_again: repeats of messages that count again, by id and receipt (``docs/DOMAIN.md#rule-3``).
    """

    changed: set[int]
    replanned: set[int]
    counted_again: Set[tuple[UUID, Receipt]] = frozenset()


async def recompute_itineraries(
    records: Reader,
    airline_id: int,
    reference: Reference,
    locked: Mapping[int, BagWithAuthority],
    flight_ids: Mapping[FlightKey, int],
    received: Sequence[BagInstruction] = (),
) -> RecomputedBags:
    """Stores instructions of new messages, merges all of their bags and stores the result where it differs.

    The number of statements does not depend on the number of bags.

    Args:
        locked: the current rows of the bags, locked by this transaction.
        flight_ids: ids of the flights that the newest messages name; older ones are looked up.
        received: instructions of messages that were received now, in order of receipt.
    """
    by_bag = dict[int, Sequence[BagInstruction]](await instructions.of_bags(records, airline_id, list(locked)))
    counted_again = await _add_receipts(records, airline_id, by_bag, received) if received else set()
    merged = {bag_id: merge_instructions(sort_instructions(of_bag)) for bag_id, of_bag in by_bag.items() if of_bag}
    if not merged:
        return RecomputedBags(set(), set())
    named = await passengers_of_bags(records, airline_id, locked, merged, by_bag)
    changed = [
        values
        for bag_id, one in merged.items()
        if (values := _changed_values(locked[bag_id], one, named.ids.get(bag_id))) is not None
    ]
    if changed:
        await bags.update_values(records, airline_id, changed)
    before = [locked[bag_id].passenger_id for bag_id in named.ids]
    if replaced := [passenger_id for passenger_id in before if passenger_id is not None]:
        await passengers.delete_unbooked(records, airline_id, replaced)
    rerouted = await _write_legs(records, airline_id, reference, merged, flight_ids)
    reassigned = {
        values.bag_id
        for values in changed
        if (values.tag, values.passenger_id) != (locked[values.bag_id].tag, locked[values.bag_id].passenger_id)
    }
    return RecomputedBags(
        {values.bag_id for values in changed} | named.changed | rerouted.changed,
        reassigned | rerouted.replanned,
        counted_again,
    )


async def _add_receipts(
    records: Reader, airline_id: int, by_bag: dict[int, Sequence[BagInstruction]], received: Sequence[BagInstruction]
) -> set[tuple[UUID, Receipt]]:
    """Adds new receipts to the instructions of bags and stores them; returns the repeats that count again."""
    of_bags: dict[int, list[BagInstruction]] = {}
    for one in received:
        of_bags.setdefault(one.bag_id, []).append(one)
    changed: list[BagInstruction] = []
    counted_again: set[tuple[UUID, Receipt]] = set()
    for bag_id, new in of_bags.items():
        receipts = add_receipts(by_bag[bag_id], new)
        by_bag[bag_id] = receipts.instructions
        changed += receipts.changed
        counted_again |= receipts.counted_again
    if changed:
        await instructions.upsert(records, airline_id, changed)
    return counted_again


def _changed_values(bag: BagWithAuthority, merged: MergedInstructions, passenger_id: int | None) -> BagValues | None:
    """The values of a bag to store; None if they are unchanged."""
    new = BagValues(
        bag.id,
        merged.tag,
        passenger_id or bag.passenger_id,
        merged.weight_kg or bag.weight_kg,
        merged.priority,
        merged.authorised,
        merged.deleted,
    )
    old = (bag.id, bag.tag, bag.passenger_id, bag.weight_kg, bag.priority, bag.authorised, bag.deleted)
    return None if new == old else new


async def _write_legs(
    records: Reader,
    airline_id: int,
    reference: Reference,
    merged: Mapping[int, MergedInstructions],
    flight_ids: Mapping[FlightKey, int],
) -> RecomputedBags:
    named = {leg.flight.key for one in merged.values() for leg in one.legs}
    ids = dict(flight_ids)
    if older := named - ids.keys():
        ids.update(await flights.ids_by_key(records, airline_id, list(older)))
    # A code that is no airport, such as that of a city, does not say where the bag leaves the flight.
    places = {leg.flight.destination for one in merged.values() for leg in one.legs if leg.flight.destination}
    airports = await reference.airports(records, sorted(places))
    stored = await flights.planned_leg_rows(records, airline_id, list(merged))
    changed: dict[int, list[PlannedLegRow]] = {}
    for bag_id, one in merged.items():
        legs = [
            (ids[leg.flight.key], leg.tag, leg.authorised, to if (to := leg.flight.destination) in airports else None)
            for leg in one.legs
        ]
        legs += [
            (leg.flight_id, leg.tag, leg.authorised, leg.off_point)
            for leg in stored[bag_id]
            if leg.tag is not None and leg.tag not in one.tags
        ]
        new = [PlannedLegRow(bag_id, seq, *leg) for seq, leg in enumerate(legs, start=1)]
        if new != stored[bag_id]:
            changed[bag_id] = new
    if changed:
        new_legs = [leg for of_bag in changed.values() for leg in of_bag]
        await flights.replace_legs(records, airline_id, list(changed), new_legs)
        # Subscribers of a flight get no event of a bag that was taken off it, so the flight itself has to change.
        kept = {(leg.bag_id, leg.flight_id) for leg in new_legs}
        reduced = {leg.flight_id for bag_id in changed for leg in stored[bag_id] if (bag_id, leg.flight_id) not in kept}
        if reduced:
            await publish(records, airline_id, ChangeSet(reduced_flights=reduced))
    return RecomputedBags(
        set(changed),
        {
            bag_id
            for bag_id, new in changed.items()
            if [_way(leg) for leg in new] != [_way(leg) for leg in stored[bag_id]]
        },
    )


def _way(leg: PlannedLegRow) -> tuple[int, str | None]:
    """What makes a plan another one if it changes: the flight, and where the bag leaves it."""
    return leg.flight_id, leg.off_point
