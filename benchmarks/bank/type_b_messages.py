"""Type B messages (RP1745) about the bags of people who travel together, as airports send them.

Written from ``docs/DOMAIN.md#type-b-messages``, not by the product's own writer, so that the text is new to both of
its readers, the product and ``benchmarks.bank.recount``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from seeds.operations import DatedFlight

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DEPARTMENTS = ("KPCM", "KMCM", "BGCM", "LLCM", "KKCM")


class BankMessage(NamedTuple):
    """A message on the line.

    Args:
        at: when what it tells of happened.
        text: with its envelope, a newline at the end.
        events: how many bags it tells an event of.
    """

    at: datetime
    text: str
    events: int


@dataclass(frozen=True, slots=True)
class Traveller:
    """Somebody with bags.

    Args:
        name: ``GONZALEZ/MARIAMRS``.
        tags: consecutive licence plates.
        kilos: of all the bags together.
    """

    name: str
    seat: str
    sequence: int
    tags: tuple[str, ...]
    kilos: int


@dataclass(frozen=True, slots=True)
class Party:
    """People of one booking.

    Args:
        priority: whether the bags carry a priority tag.
    """

    locator: str
    travellers: tuple[Traveller, ...]
    priority: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message comes from.

    Args:
        source: ``L`` local, ``T`` transfer, ``X`` terminating.
        airport: IATA code.
        spot: belt, sorter or stand; empty where it has none.
    """

    source: str
    airport: str
    spot: str = ""


@dataclass(frozen=True, slots=True)
class MessageItinerary:
    """The flights as a message names them.

    Args:
        inbound: that the bags come with.
        outbound: that they leave with.
        onward: those after it.
    """

    inbound: DatedFlight | None = None
    outbound: DatedFlight | None = None
    onward: tuple[DatedFlight, ...] = ()


class Telegrams:
    """Writes messages.

    Args:
        zones: time zones by airport.
        numbers: chance of this party.
    """

    def __init__(self, zones: Mapping[str, ZoneInfo], numbers: Random) -> None:
        self._zones = zones
        self._numbers = numbers

    def source(
        self,
        at: datetime,
        place: Place,
        way: MessageItinerary,
        party: Party,
        *,
        action: str = "",
        authority: str = "Y",
        more: Sequence[str] = (),
        origin: bool = True,
    ) -> BankMessage:
        """A BSM; ``action`` is CHG or DEL, or nothing for a new one; ``more`` are further elements of each group."""
        groups = [
            self._group(place, way, one, authority, [f".L/{party.locator}", *self._extras(party), *more])
            for one in party.travellers
        ]
        head = ["BSM", *([action] if action else []), f".V/1{place.source}{place.airport}"]
        events = 0 if action else sum(len(one.tags) for one in party.travellers)
        return self._message(at, place.airport, [*head, *self._joined(groups, way), "ENDBSM"], events, origin=origin)

    def processed(
        self,
        at: datetime,
        place: Place,
        way: MessageItinerary,
        travellers: Sequence[Traveller],
        code: str,
        *,
        status: str = "",
        more: Sequence[str] = (),
        whole_minutes: bool = False,
    ) -> BankMessage:
        """A BPM: ``code`` of ``.J``, ``status`` of ``.B``; ``more`` are further elements of each group."""
        scanned = self._scanned(at, place, code, way, whole_minutes=whole_minutes)
        groups = [self._group(place, way, one, "Y", more, status) for one in travellers]
        head = ["BPM", f".V/1{place.source}{place.airport}", scanned]
        events = sum(len(one.tags) for one in travellers)
        return self._message(at, place.airport, [*head, *self._joined(groups, way), "ENDBPM"], events)

    def unload(self, at: datetime, place: Place, flight: DatedFlight, traveller: Traveller) -> BankMessage:
        """A BUM: take these bags off."""
        lines = ["BUM", f".V/1{place.source}{place.airport}", self._flight("F", flight, flight.destination, "")]
        lines += [*_tags(traveller.tags), f".P/1{traveller.name}", ".R/PAX NOT BOARDED", "ENDBUM"]
        return self._message(at, place.airport, lines, 0)

    def closed(self, at: datetime, flight: DatedFlight) -> BankMessage:
        """A BCM that says that the flight is closed."""
        lines = ["BCM", "FCM", f".V/1L{flight.origin}", self._flight("F", flight, flight.destination, ""), "ENDBCM"]
        return self._message(at, flight.origin, lines, 0)

    def addresses(self, airport: str) -> str:
        """The address line: whom a message is for, by city, department and airline."""
        stations = [airport, *self._numbers.sample(("PTY", "MIA", "BOG"), self._numbers.randint(0, 2))]
        return " ".join(station + self._numbers.choice(DEPARTMENTS) for station in dict.fromkeys(stations))

    def _message(
        self, at: datetime, airport: str, body: Sequence[str], events: int, *, origin: bool = True
    ) -> BankMessage:
        lines = list(body)
        if origin:
            lines = [self.addresses(airport), f".{airport}KMCM {at.astimezone(UTC):%d%H%M}", *lines]
        end = "\r\n" if self._numbers.random() < 0.1 else "\n"
        return BankMessage(at, end.join(lines) + end, events)

    def _group(
        self,
        place: Place,
        way: MessageItinerary,
        traveller: Traveller,
        authority: str,
        more: Sequence[str],
        status: str = "",
    ) -> list[str]:
        """The elements of one passenger; flights in front, the name behind the tags."""
        tags = _irregular(status, traveller.tags) if status else _tags(traveller.tags, self._numbers.random() < 0.2)
        flights = []
        if way.outbound:
            flights.append(self._flight("F", way.outbound, way.outbound.destination))
        inbound = [self._flight("I", way.inbound, way.inbound.origin)] if way.inbound else []
        onward = [self._flight("O", flight, flight.destination) for flight in way.onward]
        said = f".S/{authority}/{traveller.seat}/C/{traveller.sequence:03d}/{traveller.sequence:03d}//{authority}/A"
        if place.source == "X":
            said = ""
        weight = f".W/K/{len(traveller.tags)}/{traveller.kilos}"
        return list(filter(None, [*flights, *tags, *inbound, *onward, said, weight, f".P/1{traveller.name}", *more]))

    def _joined(self, groups: Sequence[list[str]], way: MessageItinerary) -> list[str]:
        """Several groups in one message: each begins with its flight, or with its tags and shares the flights."""
        first, *others = groups
        if not others:
            return self._any_order(first)
        manner = self._numbers.random()
        if manner < 0.4:
            # Begun by tags: flights of the first are those of all.
            return [*first, *(line for group in others for line in group if line[1] not in "FIO")]
        if manner < 0.7 and way.inbound and way.outbound:
            inbound = [line for line in first if line[1] == "I"]
            return [*inbound, *(line for group in groups for line in group if line[1] != "I")]
        return [line for group in groups for line in group]

    def _any_order(self, group: list[str]) -> list[str]:
        """Mostly as it is usual; a single group may come in any order."""
        if self._numbers.random() < 0.05:
            # The lines of tags stay together (tags behind a name are another group), onward flights in their order.
            tags, onward = [line for line in group if line[1] in "NB"], [line for line in group if line[1] == "O"]
            others = [[line] for line in group if line[1] not in "NBO"] + [tags]
            self._numbers.shuffle(others)
            return [line for lines in (*others, onward) for line in lines]
        return group

    def _scanned(self, at: datetime, place: Place, code: str, way: MessageItinerary, *, whole_minutes: bool) -> str:
        local = self._numbers.random() < 0.7
        clock = at.astimezone(self._zones[place.airport] if local else UTC)
        time = f"{clock:%H%M}" if whole_minutes else f"{clock:%H%M%S}"
        to = way.outbound.designator if way.outbound else ""
        agent, device = f"AG{self._numbers.randint(100, 999):04d}", f"HHT{self._numbers.randint(100, 199)}"
        return f".J/{code}/{agent}/{device}/{_day(clock)}/{time}{'L' if local else 'Z'}/{place.spot}/{to}".rstrip("/")

    def _flight(self, element: str, flight: DatedFlight, airport: str, travel_class: str = "/Y") -> str:
        number = f"CM{flight.number:04d}" if self._numbers.random() < 0.3 else f"CM{flight.number}"
        day = _day(flight.departure_date)
        return f".{element}/{number}/{day}/{airport}{travel_class}"

    def _extras(self, party: Party) -> Iterator[str]:
        if party.priority:
            yield ".E/PRIO"
        chance = self._numbers.random()
        if chance < 0.3:
            yield f".T/{self._numbers.randrange(1 << 24):06X}"
        elif chance < 0.32:
            # Not used, so that its date does not matter.
            yield ".D/DTN/HOTEL CENTRAL/99XXX/2561L"
        elif chance < 0.34:
            yield ".Z/SEEN AT DESK 4"


def _tags(tags: Sequence[str], one_by_one: bool = False) -> list[str]:
    if one_by_one:
        return [f".N/{tag}001" for tag in tags]
    return [f".N/{tags[0]}{len(tags):03d}"]


def _irregular(status: str, tags: Sequence[str]) -> list[str]:
    return [f".B/{status}/{tags[0]}{len(tags):03d}"]


def _day(day: date) -> str:
    return f"{day.day:02d}{MONTHS[day.month - 1]}"
