"""Steps of one bag on its journey, from check-in to delivery, at plausible places and times."""

from collections.abc import Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

from integrations.records.events import EventKind
from seeds.operations import DatedFlight

# Place of each kind, and the number of such places at a station; 0 for a single one.
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
# Bags of a flight use the same one of these places.
OF_A_FLIGHT = frozenset({EventKind.LOADED, EventKind.OFFLOADED, EventKind.ARRIVED, EventKind.AT_CLAIM})

# A connection of this length or longer is handled at the usual pace, a shorter one faster.
EASY_CONNECTION = timedelta(minutes=75)


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens to a bag at a station.

    Args:
        inbound: flight with which the bag came, if any.
        outbound: flight with which it is to depart, if any.
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
    """Steps of one bag so far, in order of time.

    Args:
        tag: current tag of the bag; a rush tag replaces it later.
        rng: random numbers of this bag.
        party_rng: random numbers of its party, which checks in together.
        security: destinations for which bags are screened again at the hub.
    """

    def __init__(self, tag: str, rng: Random, party_rng: Random, security: Set[str]) -> None:
        self.tag = tag
        self.steps: list[Step] = []
        self._rng = rng
        self._party_rng = party_rng
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
        """Adds a step at a given time."""
        self._clock = at
        place = self._place(kind, inbound if kind in (EventKind.ARRIVED, EventKind.AT_CLAIM) else outbound)
        device = f"{airport}{self._rng.randint(100, 139)}"
        self.steps.append(Step(self.tag, kind, at, airport, place, device, inbound, outbound))

    def _place(self, kind: EventKind, flight: DatedFlight | None) -> str:
        place, places = PLACES.get(kind, ("", 0))
        if not places:
            return place
        if flight is None or kind not in OF_A_FLIGHT:
            return f"{place} {self._rng.randint(1, places)}"
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
        """Adds a step about so many minutes after the last one."""
        self.record(kind, self._clock + self._about(minutes), airport, inbound=inbound, outbound=outbound)

    def check_in(self, flight: DatedFlight) -> None:
        """Acceptance from the passenger into the baggage system."""
        ahead = timedelta(minutes=self._party_rng.randint(80, 150))
        self.record(EventKind.ACCEPTED, flight.scheduled_departure - ahead, flight.origin, outbound=flight)
        self.then(EventKind.SCREENED, 8, flight.origin, outbound=flight)
        self.then(EventKind.SORTED, 6, flight.origin, outbound=flight)

    def load(self, flight: DatedFlight, pace: float = 1.0, inbound: DatedFlight | None = None) -> None:
        """Loading onto the aircraft, some time before departure."""
        at = max(self._clock + self._about(3 * pace), flight.departs_at - self._about(30 * pace))
        self.record(EventKind.LOADED, at, flight.origin, inbound=inbound, outbound=flight)

    def unload(self, flight: DatedFlight, pace: float = 1.0, outbound: DatedFlight | None = None) -> None:
        """Unloading from the aircraft."""
        at = flight.arrives_at + self._about(12 * pace)
        self.record(EventKind.ARRIVED, at, flight.destination, inbound=flight, outbound=outbound)

    def change(self, inbound: DatedFlight, outbound: DatedFlight, taken: DatedFlight | None = None) -> None:
        """Change from one flight to the next.

        Args:
            inbound: flight with which the bag came.
            outbound: flight on which it is booked.
            taken: flight on which it is loaded by mistake, if any.
        """
        hub, loaded = inbound.destination, taken or outbound
        pace = min(1.0, (loaded.departs_at - inbound.arrives_at) / EASY_CONNECTION)
        self.unload(inbound, pace, outbound)
        self.then(EventKind.TRANSFER_IN, 8 * pace, hub, inbound=inbound, outbound=outbound)
        if outbound.destination in self._security:
            self.then(EventKind.SCREENED, 6 * pace, hub, inbound=inbound, outbound=outbound)
        self.then(EventKind.SORTED, 6 * pace, hub, inbound=inbound, outbound=outbound)
        self.load(loaded, pace, inbound)

    def claim(self, flight: DatedFlight) -> None:
        """Delivery from the aircraft to the passenger."""
        self.unload(flight)
        self.then(EventKind.AT_CLAIM, 10, flight.destination, inbound=flight)
        self.then(EventKind.DELIVERED, 12, flight.destination, inbound=flight)

    def travel(self, *flights: DatedFlight) -> None:
        """The whole journey without incident."""
        self.check_in(flights[0])
        self.load(flights[0])
        for inbound, outbound in pairwise(flights):
            self.change(inbound, outbound)
        self.claim(flights[-1])

    def cut(self, now: datetime) -> None:
        """Removes the steps after that time."""
        self.steps = [step for step in self.steps if step.at <= now]

    def stop_at(self, kind: EventKind) -> None:
        """Removes the steps after the last one of the kind."""
        last = max(index for index, step in enumerate(self.steps) if step.kind == kind)
        del self.steps[last + 1 :]

    def end_by(self, deadline: datetime) -> None:
        """Moves all steps back in time, if necessary, so that the last one is at or before that time."""
        excess = self.steps[-1].at - deadline
        if excess > timedelta():
            self.steps = [replace(step, at=step.at - excess) for step in self.steps]

    def drop(self, kind: EventKind) -> None:
        """Removes the first step of the kind, as a missing scan, unless it is the last step.

        A bag without acceptance is only expected, and one without transfer-in changes aircraft on the apron.
        """
        dropped = next((step for step in self.steps if step.kind == kind), None)
        if dropped is None:
            return
        kept = [step for step in self.steps if step is not dropped and not _proves(kind, step)]
        if kept and kept[-1].at > dropped.at:
            announced = [replace(dropped, kind=EventKind.EXPECTED)] if kind == EventKind.ACCEPTED else []
            self.steps = announced + kept

    def _about(self, minutes: float) -> timedelta:
        return timedelta(seconds=round(minutes * 60 * self._rng.uniform(0.7, 1.3)))


def _proves(dropped: EventKind, step: Step) -> bool:
    """Whether the step would prove the missing one: the first sortation between two flights is a transfer-in."""
    return dropped == EventKind.TRANSFER_IN and step.kind == EventKind.SORTED and step.inbound is not None
