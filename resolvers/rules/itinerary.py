"""From what messages say of a bag to what is meant to happen to it. Pure: the order of arrival never matters.

Rules: domain reference, section 12 (numbers in the comments below). Where it is silent, ours: each station's messages
speak for the flight that leaves from it, so that a transfer station which books a bag anew replaces the rest of the
way, and nothing else.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from uuid import UUID

from integrations.records.instructions import Instruction, InstructionAction, MessageKind, NamedFlight

RUSH = "RUSH"
PRIORITY = "PRIO"
KILOGRAMS = {"K": 1.0, "L": 0.45359237}

# Of messages of one moment, the origin line knows minutes only: made, then changed, then deleted.
_STEPS = {InstructionAction.NEW: 0, InstructionAction.CHG: 1, InstructionAction.DEL: 2}
# What one message says replaces what earlier ones of its station said; these tell where it stands instead.
_ADDRESS = frozenset({"tag", "kind", "change", "at", "assumed", "airport"})
_ELEMENTS = tuple(part.name for part in fields(Instruction) if part.name not in _ADDRESS)


@dataclass(frozen=True, slots=True)
class MeantLeg:
    """A flight that the bag is meant to take.

    Args:
        tag: the tag whose messages say so.
        authorised: whether it may be loaded on it; None where no message of its station says.
    """

    flight: NamedFlight
    tag: str
    authorised: bool | None


@dataclass(frozen=True, slots=True)
class Meant:
    """What messages mean for one bag.

    Args:
        tag: the tag it was checked in under; the rush tag where no other is known.
        authorised: whether it may be loaded, as the last message says; None where none does.
        deleted: the last word was a deletion.
        surname: as messages write it; None where none does. So the names and the locator.
        known_at: when the message that named the passenger was sent.
        weight_kg: None where it was not weighed alone.
    """

    tag: str
    legs: Sequence[MeantLeg]
    authorised: bool | None
    deleted: bool
    priority: bool
    surname: str | None
    given_names: str | None
    locator: str | None
    known_at: datetime
    weight_kg: float | None


@dataclass(slots=True)
class _Story:
    """What all messages have said so far; of each tag, what each station's come to."""

    stations: dict[tuple[str, str], Instruction] = field(default_factory=dict)
    authorised: bool | None = None
    deleted: bool = False

    def tell(self, said: Instruction) -> None:
        key = said.tag, said.airport
        station = self.stations.get(key)
        if said.kind == MessageKind.BUM:
            self._order_off(key, said)
            return
        if said.kind == MessageKind.BTM and station is not None:
            return  # the carrier that brings the bag knows less of its way on than the station it changes at
        if said.change == InstructionAction.DEL:  # rule 4
            if station is not None:
                self.stations[key] = replace(station, authorised=False)
            self.authorised, self.deleted = False, True
            return
        self.deleted = False
        if said.change == InstructionAction.CHG and station is not None:
            present = {name: value for name in _ELEMENTS if (value := getattr(said, name)) is not None}
            self.stations[key] = replace(station, at=said.at, **present)  # rule 6
        else:
            self.stations[key] = said
        if said.authorised is not None:
            self.authorised = said.authorised

    def _order_off(self, key: tuple[str, str], said: Instruction) -> None:
        self.stations[key] = replace(self.stations.get(key, said), authorised=False)
        self.authorised = False


def in_order(instructions: Iterable[tuple[UUID, Instruction]]) -> list[Instruction]:
    """By their time, then as made, changed, deleted; then by a digest of the message. A BTM never overrides a BSM."""

    def key(one: tuple[UUID, Instruction]) -> tuple[bool, datetime, int, UUID, str]:
        message_id, said = one
        return said.kind != MessageKind.BTM, said.at, _STEPS[said.change], message_id, said.tag

    return [said for _, said in sorted(instructions, key=key)]


def meaning(instructions: Sequence[Instruction]) -> Meant:
    """What messages mean for the bag.

    Args:
        instructions: all of one bag, of all its tags, in order (``in_order``); at least one.
    """
    story = _Story()
    for said in instructions:
        story.tell(said)
    spoken = sorted(story.stations.values(), key=lambda said: said.at)
    by_tag: dict[str, list[Instruction]] = {}
    for said in spoken:
        by_tag.setdefault(said.tag, []).append(said)
    tags = sorted(by_tag, key=lambda tag: (_is_rush(by_tag[tag]), by_tag[tag][0].at, tag))
    named = [said for said in spoken if said.surname is not None]
    located = [said.locator for said in spoken if said.locator]
    weights = [weight for said in spoken if (weight := _weight(said)) is not None]
    return Meant(
        tag=tags[0] if tags else instructions[0].tag,
        legs=[leg for tag in tags for leg in _way(tag, by_tag[tag])],
        authorised=story.authorised,
        deleted=story.deleted,
        priority=any(PRIORITY in (said.exceptions or ()) for said in spoken),
        surname=named[-1].surname if named else None,
        given_names=named[-1].given_names or "" if named else None,
        locator=located[-1] if located else None,
        known_at=named[-1].at if named else instructions[0].at,
        weight_kg=weights[-1] if weights else None,
    )


def _is_rush(spoken: Sequence[Instruction]) -> bool:
    return any(RUSH in (said.exceptions or ()) or said.original_tag for said in spoken)


def _weight(said: Instruction) -> float | None:
    """A weight is of the bags of a group together: it is a bag's own only where it is the only one."""
    unit = KILOGRAMS.get(said.weight_unit or "")
    alone = (said.pieces or said.bags_in_group) == 1
    return said.weight * unit if unit and said.weight and alone else None


def _way(tag: str, spoken: Sequence[Instruction]) -> list[MeantLeg]:
    """The flights of one tag in the order they are taken."""
    leaving: dict[str, MeantLeg] = {}
    begins: set[str] = set()
    for said in spoken:  # what a station hears of others counts less than what they say of themselves
        for flight in (said.inbound, *(said.onward or ())):
            if flight is not None:
                leaving[flight.origin] = MeantLeg(flight, tag, None)
        if said.inbound is not None:
            begins.add(said.inbound.origin)
    for said in spoken:
        if (flight := said.outbound) is not None:
            leaving[flight.origin] = MeantLeg(flight, tag, said.authorised)
            begins.add(flight.origin)
    reached = {leg.flight.destination for leg in leaving.values()}
    way: list[MeantLeg] = []
    starts = sorted(begins - reached or begins, key=lambda origin: (leaving[origin].flight.departure_date, origin))
    for start in starts:
        origin = start
        while origin in leaving:
            leg = leaving.pop(origin)
            way.append(leg)
            origin = leg.flight.destination
    return way
