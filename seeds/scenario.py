"""Scenarios of bags: one function each, which records the steps up to now.

The sequences of steps are those of the domain: local, transfer, missed connection, no-show, damage, loss.
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

# A scenario picks one of so many candidates, the latest or the next ones.
FEW = 12
RECENT = 60

# One in so many ordinary journeys lacks a scan: a gap of Resolution 753.
ONE_IN_GAPS = 12
GAPS = (EventKind.ACCEPTED, EventKind.LOADED, EventKind.TRANSFER_IN)


@dataclass(frozen=True, slots=True)
class ScenarioPir:
    """A PIR about the bag. Without a closing time it is open."""

    kind: PirKind
    station: str
    opened_at: datetime
    remarks: str
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BagScenario:
    """Result of a scenario.

    Args:
        text: one sentence for the guide.
        legs: flights on which the bag is booked.
        rush_legs: later flights, under the rush tag.
        rush_tagged_at: when the bag got that tag.
        pir: the PIR about the bag.
        deleted_at: when the bag was deleted by a message.
    """

    text: str
    legs: Sequence[DatedFlight]
    rush_legs: Sequence[DatedFlight] = ()
    rush_tagged_at: datetime | None = None
    pir: ScenarioPir | None = None
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ScenarioContext:
    """Context of a scenario.

    Args:
        operations: flights around now.
        bag: receives the steps.
        rush_tag: rush tag of this bag, if it needs one.
        rng: random numbers of this bag.
        party_rng: random numbers of its party, which takes the same flights.
    """

    operations: Operations
    bag: BagSteps
    rush_tag: str
    rng: Random = field(repr=False)
    party_rng: Random = field(repr=False)

    @property
    def now(self) -> datetime:
        """Timestamp up to which the scenario runs."""
        return self.operations.now

    def ago(self, **duration: float) -> datetime:
        """Timestamp so long before now."""
        return self.now - timedelta(**duration)

    def landed(self, until: datetime, since: datetime | None = None, hub: str = "") -> list[DatedFlight]:
        """Flights that landed by that time, in order; with ``hub`` only those from it or to it."""
        flights = self.operations.landed
        last = bisect_right(flights, until, key=lambda flight: flight.arrives_at)
        first = bisect_right(flights, since, key=lambda flight: flight.arrives_at) if since else 0
        return [flight for flight in flights[first:last] if not hub or hub in (flight.origin, flight.destination)]

    def pick(self, candidates: Sequence[DatedFlight]) -> DatedFlight:
        """A random candidate."""
        return self.rng.choice(candidates)


ScenarioFunction = Callable[[ScenarioContext], BagScenario]


def _route(legs: Sequence[DatedFlight]) -> str:
    """Route and flights: ``MIA-PTY-GRU on CM335 and CM758``."""
    stations = "-".join([legs[0].origin, *(leg.destination for leg in legs)])
    return f"{stations} on {' and '.join(leg.designator for leg in legs)}"


# Bags without incident.


def ordinary(context: ScenarioContext) -> BagScenario:
    """A random journey of the last days up to now; occasionally a scan is missing."""
    legs = context.operations.itinerary(context.party_rng)
    context.bag.travel(*legs)
    context.bag.cut(context.now)
    if not context.bag.steps:
        return _booked(context, legs)
    if context.rng.randrange(ONE_IN_GAPS) == 0:
        context.bag.drop(context.rng.choice(GAPS))
    return BagScenario(_route(legs), legs)


def delivered(context: ScenarioContext) -> BagScenario:
    """The first scenario of the demo: a short connection that the bag makes."""
    legs = [context.operations.service(335, -2), context.operations.service(758, -2)]
    context.bag.travel(*legs)
    return BagScenario(f"{_route(legs)}: made the short connection and was delivered", legs)


def in_flight(context: ScenarioContext) -> BagScenario:
    """A bag in the air now."""
    flight = context.pick(
        [flight for flight in context.operations.airborne if flight.origin == HUB] or context.operations.airborne
    )
    feeder = context.operations.feeder(flight, context.rng) if flight.origin == HUB else None
    legs = [feeder, flight] if feeder else _and_onward(context, flight)
    context.bag.travel(*legs)
    context.bag.cut(context.now)
    return BagScenario(f"{_route(legs)}: in the air on {flight.designator}", legs)


def expected(context: ScenarioContext) -> BagScenario:
    """A bag that is announced by a message and not seen yet."""
    later = [
        flight for flight in context.operations.upcoming if flight.departs_at > context.now + timedelta(minutes=90)
    ]
    return _booked(context, _and_onward(context, context.pick(later[:FEW])))


def _booked(context: ScenarioContext, legs: Sequence[DatedFlight]) -> BagScenario:
    announced_at = min(
        legs[0].scheduled_departure - timedelta(hours=20), context.ago(minutes=context.party_rng.randint(10, 50))
    )
    context.bag.record(EventKind.EXPECTED, announced_at, legs[0].origin, outbound=legs[0])
    return BagScenario(f"{_route(legs)}: expected", legs)


def before_departure(kind: EventKind) -> ScenarioFunction:
    """A bag that has reached this step at its first station."""

    def scenario(context: ScenarioContext) -> BagScenario:
        legs = _and_onward(context, context.pick(context.operations.upcoming[:FEW]))
        context.bag.check_in(legs[0])
        context.bag.load(legs[0])
        context.bag.stop_at(kind)
        context.bag.end_by(context.ago(minutes=context.rng.randint(1, 6)))
        return BagScenario(f"{_route(legs)}: {kind.lower()} at {legs[0].origin}", legs)

    return scenario


def _and_onward(context: ScenarioContext, flight: DatedFlight) -> list[DatedFlight]:
    """The flight and, if it ends at the hub, another one from there."""
    destination = context.operations.station(context.rng)
    if flight.destination != HUB or destination == flight.origin:
        return [flight]
    onward = context.operations.onward(flight, destination)
    return [flight, onward] if onward else [flight]


def changing(kind: EventKind) -> ScenarioFunction:
    """A bag that has reached this step at the hub, between two flights."""

    def scenario(context: ScenarioContext) -> BagScenario:
        inbound = context.pick(
            [one for one in context.landed(context.ago(minutes=45), hub=HUB) if one.destination == HUB][-FEW:]
        )
        outbound = context.operations.next_departure(inbound)
        context.bag.check_in(inbound)
        context.bag.load(inbound)
        context.bag.change(inbound, outbound)
        context.bag.stop_at(kind)
        legs = [inbound, outbound]
        return BagScenario(f"{_route(legs)}: changing flights at {HUB}", legs)

    return scenario


def at_claim(context: ScenarioContext) -> BagScenario:
    """A bag on the claim belt."""
    flight = context.pick(context.landed(context.ago(minutes=45))[-FEW:])
    context.bag.travel(flight)
    context.bag.stop_at(EventKind.AT_CLAIM)
    return BagScenario(f"{_route([flight])}: on the belt", [flight])


def with_gap(kind: EventKind) -> ScenarioFunction:
    """A delivered bag without one scan of Resolution 753."""

    def scenario(context: ScenarioContext) -> BagScenario:
        connections = (
            (context.operations.feeder(outbound, context.rng), outbound)
            for outbound in reversed(context.landed(context.ago(hours=context.rng.randint(2, 40)), hub=HUB))
            if outbound.origin == HUB
        )
        legs = next([inbound, outbound] for inbound, outbound in connections if inbound)
        context.bag.travel(*legs)
        context.bag.drop(kind)
        return BagScenario(f"{_route(legs)}: delivered, without proof of {kind.lower().replace('_', ' ')}", legs)

    return scenario


# Bags of a working day that take other courses without being lost.


def deleted(context: ScenarioContext) -> BagScenario:
    """The passenger cancelled the journey at the desk and took the bag back."""
    legs = _and_onward(context, context.pick(context.operations.upcoming[:FEW]))
    context.bag.check_in(legs[0])
    context.bag.stop_at(EventKind.ACCEPTED)
    context.bag.end_by(context.ago(minutes=context.rng.randint(20, 40)))
    deleted_at = context.ago(minutes=context.rng.randint(5, 15))
    return BagScenario(f"{_route(legs)}: handed back at {legs[0].origin}", legs, deleted_at=deleted_at)


def not_seen(context: ScenarioContext) -> BagScenario:
    """A bag that was sorted for its flight and missing when it closed."""
    flight = context.pick(context.operations.departed[-FEW:])
    context.bag.check_in(flight)
    context.bag.record(EventKind.NOT_SEEN, flight.departs_at - timedelta(minutes=3), flight.origin, outbound=flight)
    return BagScenario(f"{_route([flight])}: not seen at the aircraft", [flight])


def offloaded(context: ScenarioContext) -> BagScenario:
    """A bag whose passenger did not board."""
    flight = context.pick(context.operations.departed[-FEW:])
    context.bag.check_in(flight)
    context.bag.load(flight)
    context.bag.record(EventKind.OFFLOADED, flight.departs_at - timedelta(minutes=5), flight.origin, outbound=flight)
    return BagScenario(f"{_route([flight])}: taken off, the passenger did not board", [flight])


def on_hand(context: ScenarioContext) -> BagScenario:
    """A bag that was left on the claim belt."""
    flight = context.pick(context.landed(context.ago(hours=5))[-FEW:])
    context.bag.travel(flight)
    context.bag.stop_at(EventKind.AT_CLAIM)
    context.bag.then(EventKind.ON_HAND, 180, flight.destination, inbound=flight)
    return BagScenario(f"{_route([flight])}: left on the belt, on hand at {flight.destination}", [flight])


# Exceptions.


def _miss(context: ScenarioContext, inbound: DatedFlight, outbound: DatedFlight) -> None:
    """Steps of a bag that reached the hub too late for its next flight."""
    context.bag.check_in(inbound)
    context.bag.load(inbound)
    context.bag.unload(inbound, outbound=outbound)
    context.bag.then(EventKind.TRANSFER_IN, 16, HUB, inbound=inbound, outbound=outbound)
    closed_at = outbound.departs_at - timedelta(minutes=2)
    context.bag.record(EventKind.NOT_SEEN, closed_at, HUB, inbound=inbound, outbound=outbound)
    found_at = max(outbound.departs_at, inbound.arrives_at + timedelta(minutes=40)) + timedelta(minutes=18)
    context.bag.record(EventKind.LEFT_BEHIND, found_at, HUB, inbound=inbound, outbound=outbound)


def _report_delay(context: ScenarioContext, flight: DatedFlight, remarks: str) -> ScenarioPir:
    """Files a PIR: the passenger arrived without the bag."""
    opened_at = flight.arrives_at + timedelta(minutes=55)
    context.bag.record(EventKind.DELAYED, opened_at, flight.destination)
    return ScenarioPir(PirKind.DELAYED, flight.destination, opened_at, remarks)


def _missed(context: ScenarioContext, until: datetime) -> list[tuple[DatedFlight, DatedFlight]]:
    """Late flights to the hub with the flights that their bags missed, all arrived by that time."""
    return [pair for pair in context.operations.missed if max(pair[0].arrives_at, pair[1].arrives_at) <= until]


def misconnected(context: ScenarioContext) -> BagScenario:
    """A bag that missed its connection; the passenger waits for it at the destination."""
    return _misconnected(context, *context.rng.choice(_missed(context, context.ago(hours=2))))


def misconnected_at_first(context: ScenarioContext) -> BagScenario:
    """The second bag of the demo's first passenger, which missed the short connection."""
    return _misconnected(context, context.operations.service(335, -2), context.operations.service(758, -2))


def _misconnected(context: ScenarioContext, inbound: DatedFlight, outbound: DatedFlight) -> BagScenario:
    _miss(context, inbound, outbound)
    late = round((inbound.arrives_at - inbound.scheduled_arrival).total_seconds() / 60)
    pir = _report_delay(
        context, outbound, f"{inbound.designator} {late} MIN LATE INTO {HUB}. BAG MISSED {outbound.designator}."
    )
    legs = [inbound, outbound]
    return BagScenario(
        f"{_route(legs)}: missed {outbound.designator} at {HUB}, reported at {pir.station}", legs, pir=pir
    )


def left_behind(context: ScenarioContext) -> BagScenario:
    """A bag that missed its connection a short while ago and is not reported yet."""
    candidates = [
        pair
        for pair in context.operations.missed
        if max(pair[0].arrives_at, pair[1].departs_at) <= context.ago(hours=1.5)
    ]
    legs = context.rng.choice(candidates[-RECENT:])
    _miss(context, *legs)
    return BagScenario(f"{_route(legs)}: left behind at {HUB}", legs)


def rush_tagged(context: ScenarioContext) -> BagScenario:
    """A bag that missed its connection, has its rush tag, and waits for the next flight."""
    legs = context.rng.choice(_missed(context, context.ago(hours=2))[-RECENT:])
    _miss(context, *legs)
    rush = context.operations.next_to(HUB, legs[1].destination, context.now + timedelta(minutes=45))
    tagged_at = context.ago(minutes=context.rng.randint(5, 20))
    _rush_tag(context, tagged_at, rush)
    return BagScenario(f"{_route(legs)}: rush tagged at {HUB} for {rush.designator}", legs, [rush], tagged_at)


def _rush_tag(context: ScenarioContext, at: datetime, flight: DatedFlight) -> None:
    context.bag.tag = context.rush_tag
    context.bag.record(EventKind.RUSH_TAGGED, at, flight.origin, outbound=flight)


def out_for_delivery(context: ScenarioContext) -> BagScenario:
    """A bag that missed its connection, followed its passenger by rush, and is out for delivery."""
    candidates = [
        (inbound, outbound)
        for inbound, outbound in context.operations.missed
        if context.operations.next_to(HUB, outbound.destination, _ready(inbound, outbound)).arrives_at
        <= context.ago(hours=4)
    ]
    return _out_for_delivery(context, *context.rng.choice(candidates))


def out_for_delivery_at_first(context: ScenarioContext) -> BagScenario:
    """The rush bag of the demo's guide."""
    return _out_for_delivery(context, context.operations.service(491, -2), context.operations.service(156, -2))


def _ready(inbound: DatedFlight, outbound: DatedFlight) -> datetime:
    """Earliest time at which a missed bag can continue, with its rush tag."""
    return max(inbound.arrives_at, outbound.departs_at) + timedelta(hours=4)


def _out_for_delivery(context: ScenarioContext, inbound: DatedFlight, outbound: DatedFlight) -> BagScenario:
    rush = context.operations.next_to(HUB, outbound.destination, _ready(inbound, outbound))
    _miss(context, inbound, outbound)
    pir = _report_delay(
        context, outbound, f"BAG MISSED {outbound.designator}. RUSH {context.rush_tag} ON {rush.designator}."
    )
    tagged_at = rush.departs_at - timedelta(minutes=150)
    _rush_tag(context, tagged_at, rush)
    context.bag.then(EventKind.FORWARDED, 5, HUB)
    context.bag.then(EventKind.SORTED, 20, HUB, outbound=rush)
    context.bag.load(rush)
    context.bag.unload(rush)
    context.bag.then(EventKind.ON_HAND, 40, rush.destination, inbound=rush)
    context.bag.record(EventKind.OUT_FOR_DELIVERY, context.ago(minutes=95), rush.destination)
    legs = [inbound, outbound]
    text = f"{_route(legs)}: missed {outbound.designator}, came by rush on {rush.designator}, out for delivery"
    return BagScenario(text, legs, [rush], tagged_at, pir)


def located(context: ScenarioContext) -> BagScenario:
    """A bag that stayed at its first station, was reported by the passenger, and was found there."""
    flight = context.pick(context.landed(context.ago(hours=9), hub=HUB)[-400:])
    _left_at_origin(context, flight)
    pir = _report_delay(context, flight, f"BAG NOT LOADED ON {flight.designator}. LEFT AT {flight.origin}.")
    context.bag.record(
        EventKind.LOCATED, pir.opened_at + timedelta(minutes=context.rng.randint(90, 400)), flight.origin
    )
    return BagScenario(f"{_route([flight])}: left at {flight.origin}, reported, located", [flight], pir=pir)


def _left_at_origin(context: ScenarioContext, flight: DatedFlight) -> None:
    context.bag.check_in(flight)
    context.bag.record(EventKind.NOT_SEEN, flight.departs_at - timedelta(minutes=3), flight.origin, outbound=flight)
    context.bag.record(EventKind.LEFT_BEHIND, flight.departs_at + timedelta(minutes=25), flight.origin, outbound=flight)


def lost(context: ScenarioContext) -> BagScenario:
    """A bag that never left its flight; the airline admits the loss before the twenty-first day."""
    flight = context.pick(context.landed(context.ago(days=5), since=context.ago(days=6, hours=8)))
    context.bag.check_in(flight)
    context.bag.load(flight)
    pir = _report_delay(context, flight, "NOT FOUND BY PRIMARY TRACING. FOUND DESTROYED, LOSS ADMITTED.")
    context.bag.record(EventKind.LOST, context.ago(hours=context.rng.randint(3, 30)), flight.destination)
    return BagScenario(f"{_route([flight])}: destroyed on the way, the loss is admitted", [flight], pir=pir)


def damaged(context: ScenarioContext) -> BagScenario:
    """A bag that was delivered with a broken wheel."""
    flight = context.pick(context.landed(context.ago(hours=3), since=context.ago(days=3)))
    opened_at = _report_damage(context, flight)
    pir = ScenarioPir(
        PirKind.DAMAGED, flight.destination, opened_at, "WHEEL BROKEN OFF, SHELL CRACKED. PASSENGER KEEPS BAG."
    )
    return BagScenario(f"{_route([flight])}: delivered damaged", [flight], pir=pir)


def repaired(context: ScenarioContext) -> BagScenario:
    """A bag that was delivered damaged and repaired; its PIR is closed."""
    flight = context.pick(context.landed(context.ago(days=3), since=context.ago(days=6)))
    opened_at = _report_damage(context, flight)
    context.bag.then(EventKind.CLOSED, 28 * 60, flight.destination)
    closed_at = context.bag.steps[-1].at
    pir = ScenarioPir(
        PirKind.DAMAGED, flight.destination, opened_at, "HANDLE TORN OFF. REPAIRED, RETURNED. RL 81.", closed_at
    )
    return BagScenario(f"{_route([flight])}: delivered damaged, repaired, closed", [flight], pir=pir)


def _report_damage(context: ScenarioContext, flight: DatedFlight) -> datetime:
    """Steps of a passenger who takes the bag, sees the damage, and reports it before leaving customs."""
    context.bag.travel(flight)
    context.bag.then(EventKind.DAMAGED, 30, flight.destination)
    return context.bag.steps[-1].at


def misrouted(context: ScenarioContext) -> BagScenario:
    """A bag that was loaded on the wrong aircraft at the hub and found where that one landed."""
    legs, wrong = _wrong_aircraft(context)
    return BagScenario(f"{_route(legs)}: flew to {wrong.destination} on {wrong.designator}", legs)


def forwarded(context: ScenarioContext) -> BagScenario:
    """A bag that was loaded on the wrong aircraft, rush tagged where that one landed, and forwarded."""
    legs, wrong = _wrong_aircraft(context)
    back = context.operations.next_to(wrong.destination, HUB, context.now + timedelta(minutes=45))
    onward = context.operations.onward(back, legs[-1].destination)
    tagged_at = context.ago(minutes=18)
    _rush_tag(context, tagged_at, back)
    context.bag.record(EventKind.FORWARDED, context.ago(minutes=context.rng.randint(3, 12)), wrong.destination)
    text = f"{_route(legs)}: flew to {wrong.destination}, forwarded from there on {back.designator}"
    return BagScenario(text, legs, [back, onward] if onward else [back], tagged_at)


def _wrong_aircraft(context: ScenarioContext) -> tuple[list[DatedFlight], DatedFlight]:
    """Flights on which the bag is booked, and the one that took it, one of the latest that landed."""
    departures = [flight for flight in context.landed(context.ago(minutes=45), hub=HUB) if flight.origin == HUB][-FEW:]
    mistakes = filter(None, (_mistake(context, context.pick(departures)) for _ in range(100)))
    inbound, outbound, wrong = next(mistakes)
    context.bag.check_in(inbound)
    context.bag.load(inbound)
    context.bag.change(inbound, outbound, taken=wrong)
    context.bag.unload(wrong)
    return [inbound, outbound], wrong


def _mistake(context: ScenarioContext, wrong: DatedFlight) -> tuple[DatedFlight, DatedFlight, DatedFlight] | None:
    """A random connection whose bags may have been loaded on the other flight by mistake."""
    inbound = context.operations.feeder(wrong, context.rng)
    destination = context.operations.station(context.rng)
    outbound = context.operations.onward(inbound, destination) if inbound else None
    if inbound is None or outbound is None or destination in (inbound.origin, wrong.destination):
        return None
    return inbound, outbound, wrong
