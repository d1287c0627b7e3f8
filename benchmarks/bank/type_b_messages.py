"""Type B messages (RP1745) about the bags of people who travel together, as airports send them.

Written from ``docs/DOMAIN.md#type-b-messages`` and not by the product's own writer, so that both readers of the text,
the product and ``benchmarks.bank.recount``, meet the same surprises.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from benchmarks.bank.freedoms import (
    NONE,
    Freedom,
    arranged,
    faulty_group,
    in_envelope,
    in_parts,
    joined_lines,
    varied_name,
    with_status,
)
from seeds.operations import DatedFlight

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DEPARTMENTS = ("KPCM", "KMCM", "BGCM", "LLCM", "KKCM")


class BankMessage(NamedTuple):
    """A message on the line.

    Args:
        at: when the reported event happened.
        text: the message with its envelope and a final newline.
        events: number of bags for which it reports an event.
        faults: number of its groups that cannot be read.
        chain: messages of one chain depend on the order of their receipt; empty if it does not matter.
    """

    at: datetime
    text: str
    events: int
    faults: int = 0
    chain: str = ""


@dataclass(frozen=True, slots=True)
class Traveller:
    """A passenger with bags.

    Args:
        name: ``GONZALEZ/MARIAMRS``.
        tags: consecutive tags.
        kilos: weight of all the bags together.
        surname, given, title: the name in parts, for senders that write it in other ways.
        may_shorten: whether no other passenger of the booking has the same surname and initial.
    """

    name: str
    seat: str
    sequence: int
    tags: tuple[str, ...]
    kilos: int
    surname: str = ""
    given: str = ""
    title: str = ""
    may_shorten: bool = False


@dataclass(frozen=True, slots=True)
class TravelParty:
    """Passengers of one booking.

    Args:
        priority: whether the bags carry a priority tag.
    """

    locator: str
    travellers: tuple[Traveller, ...]
    priority: bool


@dataclass(frozen=True, slots=True)
class MessageStation:
    """Station of a message.

    Args:
        source: ``L`` local, ``T`` transfer, ``X`` terminating.
        airport: IATA code.
        spot: belt, sorter or stand; empty if there is none.
    """

    source: str
    airport: str
    spot: str = ""


@dataclass(frozen=True, slots=True)
class MessageItinerary:
    """Flights that a message names.

    Args:
        inbound: flight with which the bags come.
        outbound: flight with which they depart.
        onward: flights after it.
    """

    inbound: DatedFlight | None = None
    outbound: DatedFlight | None = None
    onward: tuple[DatedFlight, ...] = ()


class TypeBWriter:
    """Writes messages.

    Args:
        zones: time zones by airport.
        rng: random numbers of this party.
        freedoms: in which ways messages may differ from the customary form.
    """

    def __init__(self, zones: Mapping[str, ZoneInfo], rng: Random, freedoms: frozenset[Freedom] = NONE) -> None:
        self._zones = zones
        self._rng = rng
        self._freedoms = freedoms

    def bsm(
        self,
        at: datetime,
        place: MessageStation,
        itinerary: MessageItinerary,
        party: TravelParty,
        *,
        action: str = "",
        authority: str = "Y",
        more: Sequence[str] = (),
        origin: bool = True,
        kind: str = "BSM",
    ) -> BankMessage:
        """A BSM; ``action`` is CHG or DEL, or empty for a new one; ``more`` are further elements of each group.

        ``kind`` may be BTM.
        """
        groups = [
            self._group(place, itinerary, one, authority, [f".L/{party.locator}", *self._extras(party), *more])
            for one in party.travellers
        ]
        events = 0 if action else sum(len(one.tags) for one in party.travellers)
        station = f".V/1{place.source}{place.airport}"
        if Freedom.PARTS in self._freedoms and origin and self._rng.random() < 0.1:
            return self._in_parts(at, place.airport, kind, station, action, groups, events)
        if Freedom.STATUS_WORDS in self._freedoms:
            head = with_status(kind, action, station, self._rng)
        else:
            head = [kind, *([action] if action else []), station]
        faults: list[str] = []
        if Freedom.FAULTS in self._freedoms and self._rng.random() < 0.03:
            faults = faulty_group(self._rng.randrange(900_000), self._rng)
        body = [*head, *self._joined(groups, itinerary, followed=bool(faults)), *faults, f"END{kind}"]
        return self._message(at, place.airport, body, events, origin=origin)._replace(faults=bool(faults))

    def bpm(
        self,
        at: datetime,
        place: MessageStation,
        itinerary: MessageItinerary,
        travellers: Sequence[Traveller],
        code: str,
        *,
        status: str = "",
        more: Sequence[str] = (),
        whole_minutes: bool = False,
    ) -> BankMessage:
        """A BPM: ``code`` of ``.J``, ``status`` of ``.B``; ``more`` are further elements of each group."""
        scanned = self._scanned(at, place, code, itinerary, whole_minutes=whole_minutes)
        groups = [self._group(place, itinerary, one, "Y", more, status) for one in travellers]
        head = ["BPM", f".V/1{place.source}{place.airport}", scanned]
        events = sum(len(one.tags) for one in travellers)
        return self._message(at, place.airport, [*head, *self._joined(groups, itinerary), "ENDBPM"], events)

    def bum(self, at: datetime, place: MessageStation, flight: DatedFlight, traveller: Traveller) -> BankMessage:
        """A BUM: take these bags off."""
        lines = ["BUM", f".V/1{place.source}{place.airport}", self._flight("F", flight, flight.destination, "")]
        lines += [*_tags(traveller.tags), f".P/1{traveller.name}", ".R/PAX NOT BOARDED", "ENDBUM"]
        return self._message(at, place.airport, lines, 0)

    def bcm(self, at: datetime, flight: DatedFlight) -> BankMessage:
        """A BCM that closes the flight."""
        lines = ["BCM", "FCM", f".V/1L{flight.origin}", self._flight("F", flight, flight.destination, ""), "ENDBCM"]
        return self._message(at, flight.origin, lines, 0)

    def addresses(self, airport: str) -> str:
        """Address line: recipients by city, department and airline."""
        stations = [airport, *self._rng.sample(("PTY", "MIA", "BOG"), self._rng.randint(0, 2))]
        return " ".join(station + self._rng.choice(DEPARTMENTS) for station in dict.fromkeys(stations))

    def _message(
        self, at: datetime, airport: str, body: Sequence[str], events: int, *, origin: bool = True
    ) -> BankMessage:
        lines = list(body)
        if origin:
            sender = f".{airport}KMCM {at.astimezone(UTC):%d%H%M}"
            if Freedom.ENVELOPES in self._freedoms:
                lines = in_envelope(body, self.addresses(airport), sender, body[0] == "BPM", self._rng)
            else:
                lines = [self.addresses(airport), sender, *lines]
        # A message without an envelope is not one of the telegram before it.
        apart = "\n" if lines[0] == body[0] else ""
        if self._freedoms:
            return BankMessage(at, apart + joined_lines(lines, self._freedoms, self._rng), events)
        end = "\r\n" if self._rng.random() < 0.1 else "\n"
        return BankMessage(at, apart + end.join(lines) + end, events)

    def _in_parts(
        self, at: datetime, airport: str, kind: str, station: str, action: str, groups: Sequence[list[str]], events: int
    ) -> BankMessage:
        """A message with each group in a part of its own."""
        parts = [self._any_order(group) for group in groups]
        texts = [self._message(at, airport, body, 0).text for body in in_parts(kind, station, action, parts, self._rng)]
        return BankMessage(at, "".join(texts), events)

    def _group(
        self,
        place: MessageStation,
        itinerary: MessageItinerary,
        traveller: Traveller,
        authority: str,
        more: Sequence[str],
        status: str = "",
    ) -> list[str]:
        """Elements of one passenger; flights in front, the name after the tags."""
        tags = _irregular(status, traveller.tags) if status else _tags(traveller.tags, self._rng.random() < 0.2)
        flights = []
        if itinerary.outbound:
            flights.append(self._flight("F", itinerary.outbound, itinerary.outbound.destination))
        inbound = [self._flight("I", itinerary.inbound, itinerary.inbound.origin)] if itinerary.inbound else []
        onward = [self._flight("O", flight, flight.destination) for flight in itinerary.onward]
        security = f".S/{authority}/{traveller.seat}/C/{traveller.sequence:03d}/{traveller.sequence:03d}//{authority}/A"
        if place.source == "X":
            security = ""
        weight = f".W/K/{len(traveller.tags)}/{traveller.kilos}"
        return list(filter(None, [*flights, *tags, *inbound, *onward, security, weight, self._name(traveller), *more]))

    def _joined(self, groups: Sequence[list[str]], itinerary: MessageItinerary, *, followed: bool = False) -> list[str]:
        """Joins several groups in one message: each begins with its flight, or with its tags and shares the flights.

        Args:
            followed: whether another group follows, so that a flight behind tags and name would begin one.
        """
        first, *others = groups
        if not others:
            return first if followed else self._any_order(first)
        if Freedom.ORDER in self._freedoms and self._rng.random() < 0.8:
            return arranged(groups, self._rng)
        draw = self._rng.random()
        if draw < 0.4:
            # Begun by tags: the flights of the first group apply to all.
            return [*first, *(line for group in others for line in group if line[1] not in "FIO")]
        if draw < 0.7 and itinerary.inbound and itinerary.outbound:
            inbound = [line for line in first if line[1] == "I"]
            return [*inbound, *(line for group in groups for line in group if line[1] != "I")]
        return [line for group in groups for line in group]

    def _any_order(self, group: list[str]) -> list[str]:
        """Usually the customary order; a single group may have any order."""
        if self._rng.random() < (0.5 if Freedom.ORDER in self._freedoms else 0.05):
            # The lines of tags stay together (tags after a name begin another group), onward flights stay in order.
            tags, onward = [line for line in group if line[1] in "NB"], [line for line in group if line[1] == "O"]
            others = [[line] for line in group if line[1] not in "NBO"] + [tags]
            self._rng.shuffle(others)
            if onward and Freedom.ORDER in self._freedoms:
                others.insert(self._rng.randint(0, len(others)), onward)
                onward = []
            return [line for lines in (*others, onward) for line in lines]
        return group

    def _name(self, traveller: Traveller) -> str:
        if Freedom.NAMES not in self._freedoms or not traveller.surname:
            return f".P/1{traveller.name}"
        fields = varied_name(
            traveller.surname, traveller.given, traveller.title, self._rng, may_shorten=traveller.may_shorten
        )
        return f".P/{fields}"

    def _scanned(
        self, at: datetime, place: MessageStation, code: str, itinerary: MessageItinerary, *, whole_minutes: bool
    ) -> str:
        local = self._rng.random() < 0.7
        clock = at.astimezone(self._zones[place.airport] if local else UTC)
        time = f"{clock:%H%M}" if whole_minutes else f"{clock:%H%M%S}"
        to = itinerary.outbound.designator if itinerary.outbound else ""
        agent, device = f"AG{self._rng.randint(100, 999):04d}", f"HHT{self._rng.randint(100, 199)}"
        return f".J/{code}/{agent}/{device}/{_day(clock)}/{time}{'L' if local else 'Z'}/{place.spot}/{to}".rstrip("/")

    def _flight(self, element: str, flight: DatedFlight, airport: str, travel_class: str = "/Y") -> str:
        number = f"CM{flight.number:04d}" if self._rng.random() < 0.3 else f"CM{flight.number}"
        if Freedom.NUMBERS in self._freedoms and self._rng.random() < 0.2:
            number = f"CM{flight.number:03d}"
        day = _day(flight.departure_date)
        return f".{element}/{number}/{day}/{airport}{travel_class}"

    def _extras(self, party: TravelParty) -> Iterator[str]:
        if party.priority:
            yield ".E/PRIO"
        draw = self._rng.random()
        if draw < 0.3:
            yield f".T/{self._rng.randrange(1 << 24):06X}"
        elif draw < 0.32:
            # Not used, so that its date does not matter.
            yield ".D/DTN/HOTEL CENTRAL/99XXX/2561L"
        elif draw < 0.34:
            yield ".Z/SEEN AT DESK 4"
        elif draw < 0.4 and Freedom.NUMBERS in self._freedoms:
            yield self._rng.choice((".M/0230000001/31FEB/77", ".G/31FEB/9999/HOTEL", ".K/99XXX", ".Q/31FEB/1"))


def _tags(tags: Sequence[str], one_by_one: bool = False) -> list[str]:
    if one_by_one:
        return [f".N/{tag}001" for tag in tags]
    return [f".N/{tags[0]}{len(tags):03d}"]


def _irregular(status: str, tags: Sequence[str]) -> list[str]:
    return [f".B/{status}/{tags[0]}{len(tags):03d}"]


def _day(day: date) -> str:
    return f"{day.day:02d}{MONTHS[day.month - 1]}"
