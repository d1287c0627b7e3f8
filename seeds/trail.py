"""What is recorded of one bag on its way: scans at plausible places and times, from check-in to hand-over."""

from collections.abc import Set
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

from integrations.records.events import EventKind, FlightKey, Scan, ScanMethod
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

# A connection of this length or longer is worked at the usual pace; in a shorter one everybody hurries.
EASY_CONNECTION = timedelta(minutes=75)


class Trail:
    """The scans of one bag so far; each step comes after the one before.

    Args:
        tag: the number on the bag; a rush tag takes its place later.
        numbers: chance of this bag.
        security: stations whose flights to them are screened again at the hub.
    """

    def __init__(self, tag: str, numbers: Random, security: Set[str]) -> None:
        self.tag = tag
        self.scans: list[Scan] = []
        self._numbers = numbers
        self._security = security
        self._clock: datetime

    def record(self, kind: EventKind, at: datetime, airport: str, flight: FlightKey | None = None) -> None:
        """One event at a given time."""
        self._clock = at
        giver, holder = CUSTODY.get(kind, (None, None))
        place, places = PLACES.get(kind, ("", 0))
        number = self._numbers.randint(1, places) if places else 0
        message = kind in MESSAGES
        self.scans.append(
            Scan(
                tag=self.tag,
                kind=kind,
                at=at,
                airport=airport,
                place=f"{place} {number}" if number else place,
                flight=flight,
                giver=giver,
                holder=holder,
                method=ScanMethod.MESSAGE if message else METHODS.get(kind, ScanMethod.LASER),
                device="" if message else f"{airport}{self._numbers.randint(100, 139)}",
            )
        )

    def then(self, kind: EventKind, minutes: float, airport: str, flight: FlightKey | None = None) -> None:
        """One event about so many minutes after the last one."""
        self.record(kind, self._clock + self._about(minutes), airport, flight)

    def check_in(self, flight: DatedFlight) -> None:
        """From the passenger into the baggage system."""
        self.record(EventKind.ACCEPTED, flight.scheduled_departure - self._about(115), flight.origin)
        self.then(EventKind.SCREENED, 8, flight.origin)
        self.then(EventKind.SORTED, 6, flight.origin)

    def load(self, flight: DatedFlight, pace: float = 1.0) -> None:
        """Onto the aircraft, some time before it leaves."""
        at = max(self._clock + self._about(3 * pace), flight.leaves - self._about(30 * pace))
        self.record(EventKind.LOADED, at, flight.origin, flight.key)

    def unload(self, flight: DatedFlight, pace: float = 1.0) -> None:
        """Off the aircraft."""
        self.record(EventKind.ARRIVED, flight.lands + self._about(12 * pace), flight.destination, flight.key)

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
        self.then(EventKind.AT_CLAIM, 10, flight.destination)
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
