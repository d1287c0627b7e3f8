"""Itinerary, passenger and authority to load of one bag, merged from all its messages.

The order of arrival has no influence on the result. Rules: ``docs/DOMAIN.md#rule-4``, ``docs/DOMAIN.md#rule-6``,
``docs/DOMAIN.md#rule-15`` and ``docs/DOMAIN.md#rule-17``. Where they are silent, our rule: each station's messages
decide about the flight that leaves from it, so that a transfer station which rebooks a bag replaces the rest of the
itinerary and nothing else.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from uuid import UUID

from integrations.records.instructions import Instruction, InstructionAction, MessageKind, NamedFlight

RUSH = "RUSH"
PRIORITY = "PRIO"
KILOGRAMS = {"K": 1.0, "L": 0.45359237}

# Order of instructions of the same minute, since an origin line has no seconds: new, then changed, then deleted.
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
        tag: the tag at check-in; the rush tag if no other is known.
        legs: planned flights in travel order.
        authorised: whether the bag may be loaded, by the last message that says so; None if none does.
        deleted: whether the last instruction was a deletion.
        surname: as written in the messages; None if no message names the passenger. So are ``given_names`` and
            ``locator``.
        known_at: when the message that names the passenger was sent, UTC.
        weight_kg: weight of this bag alone, in kilograms; None if it was not weighed alone.
    """

    tag: str
    legs: Sequence[InstructedLeg]
    authorised: bool | None
    deleted: bool
    priority: bool
    surname: str | None
    given_names: str | None
    locator: str | None
    known_at: datetime
    weight_kg: float | None


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
        if instruction.kind == MessageKind.BTM and station is not None:
            # docs/DOMAIN.md#rule-17: the inbound carrier knows less of the onward flights than the transfer station.
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


def sort_instructions(instructions: Iterable[tuple[UUID, Instruction]]) -> list[Instruction]:
    """Instructions with their message ids, sorted by time, then by action, then by message id.

    Those of a BTM come first, so that they never override a BSM.
    """

    def key(one: tuple[UUID, Instruction]) -> tuple[bool, datetime, int, UUID, str]:
        message_id, instruction = one
        is_btm = instruction.kind == MessageKind.BTM
        return not is_btm, instruction.at, _ACTION_ORDER[instruction.change], message_id, instruction.tag

    return [instruction for _, instruction in sorted(instructions, key=key)]


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
    named = [instruction for instruction in by_time if instruction.surname is not None]
    locators = [instruction.locator for instruction in by_time if instruction.locator]
    weights = [weight for instruction in by_time if (weight := _weight_kg(instruction)) is not None]
    return MergedInstructions(
        tag=tags[0] if tags else instructions[0].tag,
        legs=[leg for tag in tags for leg in _legs_of_tag(tag, by_tag[tag])],
        authorised=merge.authorised,
        deleted=merge.deleted,
        priority=any(PRIORITY in (instruction.exceptions or ()) for instruction in by_time),
        surname=named[-1].surname if named else None,
        given_names=named[-1].given_names or "" if named else None,
        locator=locators[-1] if locators else None,
        known_at=named[-1].at if named else instructions[0].at,
        weight_kg=weights[-1] if weights else None,
    )


def _is_rush(instructions: Sequence[Instruction]) -> bool:
    return any(RUSH in (one.exceptions or ()) or one.original_tag for one in instructions)


def _weight_kg(instruction: Instruction) -> float | None:
    """The weight of a bag that was weighed alone; a group has one weight for all its bags together."""
    unit = KILOGRAMS.get(instruction.weight_unit or "")
    alone = (instruction.pieces or instruction.bags_in_group) == 1
    return instruction.weight * unit if unit and instruction.weight and alone else None


def _legs_of_tag(tag: str, instructions: Sequence[Instruction]) -> list[InstructedLeg]:
    """The flights of one tag in travel order."""
    by_origin: dict[str, InstructedLeg] = {}
    starts: set[str] = set()
    # What a station says about flights from other stations counts less than what those stations say themselves.
    for instruction in instructions:
        for flight in (instruction.inbound, *(instruction.onward or ())):
            if flight is not None:
                by_origin[flight.origin] = InstructedLeg(flight, tag, None)
        if instruction.inbound is not None:
            starts.add(instruction.inbound.origin)
    for instruction in instructions:
        if (flight := instruction.outbound) is not None:
            by_origin[flight.origin] = InstructedLeg(flight, tag, instruction.authorised)
            starts.add(flight.origin)
    destinations = {leg.flight.destination for leg in by_origin.values()}
    dates = {origin: by_origin[origin].flight.departure_date for origin in starts}
    legs: list[InstructedLeg] = []
    for start in sorted(starts - destinations or starts, key=lambda start: (dates[start], start)):
        origin = start
        while origin in by_origin:
            leg = by_origin.pop(origin)
            legs.append(leg)
            origin = leg.flight.destination
    return legs
