"""Meaning of a Type B message: instructions about bags, and scans of them.

The rules are in ``docs/DOMAIN.md#the-rules``.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, assert_never
from zoneinfo import ZoneInfo

from integrations.messages.typeb import ORIGIN, Element, TypeBError, TypeBMessage
from integrations.records.codes import AIRPORT, DESIGNATOR, MONTHS, NO_AIRPORT, NO_DESIGNATOR
from integrations.records.events import EventKind, FlightKey, Scan, ScanMethod
from integrations.records.instructions import Instruction, InstructionAction, MessageKind, NamedFlight, Source
from integrations.records.passengers import TITLES
from integrations.records.tags import UNREADABLE

# By counts alone a message of ten lines can name ten thousand bags; no flight has more than this.
MOST_TAGS = 1_000
# No journey has more legs, and each group of a message may inherit all of them.
MOST_ONWARD = 12
# Groups inherit elements, so that the texts of all groups may be much longer than their message.
MOST_DIVIDED_LINES = 10_000
LONGEST_PLACE = 40
# Flights and dates that are kept as read: more than an airline has in the days that its messages name.
_RECENT = 4_096

# Window of days from receipt for a date without a year: for departures, and for scans.
_DEPARTURES = (-3, 330)
_SCANNED = (-182, 182)
# Days from a scan to the departure of its flight: a bag may be found on hand weeks after it.
_DEPARTURES_OF_SCANS = (-30, 330)
# The same day of two months lies at least 28 days apart.
_SURELY_NEAREST = timedelta(days=14)

_MONTH = {name: number for number, name in enumerate(MONTHS, start=1)}
_DATE = re.compile(rf"[0-3][0-9](?:{'|'.join(MONTHS)})")
_TIME = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9])([0-5][0-9])?([LZ])")
_TAGS = re.compile(r"([0-9]{4})([0-9]{6})([0-9]{3})")
_NAME = re.compile(r"([0-9]{0,3})(.*)", re.DOTALL)
_COUNT = re.compile(r"[0-9]{1,4}")
_WEIGHT = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,3})?")
# ``ORIG 0230456782``, with signs or the word TAG before the number, and all numbers that follow it directly.
_ORIGINAL = re.compile(
    r"\bORIG(?:INAL)?[ /:=-]*(?:(?:BAG ?)?TAG[ /:=-]*)?((?:[0-9]{10}(?:[0-9]{3})?(?![0-9A-Z])[ /,]*)+)"
)
_NUMBER = re.compile(r"[0-9]+")
_ORIGINAL_TAG = re.compile(r"([0-9]{10})(?:001)?")  # a count other than 001 names several tags

# Elements that may begin a passenger group behind a ``.P`` (``docs/DOMAIN.md#rule-5``).
_BEGINNING = frozenset("FIONB")
# Elements that a passenger group has once. Of several that differ none is used: they may belong to different groups
# (``docs/DOMAIN.md#rule-5``). Elements that a message is not read for may differ.
_ONLY_ONE = "PS"
_ONLY_ONE_OF_INSTRUCTIONS = "PSILW"
_ONLY_ONE_OF_SCANS = "PSIJUX"
_REPEATABLE = frozenset("PFSILWJUX")
# Elements that say nothing of the bags of one group: the station, lines without an element, and the tags themselves.
_OF_NO_BAG = frozenset({"V", "", "N", "B"})
_INSTRUCTIONS = frozenset({MessageKind.BSM, MessageKind.BTM, MessageKind.BUM})
# ``docs/DOMAIN.md#rule-8``, ``.B``.
_STATUSES = {
    "OFF": EventKind.OFFLOADED,
    "NAL": EventKind.LOADED,
    "LOD": EventKind.LOADED,
    "NOF": EventKind.ARRIVED,
    "ONA": EventKind.LEFT_BEHIND,
    "LBA": EventKind.LEFT_BEHIND,
    "LBN": EventKind.LEFT_BEHIND,
    "OND": EventKind.ON_HAND,
    "UNS": EventKind.NOT_SEEN,
}
# ``docs/DOMAIN.md#rule-8``, ``.J``.
_PROCESSED = {"S": EventKind.SORTED, "R": EventKind.LOADED}
_PROCESSED_AT_END = {
    "S": EventKind.ARRIVED,
    "R": EventKind.ARRIVED,
    "G": EventKind.AT_CLAIM,
    "H": EventKind.DELIVERED,
}
_SCREENED = frozenset({"CLR", "REJ", "REF", "UCL"})
_YES_NO = {"Y": True, "N": False}
_ACTIVE = {"A": True, "I": False}

ZoneOf = Callable[[str], ZoneInfo | None]


@dataclass(frozen=True, slots=True)
class MessageContent:
    """Instructions and scans of one message.

    Args:
        flights: flights that the instructions and scans name, and the closed one; one for each element.
        sent_at: time of the origin line, UTC; None without one.
        flight_closed: flight that a close-out message (BCM FCM) closes. The product takes ``sent_at`` as its actual
            departure (``docs/DOMAIN.md#rule-10``).
    """

    instructions: tuple[Instruction, ...] = ()
    scans: tuple[Scan, ...] = ()
    flights: tuple[NamedFlight, ...] = ()
    sent_at: datetime | None = None
    flight_closed: NamedFlight | None = None


@dataclass(slots=True)
class _ReadContext:
    """One message while it is read: the message, the data that its dates and times depend on, and the flights so far.

    Args:
        at: receipt time, UTC.
        flights: by ``id`` of the element. Groups share elements, and an element is the same flight for all of them.
    """

    message: TypeBMessage
    at: datetime
    zone_of: ZoneOf
    sent_at: datetime | None
    flights: dict[int, NamedFlight] = field(default_factory=dict)


@dataclass(slots=True)
class _Group:
    """Elements of one passenger group by name. The group's own element replaces the ``inherited`` ones of its name."""

    elements: dict[str, list[Element]]
    inherited: set[str] = field(default_factory=set)
    named: bool = False  # a .P has come after tags

    @property
    def is_whole(self) -> bool:
        """Whether the group has tags and a .P."""
        return self.has_tags and "P" in self.elements

    @property
    def has_tags(self) -> bool:
        return "N" in self.elements or "B" in self.elements

    def add(self, element: Element) -> None:
        name = element.name
        if name in self.inherited:
            self.inherited.discard(name)
            self.elements[name] = [element]
        elif name in self.elements:
            self.elements[name].append(element)
        else:
            self.elements[name] = [element]
        if name == "P" and self.has_tags:
            self.named = True

    def contradicts(self, other: "_Group") -> bool:
        """Whether the groups say different things of their bags with elements that both have."""
        return any(
            name not in _OF_NO_BAG and other.elements.get(name, found) != found for name, found in self.elements.items()
        )

    def first(self, name: str) -> Element | None:
        found = self.elements.get(name)
        return found[0] if found else None

    def inheriting(self, names: str) -> "_Group":
        kept = {name: self.elements[name] for name in names if name in self.elements}
        return _Group(kept, set(kept))


def read(message: TypeBMessage, received_at: datetime, zone_of: ZoneOf) -> MessageContent:
    """Reads a message, with years resolved and times in UTC.

    A local time that a change of the clocks makes ambiguous is the first of the two. A local time that the change skips
    is read by the clock before the change. Neither depends on when the message arrived.

    Args:
        received_at: when it reached the airline, with a zone. A date without a year is the one nearest to it.
        zone_of: returns the time zone of an airport, or None for an unknown airport.

    Raises:
        TypeBError: the message cannot be applied and is a dead letter (``docs/DOMAIN.md#rule-13``).
    """
    received = received_at.astimezone(UTC)
    context = _ReadContext(message, received, zone_of, _sent_at(message, received))
    instructions: tuple[Instruction, ...] = ()
    scans: tuple[Scan, ...] = ()
    closed = None
    match message.kind:
        case MessageKind.BPM:
            scans = tuple(_bpm_scans(context))
        case MessageKind.BSM | MessageKind.BTM | MessageKind.BUM:
            instructions = tuple(_instructions(context))
            scans = tuple(_implied_events(instructions))
        case MessageKind.BNS:
            scans = tuple(_bns_scans(context))
        case MessageKind.BCM:
            closed = _flight_closed(context)
        case MessageKind.BMM | MessageKind.BRQ:
            pass  # kept, and nothing is read from them
        case MessageKind.SCAN | MessageKind.XML:
            raise ValueError(f"{message.kind} is no kind of Type B message")
        case _:
            assert_never(message.kind)
    return MessageContent(instructions, scans, tuple(context.flights.values()), context.sent_at, closed)


def divided(message: TypeBMessage, text: str) -> list[str]:
    """The passenger groups of a message as messages of their own, each with all that it inherits.

    Args:
        text: the text that ``message`` was parsed from.

    Returns:
        Texts; none where the message has a single group, or its groups repeat too much to be kept one by one.

    Raises:
        TypeBError: the message cannot be divided without doubt.
    """
    groups = _groups(message)
    lines = text.split("\n")
    of_elements = {element.line for element in message.elements if element.name != "V"}
    of_groups = [{element.line for found in group.elements.values() for element in found} for group in groups]
    if len(groups) == 1 or sum(map(len, of_groups)) > MOST_DIVIDED_LINES:
        return []
    of_all = set(range(1, len(lines) + 1)) - of_elements
    return ["\n".join([lines[number - 1] for number in sorted(own | of_all)]) for own in of_groups]


def _groups(message: TypeBMessage) -> list[_Group]:
    """Splits the elements of a message into passenger groups (``docs/DOMAIN.md#rule-5``).

    Raises:
        TypeBError: an element can belong to more than one group.
    """
    elements = message.elements
    together: dict[str, list[Element]] = {}
    repeated = ""
    for element in elements:
        if (found := together.get(element.name)) is None:
            together[element.name] = [element]
        else:
            found.append(element)
            repeated += element.name
    if _REPEATABLE.isdisjoint(repeated) and _is_single(elements, together.get("P", ())):
        return [_Group(together)]
    groups = _separated(elements)
    _check_undoubted(groups, _only_one(message))
    if message.kind in _INSTRUCTIONS and len(groups) > 1:
        _check_tags(groups)
    return groups


def _is_single(elements: Sequence[Element], passengers: Sequence[Element]) -> bool:
    """Whether elements surely are one group: none that may begin another stands behind the only ``.P``."""
    for passenger in passengers:
        for element in reversed(elements):
            if element is passenger:
                break
            if element.name in _BEGINNING:
                return False
    return True


def _separated(elements: Sequence[Element]) -> list[_Group]:
    group = _Group({})
    groups = [group]
    before_flights: list[Element] = []
    last_tags = max((index for index, element in enumerate(elements) if element.name in ("N", "B")), default=-1)
    for index, element in enumerate(elements):
        name = element.name
        if name == "F" and "F" not in groups[0].elements:
            before_flights = group.elements.get("I", [])[:]
        if _begins_group(group, elements, index, last_tags):
            if name == "F":
                group = group.inheriting("J")
                if before_flights:
                    group.elements["I"] = before_flights
                    group.inherited.add("I")
            else:
                group = group.inheriting("JF" if name in "IO" else "JFIO")
            groups.append(group)
        group.add(element)
    return groups


def _begins_group(group: _Group, elements: Sequence[Element], index: int, last_tags: int) -> bool:
    """Whether an element begins a group. Flights behind the last tags of the message belong to the last group."""
    match elements[index].name:
        case "F":
            is_second = "F" in group.elements and "F" not in group.inherited
            if is_second and not (group.has_tags and index < last_tags):
                return not _same_flight(group.elements["F"][0], elements[index])
            return is_second or (group.is_whole and index < last_tags)
        case "I" | "O":
            return group.is_whole and index < last_tags
        case "N" | "B":
            return group.named
        case "P":
            return group.is_whole and _tags_follow(elements, index)
    return False


def _tags_follow(elements: Sequence[Element], index: int) -> bool:
    """Whether tags come after a ``.P``, and before the next ``.P`` or ``.F``."""
    for following in range(index + 1, len(elements)):
        if (name := elements[following].name) in ("N", "B", "P", "F"):
            return name in ("N", "B")
    return False


def _same_flight(one: Element, other: Element) -> bool:
    """Whether two elements name one flight with its airport, whatever the class and the padding of its number."""
    if (one.text(1), one.text(2)) != (other.text(1), other.text(2)):
        return False
    if one.fields[0] == other.fields[0]:
        return True
    first, second = DESIGNATOR.fullmatch(one.fields[0]), DESIGNATOR.fullmatch(other.fields[0])
    return first is not None and second is not None and first.groups() == second.groups()


def _only_one(message: TypeBMessage) -> str:
    """Names of the elements that a passenger group of the message has once."""
    if message.kind in (MessageKind.BPM, MessageKind.BNS):
        return _ONLY_ONE_OF_SCANS
    if message.kind in _INSTRUCTIONS and not _withdraws(message):
        return _ONLY_ONE_OF_INSTRUCTIONS
    return _ONLY_ONE


def _check_undoubted(groups: Sequence[_Group], names: str) -> None:
    """Checks that no group has two passengers or authorities, and none lacks a flight that another one has.

    Args:
        names: of the elements that a group has once.
    """
    if "F" not in groups[0].elements and (flight := next(filter(None, (one.first("F") for one in groups)), None)):
        raise _error(flight, 0, "The .F cannot be assigned to one passenger group without doubt.")
    for group in groups:
        for name in names if len(groups) == 1 else f"{names}L":
            found: Sequence[Element] = group.elements.get(name, ())
            for other in found[1:]:
                if other != found[0] and not (name == "I" and _same_flight(other, found[0])):
                    raise _error(other, 0, f"The .{name} cannot be assigned to one passenger group without doubt.")


def _check_tags(groups: Sequence[_Group]) -> None:
    """Checks that no tag stands in two groups that say different things of it. Unreadable tags are not compared.

    Raises:
        TypeBError: a tag cannot be assigned to one group.
    """
    owners: dict[str, _Group] = {}
    for group in groups:
        try:
            [tags] = _tags_of([group])
        except TypeBError:  # the fault of this group alone
            continue
        for number, element in tags:
            owner = owners.setdefault(number, group)
            if owner is not group and owner.contradicts(group):
                raise _error(element, 0, "The tag cannot be assigned to one passenger group without doubt.")


def _tags_of(groups: Sequence[_Group]) -> list[list[tuple[str, Element]]]:
    """Tags of each group with the element that names them; each tag once in a group, all counts expanded.

    Raises:
        TypeBError: a tag is unreadable, a group has none, or there are too many.
    """
    tags_by_group = []
    room = MOST_TAGS
    for group in groups:
        if not group.has_tags:
            line = max(element.line for found in group.elements.values() for element in found)
            raise TypeBError(line, 1, "A passenger group must have a tag in .N or .B.")
        tags: dict[str, Element] = {}
        for element in (*group.elements.get("N", ()), *group.elements.get("B", ())):
            first = 0 if element.name == "N" else 1
            for index in range(first, max(first + 1, len(element.fields))):
                if index == first or element.fields[index]:
                    numbers = _numbers(element, index, room)
                    room -= len(numbers)
                    for number in numbers:
                        tags.setdefault(number, element)
        tags_by_group.append(list(tags.items()))
    return tags_by_group


def _numbers(element: Element, index: int, room: int) -> list[str]:
    match = _TAGS.fullmatch(element.text(index))
    if match is None:
        raise _error(element, index, "A tag must have ten digits and a count of three digits.")
    prefix, first, count = match[1], int(match[2]), int(match[3])
    if count == 0:
        raise _error(element, index, "The count of tags must be at least 001.")
    if count > room:
        raise _error(element, index, f"A message must name at most {MOST_TAGS} bags.")
    if first + count > 1_000_000:
        raise _error(element, index, "The count of tags must not pass serial 999999.")
    if prefix + match[2] == UNREADABLE and count > 1:
        raise _error(element, index, f"The tag {UNREADABLE} must have a count of 001.")
    return [f"{prefix}{serial:06d}" for serial in range(first, first + count)]


def _bpm_scans(context: _ReadContext) -> Iterator[Scan]:
    """Scans of a BPM. Only the flight of a scan has to be readable; other flights may be broken."""
    source = context.message.source
    groups = _groups(context.message)
    for group, tags in zip(groups, _tags_of(groups), strict=True):
        at = _scanned_at(group, context)
        if at is None:
            raise TypeBError(tags[0][1].line, 1, "A scan must have a time in .J or in an origin line.")
        where = _circumstances(group, context)
        for number, element in tags:
            kind, more = _event_kind(group, element, source)
            arriving = kind == EventKind.ARRIVED or source == Source.TERMINATING
            flight = _inbound(group, context, at) if arriving else _outbound(group, context, at)
            yield Scan(number, kind, at, flight=flight.key if flight else None, **{**where, **more})


def _bns_scans(context: _ReadContext) -> Iterator[Scan]:
    """NOT_SEEN events of a BNS; without a time it was seen at receipt that the bags are missing."""
    groups = _groups(context.message)
    for group, tags in zip(groups, _tags_of(groups), strict=True):
        scanned_at = _scanned_at(group, context)
        outbound = _outbound(group, context, scanned_at)
        at = scanned_at or context.at
        where = {**_circumstances(group, context), "method": ScanMethod.MESSAGE}
        key = outbound.key if outbound else None
        for number, _ in tags:
            yield Scan(number, EventKind.NOT_SEEN, at, flight=key, **where)


def _event_kind(group: _Group, named: Element, source: Source) -> tuple[EventKind, dict[str, Any]]:
    """Kind of event for the tags of an element: the first of .B, .U, .X and .J decides (``docs/DOMAIN.md#rule-8``)."""
    if named.name == "B":
        status = named.fields[0]
        kind = _STATUSES.get(status, EventKind.POSITION)
        if kind == EventKind.NOT_SEEN:
            return kind, {"method": ScanMethod.MESSAGE}
        return kind, {"unauthorised": True} if status == "NAL" else {}
    if stowed := group.first("U"):
        container = f"{stowed.text(0)}/{stowed.text(1)}".rstrip("/")
        return EventKind.LOADED, {"container": container[:LONGEST_PLACE]}
    if screened := group.first("X"):
        results = _SCREENED.intersection(screened.fields[:2])
        if results:
            return (EventKind.SCREENED if "CLR" in results else EventKind.POSITION), {}
    processed = group.first("J")
    code = processed.text(0) if processed else ""
    if source == Source.TERMINATING:
        return _PROCESSED_AT_END.get(code, EventKind.POSITION), {}
    kind = _PROCESSED.get(code, EventKind.POSITION)
    return kind, {"transfer": True} if kind == EventKind.SORTED and source == Source.TRANSFER else {}


def _circumstances(group: _Group, context: _ReadContext) -> dict[str, Any]:
    """Airport, place, method and device of a scan."""
    processed = group.first("J")
    if processed is None:
        return {"airport": context.message.airport, "method": ScanMethod.MESSAGE}
    return {
        "airport": context.message.airport,
        "place": processed.text(5)[:LONGEST_PLACE],
        "method": ScanMethod.LASER if processed.fields[0] in _PROCESSED else ScanMethod.MESSAGE,
        "device": processed.text(2)[:LONGEST_PLACE],
    }


def _instructions(context: _ReadContext) -> Iterator[Instruction]:
    """Instructions of a BSM, BTM or BUM, one for each tag."""
    message = context.message
    groups = _groups(message)
    for place, (group, tags) in enumerate(zip(groups, _tags_of(groups), strict=True), start=1):
        fields = _instruction_fields(group, context)
        for ordinal, (number, element) in enumerate(tags, start=1):
            if number == UNREADABLE:
                raise _error(element, 0, f"The tag {UNREADABLE} identifies no bag.")
            yield Instruction(
                tag=number,
                kind=message.kind,
                change=message.change,
                at=context.sent_at or context.at,
                airport=message.airport,
                source=message.source,
                assumed=context.sent_at is None,
                ordinal=ordinal,
                bags_in_group=len(tags),
                group=place,
                **fields,
            )


def _given_names(passenger: Element, party: int | None) -> tuple[str, tuple[str, ...]]:
    """The given names of the first passenger of a ``.P``, and those of the others of a party."""
    written = [text for text in passenger.fields[1:] if text]
    if (party or 1) < 2 or len(written) < 2:
        return " ".join(written), ()
    people: list[str] = []
    for text in written:
        if people and text in TITLES:
            people[-1] = f"{people[-1]} {text}"
        else:
            people.append(text)
    return people[0], tuple(people[1:])


def _instruction_fields(group: _Group, context: _ReadContext) -> dict[str, Any]:
    """Elements of a group as fields of an instruction; absent elements are None or left out."""
    outbound = _outbound(group, context)
    fields: dict[str, Any] = {"outbound": outbound, "inbound": None, "onward": None}
    if not _withdraws(context.message):
        fields["inbound"] = _inbound(group, context)
        fields["onward"] = _onward(group, context, outbound)
    if security := group.first("S"):
        if security.text(0) and security.text(0) not in _YES_NO:  # a security fact is not guessed
            raise _error(security, 0, "The authority to load must be Y or N.")
        fields["authorised"] = _YES_NO.get(security.text(0))
        fields["seat"] = security.text(1)
        fields["passenger_status"] = security.text(2)
        fields["sequence"] = security.text(3)
        fields["security"] = security.text(4)
        fields["authorised_to_transport"] = _YES_NO.get(security.text(6))
        fields["tag_active"] = _ACTIVE.get(security.text(7))
    if weighed := group.first("W"):
        fields["weight_unit"] = weighed.text(0)
        fields["pieces"] = int(weighed.text(1)) if _COUNT.fullmatch(weighed.text(1)) else None
        fields["weight"] = float(weighed.text(2)) if _WEIGHT.fullmatch(weighed.text(2)) else None
    if (passenger := group.first("P")) and (name := _NAME.fullmatch(passenger.fields[0])):
        if not name[2] and any(passenger.fields) and not _withdraws(context.message):
            raise _error(passenger, 0, "The .P must have a surname.")
        fields["party"] = int(name[1]) if name[1] else None
        fields["surname"] = name[2]
        first, others = _given_names(passenger, fields["party"])
        fields["given_names"] = first
        if others:
            fields["companions"] = others
    if booking := group.first("L"):
        fields["locator"] = booking.fields[0]
    if frequent_flyer := group.first("Y"):
        fields["frequent_flyer"] = "/".join(frequent_flyer.fields)
    if exceptions := group.elements.get("E"):
        fields["exceptions"] = tuple(text for element in exceptions for text in element.fields if text)
    if remarks := group.elements.get("R"):
        fields["remarks"] = tuple("/".join(element.fields) for element in remarks)
        fields["original_tag"] = _original_tag(fields["remarks"])
    return fields


def _withdraws(message: TypeBMessage) -> bool:
    """Whether the message only withdraws bags. The product does not use its other flights, so these may be broken."""
    return message.kind == MessageKind.BUM or message.change == InstructionAction.DEL


def _original_tag(remarks: Sequence[str]) -> str | None:
    """Tag of ``.R/ORIG 0230456782``; None where the remarks name several.

    The printed form CM456782 stands for ten tags and is not guessed (``docs/DOMAIN.md#rule-11``).
    """
    named = {number for text in remarks for match in _ORIGINAL.finditer(text) for number in _NUMBER.findall(match[1])}
    named -= {UNREADABLE, f"{UNREADABLE}001"}
    tags = {match[1] if (match := _ORIGINAL_TAG.fullmatch(number)) else "" for number in named}
    return (tags.pop() or None) if len(tags) == 1 else None


def _implied_events(instructions: Sequence[Instruction]) -> Iterator[Scan]:
    """Events that a new BSM or BTM implies (``docs/DOMAIN.md#rule-8``, ``docs/DOMAIN.md#rule-11``)."""
    for instruction in instructions:
        if instruction.change != InstructionAction.NEW or instruction.kind == MessageKind.BUM:
            continue
        at, assumed = instruction.implied_at, instruction.assumed
        if "RUSH" in (instruction.exceptions or ()):
            kind, at, assumed = EventKind.RUSH_TAGGED, instruction.at, False
        elif instruction.kind == MessageKind.BSM and instruction.source == Source.LOCAL:
            kind = EventKind.ACCEPTED
        else:
            kind = EventKind.EXPECTED
        flight = instruction.inbound if instruction.source == Source.TERMINATING else instruction.outbound
        yield Scan(
            tag=instruction.tag,
            kind=kind,
            at=at,
            airport=instruction.airport,
            flight=flight.key if flight else None,
            method=ScanMethod.MESSAGE,
            assumed=assumed,
        )


def _flight_closed(context: _ReadContext) -> NamedFlight | None:
    """Flight of a BCM that is a close-out. Only a message with a time can close one."""
    message = context.message
    closing = any(element.name == "" and element.fields[0] == "FCM" for element in message.elements)
    if not closing or context.sent_at is None:
        return None
    return _outbound(_groups(message)[0], context)


def _outbound(group: _Group, context: _ReadContext, scanned_at: datetime | None = None) -> NamedFlight | None:
    element = group.first("F")
    if element is None:
        return None
    origin, destination = context.message.airport, _airport(element)
    return _flight(element, context, origin=origin, destination=destination, scanned_at=scanned_at)


def _inbound(group: _Group, context: _ReadContext, scanned_at: datetime | None = None) -> NamedFlight | None:
    element = group.first("I")
    if element is None:
        return None
    origin, destination = _airport(element), context.message.airport
    return _flight(element, context, origin=origin, destination=destination, scanned_at=scanned_at)


def _onward(group: _Group, context: _ReadContext, outbound: NamedFlight | None) -> tuple[NamedFlight, ...] | None:
    """Flights after the outbound one in travel order, up to the first of unknown origin."""
    elements = group.elements.get("O")
    if elements is None:
        return None
    if len(elements) > MOST_ONWARD:
        raise _error(elements[MOST_ONWARD], 0, f"A bag must have at most {MOST_ONWARD} onward flights.")
    flights = []
    origin = outbound.destination if outbound else ""
    for element in elements:
        flight = _flight(element, context, origin=origin, destination=_airport(element))
        if flight is None:
            break
        flights.append(flight)
        origin = flight.destination
    return tuple(flights)


def _flight(
    element: Element, context: _ReadContext, *, origin: str, destination: str, scanned_at: datetime | None = None
) -> NamedFlight | None:
    """Flight of an element; None without an origin, since the origin is part of a flight's identity.

    Args:
        scanned_at: time of the scan that the flight belongs to; None where its date is near the receipt.
    """
    known = context.flights.get(id(element))
    if known is not None:
        return known
    designator = element.fields[0]
    if not DESIGNATOR.fullmatch(designator):
        raise _error(element, 0, NO_DESIGNATOR)
    if scanned_at is None:
        departure = _date(element, 1, context.at.date(), _DEPARTURES, "a flight")
    else:
        departure = _date(element, 1, scanned_at.date(), _DEPARTURES_OF_SCANS, "a flight", "its scan")
    if not origin:
        return None
    flight = NamedFlight(_flight_key(designator, departure, origin), destination, element.text(3))
    context.flights[id(element)] = flight
    return flight


@lru_cache(_RECENT)
def _flight_key(designator: str, departure: date, origin: str) -> FlightKey:
    """Identity of a flight. Most messages name a flight that recent ones named."""
    match = DESIGNATOR.fullmatch(designator)
    assert match is not None
    carrier, number, suffix = match.groups()
    return FlightKey(carrier, int(number), suffix, departure, origin)


def _airport(element: Element) -> str:
    code = element.text(2)
    if code and not AIRPORT.fullmatch(code):
        raise _error(element, 2, NO_AIRPORT)
    return code


def _date(
    element: Element, index: int, near: date, window: tuple[int, int], what: str, anchor: str = "its receipt"
) -> date:
    """Date such as 23NOV, in the one year that puts it within the window of days from another date.

    Args:
        near: the date of ``anchor``.
    """
    text = element.text(index)
    if not _DATE.fullmatch(text):
        raise _error(element, index, f"The date of {what} must be written as 23NOV.")
    found = _date_near(text, near, window)
    if found is None:
        raise _error(element, index, f"The date of {what} must be {window[0]} to {window[1]:+} days from {anchor}.")
    return found


@lru_cache(_RECENT)
def _date_near(text: str, near: date, window: tuple[int, int]) -> date | None:
    """The date that ``_date`` returns; None where no year puts it within the window."""
    day, month = int(text[:2]), _MONTH[text[2:]]
    for year in (near.year, near.year + 1, near.year - 1):
        try:
            found = date(year, month, day)
        except ValueError:
            continue
        if window[0] <= (found - near).days <= window[1]:
            return found
    return None


def _scanned_at(group: _Group, context: _ReadContext) -> datetime | None:
    """Time of ``.J``, or of the origin line where ``.J`` has none; None where neither has a time."""
    element = group.first("J")
    if element is None or not (element.text(3) or element.text(4)):
        return context.sent_at
    match = _TIME.fullmatch(element.text(4))
    if match is None:
        raise _error(element, 4, "The time of a scan must be written as 141205L or 1412Z.")
    day = _date(element, 3, context.at.date(), _SCANNED, "a scan")
    clock = time(int(match[1]), int(match[2]), int(match[3] or 0))
    if match[4] == "Z":
        return datetime.combine(day, clock, UTC)
    zone = context.zone_of(context.message.airport)
    if zone is None:
        raise _error(element, 4, "The time is local, and the time zone of the airport is unknown.")
    return datetime.combine(day, clock, zone).astimezone(UTC)


def _sent_at(message: TypeBMessage, received: datetime) -> datetime | None:
    """Time of the origin line: its day, hour and minute in the month that puts it nearest to receipt."""
    if message.origin is None:
        return None
    line = len(message.addresses) + 1
    match = ORIGIN.fullmatch(message.origin)
    if match is None:
        raise TypeBError(line, 1, "The origin line must have a sender and a time, such as .MIAKMCM 231205.")
    day, hour, minute = int(match[1][:2]), int(match[1][2:4]), int(match[1][4:])
    month = received.year * 12 + received.month - 1
    candidates = []
    for number in (month, month - 1, month + 1):
        try:
            candidate = datetime(number // 12, number % 12 + 1, day, hour, minute, tzinfo=UTC)
        except ValueError:
            continue
        if abs(candidate - received) < _SURELY_NEAREST:
            return candidate
        candidates.append(candidate)
    if not candidates:
        raise TypeBError(line, match.start(1) + 1, "The origin line must have a valid time, such as 231205.")
    return min(candidates, key=lambda candidate: abs(candidate - received))


def _error(element: Element, index: int, reason: str) -> TypeBError:
    return TypeBError(element.line, element.column(index), reason)
