"""What is recorded of one bag on its way: scans at plausible places and times, from check-in to hand-over."""

from collections.abc import Set
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

from integrations.records.events import EventKind, Scan, ScanMethod
from seeds.operations import DatedFlight

# Who gives the bag and who has it then.
CUSTODY: dict[EventKind, tuple[str | None, str | None]] = {
    EventKind.ACCEPTED: ("PASSENGER", "CM"),
    EventKind.SCREENED: ("CM", "SCREENING"),
    EventKind.SORTED: (None, "HANDLER"),
    EventKind.LOADED: ("HANDLER", "CM"),
    EventKind.OFFLOADED: ("CM", "HANDLER"),
    EventKind.ARRIVED: ("CM", "HANDLER"),
    EventKind.TRANSFER_IN: (None, "HANDLER"),
    EventKind.AT_CLAIM: (None, "HANDLER"),
    EventKind.DELIVERED: ("HANDLER", "PASSENGER"),
    EventKind.LEFT_BEHIND: (None, "HANDLER"),
    EventKind.ON_HAND: ("HANDLER", "CM"),
    EventKind.OUT_FOR_DELIVERY: ("CM", "COURIER"),
}

# Where it happens, and how many such places a station has; 0 for a single one.
PLACES: dict[EventKind, tuple[str, int]] = {
    EventKind.ACCEPTED: ("CHECK-IN", 24),
    EventKind.SCREENED: ("SCREENING", 4),
    EventKind.SORTED: ("SORTER", 3),
    EventKind.LOADED: ("STAND", 20),
    EventKind.OFFLOADED: ("STAND", 20),
    EventKind.ARRIVED: ("STAND", 20),
    EventKind.TRANSFER_IN: ("TRANSFER BELT", 4),
    EventKind.AT_CLAIM: ("CLAIM", 6),
    EventKind.DELIVERED: ("CLAIM EXIT", 0),
    EventKind.LEFT_BEHIND: ("BAGGAGE STORE", 0),
    EventKind.ON_HAND: ("BAGGAGE OFFICE", 0),
    EventKind.RUSH_TAGGED: ("BAGGAGE OFFICE", 0),
    EventKind.OUT_FOR_DELIVERY: ("BAGGAGE OFFICE", 0),
}

METHODS = {
    EventKind.SORTED: ScanMethod.RFID,
    EventKind.TRANSFER_IN: ScanMethod.RFID,
    EventKind.RUSH_TAGGED: ScanMethod.MANUAL,
}
# Words about the bag, not scans of it.
MESSAGES = frozenset(
    {
        EventKind.EXPECTED,
        EventKind.NOT_SEEN,
        EventKind.DELAYED,
        EventKind.LOCATED,
        EventKind.FORWARDED,
        EventKind.OUT_FOR_DELIVERY,
        EventKind.DAMAGED,
        EventKind.LOST,
        EventKind.CLOSED,
    }
)

# Events that name the flight they belong to.
OF_A_FLIGHT = frozenset({EventKind.LOADED, EventKind.OFFLOADED, EventKind.ARRIVED, EventKind.NOT_SEEN})

# A connection of this length or longer is worked at the usual pace; in a shorter one everybody hurries.
EASY_CONNECTION = timedelta(minutes=75)


class Trail:
    """The scans of one bag so far; each step comes after the one before.

    Args:
        tag: the number on the bag; a rush tag takes its place later.
        numbers: chance of this bag.
        party: chance of those who travel together: they check in together.
        security: stations whose flights to them are screened again at the hub.
    """

    def __init__(self, tag: str, numbers: Random, party: Random, security: Set[str]) -> None:
        self.tag = tag
        self.scans: list[Scan] = []
        self._numbers = numbers
        self._party = party
        self._security = security
        self._clock: datetime

    def record(self, kind: EventKind, at: datetime, airport: str, flight: DatedFlight | None = None) -> None:
        """One event at a given time; the bags of a flight come to the same place."""
        self._clock = at
        giver, holder = CUSTODY.get(kind, (None, None))
        message = kind in MESSAGES
        self.scans.append(
            Scan(
                tag=self.tag,
                kind=kind,
                at=at,
                airport=airport,
                place=self._place(kind, flight),
                flight=flight.key if flight and kind in OF_A_FLIGHT else None,
                giver=giver,
                holder=holder,
                method=ScanMethod.MESSAGE if message else METHODS.get(kind, ScanMethod.LASER),
                device="" if message else f"{airport}{self._numbers.randint(100, 139)}",
            )
        )

    def _place(self, kind: EventKind, flight: DatedFlight | None) -> str:
        place, places = PLACES.get(kind, ("", 0))
        if not places:
            return place
        if flight is None:
            return f"{place} {(self._party if kind == EventKind.ACCEPTED else self._numbers).randint(1, places)}"
        at_gate = flight.gate and kind in (EventKind.LOADED, EventKind.OFFLOADED)
        return f"{place} {flight.gate if at_gate else flight.id % places + 1}"

    def then(self, kind: EventKind, minutes: float, airport: str, flight: DatedFlight | None = None) -> None:
        """One event about so many minutes after the last one."""
        self.record(kind, self._clock + self._about(minutes), airport, flight)

    def check_in(self, flight: DatedFlight) -> None:
        """From the passenger into the baggage system."""
        ahead = timedelta(seconds=self._party.randint(80 * 60, 150 * 60) - self._numbers.randint(0, 90))
        self.record(EventKind.ACCEPTED, flight.scheduled_departure - ahead, flight.origin)
        self.then(EventKind.SCREENED, 8, flight.origin)
        self.then(EventKind.SORTED, 6, flight.origin)

    def load(self, flight: DatedFlight, pace: float = 1.0) -> None:
        """Onto the aircraft, some time before it leaves."""
        at = max(self._clock + self._about(3 * pace), flight.leaves - self._about(30 * pace))
        self.record(EventKind.LOADED, at, flight.origin, flight)

    def unload(self, flight: DatedFlight, pace: float = 1.0) -> None:
        """Off the aircraft."""
        self.record(EventKind.ARRIVED, flight.lands + self._about(12 * pace), flight.destination, flight)

    def change(self, inbound: DatedFlight, outbound: DatedFlight) -> None:
        """From one flight to the next."""
        hub = inbound.destination
        pace = min(1.0, (outbound.leaves - inbound.lands) / EASY_CONNECTION)
        self.unload(inbound, pace)
        self.then(EventKind.TRANSFER_IN, 8 * pace, hub)
        if outbound.destination in self._security:
            self.then(EventKind.SCREENED, 6 * pace, hub)
        self.then(EventKind.SORTED, 6 * pace, hub)
        self.load(outbound, pace)

    def claim(self, flight: DatedFlight) -> None:
        """From the aircraft to the passenger."""
        self.unload(flight)
        self.then(EventKind.AT_CLAIM, 10, flight.destination, flight)
        self.then(EventKind.DELIVERED, 12, flight.destination)

    def travel(self, *flights: DatedFlight) -> None:
        """The whole way, as it should be."""
        self.check_in(flights[0])
        self.load(flights[0])
        for inbound, outbound in pairwise(flights):
            self.change(inbound, outbound)
        self.claim(flights[-1])

    def cut(self, now: datetime) -> None:
        """Forgets what lies after that moment."""
        self.scans = [scan for scan in self.scans if scan.at <= now]

    def stop_at(self, kind: EventKind) -> None:
        """Forgets what comes after the last event of the kind."""
        last = max(index for index, scan in enumerate(self.scans) if scan.kind == kind)
        del self.scans[last + 1 :]

    def end_by(self, moment: datetime) -> None:
        """Moves everything back in time, where need be, so that it has happened by that moment."""
        excess = self.scans[-1].at - moment
        if excess > timedelta():
            self.scans = [replace(scan, at=scan.at - excess) for scan in self.scans]

    def lose(self, kind: EventKind) -> None:
        """Forgets the first event of the kind, unless nothing has come after it: the scan that nobody made."""
        for scan in self.scans[:-1]:
            if scan.kind == kind:
                self.scans.remove(scan)
                return

    def _about(self, minutes: float) -> timedelta:
        return timedelta(seconds=round(minutes * 60 * self._numbers.uniform(0.7, 1.3)))
