"""Independent reader of Type B text for the recount, by regular expressions.

It imports nothing of the product, which a test checks: if both misread a message in the same way, the recount would
prove nothing. The rules are in ``docs/DOMAIN.md#the-rules``.
"""

import csv
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

AIRPORTS = Path(__file__).parents[2] / "seeds" / "data" / "airports.csv"
NAMES_OF_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
MONTHS = {name: number for number, name in enumerate(NAMES_OF_MONTHS, 1)}
# Days from receipt: of departures, and of scans, half a year to both sides.
DEPARTURES = range(-3, 331)
SCANS = range(-182, 183)
KINDS = frozenset({"BSM", "BTM", "BPM", "BUM", "BNS", "BCM", "BMM", "BRQ"})
OF_BAGS = frozenset({"BSM", "BPM", "BUM"})

IDENTIFIER = re.compile(r"B[A-Z]{2}")
ORIGIN = re.compile(r"\.[A-Z0-9]{7} (\d{2})(\d{2})(\d{2})")
ADDRESSES = re.compile(r"[A-Z]{7}(?: [A-Z]{7})*")
ELEMENT = re.compile(r"\.([A-Z])/(.*)")
COUNTED = re.compile(r"(\d{4})(\d{6})(\d{3})")
FLIGHT = re.compile(r"([A-Z0-9]{2})0*(\d{1,4})([A-Z]?)")
DAY = re.compile(r"(\d{2})([A-Z]{3})")
CLOCK = re.compile(r"(\d{2})(\d{2})(\d{2})?([LZ])")
STATION = re.compile(r"1([LTRX])([A-Z]{3})")


class Unreadable(Exception):
    """A message of which nothing is applied (``docs/DOMAIN.md#rule-13``)."""


class FlightName(NamedTuple):
    """A flight by name: ``CM758`` of that local day at its own origin (``docs/DOMAIN.md#rule-7``)."""

    designator: str
    date: str
    origin: str


class MessageLeg(NamedTuple):
    """A flight and its destination."""

    designator: str
    date: str
    origin: str
    destination: str

    @property
    def flight(self) -> FlightName:
        """The flight without the destination."""
        return FlightName(self.designator, self.date, self.origin)


@dataclass(frozen=True, slots=True)
class BagGroup:
    """Elements of one passenger's bags in a message.

    Args:
        tags: tags of ten digits.
        status: status of ``.B``; empty if the tags are in ``.N``.
        outbound, onward, inbound: None and empty if the group names none.
        authority: ``Y`` or ``N``; empty if the message has none.
        elements: letter and fields of all elements, in order.
    """

    tags: tuple[str, ...]
    status: str
    outbound: MessageLeg | None
    onward: tuple[MessageLeg, ...]
    inbound: MessageLeg | None
    authority: str
    elements: Sequence[tuple[str, Sequence[str]]]

    def first(self, letter: str) -> Sequence[str]:
        """Fields of the first element of the letter; empty if there is none."""
        return next((fields for name, fields in self.elements if name == letter), ())


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """A message that could be read.

    Args:
        kind: ``BSM``, ``BPM``, ``BUM``, ``BCM`` ...
        action: ``CHG`` or ``DEL`` of a BSM, the subtype of a BCM; empty otherwise.
        at: time of ``.J`` for a BPM, otherwise of the origin line; None without one (``docs/DOMAIN.md#rule-2``).
        scan: fields of ``.J``.
    """

    kind: str
    action: str
    source: str
    airport: str
    at: datetime | None
    scan: Sequence[str]
    groups: Sequence[BagGroup]


@dataclass(slots=True)
class Tally:
    """Number of messages of each sort."""

    messages: int = 0
    duplicates: int = 0
    dead: int = 0


@dataclass(slots=True)
class _Frame:
    """Lines of a message while it is open."""

    origin: str = ""
    body: list[str] = field(default_factory=list)


class MessageReader:
    """Reads a text once, in its order.

    Args:
        received_at: when the text was received; years are resolved from it (``docs/DOMAIN.md#rule-1``).
    """

    def __init__(self, received_at: datetime) -> None:
        self.tally = Tally()
        self._received_at = received_at
        self._known: set[bytes] = set()
        with AIRPORTS.open(encoding="utf-8", newline="") as file:
            self._zones = {row["iata"]: ZoneInfo(row["timezone"]) for row in csv.DictReader(file)}

    def read(self, lines: Iterable[str]) -> Iterator[ParsedMessage]:
        """Yields each message once, except those that cannot be read."""
        for frame in _frames(lines):
            # Origin line and body, without the relays (``docs/DOMAIN.md#rule-3``). A repeated unreadable message counts
            # once.
            digest = hashlib.sha256("\n".join((frame.origin, *frame.body)).encode()).digest()[:16]
            if digest in self._known:
                self.tally.duplicates += 1
                continue
            self._known.add(digest)
            try:
                message = self._message(frame)
            except Unreadable:
                self.tally.dead += 1
            else:
                self.tally.messages += 1
                yield message

    def _message(self, frame: _Frame) -> ParsedMessage:
        kind = frame.body[0]
        if kind not in KINDS or frame.body[-1] != f"END{kind}":
            raise Unreadable
        action = frame.body[1] if kind in ("BSM", "BTM", "BCM") and re.fullmatch("[A-Z]{3}", frame.body[1]) else ""
        elements = [(match[1], match[2].split("/")) for line in frame.body if (match := ELEMENT.fullmatch(line))]
        station = next((STATION.match(fields[0]) for letter, fields in elements if letter == "V"), None)
        if station is None:
            raise Unreadable
        source, airport = station[1], station[2]
        groups = [self._group(one, airport) for one in _groups(elements)]
        if kind in (*OF_BAGS, "BTM") and not (groups and all(group.tags for group in groups)):
            raise Unreadable
        scan = next((fields for letter, fields in elements if letter == "J"), [])
        at = self._scanned(scan, airport) if kind == "BPM" else self._origin(frame.origin)
        return ParsedMessage(kind, action, source, airport, at, scan, groups)

    def _group(self, elements: Sequence[tuple[str, Sequence[str]]], airport: str) -> BagGroup:
        tags: list[str] = []
        status, authority = "", ""
        outbound = inbound = None
        onward: list[MessageLeg] = []
        for letter, fields in elements:
            if letter == "N":
                tags += _tags(fields[0])
            elif letter == "B":
                status = fields[0]
                tags += _tags(fields[1] if len(fields) > 1 else "")
            elif letter == "F":
                outbound = self._leg(fields, origin=airport)
            elif letter == "I":
                inbound = self._leg(fields, destination=airport)
            elif letter == "S":
                authority = fields[0]
        for letter, fields in elements:
            if letter == "O":
                before = onward[-1] if onward else outbound
                onward.append(self._leg(fields, origin=before.destination if before else airport))
        return BagGroup(tuple(tags), status, outbound, tuple(onward), inbound, authority, elements)

    def _leg(self, fields: Sequence[str], *, origin: str = "", destination: str = "") -> MessageLeg:
        """Leg of ``CM758 / 23NOV / GRU``: the airport is the destination of an outbound, the origin of an inbound."""
        name = FLIGHT.fullmatch(fields[0])
        other = fields[2] if len(fields) > 2 else ""
        if name is None or len(fields) < 2:
            raise Unreadable
        day = self._date(fields[1], DEPARTURES).isoformat()
        designator = f"{name[1]}{name[2]}{name[3]}"
        return MessageLeg(designator, day, origin or other, destination or other)

    def _date(self, text: str, days: range) -> date:
        """Date in the year around receipt that puts it into the given range of days."""
        match = DAY.fullmatch(text)
        if match is None or match[2] not in MONTHS:
            raise Unreadable
        received = self._received_at.astimezone(UTC).date()
        for year in (received.year - 1, received.year, received.year + 1):
            with suppress(ValueError):
                elements = date(year, MONTHS[match[2]], int(match[1]))
                if (elements - received).days in days:
                    return elements
        raise Unreadable

    def _scanned(self, scan: Sequence[str], airport: str) -> datetime:
        if len(scan) < 5 or (clock := CLOCK.fullmatch(scan[4])) is None:
            raise Unreadable
        day = self._date(scan[3], SCANS)
        try:
            of_day = time(int(clock[1]), int(clock[2]), int(clock[3] or 0))
        except ValueError:
            raise Unreadable from None
        zone = self._zones[airport] if clock[4] == "L" else UTC
        return datetime.combine(day, of_day, zone).astimezone(UTC)

    def _origin(self, line: str) -> datetime | None:
        """Day and time of the origin line, in the month that puts them nearest to receipt."""
        match = ORIGIN.fullmatch(line)
        if match is None:
            return None
        day, hour, minute = int(match[1]), int(match[2]), int(match[3])
        candidates = []
        for back in range(-1, 2):
            month = self._received_at.year * 12 + self._received_at.month - 1 + back
            with suppress(ValueError):
                candidates.append(datetime(month // 12, month % 12 + 1, day, hour, minute, tzinfo=UTC))
        return min(candidates, key=lambda candidate: abs(candidate - self._received_at), default=None)


def _frames(lines: Iterable[str]) -> Iterator[_Frame]:
    """Yields each message from its identifier to its END. Without END it extends to the next message's envelope."""
    open_frame: _Frame | None = None
    origin = ""
    for raw in lines:
        line = raw.rstrip("\r\n")
        if IDENTIFIER.fullmatch(line):
            if open_frame is not None:
                origin = _remove_envelope(open_frame)
                yield open_frame
            open_frame = _Frame(origin, [line])
            origin = ""
        elif open_frame is not None:
            open_frame.body.append(line)
            if line.startswith("END"):
                yield open_frame
                open_frame = None
        elif ORIGIN.fullmatch(line):
            origin = line
        elif line and not ADDRESSES.fullmatch(line):
            origin = ""
    if open_frame is not None:
        yield open_frame


def _remove_envelope(frame: _Frame) -> str:
    """Removes the lines at the end that belong to the next message; returns the origin line of that message."""
    origin = ""
    while len(frame.body) > 1 and (ORIGIN.fullmatch(frame.body[-1]) or ADDRESSES.fullmatch(frame.body[-1])):
        line = frame.body.pop()
        origin = origin or (line if ORIGIN.fullmatch(line) else "")
    return origin


def _groups(elements: Sequence[tuple[str, Sequence[str]]]) -> Iterator[Sequence[tuple[str, Sequence[str]]]]:
    """Splits elements into passenger groups, with what each inherits (``docs/DOMAIN.md#rule-5``)."""
    before_first_flight: list[tuple[str, Sequence[str]]] = []
    group: list[tuple[str, Sequence[str]]] = []
    seen_flight = False
    for letter, fields in elements:
        letters = [name for name, _ in group]
        if letter == "V":
            continue
        if letter == "F" and "F" in letters:
            yield group
            group = list(before_first_flight)
        elif letter in "NB" and _name_after_tags(letters):
            yield group
            # A group's own elements replace the inherited ones.
            group = [one for one in group if one[0] in "FIO"]
        if letter == "I" and not seen_flight:
            before_first_flight.append((letter, fields))
        seen_flight = seen_flight or letter == "F"
        if letter == "I":
            group = [one for one in group if one[0] != "I"]
        group.append((letter, fields))
    if group:
        yield group


def _name_after_tags(letters: Sequence[str]) -> bool:
    tags = [place for place, letter in enumerate(letters) if letter in "NB"]
    return bool(tags) and "P" in letters[tags[-1] :]


def _tags(text: str) -> list[str]:
    """Tags of ``0085123456003``: three in a row."""
    match = COUNTED.fullmatch(text)
    if match is None:
        raise Unreadable
    first, count = int(match[2]), int(match[3])
    if count == 0 or first + count - 1 > 999_999:
        raise Unreadable
    return [f"{match[1]}{first + place:06d}" for place in range(count)]
