"""What happens to a bag: one function for each story, told up to now.

The sequences of steps are those of the domain's cases: local, transfer, missed connection, no-show, damage, loss.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from integrations.records.events import EventKind
from integrations.records.pirs import PirKind
from seeds.network import HUB
from seeds.operations import DatedFlight, Operations
from seeds.steps import BagSteps

# Of so many candidates, the latest or the next ones, a story takes one.
FEW = 12
RECENT = 60

# In one of so many ordinary journeys there is a scan that nobody made: a gap of Resolution 753.
ONE_IN_GAPS = 12
GAPS = (EventKind.ACCEPTED, EventKind.LOADED, EventKind.TRANSFER_IN)


@dataclass(frozen=True, slots=True)
class StoryCase:
    """A file about the bag; without a closing time it is open."""

    kind: PirKind
    station: str
    opened_at: datetime
    remarks: str
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BagStory:
    """What became of a bag.

    Args:
        text: in a sentence.
        legs: the flights it was booked on.
        rush_legs: those it was put on later, under the rush tag.
        rush_tagged_at: when it got that tag.
        deleted_at: when it was taken out of the system.
    """

    text: str
    legs: Sequence[DatedFlight]
    rush_legs: Sequence[DatedFlight] = ()
    rush_tagged_at: datetime | None = None
    case: StoryCase | None = None
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoryStage:
    """What a story has to work with.

    Args:
        trail: takes the steps.
        rush_tag: the number of this bag's rush tag, should it need one.
        numbers: chance of this bag.
        party: chance of those who travel together: they take the same flights.
    """

    operations: Operations
    trail: BagSteps
    rush_tag: str
    numbers: Random = field(repr=False)
    party: Random = field(repr=False)

    @property
    def now(self) -> datetime:
        """The present."""
        return self.operations.now

    def ago(self, **duration: float) -> datetime:
        """So long before now."""
        return self.now - timedelta(**duration)

    def landed(self, until: datetime, since: datetime | None = None, hub: str = "") -> list[DatedFlight]:
        """Flights that landed by then, in that order; with ``hub`` only those that left it or came to it."""
        flights = self.operations.landed
        last = bisect_right(flights, until, key=lambda flight: flight.lands)
        first = bisect_right(flights, since, key=lambda flight: flight.lands) if since else 0
        return [flight for flight in flights[first:last] if not hub or hub in (flight.origin, flight.destination)]

    def one_of(self, candidates: Sequence[DatedFlight]) -> DatedFlight:
        """Chance picks."""
        return self.numbers.choice(candidates)


Role = Callable[[StoryStage], BagStory]


def _way(legs: Sequence[DatedFlight]) -> str:
    """``MIA-PTY-GRU on CM335 and CM758``."""
    stations = "-".join([legs[0].origin, *(leg.destination for leg in legs)])
    return f"{stations} on {' and '.join(leg.designator for leg in legs)}"


# Bags as they should be.


def ordinary(stage: StoryStage) -> BagStory:
    """Some journey of the last days, as far as it has come; now and then a scan is missing."""
    legs = stage.operations.itinerary(stage.party)
    stage.trail.travel(*legs)
    stage.trail.cut(stage.now)
    if not stage.trail.steps:
        return _booked(stage, legs)
    if stage.numbers.randrange(ONE_IN_GAPS) == 0:
        stage.trail.lose(stage.numbers.choice(GAPS))
    return BagStory(_way(legs), legs)


def delivered(stage: StoryStage) -> BagStory:
    """The first story of the demo: a short connection, made."""
    legs = [stage.operations.service(335, -2), stage.operations.service(758, -2)]
    stage.trail.travel(*legs)
    return BagStory(f"{_way(legs)}: made the short connection and was delivered", legs)


def in_flight(stage: StoryStage) -> BagStory:
    """In the air now."""
    flight = stage.one_of(
        [flight for flight in stage.operations.airborne if flight.origin == HUB] or stage.operations.airborne
    )
    feeder = stage.operations.feeder(flight, stage.numbers) if flight.origin == HUB else None
    legs = [feeder, flight] if feeder else _and_onward(stage, flight)
    stage.trail.travel(*legs)
    stage.trail.cut(stage.now)
    return BagStory(f"{_way(legs)}: in the air on {flight.designator}", legs)


def expected(stage: StoryStage) -> BagStory:
    """Announced by a message, not seen yet."""
    later = [flight for flight in stage.operations.upcoming if flight.leaves > stage.now + timedelta(minutes=90)]
    return _booked(stage, _and_onward(stage, stage.one_of(later[:FEW])))


def _booked(stage: StoryStage, legs: Sequence[DatedFlight]) -> BagStory:
    announced = min(legs[0].scheduled_departure - timedelta(hours=20), stage.ago(minutes=stage.party.randint(10, 50)))
    stage.trail.record(EventKind.EXPECTED, announced, legs[0].origin, outbound=legs[0])
    return BagStory(f"{_way(legs)}: expected", legs)


def before_departure(kind: EventKind) -> Role:
    """Seen as far as this at the station it starts from."""

    def role(stage: StoryStage) -> BagStory:
        legs = _and_onward(stage, stage.one_of(stage.operations.upcoming[:FEW]))
        stage.trail.check_in(legs[0])
        stage.trail.load(legs[0])
        stage.trail.stop_at(kind)
        stage.trail.end_by(stage.ago(minutes=stage.numbers.randint(1, 6)))
        return BagStory(f"{_way(legs)}: {kind.lower()} at {legs[0].origin}", legs)

    return role


def _and_onward(stage: StoryStage, flight: DatedFlight) -> list[DatedFlight]:
    """The flight, and where it ends at the hub another one from there."""
    destination = stage.operations.station(stage.numbers)
    if flight.destination != HUB or destination == flight.origin:
        return [flight]
    onward = stage.operations.onward(flight, destination)
    return [flight, onward] if onward else [flight]


def changing(kind: EventKind) -> Role:
    """Seen as far as this at the hub, between two flights."""

    def role(stage: StoryStage) -> BagStory:
        inbound = stage.one_of(
            [one for one in stage.landed(stage.ago(minutes=45), hub=HUB) if one.destination == HUB][-FEW:]
        )
        outbound = stage.operations.next_departure(inbound)
        stage.trail.check_in(inbound)
        stage.trail.load(inbound)
        stage.trail.change(inbound, outbound)
        stage.trail.stop_at(kind)
        legs = [inbound, outbound]
        return BagStory(f"{_way(legs)}: changing flights at {HUB}", legs)

    return role


def at_claim(stage: StoryStage) -> BagStory:
    """On the belt."""
    flight = stage.one_of(stage.landed(stage.ago(minutes=45))[-FEW:])
    stage.trail.travel(flight)
    stage.trail.stop_at(EventKind.AT_CLAIM)
    return BagStory(f"{_way([flight])}: on the belt", [flight])


def with_gap(kind: EventKind) -> Role:
    """Delivered, although one scan of Resolution 753 was not made."""

    def role(stage: StoryStage) -> BagStory:
        connections = (
            (stage.operations.feeder(outbound, stage.numbers), outbound)
            for outbound in reversed(stage.landed(stage.ago(hours=stage.numbers.randint(2, 40)), hub=HUB))
            if outbound.origin == HUB
        )
        legs = next([inbound, outbound] for inbound, outbound in connections if inbound)
        stage.trail.travel(*legs)
        stage.trail.lose(kind)
        return BagStory(f"{_way(legs)}: delivered, without proof of {kind.lower().replace('_', ' ')}", legs)

    return role


# Bags of a working day that go other ways without being anybody's loss.


def deleted(stage: StoryStage) -> BagStory:
    """The passenger gave the journey up at the desk and took the bag back."""
    legs = _and_onward(stage, stage.one_of(stage.operations.upcoming[:FEW]))
    stage.trail.check_in(legs[0])
    stage.trail.stop_at(EventKind.ACCEPTED)
    stage.trail.end_by(stage.ago(minutes=stage.numbers.randint(20, 40)))
    deleted_at = stage.ago(minutes=stage.numbers.randint(5, 15))
    return BagStory(f"{_way(legs)}: handed back at {legs[0].origin}", legs, deleted_at=deleted_at)


def not_seen(stage: StoryStage) -> BagStory:
    """Sorted for its flight, and not there when it closed."""
    flight = stage.one_of(stage.operations.departed[-FEW:])
    stage.trail.check_in(flight)
    stage.trail.record(EventKind.NOT_SEEN, flight.leaves - timedelta(minutes=3), flight.origin, outbound=flight)
    return BagStory(f"{_way([flight])}: not seen at the aircraft", [flight])


def offloaded(stage: StoryStage) -> BagStory:
    """The passenger did not board."""
    flight = stage.one_of(stage.operations.departed[-FEW:])
    stage.trail.check_in(flight)
    stage.trail.load(flight)
    stage.trail.record(EventKind.OFFLOADED, flight.leaves - timedelta(minutes=5), flight.origin, outbound=flight)
    return BagStory(f"{_way([flight])}: taken off, the passenger did not board", [flight])


def on_hand(stage: StoryStage) -> BagStory:
    """Nobody took it from the belt."""
    flight = stage.one_of(stage.landed(stage.ago(hours=5))[-FEW:])
    stage.trail.travel(flight)
    stage.trail.stop_at(EventKind.AT_CLAIM)
    stage.trail.then(EventKind.ON_HAND, 180, flight.destination, inbound=flight)
    return BagStory(f"{_way([flight])}: left on the belt, on hand at {flight.destination}", [flight])


# Exceptions.


def _miss(stage: StoryStage, inbound: DatedFlight, outbound: DatedFlight) -> None:
    """Too late at the hub for the flight it was meant for."""
    stage.trail.check_in(inbound)
    stage.trail.load(inbound)
    stage.trail.unload(inbound, outbound=outbound)
    stage.trail.then(EventKind.TRANSFER_IN, 16, HUB, inbound=inbound, outbound=outbound)
    gone = outbound.leaves - timedelta(minutes=2)
    stage.trail.record(EventKind.NOT_SEEN, gone, HUB, inbound=inbound, outbound=outbound)
    found = max(outbound.leaves, inbound.lands + timedelta(minutes=40)) + timedelta(minutes=18)
    stage.trail.record(EventKind.LEFT_BEHIND, found, HUB, inbound=inbound, outbound=outbound)


def _report(stage: StoryStage, flight: DatedFlight, remarks: str) -> StoryCase:
    """The passenger has arrived without the bag and files a report."""
    opened_at = flight.lands + timedelta(minutes=55)
    stage.trail.record(EventKind.DELAYED, opened_at, flight.destination)
    return StoryCase(PirKind.DELAYED, flight.destination, opened_at, remarks)


def _missed(stage: StoryStage, until: datetime) -> list[tuple[DatedFlight, DatedFlight]]:
    """Late flights to the hub and those that their bags missed, all over by then."""
    return [pair for pair in stage.operations.missed if max(pair[0].lands, pair[1].lands) <= until]


def misconnected(stage: StoryStage) -> BagStory:
    """Missed the connection; the passenger waits for it at the destination."""
    return _misconnected(stage, *stage.numbers.choice(_missed(stage, stage.ago(hours=2))))


def misconnected_at_first(stage: StoryStage) -> BagStory:
    """The second bag of the demo's first passenger: the one that did not make the short connection."""
    return _misconnected(stage, stage.operations.service(335, -2), stage.operations.service(758, -2))


def _misconnected(stage: StoryStage, inbound: DatedFlight, outbound: DatedFlight) -> BagStory:
    _miss(stage, inbound, outbound)
    late = round((inbound.lands - inbound.scheduled_arrival).total_seconds() / 60)
    case = _report(
        stage, outbound, f"{inbound.designator} {late} MIN LATE INTO {HUB}. BAG MISSED {outbound.designator}."
    )
    legs = [inbound, outbound]
    return BagStory(f"{_way(legs)}: missed {outbound.designator} at {HUB}, reported at {case.station}", legs, case=case)


def left_behind(stage: StoryStage) -> BagStory:
    """Missed the connection a short while ago; nobody has reported it yet."""
    candidates = [
        pair for pair in stage.operations.missed if max(pair[0].lands, pair[1].leaves) <= stage.ago(hours=1.5)
    ]
    legs = stage.numbers.choice(candidates[-RECENT:])
    _miss(stage, *legs)
    return BagStory(f"{_way(legs)}: left behind at {HUB}", legs)


def rush_tagged(stage: StoryStage) -> BagStory:
    """Missed the connection, has its rush tag, and waits for the next flight."""
    legs = stage.numbers.choice(_missed(stage, stage.ago(hours=2))[-RECENT:])
    _miss(stage, *legs)
    rush = stage.operations.next_to(HUB, legs[1].destination, stage.now + timedelta(minutes=45))
    tagged_at = stage.ago(minutes=stage.numbers.randint(5, 20))
    _rush_tag(stage, tagged_at, rush)
    return BagStory(f"{_way(legs)}: rush tagged at {HUB} for {rush.designator}", legs, [rush], tagged_at)


def _rush_tag(stage: StoryStage, at: datetime, flight: DatedFlight) -> None:
    stage.trail.tag = stage.rush_tag
    stage.trail.record(EventKind.RUSH_TAGGED, at, flight.origin, outbound=flight)


def out_for_delivery(stage: StoryStage) -> BagStory:
    """Missed the connection, came after its passenger by rush, and is on its way to the door."""
    candidates = [
        (inbound, outbound)
        for inbound, outbound in stage.operations.missed
        if stage.operations.next_to(HUB, outbound.destination, _ready(inbound, outbound)).lands <= stage.ago(hours=4)
    ]
    return _out_for_delivery(stage, *stage.numbers.choice(candidates))


def out_for_delivery_at_first(stage: StoryStage) -> BagStory:
    """The rush bag of the demo's guide."""
    return _out_for_delivery(stage, stage.operations.service(491, -2), stage.operations.service(156, -2))


def _ready(inbound: DatedFlight, outbound: DatedFlight) -> datetime:
    """When a missed bag can go on at the earliest, rush tag and all."""
    return max(inbound.lands, outbound.leaves) + timedelta(hours=4)


def _out_for_delivery(stage: StoryStage, inbound: DatedFlight, outbound: DatedFlight) -> BagStory:
    rush = stage.operations.next_to(HUB, outbound.destination, _ready(inbound, outbound))
    _miss(stage, inbound, outbound)
    case = _report(stage, outbound, f"BAG MISSED {outbound.designator}. RUSH {stage.rush_tag} ON {rush.designator}.")
    tagged_at = rush.leaves - timedelta(minutes=150)
    _rush_tag(stage, tagged_at, rush)
    stage.trail.then(EventKind.FORWARDED, 5, HUB)
    stage.trail.then(EventKind.SORTED, 20, HUB, outbound=rush)
    stage.trail.load(rush)
    stage.trail.unload(rush)
    stage.trail.then(EventKind.ON_HAND, 40, rush.destination, inbound=rush)
    stage.trail.record(EventKind.OUT_FOR_DELIVERY, stage.ago(minutes=95), rush.destination)
    legs = [inbound, outbound]
    text = f"{_way(legs)}: missed {outbound.designator}, came by rush on {rush.designator}, out for delivery"
    return BagStory(text, legs, [rush], tagged_at, case)


def located(stage: StoryStage) -> BagStory:
    """Left where it started, reported by the passenger, and found there."""
    flight = stage.one_of(stage.landed(stage.ago(hours=9), hub=HUB)[-400:])
    _left_at_origin(stage, flight)
    case = _report(stage, flight, f"BAG NOT LOADED ON {flight.designator}. LEFT AT {flight.origin}.")
    stage.trail.record(
        EventKind.LOCATED, case.opened_at + timedelta(minutes=stage.numbers.randint(90, 400)), flight.origin
    )
    return BagStory(f"{_way([flight])}: left at {flight.origin}, reported, located", [flight], case=case)


def _left_at_origin(stage: StoryStage, flight: DatedFlight) -> None:
    stage.trail.check_in(flight)
    stage.trail.record(EventKind.NOT_SEEN, flight.leaves - timedelta(minutes=3), flight.origin, outbound=flight)
    stage.trail.record(EventKind.LEFT_BEHIND, flight.leaves + timedelta(minutes=25), flight.origin, outbound=flight)


def lost(stage: StoryStage) -> BagStory:
    """Never came off its flight; the airline admits the loss without waiting for the twenty-first day."""
    flight = stage.one_of(stage.landed(stage.ago(days=5), since=stage.ago(days=6, hours=8)))
    stage.trail.check_in(flight)
    stage.trail.load(flight)
    case = _report(stage, flight, "NOT FOUND BY PRIMARY TRACING. FOUND DESTROYED, LOSS ADMITTED.")
    stage.trail.record(EventKind.LOST, stage.ago(hours=stage.numbers.randint(3, 30)), flight.destination)
    return BagStory(f"{_way([flight])}: destroyed on the way, the loss is admitted", [flight], case=case)


def damaged(stage: StoryStage) -> BagStory:
    """Delivered with a broken wheel."""
    flight = stage.one_of(stage.landed(stage.ago(hours=3), since=stage.ago(days=3)))
    opened_at = _complain(stage, flight)
    case = StoryCase(
        PirKind.DAMAGED, flight.destination, opened_at, "WHEEL BROKEN OFF, SHELL CRACKED. PASSENGER KEEPS BAG."
    )
    return BagStory(f"{_way([flight])}: delivered damaged", [flight], case=case)


def repaired(stage: StoryStage) -> BagStory:
    """Delivered damaged, repaired, and the file is closed."""
    flight = stage.one_of(stage.landed(stage.ago(days=3), since=stage.ago(days=6)))
    opened_at = _complain(stage, flight)
    stage.trail.then(EventKind.CLOSED, 28 * 60, flight.destination)
    closed_at = stage.trail.steps[-1].at
    case = StoryCase(
        PirKind.DAMAGED, flight.destination, opened_at, "HANDLE TORN OFF. REPAIRED, RETURNED. RL 81.", closed_at
    )
    return BagStory(f"{_way([flight])}: delivered damaged, repaired, closed", [flight], case=case)


def _complain(stage: StoryStage, flight: DatedFlight) -> datetime:
    """The passenger takes the bag, sees the damage, and reports it before leaving customs."""
    stage.trail.travel(flight)
    stage.trail.then(EventKind.DAMAGED, 30, flight.destination)
    return stage.trail.steps[-1].at


def misrouted(stage: StoryStage) -> BagStory:
    """Loaded on the wrong aircraft at the hub; found where that one landed."""
    legs, wrong = _wrong_aircraft(stage)
    return BagStory(f"{_way(legs)}: flew to {wrong.destination} on {wrong.designator}", legs)


def forwarded(stage: StoryStage) -> BagStory:
    """Loaded on the wrong aircraft, rush tagged where that one landed, announced to those who will get it."""
    legs, wrong = _wrong_aircraft(stage)
    back = stage.operations.next_to(wrong.destination, HUB, stage.now + timedelta(minutes=45))
    onward = stage.operations.onward(back, legs[-1].destination)
    tagged_at = stage.ago(minutes=18)
    _rush_tag(stage, tagged_at, back)
    stage.trail.record(EventKind.FORWARDED, stage.ago(minutes=stage.numbers.randint(3, 12)), wrong.destination)
    text = f"{_way(legs)}: flew to {wrong.destination}, forwarded from there on {back.designator}"
    return BagStory(text, legs, [back, onward] if onward else [back], tagged_at)


def _wrong_aircraft(stage: StoryStage) -> tuple[list[DatedFlight], DatedFlight]:
    """The flights that it was booked on, and the one that took it; one of the latest that landed."""
    departures = [flight for flight in stage.landed(stage.ago(minutes=45), hub=HUB) if flight.origin == HUB][-FEW:]
    mistakes = filter(None, (_mistake(stage, stage.one_of(departures)) for _ in range(100)))
    inbound, outbound, wrong = next(mistakes)
    stage.trail.check_in(inbound)
    stage.trail.load(inbound)
    stage.trail.change(inbound, outbound, taken=wrong)
    stage.trail.unload(wrong)
    return [inbound, outbound], wrong


def _mistake(stage: StoryStage, wrong: DatedFlight) -> tuple[DatedFlight, DatedFlight, DatedFlight] | None:
    """Some connection whose bags may have been taken for those of another flight."""
    inbound = stage.operations.feeder(wrong, stage.numbers)
    destination = stage.operations.station(stage.numbers)
    outbound = stage.operations.onward(inbound, destination) if inbound else None
    if inbound is None or outbound is None or destination in (inbound.origin, wrong.destination):
        return None
    return inbound, outbound, wrong
