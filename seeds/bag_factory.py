"""Bags of a seeding: the scenario of each, its reservation, and the messages about it.

A bag depends only on the seed, the clock and its own number, so any range of bags can be created alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from random import Random
from zoneinfo import ZoneInfo

from integrations.records.events import EventKind, Scan, ScanMethod
from integrations.records.pirs import PirBagState, PirKind, PirStatus
from integrations.stores.postgres.bookings import NewBooking
from integrations.stores.postgres.passengers import NewPassenger
from integrations.stores.postgres.pirs import NewPir
from resolvers.rules import deadlines, pir_lifecycle
from seeds import scenario, type_b
from seeds.network import CARRIER, Network
from seeds.operations import Operations
from seeds.people import PRIORITY_TIER, People
from seeds.scenario import BagScenario, ScenarioContext, ScenarioFunction, ScenarioPir
from seeds.seeded_random import random_for
from seeds.steps import BagSteps, Step
from seeds.type_b import PassengerGroup, SeedMessage

# State of a delayed bag in its PIR after an event.
PIR_BAG_STATES = {
    EventKind.LOCATED: PirBagState.LOCATED,
    EventKind.RUSH_TAGGED: PirBagState.LOCATED,
    EventKind.FORWARDED: PirBagState.FORWARDED,
    EventKind.OUT_FOR_DELIVERY: PirBagState.OUT_FOR_DELIVERY,
    EventKind.DELIVERED: PirBagState.DELIVERED,
}

# Events without a Type B message: agents enter them.
AGENT_EVENTS = frozenset(
    {
        EventKind.DELAYED,
        EventKind.LOCATED,
        EventKind.FORWARDED,
        EventKind.OUT_FOR_DELIVERY,
        EventKind.DAMAGED,
        EventKind.LOST,
        EventKind.CLOSED,
    }
)
# Events that departure control reports, not a scanner.
DEPARTURE_CONTROL_EVENTS = frozenset({EventKind.EXPECTED, EventKind.ACCEPTED})

# Ten kinds of exception; of each ten exceptions, five bags have an open PIR.
EXCEPTIONS: tuple[ScenarioFunction, ...] = (
    scenario.misconnected,
    scenario.out_for_delivery,
    scenario.left_behind,
    scenario.located,
    scenario.lost,
    scenario.damaged,
    scenario.repaired,
    scenario.misrouted,
    scenario.forwarded,
    scenario.rush_tagged,
)
# The first two are those of the demo's guide.
FIRST_EXCEPTIONS: tuple[ScenarioFunction, ...] = (
    scenario.misconnected_at_first,
    scenario.out_for_delivery_at_first,
    *EXCEPTIONS[2:],
)

# One bag in each of the other states, and two gaps of Resolution 753; later bags are ordinary.
FIRST_SCENARIOS: tuple[ScenarioFunction, ...] = (
    scenario.delivered,
    scenario.in_flight,
    scenario.expected,
    scenario.before_departure(EventKind.ACCEPTED),
    scenario.before_departure(EventKind.SCREENED),
    scenario.before_departure(EventKind.SORTED),
    scenario.before_departure(EventKind.LOADED),
    scenario.changing(EventKind.ARRIVED),
    scenario.changing(EventKind.TRANSFER_IN),
    scenario.at_claim,
    scenario.deleted,
    scenario.not_seen,
    scenario.offloaded,
    scenario.on_hand,
    scenario.with_gap(EventKind.LOADED),
    scenario.with_gap(EventKind.TRANSFER_IN),
)

# The guide's bags come first: delivered, misconnected, in flight, rush.
GUIDE = 4

MOST_BAGS = 1_000_000  # of one airline and leading digit
MOST_EXCEPTIONS = 80_000  # PIR numbers from FIRST_PIR to 99999, with room

FIRST_SERIAL = 456_781
FIRST_RUSH_SERIAL = 456
FIRST_PIR = 12_345

COLOURS = {"BK": 40, "BU": 16, "GY": 14, "RD": 9, "GN": 6, "PU": 4, "BN": 4, "MC": 3, "PR": 2, "BE": 1, "YW": 1}
TYPES = {"22": 55, "02": 14, "25": 10, "29": 8, "01": 5, "05": 4, "27": 4}
ELEMENTS = {"RHW": 30, "THW": 25, "HWC": 15, "RWC": 10, "TSX": 8, "THX": 6, "TPZ": 4, "LXX": 2}
BRANDS = ("UNBRANDED", "DEPARTMENT STORE OWN BRAND", "SUPERMARKET OWN BRAND", "LABEL WORN OFF", "NOT KNOWN")
CONTENTS = (
    "CLOTHES, SHOES, TOILET BAG, CHARGER",
    "CLOTHES, CHILDRENS TOYS, MEDICINE BOX",
    "BUSINESS CLOTHES, SHOES, PAPERS, UMBRELLA",
    "SWIMWEAR, TOWELS, SNORKEL, SANDALS",
    "COFFEE PACKETS, CRAFTS, GIFTS, CLOTHES",
    "WINTER COAT, BOOTS, BOOKS, HAIR DRYER",
)


@dataclass(frozen=True, slots=True)
class TagDescription:
    """Description of a bag that check-in recorded beside its messages.

    Args:
        seen_at: a time at which the tag was the bag's.
        description: colour, type and elements, see ``_description``.
    """

    tag: str
    seen_at: datetime
    description: str


@dataclass(frozen=True, slots=True)
class SeededPirBag:
    """Bag of a PIR, before it is known which bag carries the tag."""

    pir_id: int
    tag: str
    description: str
    brand: str
    contents: str
    state: str


@dataclass(slots=True)
class SeedRows:
    """Rows and messages of some bags.

    Args:
        messages: messages about each party.
        scans: events that agents enter.
    """

    bookings: list[NewBooking] = field(default_factory=list)
    passengers: list[NewPassenger] = field(default_factory=list)
    messages: list[Sequence[SeedMessage]] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)
    descriptions: list[TagDescription] = field(default_factory=list)
    pirs: list[NewPir] = field(default_factory=list)
    pir_bags: list[SeededPirBag] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SeededBag:
    """A bag with its scenario and its passenger.

    Args:
        exception: number of the exception, from 1; 0 for none.
        steps: steps in order of time.
        rng: random numbers of its description.
    """

    id: int
    exception: int
    scenario: BagScenario
    steps: Sequence[Step]
    passenger: NewPassenger
    locator: str
    kilos: int
    description: str
    rng: Random = field(repr=False)

    @property
    def tag(self) -> str:
        """First tag of the bag."""
        return tag(self.id)

    @property
    def pir_reference(self) -> str | None:
        """Reference of the PIR about the bag."""
        pir = self.scenario.pir
        return reference(pir.station, self.exception) if pir else None


@dataclass(frozen=True, slots=True)
class Assignment:
    """Scenario of a bag, and the number of its exception, from 1; 0 for none."""

    scenario: ScenarioFunction
    exception: int = 0


@dataclass(frozen=True, slots=True)
class GuideBag:
    """A bag that the demo's guide describes."""

    tag: str
    printed_tag: str
    scenario: str
    pir: str | None
    rush_tag: str | None


class BagFactory:
    """Creates the bags of a seeding.

    Args:
        network: airports and routes.
        operations: flights around now.
        seed: seed of the random numbers.
        bags: number of bags; their ids count from 1.
        exceptions: number of bags among them with an exception.
    """

    def __init__(self, network: Network, operations: Operations, seed: int, bags: int, exceptions: int) -> None:
        self.bags = bags
        self.exceptions = exceptions
        self._operations = operations
        self._seed = seed
        self._people = People(seed)
        self._zones = {airport.iata: ZoneInfo(airport.time_zone) for airport in network.airports}
        self._security = {airport.iata for airport in network.airports if airport.country_code == "US"}
        self._opening = _first_assignments(bags - exceptions, exceptions)

    def rows(self, ids: Iterable[int]) -> SeedRows:
        """Rows and messages of these bags. Bags of one party must be requested together."""
        rows = SeedRows()
        for _, party in groupby(map(self._bag, ids), lambda bag: bag.passenger.booking_id):
            bags = list(party)
            rows.messages.append([*_party_messages(bags), *(message for bag in bags for message in _bag_messages(bag))])
            for bag in bags:
                self._add(rows, bag)
        return rows

    def guide(self) -> list[GuideBag]:
        """Bags that the demo's guide describes."""
        return [self._guide_bag(bag_id) for bag_id in range(1, min(GUIDE, self.bags) + 1)]

    def _guide_bag(self, bag_id: int) -> GuideBag:
        result, _ = self._build(bag_id)
        exception = self._assignment(bag_id).exception
        return GuideBag(
            tag=tag(bag_id),
            printed_tag=f"{CARRIER}{tag(bag_id)[4:]}",
            scenario=result.text,
            pir=reference(result.pir.station, exception) if result.pir else None,
            rush_tag=rush_tag(exception) if result.rush_tagged_at else None,
        )

    def _assignment(self, bag_id: int) -> Assignment:
        if bag_id <= len(self._opening):
            return self._opening[bag_id - 1]
        exception = bag_id - len(self._opening) + len(FIRST_EXCEPTIONS)
        if exception <= self.exceptions:
            return Assignment(EXCEPTIONS[(exception - 1) % len(EXCEPTIONS)], exception)
        return Assignment(scenario.ordinary)

    def _build(self, bag_id: int) -> tuple[BagScenario, BagSteps]:
        assignment = self._assignment(bag_id)
        rng = random_for(self._seed, "bag", bag_id)
        party_rng = random_for(self._seed, "party", self._booking_of(bag_id))
        steps = BagSteps(tag(bag_id), rng, party_rng, self._security)
        context = ScenarioContext(self._operations, steps, rush_tag(assignment.exception), rng, party_rng)
        return assignment.scenario(context), steps

    def _passenger_of(self, bag_id: int) -> int:
        """Passenger of a bag. Every fourth ordinary bag, and the misconnected one of the guide, is a second bag."""
        assigned, before = self._assignment(bag_id).scenario, self._assignment(bag_id - 1).scenario
        second = bag_id % 4 == 0 and assigned is before is scenario.ordinary
        second_of_guide = assigned is scenario.misconnected_at_first and before is scenario.delivered
        return bag_id - 1 if second or second_of_guide else bag_id

    def _booking_of(self, bag_id: int) -> int:
        """Booking of a bag. Every eighth pair of ordinary bags belongs to two passengers who travel together."""
        assigned, before = self._assignment(bag_id).scenario, self._assignment(bag_id - 1).scenario
        together = bag_id % 8 == 6 and assigned is before is scenario.ordinary
        return bag_id - 1 if together else self._passenger_of(bag_id)

    def _bag(self, bag_id: int) -> SeededBag:
        result, steps = self._build(bag_id)
        booking_id = self._booking_of(bag_id)
        rng = random_for(self._seed, "looks", bag_id)
        return SeededBag(
            id=bag_id,
            exception=self._assignment(bag_id).exception,
            scenario=result,
            steps=sorted(steps.steps, key=lambda step: step.at),
            passenger=self._people.passenger(self._passenger_of(bag_id), booking_id),
            locator=self._people.locator(booking_id),
            kilos=rng.randint(8, 32),
            description=_description(rng),
            rng=rng,
        )

    def _add(self, rows: SeedRows, bag: SeededBag) -> None:
        seen_at = bag.steps[0].at
        if bag.passenger.booking_id == bag.id:
            booked_at = seen_at - timedelta(days=bag.rng.randint(2, 120), minutes=bag.rng.randrange(1440))
            rows.bookings.append(NewBooking(bag.id, bag.locator, booked_at))
        if bag.passenger.id == bag.id:
            rows.passengers.append(bag.passenger)
        rows.scans += [_agent_event(step) for step in bag.steps if step.kind in AGENT_EVENTS]
        rows.descriptions.append(TagDescription(bag.tag, seen_at, bag.description))
        if bag.scenario.pir is not None:
            self._add_pir(rows, bag, bag.scenario.pir)

    def _add_pir(self, rows: SeedRows, bag: SeededBag, pir: ScenarioPir) -> None:
        status = PirStatus.CLOSED if pir.closed_at else PirStatus.OPEN
        expected = bag.scenario.legs[-1].arrives_at
        delivered = next((step.at for step in bag.steps if step.kind == EventKind.DELIVERED), None)
        counted = deadlines.LiabilityCase(pir.kind, expected, delivered)
        rows.pirs.append(
            NewPir(
                id=bag.exception,
                reference=reference(pir.station, bag.exception),
                kind=pir.kind,
                status=status,
                station=pir.station,
                passenger_id=bag.passenger.id,
                opened_at=pir.opened_at,
                closed_at=pir.closed_at,
                remarks=pir.remarks,
                origin=bag.scenario.legs[0].origin,
                destination=pir.station,
                expected_arrival_at=expected,
                delivered_at=delivered,
                due_at=deadlines.due_at(counted, status, self._zones[pir.station]),
            )
        )
        brand, contents = bag.rng.choice(BRANDS), bag.rng.choice(CONTENTS)
        state = _state(pir.kind, bag.steps)
        rows.pir_bags.append(SeededPirBag(bag.exception, bag.tag, bag.description, brand, contents, state))


def _party_messages(bags: Sequence[SeededBag]) -> Iterator[SeedMessage]:
    """BSMs of a party: one message for those that were checked in together."""
    for _, together in groupby(bags, lambda bag: (bag.steps[0].kind, bag.steps[0].at)):
        of_one = [list(owned) for _, owned in groupby(together, lambda bag: bag.passenger.id)]
        first = of_one[0][0]
        yield from type_b.new_bsms(first.steps[0], first.scenario.legs, [_group(owned) for owned in of_one])


def _bag_messages(bag: SeededBag) -> Iterator[SeedMessage]:
    """Messages about one bag."""
    for step in bag.steps:
        if step.kind in DEPARTURE_CONTROL_EVENTS or step.kind in AGENT_EVENTS:
            continue
        if step.kind == EventKind.RUSH_TAGGED:
            rush_group = replace(_group([bag]), tags=[step.tag])
            yield type_b.rush_bsm(step, bag.scenario.rush_legs, rush_group, bag.tag, bag.pir_reference)
            continue
        if step.kind == EventKind.OFFLOADED:
            yield type_b.bum(step, _group([bag]))
        if step.kind == EventKind.NOT_SEEN and step.inbound is not None:
            yield type_b.withdrawal_bsm(step, _group([bag]))
        yield type_b.bpm(step)
    if bag.scenario.deleted_at:
        yield from type_b.deletion_bsms(bag.scenario.deleted_at, bag.scenario.legs, _group([bag]))


def _group(bags: Sequence[SeededBag]) -> PassengerGroup:
    """Passenger group of one passenger's bags."""
    passenger = bags[0].passenger
    return PassengerGroup(
        tags=[bag.tag for bag in bags],
        kilos=sum(bag.kilos for bag in bags),
        surname=passenger.surname,
        given_names=passenger.given_names,
        locator=bags[0].locator,
        seat=f"{5 + passenger.id % 28:02d}{'ABCDEF'[passenger.id % 6]}",
        priority=passenger.alliance_tier == PRIORITY_TIER,
    )


def _agent_event(step: Step) -> Scan:
    """Event that an agent enters. The airline releases a bag to a courier."""
    released_by, custodian = (CARRIER, "COURIER") if step.kind == EventKind.OUT_FOR_DELIVERY else (None, None)
    return Scan(
        tag=step.tag,
        kind=step.kind,
        at=step.at,
        airport=step.airport,
        place=step.place,
        released_by=released_by,
        custodian=custodian,
        method=ScanMethod.MANUAL,
    )


def _state(kind: PirKind, steps: Sequence[Step]) -> PirBagState:
    """State of the bag in its PIR, by its last relevant event."""
    reached = [PIR_BAG_STATES[step.kind] for step in steps if step.kind in PIR_BAG_STATES]
    return reached[-1] if reached and kind == PirKind.DELAYED else pir_lifecycle.initial_state(kind)


def _first_assignments(others: int, exceptions: int) -> list[Assignment]:
    """First scenarios: the guide's, the first exceptions, and one bag in each of the other states."""
    ordinary = [Assignment(assigned) for assigned in FIRST_SCENARIOS[:others]]
    trouble = [Assignment(assigned, number) for number, assigned in enumerate(FIRST_EXCEPTIONS[:exceptions], start=1)]
    return [*ordinary[:1], *trouble[:1], *ordinary[1:2], *trouble[1:], *ordinary[2:]]


def tag(bag_id: int) -> str:
    """Tag of a bag. Serials count up from the guide's."""
    return f"0230{(FIRST_SERIAL + bag_id - 1) % 1_000_000:06d}"


def rush_tag(exception: int) -> str:
    """Rush tag of an exception."""
    return f"2230{(FIRST_RUSH_SERIAL + exception - 1) % 1_000_000:06d}"


def reference(station: str, exception: int) -> str:
    """Reference of an exception's PIR."""
    return f"{station}{CARRIER}{(FIRST_PIR + exception - 1) % 100_000:05d}"


def _description(rng: Random) -> str:
    """Colour, type and three elements as CCTTDDD (IATA Resolution 743b)."""
    return "".join(rng.choices(tuple(choices), tuple(choices.values()))[0] for choices in (COLOURS, TYPES, ELEMENTS))
