"""Itinerary, passenger and authority to load of one bag, merged from all its messages.

The order of arrival has no influence on the result; that of the receipt times has. Rules: ``docs/DOMAIN.md#rule-2``,
``docs/DOMAIN.md#rule-3``, ``docs/DOMAIN.md#rule-4``, ``docs/DOMAIN.md#rule-6``, ``docs/DOMAIN.md#rule-15`` and
``docs/DOMAIN.md#rule-17``. Where they are silent, our rule: each station's messages
decide about the flight that leaves from it, so that a transfer station which rebooks a bag replaces the rest of the
itinerary and nothing else.
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from itertools import groupby, pairwise
from operator import itemgetter
from typing import NamedTuple
from uuid import UUID

from integrations.records.instructions import (
    BagInstruction,
    Instruction,
    InstructionAction,
    MessageKind,
    NamedFlight,
    Receipt,
)
from integrations.records.passengers import readable_locator
from resolvers.rules.passenger_names import PassengerName, merge_names, read_name

RUSH = "RUSH"
PRIORITY = "PRIO"
KILOGRAMS = {"K": 1.0, "L": 0.45359237}

# Order of instructions that nothing else puts in order: new, then changed, then deleted.
_ACTION_ORDER = {InstructionAction.NEW: 0, InstructionAction.CHG: 1, InstructionAction.DEL: 2}
# These fields identify an instruction. The other fields replace those of earlier messages of the same station.
_HEADER = frozenset({"tag", "kind", "change", "at", "assumed", "airport"})
_ELEMENTS = tuple(part.name for part in fields(Instruction) if part.name not in _HEADER)


@dataclass(frozen=True, slots=True)
class InstructedLeg:
    """A flight that the messages plan for a bag.

    Args:
        tag: the tag that the messages name.
        authorised: whether the bag may be loaded on the flight; None if no message of its station says so.
    """

    flight: NamedFlight
    tag: str
    authorised: bool | None


@dataclass(frozen=True, slots=True)
class MergedInstructions:
    """Result of all messages about one bag.

    Args:
        tag: the tag at check-in, also where only a rush message names it; the rush tag if no other is known.
        tags: all tags of the instructions.
        legs: planned flights in travel order.
        itineraries: the legs of each tag in travel order, also those that another tag replaced.
        authorised: whether the bag may be loaded, by the last message that says so; None if none does.
        deleted: whether the last instruction was a deletion.
        name: of the passenger, the fullest that the messages give; None if no message names the passenger.
        locator: the last readable one of the messages; None if no message has one.
        known_at: when the message that names the passenger was sent, UTC.
        weight_kg: weight of this bag alone, in kilograms; None if it was not weighed alone.
    """

    tag: str
    tags: Set[str]
    legs: Sequence[InstructedLeg]
    itineraries: Sequence[Sequence[InstructedLeg]]
    authorised: bool | None
    deleted: bool
    priority: bool
    name: PassengerName | None
    locator: str | None
    known_at: datetime
    weight_kg: float | None

    @property
    def once_planned(self) -> list[NamedFlight]:
        """The flights of all tags in travel order, also those that another tag replaced."""
        return [leg.flight for legs in self.itineraries for leg in legs]


@dataclass(slots=True)
class _Merge:
    """Running result of a merge: one combined instruction for each tag and station."""

    stations: dict[tuple[str, str], Instruction] = field(default_factory=dict)
    authorised: bool | None = None
    deleted: bool = False

    def apply(self, instruction: Instruction) -> None:
        key = instruction.tag, instruction.airport
        station = self.stations.get(key)
        if instruction.kind == MessageKind.BUM:
            self._withdraw_authority(key, instruction)
            return
        if instruction.change == InstructionAction.DEL:  # docs/DOMAIN.md#rule-4
            if station is not None:
                self.stations[key] = replace(station, authorised=False)
            self.authorised, self.deleted = False, True
            return
        self.deleted = False
        if instruction.change == InstructionAction.CHG and station is not None:  # docs/DOMAIN.md#rule-6
            present = {name: value for name in _ELEMENTS if (value := getattr(instruction, name)) is not None}
            self.stations[key] = replace(station, at=instruction.at, **present)
        else:
            self.stations[key] = instruction
        if instruction.authorised is not None:
            self.authorised = instruction.authorised

    def _withdraw_authority(self, key: tuple[str, str], instruction: Instruction) -> None:
        self.stations[key] = replace(self.stations.get(key, instruction), authorised=False)
        self.authorised = False


class Receipts(NamedTuple):
    """The instructions of one bag after new receipts of messages.

    Args:
        instructions: all of the bag.
        changed: those that are new or have a new receipt.
        counted_again: the repeats that count again, as message and receipt.
    """

    instructions: Sequence[BagInstruction]
    changed: Sequence[BagInstruction]
    counted_again: set[tuple[UUID, Receipt]]


def add_receipts(stored: Sequence[BagInstruction], new: Sequence[BagInstruction]) -> Receipts:
    """Adds newly received instructions of one bag, in order of receipt, to those that are known.

    Of a message that comes again the first receipt counts. A text without an origin line counts again where another
    instruction for its tag has come in between (``docs/DOMAIN.md#rule-3``), so its last receipt is kept as well.
    """
    known = {(one.message_id, one.instruction.tag): one for one in stored}
    changed: dict[tuple[UUID, str], BagInstruction] = {}
    counted_again: set[tuple[UUID, Receipt]] = set()
    for one in new:
        key = one.message_id, one.instruction.tag
        before = known.get(key)
        after = one
        if before is not None:
            first, last = before.received, before.last_received
            after = before._replace(received=one.received if one.received.precedes(first) else first)
            if one.instruction.assumed:
                if last.precedes(one.received) or (last == first and not one.received.precedes(first)):
                    last = one.received
                after = after._replace(repeated=last if last != after.received else None)
                if _is_separated(before.last_received, one.received, before, known.values()):
                    counted_again.add((one.message_id, one.received))
            if (after.received, after.repeated) == (before.received, before.repeated):
                continue
        known[key] = changed[key] = after
    return Receipts(list(known.values()), list(changed.values()), counted_again)


def _is_separated(first: Receipt, last: Receipt, one: BagInstruction, of_bag: Iterable[BagInstruction]) -> bool:
    """Whether another instruction for the tag came between two receipts of a text (``docs/DOMAIN.md#rule-3``)."""
    return any(
        any(
            receipt.precedes(last) and (first.precedes(receipt) or first.is_unordered(receipt))
            for receipt in (other.received, other.last_received)
        )
        for other in of_bag
        if other.instruction.tag == one.instruction.tag and other.message_id != one.message_id
    )


def sort_instructions(of_bag: Sequence[BagInstruction]) -> list[Instruction]:
    """The instructions of one bag in the order in which they take effect (``docs/DOMAIN.md#rule-15``).

    The time of one without an origin line becomes its receipt (``docs/DOMAIN.md#rule-2``). A BTM comes before all other
    instructions if there is a BSM of its station, which counts more; its deletion is then left out
    (``docs/DOMAIN.md#rule-17``).
    """
    if len(of_bag) == 1 and not of_bag[0].instruction.assumed:
        return [of_bag[0].instruction]
    lesser = _lesser(of_bag)
    timed = []
    for one in of_bag:
        instruction, received = one.instruction, one.received
        counts_more = True
        if lesser and one in lesser:
            if instruction.change == InstructionAction.DEL:
                continue
            counts_more = False
        at = instruction.at
        if instruction.assumed:
            if one.repeated and _is_separated(received, one.repeated, one, of_bag):
                received = one.repeated
            instruction, at = replace(instruction, at=received.at), received.at.replace(second=0, microsecond=0)
        timed.append(((counts_more, at, received.at), received, one.message_id, instruction))
    timed.sort(key=itemgetter(0, 1))
    if any(one[0] == following[0] for one, following in pairwise(timed)):
        return [one for _, together in groupby(timed, key=itemgetter(0)) for one in _in_order_of_texts(list(together))]
    return [instruction for _, _, _, instruction in timed]


def _in_order_of_texts(together: Sequence[tuple[object, Receipt, UUID, Instruction]]) -> list[Instruction]:
    """Instructions that came at the same time: within a text by line, and the text that withholds the bag last."""
    texts: dict[int, list[tuple[int, tuple[bool, int], UUID, str, Instruction]]] = {}
    for _, received, message_id, one in together:
        texts.setdefault(received.text_id, []).append((received.position, _last_resort(one), message_id, one.tag, one))
    in_order = [sorted(of_text, key=itemgetter(0, 1, 2, 3)) for of_text in texts.values()]
    in_order.sort(key=_outcome)
    return [one[-1] for of_text in in_order for one in of_text]


def _outcome(of_text: Sequence[tuple[int, tuple[bool, int], UUID, str, Instruction]]) -> tuple[object, ...]:
    """What counts of a text: its last instruction about the authority to load, if there is one."""
    deciding = [one for one in of_text if one[1][0] or one[-1].authorised is not None]
    return (deciding or of_text)[-1][1:4]


def _lesser(of_bag: Sequence[BagInstruction]) -> list[BagInstruction]:
    """The BTMs of stations of which there is a BSM."""
    btms = [one for one in of_bag if one.instruction.kind is MessageKind.BTM]
    if not btms:
        return btms
    of_bsm = {
        (one.instruction.tag, one.instruction.airport) for one in of_bag if one.instruction.kind is MessageKind.BSM
    }
    return [one for one in btms if (one.instruction.tag, one.instruction.airport) in of_bsm]


def _last_resort(instruction: Instruction) -> tuple[bool, int]:
    """Order of instructions that came together: one that withholds the bag comes last, so that it counts."""
    withholds = (
        instruction.authorised is False
        or instruction.kind == MessageKind.BUM
        or instruction.change == InstructionAction.DEL
    )
    return withholds, _ACTION_ORDER[instruction.change]


def merge_instructions(instructions: Sequence[Instruction]) -> MergedInstructions:
    """Merges the instructions of one bag.

    Args:
        instructions: all of the bag, for all its tags, in order (``sort_instructions``); at least one.
    """
    merge = _Merge()
    for instruction in instructions:
        merge.apply(instruction)
    by_time = sorted(merge.stations.values(), key=lambda instruction: instruction.at)
    by_tag: dict[str, list[Instruction]] = {}
    for instruction in by_time:
        by_tag.setdefault(instruction.tag, []).append(instruction)
    tags = sorted(by_tag, key=lambda tag: (_is_rush(by_tag[tag]), by_tag[tag][0].at, tag))
    # A later message that says less of the passenger takes nothing away (docs/DOMAIN.md#rule-18).
    named = [instruction for instruction in instructions if instruction.surname]
    locators = [instruction.locator for instruction in instructions if readable_locator(instruction.locator)]
    weights = [weight for instruction in by_time if (weight := _weight_kg(instruction)) is not None]
    of_tags = [_legs_of_tag(tag, by_tag[tag]) for tag in tags]
    return MergedInstructions(
        tag=_original_tag(by_tag[tags[0]]) or tags[0] if tags else instructions[0].tag,
        tags=by_tag.keys(),
        legs=of_tags[0] if len(of_tags) == 1 else _one_chain(of_tags),
        itineraries=of_tags,
        authorised=merge.authorised,
        deleted=merge.deleted,
        priority=any(PRIORITY in (instruction.exceptions or ()) for instruction in by_time),
        name=_name(named),
        locator=locators[-1] if locators else None,
        known_at=named[-1].at if named else instructions[0].at,
        weight_kg=weights[-1] if weights else None,
    )


def _name(named: Sequence[Instruction]) -> PassengerName | None:
    written = groupby((one.surname or "", one.given_names or "") for one in named)
    names = [read_name(*name) for name, _ in written]
    return merge_names(names) if names else None


def _original_tag(instructions: Sequence[Instruction]) -> str | None:
    """The tag at check-in that the messages of a rush tag name; None if none does."""
    return next((one.original_tag for one in instructions if one.original_tag), None)


def _is_rush(instructions: Sequence[Instruction]) -> bool:
    return any(RUSH in (one.exceptions or ()) or one.original_tag for one in instructions)


def _weight_kg(instruction: Instruction) -> float | None:
    """The weight of a bag that was weighed alone; a group has one weight for all its bags together."""
    unit = KILOGRAMS.get(instruction.weight_unit or "")
    alone = (instruction.pieces or instruction.bags_in_group) == 1
    return instruction.weight * unit if unit and instruction.weight and alone else None


def _legs_of_tag(tag: str, instructions: Sequence[Instruction]) -> list[InstructedLeg]:
    """The flights of one tag in travel order; ``instructions`` are in order of time, one for each station."""
    by_origin: dict[str, InstructedLeg] = {}
    starts: set[str] = set()
    # What a station says about flights from other stations counts less than what those stations say themselves.
    for instruction in instructions:
        for flight in (instruction.inbound, *(instruction.onward or ())):
            if flight is not None and flight.key.origin != flight.destination:
                by_origin[flight.key.origin] = InstructedLeg(flight, tag, None)
        if instruction.inbound is not None:
            starts.add(instruction.inbound.key.origin)
    for instruction in instructions:
        flight = instruction.outbound
        if flight is not None and flight.key.origin != flight.destination:
            by_origin[flight.key.origin] = InstructedLeg(flight, tag, instruction.authorised)
            starts.add(flight.key.origin)
    starts &= by_origin.keys()
    destinations = {leg.flight.destination for leg in by_origin.values()}
    first = starts - destinations or starts
    if len(first) > 1:
        dates = {start: by_origin[start].flight.key.departure_date for start in first}
        in_order = sorted(first, key=lambda start: (dates[start], start))
    else:
        in_order = list(first)
    chains = [legs for start in in_order if (legs := _chain_from(start, by_origin))]
    if len(chains) < 2:
        return chains[0] if chains else []
    return _one_chain(_in_order(chains, instructions))


def _chain_from(origin: str, by_origin: dict[str, InstructedLeg]) -> list[InstructedLeg]:
    """Removes the legs that follow on each other from ``origin``; a flight named twice is one leg."""
    legs: list[InstructedLeg] = []
    while origin in by_origin:
        leg = by_origin.pop(origin)
        origin = leg.flight.destination
        if legs and _is_same_flight(legs[-1].flight, leg.flight):
            legs[-1] = replace(legs[-1], flight=replace(legs[-1].flight, destination=origin))
        else:
            legs.append(leg)
    return legs


def _is_same_flight(last: NamedFlight, new: NamedFlight) -> bool:
    """Whether a flight only continues with another leg, and does not return (``docs/DOMAIN.md#rule-5``)."""
    return last.key.origin != new.destination and last.key == new.key._replace(origin=last.key.origin)


def _in_order(chains: Sequence[list[InstructedLeg]], instructions: Sequence[Instruction]) -> list[list[InstructedLeg]]:
    """Chains by date; where two of them lead to one place, those of the newest messages come last and so count."""
    named_at = {one.airport: order for order, one in enumerate(instructions)}

    def newest(legs: list[InstructedLeg]) -> int:
        return max(named_at.get(leg.flight.key.origin, -1) for leg in legs)

    if len({legs[-1].flight.destination for legs in chains}) < len(chains):
        return sorted(chains, key=newest)
    return sorted(chains, key=lambda legs: (legs[0].flight.key.departure_date, newest(legs)))


def _one_chain(itineraries: Sequence[list[InstructedLeg]]) -> list[InstructedLeg]:
    """The legs of successive itineraries of one bag, each of which replaces the rest of those before."""
    legs: list[InstructedLeg] = []
    for new in itineraries:
        legs = _rerouted(legs, new)
    return legs


def _rerouted(legs: list[InstructedLeg], new: list[InstructedLeg]) -> list[InstructedLeg]:
    """One chain of the legs up to the station where new ones begin, then the new ones (``docs/DOMAIN.md#rule-19``).

    Where that station is off the itinerary, the legs are kept up to the first that leads where the new ones lead.
    """
    if not new or not legs:
        return legs or new
    first = new[0].flight
    for index in reversed(range(len(legs))):
        last = legs[index].flight
        if last.destination == first.key.origin and last.key.departure_date <= first.key.departure_date:
            return legs[: index + 1] + new
    reached = {leg.flight.destination for leg in new}
    for index, leg in enumerate(legs):
        if leg.flight.key.origin == first.key.origin or leg.flight.destination in reached:
            return legs[:index] + new
    return legs + new
