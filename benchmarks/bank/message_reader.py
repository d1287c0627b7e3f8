"""Independent reader of Type B text for the recount, by regular expressions.

It imports nothing of the product, which a test checks: if both misread a message in the same way, the recount would
prove nothing. The rules are in ``docs/DOMAIN.md#the-rules``.
"""

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import airportsdata

NAMES_OF_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
MONTHS = {name: number for number, name in enumerate(NAMES_OF_MONTHS, 1)}
# Days from receipt: of departures, and of scans, half a year to both sides.
DEPARTURES = range(-3, 331)
SCANS = range(-182, 183)
# Days from a scan: of the departure of its flight.
DEPARTURES_OF_SCANS = range(-30, 331)
KINDS = frozenset({"BSM", "BTM", "BPM", "BUM", "BNS", "BCM", "BMM", "BRQ"})
# Kinds that name bags: without a tag they cannot be read.
OF_BAGS = frozenset({"BSM", "BTM", "BPM", "BUM"})
# Kinds that order something for a bag.
INSTRUCTIONS = frozenset({"BSM", "BTM", "BUM"})
# Elements that a group has once: two that differ cannot be put into one group.
ONCE = {"BSM": "ILW", "BTM": "ILW", "BPM": "IUX"}
STATUS_WORDS = {"ADD": "", "CHG": "CHG", "DEL": "DEL"}
TITLES = ("MSTR", "MISS", "PROF", "MRS", "SRA", "CHD", "INF", "MR", "MS", "DR", "SR")

LINE_END = re.compile(r"\r*\n|\r")
# A control sign that frames a message ends the line of its END.
FRAMED_END = re.compile(r"(END[A-Z]{3})[\x01-\x04\x1a]", re.IGNORECASE)
CONTROLS = re.compile(r"[\x00-\x1f\x7f\ufeff]|\xef\xbb\xbf")
IDENTIFIER = re.compile(r"B[A-Z]{2}")
ORIGIN = re.compile(r"\.[A-Z0-9]{7} (\d{2})(\d{2})(\d{2})")
ADDRESSES = re.compile(r"(?:Q[A-Z] )?[A-Z0-9]{7}(?: [A-Z0-9]{7})*")
_ENVELOPE = re.compile(f"{ORIGIN.pattern}|{ADDRESSES.pattern}")
SECTION = re.compile(r"=(HEADER|PRIORITY|DESTINATION|ORIGIN|MSGID|SMI|TEXT|DBLSIG)\b.*")
ELEMENT = re.compile(r"\.([A-Z])/(.*)")
COUNTED = re.compile(r"(\d{4})(\d{6})(\d{3})")
FLIGHT = re.compile(r"([A-Z][A-Z0-9]|[0-9][A-Z])0*([1-9]\d{0,3})([A-Z]?)")
DAY = re.compile(r"(\d{2})([A-Z]{3})")
CLOCK = re.compile(r"(\d{2})(\d{2})(\d{2})?([LZ])")
STATION = re.compile(r"1([LTRX])([A-Z]{3})")
AIRPORT = re.compile(r"[A-Z]{3}")
LOCATOR = re.compile(r"[A-Z0-9]{5,7}")
# A field that ends with the beginning of another element.
JOINED = re.compile(r"\.[A-Z]$")
NAME = re.compile(r"(\d{0,2})(.+)")
PART = re.compile(r"PART\d+")
# Text that must not be lost without a trace (``docs/DOMAIN.md#rule-13``).
BAGGAGE = re.compile(r"\.V/1|\.N/\d|ENDB")
# A damaged line that may have held a tag.
TAG_LOST = re.compile(r"[NB]\W?/?.*\d{7}")


class Unreadable(Exception):
    """A message or group of which nothing is applied (``docs/DOMAIN.md#rule-13``)."""


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


class PassengerName(NamedTuple):
    """Passenger of a group, in letters only, so that spellings with blanks and hyphens are equal.

    Args:
        given: the first of a party; one letter for an initial; empty if absent.
        titles: titles taken off, sorted.
    """

    surname: str
    given: str
    titles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BagGroup:
    """Elements of one passenger's bags in a message.

    Args:
        tags: tags of ten digits.
        status: status of ``.B``; empty if the tags are in ``.N``.
        outbound, onward, inbound: None and empty if the group names none.
        authority: ``Y`` or ``N``; empty if the message has none.
        name: None without ``.P``.
        locator: empty without ``.L``.
        elements: letter and fields of all elements, in order.
    """

    tags: tuple[str, ...]
    status: str
    outbound: MessageLeg | None
    onward: tuple[MessageLeg, ...]
    inbound: MessageLeg | None
    authority: str
    name: PassengerName | None
    locator: str
    elements: Sequence[tuple[str, Sequence[str]]]

    def first(self, letter: str) -> Sequence[str]:
        """Fields of the first element of the letter; empty if there is none."""
        return next((fields for name, fields in self.elements if name == letter), ())


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """A message that could be read.

    Args:
        kind: ``BSM``, ``BPM``, ``BUM``, ``BCM`` ...
        action: ``CHG`` or ``DEL`` of a BSM or BTM, the subtype of a BCM; empty otherwise.
        at: time of ``.J`` for a BPM, otherwise of the origin line; None without one (``docs/DOMAIN.md#rule-2``).
        received_at: when it was received.
        number: place in the order of receipt.
        text: number of the text that holds it.
        scan: fields of ``.J``.
    """

    kind: str
    action: str
    source: str
    airport: str
    at: datetime | None
    received_at: datetime
    number: int
    text: int
    scan: Sequence[str]
    groups: Sequence[BagGroup]


@dataclass(slots=True)
class Tally:
    """Number of messages of each sort.

    Args:
        messages: messages of which at least a part could be read, once each.
        dead: unreadable messages and pieces of text, once each.
        dead_groups: unreadable groups of messages that are readable otherwise; at least one dead letter for each
            message with ``faulty`` ones.
        faulty: messages of which some groups are unreadable.
    """

    messages: int = 0
    duplicates: int = 0
    dead: int = 0
    dead_groups: int = 0
    faulty: int = 0

    @property
    def dead_letters(self) -> range:
        """Admissible numbers of dead letters."""
        return range(self.dead + self.faulty, self.dead + self.dead_groups + 1)


@dataclass(slots=True)
class _Frame:
    """Lines of a message while it is open, or of a text outside any message, whose first line is empty.

    Args:
        before: the message that this one stands right behind without an envelope.
        of_telegram: origin line of the telegram.
    """

    origin: str = ""
    body: list[str] = field(default_factory=list)
    before: "_Frame | None" = None
    of_telegram: str = ""


def lines_of(data: bytes) -> list[str]:
    """Lines of a file or request in any encoding, upper-case, without control characters and trailing blanks."""
    return [_clean(line) for line in LINE_END.split(FRAMED_END.sub(r"\1\n", _decoded(data)))]


def _decoded(data: bytes) -> str:
    if data.startswith(b"\x1f\x8b"):
        with suppress(OSError, EOFError, zlib.error):
            data = gzip.decompress(data)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    head = data[:16]
    if len(head) == 16 and (set(head[::2]) == {0}) != (set(head[1::2]) == {0}):
        return data.decode("utf-16-be" if head[0] == 0 else "utf-16-le", "replace")
    return data.decode("latin-1")


def _clean(line: str) -> str:
    return CONTROLS.sub("", line).strip().upper()


@cache
def _zones() -> Mapping[str, str]:
    """Names of time zones by airport, of the whole world."""
    return {iata: airport["tz"] for iata, airport in airportsdata.load("IATA").items()}


class MessageReader:
    """Reads texts in the order of their receipt, each message once.

    Args:
        received_at: when a text was received, unless it is said; years are resolved from it
            (``docs/DOMAIN.md#rule-1``).
    """

    def __init__(self, received_at: datetime) -> None:
        self.tally = Tally()
        self._received_at = received_at
        self._texts = 0
        self._known: set[bytes] = set()
        self._last_instruction: dict[str, bytes] = {}
        self._scan_day: date | None = None  # of the message that is being read
        self._zones = _zones()

    def read(self, lines: Iterable[str], received_at: datetime | None = None) -> Iterator[ParsedMessage]:
        """Yields each message of one text once, except those that cannot be read."""
        self._texts += 1
        if received_at is not None:
            self._received_at = received_at
        for frame in _frames(map(_clean, lines)):
            digest = hashlib.sha256("\n".join((frame.origin, *frame.body)).encode()).digest()[:16]
            if digest in self._known and not self._is_new_again(frame, digest):
                self.tally.duplicates += 1
                continue
            try:
                # The faulty groups of a text that counts again are dead letters already.
                message = self._message(frame, probe=digest in self._known)
            except Unreadable:
                # The same broken text counts once.
                self.tally.dead += digest not in self._known
                self._known.add(digest)
                continue
            self._known.add(digest)
            self.tally.messages += 1
            if message.kind in INSTRUCTIONS:
                self._last_instruction |= dict.fromkeys(_tags_of(message), digest)
            yield message

    def _is_new_again(self, frame: _Frame, digest: bytes) -> bool:
        """Whether a text without an origin line follows another instruction for a tag (``docs/DOMAIN.md#rule-3``)."""
        if frame.origin or frame.body[0] not in INSTRUCTIONS:
            return False
        with suppress(Unreadable):
            return any(self._last_instruction.get(tag) != digest for tag in _tags_of(self._message(frame, probe=True)))
        return False

    def _message(self, frame: _Frame, *, probe: bool = False) -> ParsedMessage:
        kind = frame.body[0]
        if kind not in KINDS:
            raise Unreadable
        elements = [(match[1], match[2].split("/")) for line in frame.body if (match := ELEMENT.fullmatch(line))]
        if any(letter != "R" and JOINED.search(field) for letter, fields in elements for field in fields[:-1]):
            raise Unreadable
        stations = [fields for letter, fields in elements if letter == "V"]
        station = STATION.fullmatch(stations[0][0]) if len(stations) == 1 else None
        if station is None or not _is_ended(frame.body[-1], kind, stations[0]):
            raise Unreadable
        _reject_lost_tags(frame.body[1:-1])
        action = _status_word(frame.body) if kind in ("BSM", "BTM") else _subtype(frame.body)
        source, airport = station[1], station[2]
        scan = next((fields for letter, fields in elements if letter == "J"), [])
        timed = kind == "BPM" and len(scan) > 3 and any(scan[3:5])
        at = self._scanned(scan, airport) if timed else self._origin(frame.origin)
        if kind == "BPM" and at is None:
            raise Unreadable
        self._scan_day = at.date() if kind == "BPM" and at is not None else None
        groups = list(self._groups(elements, kind, action, source, airport, probe=probe))
        if kind in OF_BAGS and not groups:
            raise Unreadable
        number = self.tally.messages
        return ParsedMessage(kind, action, source, airport, at, self._received_at, number, self._texts, scan, groups)

    def _groups(
        self,
        elements: Sequence[tuple[str, Sequence[str]]],
        kind: str,
        action: str,
        source: str,
        airport: str,
        *,
        probe: bool,
    ) -> Iterator[BagGroup]:
        """Yields the groups that can be read; a fault in one does not lose the others."""
        faults, read = 0, 0
        split = list(_split_groups(elements))
        for letter in "" if action == "DEL" else ONCE.get(kind, ""):
            if any(
                len({_flight(one) if letter == "I" else tuple(one[1]) for one in group if one[0] == letter}) > 1
                for group in split
            ):
                raise Unreadable
        for one in split:
            try:
                group = self._group(_used(one, kind, action, source), airport)
                if kind in OF_BAGS and (
                    not group.tags or len({tuple(fields) for letter, fields in one if letter == "P"}) > 1
                ):
                    raise Unreadable
            except Unreadable:
                faults += 1
            else:
                read += 1
                yield group
        if faults and read and not probe:
            self.tally.dead_groups += faults
            self.tally.faulty += 1

    def _group(self, elements: Sequence[tuple[str, Sequence[str]]], airport: str) -> BagGroup:
        tags: list[str] = []
        values: dict[str, str] = {}
        name = None
        outbound = inbound = None
        onward: list[MessageLeg] = []
        for letter, fields in elements:
            if letter == "N":
                tags += _tags(fields[0])
            elif letter == "B":
                values["B"] = fields[0]
                tags += _tags(fields[1] if len(fields) > 1 else "")
            elif letter == "F":
                outbound = self._leg(fields, origin=airport)
            elif letter == "I":
                inbound = self._leg(fields, destination=airport)
            elif letter == "P":
                name = _name(fields)
            elif letter == "S" or (letter == "L" and LOCATOR.fullmatch(fields[0])):
                if letter == "S" and fields[0] not in ("", "Y", "N"):
                    raise Unreadable
                values.setdefault(letter, fields[0])
        for letter, fields in elements:
            if letter == "O" and (before := onward[-1] if onward else outbound):
                onward.append(self._leg(fields, origin=before.destination))
        return BagGroup(
            tags=tuple(tags),
            status=values.get("B", ""),
            outbound=outbound,
            onward=tuple(onward),
            inbound=inbound,
            authority=values.get("S", ""),
            name=name,
            locator=values.get("L", ""),
            elements=elements,
        )

    def _leg(self, fields: Sequence[str], *, origin: str = "", destination: str = "") -> MessageLeg:
        """Leg of ``CM758 / 23NOV / GRU``: the airport is the destination of an outbound, the origin of an inbound."""
        name = FLIGHT.fullmatch(fields[0])
        other = fields[2] if len(fields) > 2 else ""
        if name is None or len(fields) < 2 or (other and AIRPORT.fullmatch(other) is None):
            raise Unreadable
        received = self._received_at.astimezone(UTC).date()
        day = _nearest(fields[1], self._scan_day or received, DEPARTURES_OF_SCANS if self._scan_day else DEPARTURES)
        designator = f"{name[1]}{name[2]}{name[3]}"
        return MessageLeg(designator, day.isoformat(), origin or other, destination or other)

    def _scanned(self, scan: Sequence[str], airport: str) -> datetime:
        if len(scan) < 5 or (clock := CLOCK.fullmatch(scan[4])) is None:
            raise Unreadable
        day = _nearest(scan[3], self._received_at.astimezone(UTC).date(), SCANS)
        try:
            of_day = time(int(clock[1]), int(clock[2]), int(clock[3] or 0))
        except ValueError:
            raise Unreadable from None
        name = self._zones.get(airport) if clock[4] == "L" else "UTC"
        if name is None:
            raise Unreadable
        return datetime.combine(day, of_day, ZoneInfo(name)).astimezone(UTC)

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


def _nearest(text: str, near: date, days: range) -> date:
    """Date in the year that puts it into the given range of days from another date."""
    match = DAY.fullmatch(text)
    if match is None or match[2] not in MONTHS:
        raise Unreadable
    for year in (near.year - 1, near.year, near.year + 1):
        with suppress(ValueError):
            found = date(year, MONTHS[match[2]], int(match[1]))
            if (found - near).days in days:
                return found
    raise Unreadable


def _is_ended(line: str, kind: str, station: Sequence[str]) -> bool:
    """Whether the last line ends the message, or its part."""
    part = station[1] if len(station) > 1 and PART.fullmatch(station[1]) else ""
    return line == f"END{kind}" or (bool(part) and line == f"END{part}")


def _status_word(body: Sequence[str]) -> str:
    """Status of a BSM or BTM: the only plain line before the first element, ``.V`` not counted."""
    words = []
    for line in body[1:]:
        match = ELEMENT.fullmatch(line)
        if match and match[1] != "V":
            break
        if not match and line:
            words.append(line)
    if len(words) > 1 or any(word not in STATUS_WORDS for word in words):
        raise Unreadable
    return STATUS_WORDS[words[0]] if words else ""


def _subtype(body: Sequence[str]) -> str:
    return body[1] if re.fullmatch("[A-Z]{3}", body[1]) else ""


def _reject_lost_tags(body: Sequence[str]) -> None:
    """Rejects a message with a damaged line that may have held a tag: it would be half read."""
    if any(TAG_LOST.search(line) for line in body if not ELEMENT.fullmatch(line)):
        raise Unreadable


def _frames(lines: Iterable[str]) -> Iterator[_Frame]:
    """Yields each message from its identifier to its END. Without END it extends to the next message's envelope.

    Text outside any message that looks like baggage is yielded too.
    """
    frame: _Frame | None = None
    stray: list[str] = []
    origin, previous = "", ""
    ended: _Frame | None = None
    sections: dict[str, str] = {}
    section = ""
    for line in lines:
        if (match := SECTION.fullmatch(line)) is not None:
            section = match[1]
            if frame is not None:
                yield frame
                frame = None
            if section == "TEXT":
                origin = f".{sections.get('ORIGIN', '')} {sections.get('MSGID', '')}"
                origin = origin if ORIGIN.fullmatch(origin) else ""
                kind, sections = sections.get("SMI", ""), {}
                frame = _Frame(origin, [kind]) if IDENTIFIER.fullmatch(kind) else None
        elif frame is None and section not in ("", "TEXT") and (section == "SMI" or line not in KINDS):
            if line:
                sections.setdefault(section, line)
        elif frame is not None and frame.body == [line]:
            pass
        elif IDENTIFIER.fullmatch(line) and (frame is None or (line in KINDS and _may_start(previous))):
            if frame is not None:
                origin = _remove_envelope(frame)
                yield frame
            yield from _baggage(stray)
            frame, stray = _Frame(origin, [line], ended if previous.startswith("END") else None), []
            origin, ended = "", None
        elif frame is not None:
            if line.startswith(".V/") and any(one.startswith(".V/") for one in frame.body):
                begun = len(frame.body) - (2 if previous in STATUS_WORDS else 1)
                if frame.body[begun] in KINDS:
                    following, frame.body = frame.body[begun:], frame.body[:begun]
                    yield _without_blanks(frame)
                    frame = _Frame("", following)
            frame.body.append(line)
            if line.startswith("END"):
                ended = _with_origin_of_telegram(_without_blanks(frame))
                yield ended
                frame, origin, section = None, "", ""
        elif ORIGIN.fullmatch(line):
            yield from _baggage(stray)
            origin, stray = line, []
        elif line and not ADDRESSES.fullmatch(line):
            stray.append(line)
            if line.startswith("END"):
                yield from _baggage(stray)
                stray = []
            origin = ""
        previous = line
    if frame is not None:
        _remove_envelope(frame)
        yield _without_blanks(frame)
    yield from _baggage(stray)


def _with_origin_of_telegram(frame: _Frame) -> _Frame:
    """Gives a message the origin line of the message before it, if both are of one telegram.

    ``docs/DOMAIN.md#rule-2``: of one station, both instructions or of one kind, and without a time of its own.
    """
    before, frame.before, frame.of_telegram = frame.before, None, frame.origin
    if before is not None and re.fullmatch(rf"END({before.body[0]}|PART\d+)", before.body[-1]):
        kinds = {before.body[0], frame.body[0]}
        if _airport_of(frame) == _airport_of(before) != "" and (len(kinds) == 1 or kinds <= INSTRUCTIONS):
            frame.of_telegram = before.of_telegram
            timed = any(line.startswith(".J/") and len(line.split("/")) > 5 for line in frame.body)
            frame.origin = "" if timed and kinds <= {"BPM", "BNS"} else frame.of_telegram
    return frame


def _airport_of(frame: _Frame) -> str:
    version = next((line.removeprefix(".V/").split("/")[0] for line in frame.body if line.startswith(".V/")), "")
    return version[2:] if STATION.fullmatch(version) else ""


def _may_start(previous: str) -> bool:
    return not previous or ORIGIN.fullmatch(previous) is not None


def _without_blanks(frame: _Frame) -> _Frame:
    frame.body = [line for line in frame.body if line]
    return frame


def _baggage(stray: Sequence[str]) -> Iterator[_Frame]:
    if any(BAGGAGE.search(line) for line in stray):
        yield _Frame("", ["", *stray])


def _remove_envelope(frame: _Frame) -> str:
    """Removes the lines at the end that belong to the next message; returns the origin line of that message."""
    origin = ""
    while len(frame.body) > 1 and (not frame.body[-1] or _ENVELOPE.fullmatch(frame.body[-1])):
        line = frame.body.pop()
        origin = origin or (line if ORIGIN.fullmatch(line) else "")
    return origin


def _split_groups(elements: Sequence[tuple[str, Sequence[str]]]) -> Iterator[Sequence[tuple[str, Sequence[str]]]]:
    """Splits elements into passenger groups, with what each inherits (``docs/DOMAIN.md#rule-5``)."""
    rest = [one for one in elements if one[0] not in "VJ"]
    letters = [letter for letter, _ in rest]
    first_flight = letters.index("F") if "F" in letters else len(letters)
    before_first_flight = [one for one in rest[:first_flight] if one[0] == "I"]
    begins = list(_group_starts(rest))
    previous: list[tuple[str, Sequence[str]]] = []
    for number, begin in enumerate(begins):
        own = rest[begin : begins[number + 1] if number + 1 < len(begins) else len(rest)]
        inherited = _inherited(letters[begin], previous, before_first_flight) if number else []
        own_letters = {letter for letter, _ in own}
        previous = [*(one for one in inherited if one[0] not in own_letters), *own]
        yield previous


def _inherited(
    begun_by: str,
    previous: Sequence[tuple[str, Sequence[str]]],
    before_first_flight: Sequence[tuple[str, Sequence[str]]],
) -> Sequence[tuple[str, Sequence[str]]]:
    if begun_by == "F":
        return before_first_flight
    letters = "FIO" if begun_by in "NBP" else "F"
    return [one for one in previous if one[0] in letters]


def _group_starts(elements: Sequence[tuple[str, Sequence[str]]]) -> Iterator[int]:
    """Places of the elements that begin a group. Flights behind the last tags belong to the last group."""
    letters = [letter for letter, _ in elements]
    begin = 0
    if letters:
        yield 0
    for place, letter in enumerate(letters):
        own = letters[begin:place]
        tags = [at for at, one in enumerate(own) if one in "NB"]
        complete = bool(tags) and "P" in own
        more_tags = any(one in "NB" for one in letters[place:])
        if (
            (
                letter == "F"
                and "F" in own
                and ((tags and more_tags) or _flight(elements[place]) != _flight(elements[begin + own.index("F")]))
            )
            or (letter in "FIO" and complete and more_tags)
            or (letter in "NB" and tags and "P" in own[tags[-1] :])
            or (letter == "P" and complete and _tags_follow(letters[place + 1 :]))
        ):
            begin = place
            yield place


def _flight(element: tuple[str, Sequence[str]]) -> tuple[str, ...]:
    """Designator without padding, date and airport of an element."""
    fields = element[1]
    name = FLIGHT.fullmatch(fields[0])
    return ("".join(name.groups()) if name else fields[0], *fields[1:3])


def _tags_follow(letters: Sequence[str]) -> bool:
    """Whether tags come before the next name or flight."""
    return next((letter in "NB" for letter in letters if letter in "NBPF"), False)


def _tags_of(message: ParsedMessage) -> Iterator[str]:
    return (tag for group in message.groups for tag in group.tags)


def _tags(text: str) -> list[str]:
    """Tags of ``0085123456003``: three in a row."""
    match = COUNTED.fullmatch(text)
    if match is None:
        raise Unreadable
    first, count = int(match[2]), int(match[3])
    if count == 0 or first + count - 1 > 999_999:
        raise Unreadable
    return [f"{match[1]}{first + place:06d}" for place in range(count)]


def _used(
    elements: Sequence[tuple[str, Sequence[str]]], kind: str, action: str, source: str
) -> Sequence[tuple[str, Sequence[str]]]:
    """The elements without those that the message is not about, which may be unreadable.

    ``docs/DOMAIN.md#rule-13``.
    """
    if kind == "BUM" or action == "DEL":
        return [(letter, fields) for letter, fields in elements if letter not in "IO"]
    if kind not in ("BPM", "BNS"):
        return elements
    arrived = source == "X" or any(letter == "B" and fields[0] == "NOF" for letter, fields in elements)
    return [(letter, fields) for letter, fields in elements if letter not in ("FOS" if arrived else "IOS")]


def _name(fields: Sequence[str]) -> PassengerName | None:
    """Name of ``2PAGE/L/B``: the first of a party (``docs/DOMAIN.md#rule-18``)."""
    match = NAME.fullmatch(fields[0])
    if match is None:
        return None
    one = len(fields) == 2 or match[1] in ("", "0", "1")
    given, titles = _without_titles(" ".join(fields[1:]) if one else fields[1]) if len(fields) > 1 else ("", [])
    if not one and fields[2] in TITLES:
        titles.append(fields[2])
    return PassengerName(_letters(match[2]), _letters(given), tuple(sorted(titles)))


def _without_titles(given: str) -> tuple[str, list[str]]:
    """Given names without up to two titles, which stand apart or glued."""
    titles: list[str] = []
    while len(titles) < 2:
        title = next((one for one in TITLES if given.endswith(one) and len(given) > len(one)), "")
        if not title:
            break
        titles.append(title)
        given = given.removesuffix(title).rstrip()
    return given, titles


def _letters(text: str) -> str:
    return re.sub(r"[^A-Z]", "", text)
