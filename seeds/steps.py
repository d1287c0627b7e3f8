"""What happens to one bag on its way: steps at plausible places and times, from check-in to hand-over."""

from collections.abc import Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

from integrations.records.events import EventKind
from seeds.operations import DatedFlight

# Where it happens, and how many such places a station has; 0 for a single one.
PLACES: dict[EventKind, tuple[str, int]] = {
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
    EventKind.OUT_FOR_DELIVERY: ("BAGGAGE OFFICE", 0),
}
# The bags of a flight come to the same of these places.
OF_A_FLIGHT = frozenset({EventKind.LOADED, EventKind.OFFLOADED, EventKind.ARRIVED, EventKind.AT_CLAIM})

# A connection of this length or longer is worked at the usual pace; in a shorter one everybody hurries.
EASY_CONNECTION = timedelta(minutes=75)


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens to a bag at a station.

    Args:
        inbound: the flight it came with, if it came with any.
        outbound: the flight it is to leave with, if it is to leave.
    """

    tag: str
    kind: EventKind
    at: datetime
    airport: str
    place: str
    device: str
    inbound: DatedFlight | None = None
    outbound: DatedFlight | None = None


class BagSteps:
    """The steps of one bag so far; each comes after the one before.

    Args:
        tag: the number on the bag; a rush tag takes its place later.
        numbers: chance of this bag.
        party: chance of those who travel together: they check in together.
        security: stations whose flights to them are screened again at the hub.
    """

    def __init__(self, tag: str, numbers: Random, party: Random, security: Set[str]) -> None:
        self.tag = tag
        self.steps: list[Step] = []
        self._numbers = numbers
        self._party = party
        self._security = security
        self._clock: datetime

    def record(
        self,
        kind: EventKind,
        at: datetime,
        airport: str,
        *,
        inbound: DatedFlight | None = None,
        outbound: DatedFlight | None = None,
    ) -> None:
        """One step at a given time."""
        self._clock = at
        place = self._place(kind, inbound if kind in (EventKind.ARRIVED, EventKind.AT_CLAIM) else outbound)
        device = f"{airport}{self._numbers.randint(100, 139)}"
        self.steps.append(Step(self.tag, kind, at, airport, place, device, inbound, outbound))

    def _place(self, kind: EventKind, flight: DatedFlight | None) -> str:
        place, places = PLACES.get(kind, ("", 0))
        if not places:
            return place
        if flight is None or kind not in OF_A_FLIGHT:
            return f"{place} {self._numbers.randint(1, places)}"
        at_gate = flight.gate and kind in (EventKind.LOADED, EventKind.OFFLOADED)
        return f"{place} {flight.gate if at_gate else flight.id % places + 1}"

    def then(
        self,
        kind: EventKind,
        minutes: float,
        airport: str,
        *,
        inbound: DatedFlight | None = None,
        outbound: DatedFlight | None = None,
    ) -> None:
        """One step about so many minutes after the last one."""
        self.record(kind, self._clock + self._about(minutes), airport, inbound=inbound, outbound=outbound)

    def check_in(self, flight: DatedFlight) -> None:
        """From the passenger into the baggage system."""
        ahead = timedelta(minutes=self._party.randint(80, 150))
        self.record(EventKind.ACCEPTED, flight.scheduled_departure - ahead, flight.origin, outbound=flight)
        self.then(EventKind.SCREENED, 8, flight.origin, outbound=flight)
        self.then(EventKind.SORTED, 6, flight.origin, outbound=flight)

    def load(self, flight: DatedFlight, pace: float = 1.0, inbound: DatedFlight | None = None) -> None:
        """Onto the aircraft, some time before it leaves."""
        at = max(self._clock + self._about(3 * pace), flight.leaves - self._about(30 * pace))
        self.record(EventKind.LOADED, at, flight.origin, inbound=inbound, outbound=flight)

    def unload(self, flight: DatedFlight, pace: float = 1.0, outbound: DatedFlight | None = None) -> None:
        """Off the aircraft."""
        at = flight.lands + self._about(12 * pace)
        self.record(EventKind.ARRIVED, at, flight.destination, inbound=flight, outbound=outbound)

    def change(self, inbound: DatedFlight, outbound: DatedFlight, taken: DatedFlight | None = None) -> None:
        """From one flight to the next.

        Args:
            taken: the flight that it is loaded on by mistake.
        """
        hub, loaded = inbound.destination, taken or outbound
        pace = min(1.0, (loaded.leaves - inbound.lands) / EASY_CONNECTION)
        self.unload(inbound, pace, outbound)
        self.then(EventKind.TRANSFER_IN, 8 * pace, hub, inbound=inbound, outbound=outbound)
        if outbound.destination in self._security:
            self.then(EventKind.SCREENED, 6 * pace, hub, inbound=inbound, outbound=outbound)
        self.then(EventKind.SORTED, 6 * pace, hub, inbound=inbound, outbound=outbound)
        self.load(loaded, pace, inbound)

    def claim(self, flight: DatedFlight) -> None:
        """From the aircraft to the passenger."""
        self.unload(flight)
        self.then(EventKind.AT_CLAIM, 10, flight.destination, inbound=flight)
        self.then(EventKind.DELIVERED, 12, flight.destination, inbound=flight)

    def travel(self, *flights: DatedFlight) -> None:
        """The whole way, as it should be."""
        self.check_in(flights[0])
        self.load(flights[0])
        for inbound, outbound in pairwise(flights):
            self.change(inbound, outbound)
        self.claim(flights[-1])

    def cut(self, now: datetime) -> None:
        """Forgets what lies after that moment."""
        self.steps = [step for step in self.steps if step.at <= now]

    def stop_at(self, kind: EventKind) -> None:
        """Forgets what comes after the last step of the kind."""
        last = max(index for index, step in enumerate(self.steps) if step.kind == kind)
        del self.steps[last + 1 :]

    def end_by(self, moment: datetime) -> None:
        """Moves everything back in time, where need be, so that it has happened by that moment."""
        excess = self.steps[-1].at - moment
        if excess > timedelta():
            self.steps = [replace(step, at=step.at - excess) for step in self.steps]

    def lose(self, kind: EventKind) -> None:
        """Forgets the first step of the kind, unless nothing has come after it: the scan that nobody made.

        A bag that was not accepted is only announced, and one that no sorter takes over changes aircraft on the apron.
        """
        lost = next((step for step in self.steps if step.kind == kind), None)
        if lost is None:
            return
        kept = [step for step in self.steps if step is not lost and not _taken_over(kind, step)]
        if kept and kept[-1].at > lost.at:
            announced = [replace(lost, kind=EventKind.EXPECTED)] if kind == EventKind.ACCEPTED else []
            self.steps = announced + kept

    def _about(self, minutes: float) -> timedelta:
        return timedelta(seconds=round(minutes * 60 * self._numbers.uniform(0.7, 1.3)))


def _taken_over(lost: EventKind, step: Step) -> bool:
    """Whether the step would prove what was lost: of sortations between two flights the first takes the bag over."""
    return lost == EventKind.TRANSFER_IN and step.kind == EventKind.SORTED and step.inbound is not None
