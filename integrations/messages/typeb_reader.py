"""What a Type B message says: instructions about bags, and scans of them.

Rules: domain reference, section 12; their numbers stand in the comments.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from integrations.messages.typeb import ORIGIN, Element, TypeBError, TypeBMessage
from integrations.records.codes import AIRPORT, DESIGNATOR, NO_AIRPORT, NO_DESIGNATOR
from integrations.records.events import EventKind, Scan, ScanMethod
from integrations.records.instructions import Instruction, InstructionAction, MessageKind, NamedFlight, Source
from integrations.records.tags import UNREADABLE

# A message of ten lines can name ten thousand bags by counts alone; no flight has more than this.
MOST_TAGS = 1_000
LONGEST_PLACE = 40

# Days from receipt, within which a date without its year must lie: departures, and what has been scanned.
_DEPARTURES = (-3, 330)
_SCANNED = (-182, 182)
# A message of unknown time comes before every scan of its bags (rule 2).
_BEFORE_ANY_SCAN = timedelta(days=3)
# The same day of two months lies at least 28 days apart.
_SURELY_NEAREST = timedelta(days=14)

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MONTH = {name: number for number, name in enumerate(_MONTHS, start=1)}
_DATE = re.compile(rf"([0-3][0-9])({'|'.join(_MONTHS)})")
_TIME = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9])([0-5][0-9])?([LZ])")
_TAGS = re.compile(r"([0-9]{4})([0-9]{6})([0-9]{3})")
_NAME = re.compile(r"([0-9]{0,3})(.*)", re.DOTALL)
_COUNT = re.compile(r"[0-9]{1,4}")
_WEIGHT = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,3})?")
_ORIGINAL = re.compile(r"\bORIG[ /]+([0-9]{10})(?![0-9A-Z])")

# Rule 8, ``.B``.
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
# Rule 8, ``.J``.
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
class Reading:
    """What one message says.

    Args:
        flights: those that instructions and scans name, and the one that is closed; once for each element.
        sent_at: when it was sent, from its origin line; None without one.
        flight_closed: of a close-out message (BCM FCM), the flight that it closes: the product takes ``sent_at`` for
            its actual departure (rule 10).
    """

    instructions: tuple[Instruction, ...] = ()
    scans: tuple[Scan, ...] = ()
    flights: tuple[NamedFlight, ...] = ()
    sent_at: datetime | None = None
    flight_closed: NamedFlight | None = None


@dataclass(slots=True)
class _Receipt:
    """One message while it is read: itself, what its dates and times are read by, and the flights read so far.

    Args:
        flights: by ``id`` of the element; groups share elements, and an element is the same flight for all of them.
    """

    message: TypeBMessage
    at: datetime
    zone_of: ZoneOf
    sent_at: datetime | None
    flights: dict[int, NamedFlight] = field(default_factory=dict)


@dataclass(slots=True)
class _Group:
    """The elements of one passenger group, by name; ``inherited`` are names whose elements a first own one replaces."""

    elements: dict[str, list[Element]]
    inherited: set[str] = field(default_factory=set)
    named: bool = False  # a .P has come after tags

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

    def first(self, name: str) -> Element | None:
        found = self.elements.get(name)
        return found[0] if found else None

    def inheriting(self, names: str) -> "_Group":
        kept = {name: self.elements[name] for name in names if name in self.elements}
        return _Group(kept, set(kept))


def read(message: TypeBMessage, received_at: datetime, zone_of: ZoneOf) -> Reading:
    """What a message says, with years worked out and times in UTC.

    A local time that a change of the clocks makes twice is the first of the two; one that it leaves out is read by the
    clock before the change. Neither depends on when the message arrived.

    Args:
        received_at: when it reached the airline, with a zone: dates without a year are the ones nearest to it.
        zone_of: the time zone of an airport, None where it is unknown.

    Raises:
        TypeBError: the message cannot be applied and is a dead letter (rule 13).
    """
    received = received_at.astimezone(UTC)
    receipt = _Receipt(message, received, zone_of, _sent_at(message, received))
    kind = message.kind
    instructions: tuple[Instruction, ...] = ()
    scans: tuple[Scan, ...] = ()
    closed = None
    if kind == MessageKind.BPM:
        scans = tuple(_happened(receipt))
    elif kind == MessageKind.BNS:
        scans = tuple(_not_seen(receipt))
    elif kind in (MessageKind.BSM, MessageKind.BTM, MessageKind.BUM):
        instructions = tuple(_instructions(receipt))
        scans = tuple(_announced(instructions))
    else:
        closed = _flight_closed(receipt)
    return Reading(instructions, scans, tuple(receipt.flights.values()), receipt.sent_at, closed)


def _groups(elements: Sequence[Element]) -> list[_Group]:
    """The passenger groups of a message (rule 5)."""
    group = _Group({})
    groups = [group]
    before_flights: list[Element] | None = None
    for element in elements:
        name = element.name
        if name == "F":
            if "F" in group.elements:
                group = group.inheriting("J")
                if before_flights:
                    group.elements["I"] = before_flights
                    group.inherited.add("I")
                groups.append(group)
            elif len(groups) == 1:
                before_flights = group.elements.get("I", [])[:]
        elif name in ("N", "B") and group.named:
            group = group.inheriting("JFIO")
            groups.append(group)
        group.add(element)
    return groups


def _tags_of(groups: Sequence[_Group]) -> list[list[tuple[str, Element]]]:
    """The tags of each group with the element that names them: each tag once in a group, all counts spelt out.

    Raises:
        TypeBError: a tag that cannot be read, a group without one, or too many.
    """
    of_groups = []
    room = MOST_TAGS
    for group in groups:
        if not group.has_tags:
            line = max(element.line for found in group.elements.values() for element in found)
            raise TypeBError(line, 1, "There is no tag: neither .N nor .B.")
        tags: dict[str, Element] = {}
        for element in (*group.elements.get("N", ()), *group.elements.get("B", ())):
            first = 0 if element.name == "N" else 1
            for index in range(first, max(first + 1, len(element.fields))):
                if index == first or element.fields[index]:
                    numbers = _numbers(element, index, room)
                    room -= len(numbers)
                    for number in numbers:
                        tags.setdefault(number, element)
        of_groups.append(list(tags.items()))
    return of_groups


def _numbers(element: Element, index: int, room: int) -> list[str]:
    match = _TAGS.fullmatch(element.text(index))
    if match is None:
        raise _fault(element, index, "A tag has ten digits and a count of three.")
    prefix, first, count = match[1], int(match[2]), int(match[3])
    if count == 0:
        raise _fault(element, index, "A count of tags starts at 001.")
    if count > room:
        raise _fault(element, index, f"A message names at most {MOST_TAGS} bags.")
    if first + count > 1_000_000:
        raise _fault(element, index, "The count runs past serial 999999.")
    if prefix + match[2] == UNREADABLE and count > 1:
        raise _fault(element, index, "A tag that could not be read has no others after it.")
    return [f"{prefix}{serial:06d}" for serial in range(first, first + count)]


def _happened(receipt: _Receipt) -> Iterator[Scan]:
    """The scans of a BPM. Of the flights, only the one that a scan is of needs to be readable."""
    source = receipt.message.source
    groups = _groups(receipt.message.elements)
    for group, tags in zip(groups, _tags_of(groups), strict=True):
        at = _scanned_at(group, receipt)
        if at is None:
            raise TypeBError(tags[0][1].line, 1, "There is no time: neither in .J nor in an origin line.")
        where = _circumstances(group, receipt)
        for number, element in tags:
            kind, more = _what_happened(group, element, source)
            arriving = kind == EventKind.ARRIVED or source == Source.TERMINATING
            flight = _inbound(group, receipt) if arriving else _outbound(group, receipt)
            yield Scan(number, kind, at, flight=flight.key if flight else None, **{**where, **more})


def _not_seen(receipt: _Receipt) -> Iterator[Scan]:
    """The scans of a BNS: that there were none."""
    groups = _groups(receipt.message.elements)
    for group, tags in zip(groups, _tags_of(groups), strict=True):
        outbound = _outbound(group, receipt)
        at, assumed = _scanned_at(group, receipt), False
        if at is None:
            at, assumed = _told_at(receipt, [outbound])
        where = {**_circumstances(group, receipt), "method": ScanMethod.MESSAGE}
        key = outbound.key if outbound else None
        for number, _ in tags:
            yield Scan(number, EventKind.NOT_SEEN, at, flight=key, assumed=assumed, **where)


def _what_happened(group: _Group, named: Element, source: Source) -> tuple[EventKind, dict[str, Any]]:
    """The first of .B, .U, .X and .J that says what happened to the tags of an element (rule 8)."""
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


def _circumstances(group: _Group, receipt: _Receipt) -> dict[str, Any]:
    """Where and by what a bag was processed."""
    processed = group.first("J")
    if processed is None:
        return {"airport": receipt.message.airport, "method": ScanMethod.MESSAGE}
    return {
        "airport": receipt.message.airport,
        "place": processed.text(5)[:LONGEST_PLACE],
        "method": ScanMethod.LASER if processed.fields[0] in _PROCESSED else ScanMethod.MESSAGE,
        "device": processed.text(2)[:LONGEST_PLACE],
    }


def _instructions(receipt: _Receipt) -> Iterator[Instruction]:
    """What a BSM, BTM or BUM says of each of its tags."""
    message = receipt.message
    groups = _groups(message.elements)
    for group, tags in zip(groups, _tags_of(groups), strict=True):
        said = _said(group, receipt)
        at, assumed = _told_at(receipt, [said["outbound"], said["inbound"], *(said["onward"] or ())])
        for ordinal, (number, element) in enumerate(tags, start=1):
            if number == UNREADABLE:
                raise _fault(element, 0, "A tag that could not be read names no bag.")
            yield Instruction(
                tag=number,
                kind=message.kind,
                change=message.change,
                at=at,
                airport=message.airport,
                source=message.source,
                assumed=assumed,
                ordinal=ordinal,
                bags_in_group=len(tags),
                **said,
            )


def _said(group: _Group, receipt: _Receipt) -> dict[str, Any]:
    """The elements of a group as an instruction has them; those that are absent are None or left out."""
    outbound = _outbound(group, receipt)
    said: dict[str, Any] = {
        "outbound": outbound,
        "inbound": _inbound(group, receipt),
        "onward": _onward(group, receipt, outbound),
    }
    if security := group.first("S"):
        said["authorised"] = _YES_NO.get(security.text(0))
        said["seat"] = security.text(1)
        said["passenger_status"] = security.text(2)
        said["sequence"] = security.text(3)
        said["security"] = security.text(4)
        said["authorised_to_transport"] = _YES_NO.get(security.text(6))
        said["tag_active"] = _ACTIVE.get(security.text(7))
    if weighed := group.first("W"):
        said["weight_unit"] = weighed.text(0)
        said["pieces"] = int(weighed.text(1)) if _COUNT.fullmatch(weighed.text(1)) else None
        said["weight"] = float(weighed.text(2)) if _WEIGHT.fullmatch(weighed.text(2)) else None
    if (passenger := group.first("P")) and (name := _NAME.fullmatch(passenger.fields[0])):
        said["party"] = int(name[1]) if name[1] else None
        said["surname"] = name[2]
        said["given_names"] = " ".join(text for text in passenger.fields[1:] if text)
    if booking := group.first("L"):
        said["locator"] = booking.fields[0]
    if frequent_flyer := group.first("Y"):
        said["frequent_flyer"] = "/".join(frequent_flyer.fields)
    if exceptions := group.elements.get("E"):
        said["exceptions"] = tuple(text for element in exceptions for text in element.fields if text)
    if remarks := group.elements.get("R"):
        said["remarks"] = tuple("/".join(element.fields) for element in remarks)
        said["original_tag"] = _original_tag(said["remarks"])
    return said


def _original_tag(remarks: Sequence[str]) -> str | None:
    """The tag of ``.R/ORIG 0230456782``; None where several are named.

    The printed form CM456782 stands for ten tags: it is not guessed (rule 11).
    """
    named = {match[1] for text in remarks for match in _ORIGINAL.finditer(text)} - {UNREADABLE}
    return named.pop() if len(named) == 1 else None


def _announced(instructions: Sequence[Instruction]) -> Iterator[Scan]:
    """What a new BSM or BTM says of where its bags are (rules 8 and 11)."""
    for told in instructions:
        if told.change != InstructionAction.NEW or told.kind == MessageKind.BUM:
            continue
        if "RUSH" in (told.exceptions or ()):
            kind = EventKind.RUSH_TAGGED
        elif told.kind == MessageKind.BSM and told.source == Source.LOCAL:
            kind = EventKind.ACCEPTED
        else:
            kind = EventKind.EXPECTED
        flight = told.inbound if told.source == Source.TERMINATING else told.outbound
        yield Scan(
            tag=told.tag,
            kind=kind,
            at=told.at,
            airport=told.airport,
            flight=flight.key if flight else None,
            method=ScanMethod.MESSAGE,
            assumed=told.assumed,
        )


def _flight_closed(receipt: _Receipt) -> NamedFlight | None:
    """The flight of a close-out; only a message with a time can close one."""
    message = receipt.message
    closing = any(element.name == "" and element.fields[0] == "FCM" for element in message.elements)
    if message.kind != MessageKind.BCM or not closing or receipt.sent_at is None:
        return None
    return _outbound(_groups(message.elements)[0], receipt)


def _outbound(group: _Group, receipt: _Receipt) -> NamedFlight | None:
    element = group.first("F")
    if element is None:
        return None
    return _flight(element, receipt, origin=receipt.message.airport, destination=_airport(element))


def _inbound(group: _Group, receipt: _Receipt) -> NamedFlight | None:
    element = group.first("I")
    if element is None:
        return None
    return _flight(element, receipt, origin=_airport(element), destination=receipt.message.airport)


def _onward(group: _Group, receipt: _Receipt, outbound: NamedFlight | None) -> tuple[NamedFlight, ...] | None:
    """The flights after the outbound one, in travel order, as far as it is said where each begins."""
    elements = group.elements.get("O")
    if elements is None:
        return None
    flights = []
    origin = outbound.destination if outbound else ""
    for element in elements:
        flight = _flight(element, receipt, origin=origin, destination=_airport(element))
        if flight is None:
            break
        flights.append(flight)
        origin = flight.destination
    return tuple(flights)


def _flight(element: Element, receipt: _Receipt, *, origin: str, destination: str) -> NamedFlight | None:
    """The flight of an element; None where its origin is not said, since that is part of what it is."""
    known = receipt.flights.get(id(element))
    if known is not None:
        return known
    designator = DESIGNATOR.fullmatch(element.fields[0])
    if designator is None:
        raise _fault(element, 0, NO_DESIGNATOR)
    departure = _date(element, 1, receipt.at.date(), _DEPARTURES, "a flight")
    if not origin:
        return None
    carrier, number, suffix = designator.groups()
    flight = NamedFlight(carrier, int(number), suffix, departure, origin, destination, element.text(3))
    receipt.flights[id(element)] = flight
    return flight


def _airport(element: Element) -> str:
    code = element.text(2)
    if code and not AIRPORT.fullmatch(code):
        raise _fault(element, 2, NO_AIRPORT)
    return code


def _date(element: Element, index: int, received: date, window: tuple[int, int], what: str) -> date:
    """A date such as 23NOV in the one year that puts it within the window of days from receipt."""
    match = _DATE.fullmatch(element.text(index))
    if match is None:
        raise _fault(element, index, f"The date of {what} is written as 23NOV.")
    day, month = int(match[1]), _MONTH[match[2]]
    for year in (received.year, received.year + 1, received.year - 1):
        try:
            found = date(year, month, day)
        except ValueError:
            continue
        if window[0] <= (found - received).days <= window[1]:
            return found
    raise _fault(
        element, index, f"No year puts the date of {what} within {window[0]} and {window[1]:+} days of its receipt."
    )


def _scanned_at(group: _Group, receipt: _Receipt) -> datetime | None:
    """The time of ``.J``; that of the origin line where it has none; None where neither has."""
    element = group.first("J")
    if element is None or not (element.text(3) or element.text(4)):
        return receipt.sent_at
    match = _TIME.fullmatch(element.text(4))
    if match is None:
        raise _fault(element, 4, "The time of a scan is written as 141205L or 1412Z.")
    day = _date(element, 3, receipt.at.date(), _SCANNED, "a scan")
    clock = time(int(match[1]), int(match[2]), int(match[3] or 0))
    if match[4] == "Z":
        return datetime.combine(day, clock, UTC)
    zone = receipt.zone_of(receipt.message.airport)
    if zone is None:
        raise _fault(element, 4, "The time is local to an airport whose time zone is not known.")
    return datetime.combine(day, clock, zone).astimezone(UTC)


def _told_at(receipt: _Receipt, flights: Sequence[NamedFlight | None]) -> tuple[datetime, bool]:
    """When a message was sent, and whether that is only assumed (rule 2)."""
    if receipt.sent_at is not None:
        return receipt.sent_at, False
    dates = [flight.departure_date for flight in flights if flight]
    if not dates:
        line = receipt.message.elements[0].line
        raise TypeBError(line, 1, "There is no time: neither an origin line nor the date of a flight.")
    return datetime.combine(min(dates), time(), UTC) - _BEFORE_ANY_SCAN, True


def _sent_at(message: TypeBMessage, received: datetime) -> datetime | None:
    """The time of the origin line: a day, hour and minute of the month that puts it nearest to receipt."""
    if message.origin is None:
        return None
    line = len(message.addresses) + 1
    match = ORIGIN.fullmatch(message.origin)
    if match is None:
        raise TypeBError(line, 1, "The origin line has no sender and time: .MIAKMCM 231205.")
    day, hour, minute = int(match[1][:2]), int(match[1][2:4]), int(match[1][4:])
    month = received.year * 12 + received.month - 1
    moments = []
    for number in (month, month - 1, month + 1):
        try:
            moment = datetime(number // 12, number % 12 + 1, day, hour, minute, tzinfo=UTC)
        except ValueError:
            continue
        if abs(moment - received) < _SURELY_NEAREST:
            return moment
        moments.append(moment)
    if not moments:
        raise TypeBError(line, match.start(1) + 1, "The origin line has no day, hour and minute: 231205.")
    return min(moments, key=lambda moment: abs(moment - received))


def _fault(element: Element, index: int, reason: str) -> TypeBError:
    return TypeBError(element.line, element.column(index), reason)
