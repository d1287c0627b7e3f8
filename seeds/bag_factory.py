"""Which bag plays which part, what reservations know of it, and what is sent of it.

A bag depends on nothing but the seed, the clock and its own number, so that any part of the cast can be made by itself.
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
from seeds import stories, type_b
from seeds.network import CARRIER, Network
from seeds.operations import Operations
from seeds.people import PRIORITY_TIER, People
from seeds.seeded_random import chance
from seeds.steps import BagSteps, Step
from seeds.stories import BagStory, Role, StoryCase, StoryStage
from seeds.type_b import Group, Telegram

# What an event makes of a delayed bag in its file.
STATES = {
    EventKind.LOCATED: PirBagState.LOCATED,
    EventKind.RUSH_TAGGED: PirBagState.LOCATED,
    EventKind.FORWARDED: PirBagState.FORWARDED,
    EventKind.OUT_FOR_DELIVERY: PirBagState.OUT_FOR_DELIVERY,
    EventKind.DELIVERED: PirBagState.DELIVERED,
}

# What no Type B message says: agents enter it.
ENTERED = frozenset(
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
# What departure control says, not a scanner.
ANNOUNCED = frozenset({EventKind.EXPECTED, EventKind.ACCEPTED})

# Ten kinds of trouble; in each ten exceptions five bags have an open file.
EXCEPTIONS: tuple[Role, ...] = (
    stories.misconnected,
    stories.out_for_delivery,
    stories.left_behind,
    stories.located,
    stories.lost,
    stories.damaged,
    stories.repaired,
    stories.misrouted,
    stories.forwarded,
    stories.rush_tagged,
)
# The first two are those that the guide to the demo tells of.
FIRST_EXCEPTIONS: tuple[Role, ...] = (
    stories.misconnected_at_first,
    stories.out_for_delivery_at_first,
    *EXCEPTIONS[2:],
)

# One bag in each of the other states, and two gaps of Resolution 753; what comes after them is ordinary.
OPENING: tuple[Role, ...] = (
    stories.delivered,
    stories.in_flight,
    stories.expected,
    stories.before_departure(EventKind.ACCEPTED),
    stories.before_departure(EventKind.SCREENED),
    stories.before_departure(EventKind.SORTED),
    stories.before_departure(EventKind.LOADED),
    stories.changing(EventKind.ARRIVED),
    stories.changing(EventKind.TRANSFER_IN),
    stories.at_claim,
    stories.deleted,
    stories.not_seen,
    stories.offloaded,
    stories.on_hand,
    stories.with_gap(EventKind.LOADED),
    stories.with_gap(EventKind.TRANSFER_IN),
)

# The guide's bags come first: delivered, misconnected, in flight, rush.
GUIDE = 4

MOST_BAGS = 1_000_000  # of one airline and leading digit
MOST_EXCEPTIONS = 80_000  # numbers of files from FIRST_FILE to 99999, with room

FIRST_SERIAL = 456_781
FIRST_RUSH_SERIAL = 456
FIRST_FILE = 12_345

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
class Looks:
    """What check-in noted of a bag beside its messages.

    Args:
        seen_at: a moment at which the tag was the bag's.
        description: colour, type and elements, see ``_description``.
    """

    tag: str
    seen_at: datetime
    description: str


@dataclass(frozen=True, slots=True)
class ReportedBag:
    """The bag of a file, before it is known which one carries the tag."""

    pir_id: int
    tag: str
    description: str
    brand: str
    contents: str
    state: str


@dataclass(slots=True)
class Rows:
    """What is written and sent of some bags.

    Args:
        messages: those about each party.
        scans: those that are entered by agents.
    """

    bookings: list[NewBooking] = field(default_factory=list)
    passengers: list[NewPassenger] = field(default_factory=list)
    messages: list[Sequence[Telegram]] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)
    looks: list[Looks] = field(default_factory=list)
    pirs: list[NewPir] = field(default_factory=list)
    pir_bags: list[ReportedBag] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Luggage:
    """A bag with its story and its passenger.

    Args:
        exception: see ``Part``.
        steps: in order of time.
        numbers: chance of its looks.
    """

    id: int
    exception: int
    story: BagStory
    steps: Sequence[Step]
    passenger: NewPassenger
    locator: str
    kilos: int
    description: str
    numbers: Random = field(repr=False)

    @property
    def tag(self) -> str:
        """The first one."""
        return tag(self.id)

    @property
    def file(self) -> str | None:
        """Reference of the file about it."""
        case = self.story.case
        return reference(case.station, self.exception) if case else None


@dataclass(frozen=True, slots=True)
class Part:
    """What a bag plays: its story, and which exception it is, from 1; 0 for none."""

    role: Role
    exception: int = 0


@dataclass(frozen=True, slots=True)
class GuideBag:
    """A bag that the guide to the demo tells of."""

    tag: str
    printed_tag: str
    story: str
    pir: str | None
    rush_tag: str | None


class Cast:
    """All bags of a seeding.

    Args:
        network: where they can go.
        operations: the flights they can take, up to now.
        seed: another seed, other bags.
        bags: how many there are; they are numbered from 1.
        exceptions: how many of them get into trouble.
    """

    def __init__(self, network: Network, operations: Operations, seed: int, bags: int, exceptions: int) -> None:
        self.bags = bags
        self.exceptions = exceptions
        self._operations = operations
        self._seed = seed
        self._people = People(seed)
        self._zones = {airport.iata: ZoneInfo(airport.time_zone) for airport in network.airports}
        self._security = {airport.iata for airport in network.airports if airport.country_code == "US"}
        self._opening = _opening(bags - exceptions, exceptions)

    def rows(self, ids: Iterable[int]) -> Rows:
        """What is written and sent of these bags; those who travel together should be asked for together."""
        rows = Rows()
        for _, party in groupby(map(self._luggage, ids), lambda bag: bag.passenger.booking_id):
            bags = list(party)
            rows.messages.append([*_announced(bags), *(telegram for bag in bags for telegram in _told(bag))])
            for bag in bags:
                self._add(rows, bag)
        return rows

    def guide(self) -> list[GuideBag]:
        """The bags that the guide to the demo tells of."""
        return [self._guide_bag(bag_id) for bag_id in range(1, min(GUIDE, self.bags) + 1)]

    def _guide_bag(self, bag_id: int) -> GuideBag:
        story, _ = self._tell(bag_id)
        exception = self._part(bag_id).exception
        return GuideBag(
            tag=tag(bag_id),
            printed_tag=f"{CARRIER}{tag(bag_id)[4:]}",
            story=story.text,
            pir=reference(story.case.station, exception) if story.case else None,
            rush_tag=rush_tag(exception) if story.rush_tagged_at else None,
        )

    def _part(self, bag_id: int) -> Part:
        if bag_id <= len(self._opening):
            return self._opening[bag_id - 1]
        exception = bag_id - len(self._opening) + len(FIRST_EXCEPTIONS)
        if exception <= self.exceptions:
            return Part(EXCEPTIONS[(exception - 1) % len(EXCEPTIONS)], exception)
        return Part(stories.ordinary)

    def _tell(self, bag_id: int) -> tuple[BagStory, BagSteps]:
        part = self._part(bag_id)
        numbers = chance(self._seed, "bag", bag_id)
        party = chance(self._seed, "party", self._booking_of(bag_id))
        trail = BagSteps(tag(bag_id), numbers, party, self._security)
        stage = StoryStage(self._operations, trail, rush_tag(part.exception), numbers, party)
        return part.role(stage), trail

    def _passenger_of(self, bag_id: int) -> int:
        """Every fourth ordinary bag, and the misconnected one of the guide, is its passenger's second."""
        role = self._part(bag_id).role
        second = bag_id % 4 == 0 and role is self._part(bag_id - 1).role is stories.ordinary
        second_of_guide = role is stories.misconnected_at_first and self._part(bag_id - 1).role is stories.delivered
        return bag_id - 1 if second or second_of_guide else bag_id

    def _booking_of(self, bag_id: int) -> int:
        """Every eighth pair of ordinary bags belongs to two who travel together."""
        together = bag_id % 8 == 6 and self._part(bag_id).role is self._part(bag_id - 1).role is stories.ordinary
        return bag_id - 1 if together else self._passenger_of(bag_id)

    def _luggage(self, bag_id: int) -> Luggage:
        story, trail = self._tell(bag_id)
        booking_id = self._booking_of(bag_id)
        numbers = chance(self._seed, "looks", bag_id)
        return Luggage(
            id=bag_id,
            exception=self._part(bag_id).exception,
            story=story,
            steps=sorted(trail.steps, key=lambda step: step.at),
            passenger=self._people.passenger(self._passenger_of(bag_id), booking_id),
            locator=self._people.locator(booking_id),
            kilos=numbers.randint(8, 32),
            description=_description(numbers),
            numbers=numbers,
        )

    def _add(self, rows: Rows, bag: Luggage) -> None:
        seen_at = bag.steps[0].at
        if bag.passenger.booking_id == bag.id:
            booked_at = seen_at - timedelta(days=bag.numbers.randint(2, 120), minutes=bag.numbers.randrange(1440))
            rows.bookings.append(NewBooking(bag.id, bag.locator, booked_at))
        if bag.passenger.id == bag.id:
            rows.passengers.append(bag.passenger)
        rows.scans += [_entered(step) for step in bag.steps if step.kind in ENTERED]
        rows.looks.append(Looks(bag.tag, seen_at, bag.description))
        if bag.story.case is not None:
            self._add_case(rows, bag, bag.story.case)

    def _add_case(self, rows: Rows, bag: Luggage, case: StoryCase) -> None:
        status = PirStatus.CLOSED if case.closed_at else PirStatus.OPEN
        expected = bag.story.legs[-1].lands
        delivered = next((step.at for step in bag.steps if step.kind == EventKind.DELIVERED), None)
        counted = deadlines.LiabilityCase(case.kind, expected, delivered)
        rows.pirs.append(
            NewPir(
                id=bag.exception,
                reference=reference(case.station, bag.exception),
                kind=case.kind,
                status=status,
                station=case.station,
                passenger_id=bag.passenger.id,
                opened_at=case.opened_at,
                closed_at=case.closed_at,
                remarks=case.remarks,
                origin=bag.story.legs[0].origin,
                destination=case.station,
                expected_arrival_at=expected,
                delivered_at=delivered,
                due_at=deadlines.due_at(counted, status, self._zones[case.station]),
            )
        )
        brand, contents = bag.numbers.choice(BRANDS), bag.numbers.choice(CONTENTS)
        state = _state(case.kind, bag.steps)
        rows.pir_bags.append(ReportedBag(bag.exception, bag.tag, bag.description, brand, contents, state))


def _announced(bags: Sequence[Luggage]) -> Iterator[Telegram]:
    """What departure control says of the bags of a party: together of those that it checked in together."""
    for _, together in groupby(bags, lambda bag: (bag.steps[0].kind, bag.steps[0].at)):
        of_one = [list(owned) for _, owned in groupby(together, lambda bag: bag.passenger.id)]
        first = of_one[0][0]
        yield from type_b.announced(first.steps[0], first.story.legs, [_group(owned) for owned in of_one])


def _told(bag: Luggage) -> Iterator[Telegram]:
    """What is said of a bag by itself."""
    for step in bag.steps:
        if step.kind in ANNOUNCED or step.kind in ENTERED:
            continue
        if step.kind == EventKind.RUSH_TAGGED:
            under_it = replace(_group([bag]), tags=[step.tag])
            yield type_b.rush_tagged(step, bag.story.rush_legs, under_it, bag.tag, bag.file)
            continue
        if step.kind == EventKind.OFFLOADED:
            yield type_b.ordered_off(step, _group([bag]))
        if step.kind == EventKind.NOT_SEEN and step.inbound is not None:
            yield type_b.withdrawn(step, _group([bag]))
        yield type_b.processed(step)
    if bag.story.deleted_at:
        yield from type_b.deleted(bag.story.deleted_at, bag.story.legs, _group([bag]))


def _group(bags: Sequence[Luggage]) -> Group:
    """The bags of one passenger."""
    passenger = bags[0].passenger
    return Group(
        tags=[bag.tag for bag in bags],
        kilos=sum(bag.kilos for bag in bags),
        surname=passenger.surname,
        given_names=passenger.given_names,
        locator=bags[0].locator,
        seat=f"{5 + passenger.id % 28:02d}{'ABCDEF'[passenger.id % 6]}",
        priority=passenger.alliance_tier == PRIORITY_TIER,
    )


def _entered(step: Step) -> Scan:
    """What an agent enters; a courier is given the bag by the airline."""
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
    """Where the bag stands in the file's work, by what happened to it last."""
    reached = [STATES[step.kind] for step in steps if step.kind in STATES]
    return reached[-1] if reached and kind == PirKind.DELAYED else pir_lifecycle.initial_state(kind)


def _opening(others: int, exceptions: int) -> list[Part]:
    """The first parts: the guide's, the first exceptions, and one bag in each of the other states."""
    ordinary = [Part(role) for role in OPENING[:others]]
    trouble = [Part(role, number) for number, role in enumerate(FIRST_EXCEPTIONS[:exceptions], start=1)]
    return [*ordinary[:1], *trouble[:1], *ordinary[1:2], *trouble[1:], *ordinary[2:]]


def tag(bag_id: int) -> str:
    """The licence plate of a bag: serials count up from the guide's."""
    return f"0230{(FIRST_SERIAL + bag_id - 1) % 1_000_000:06d}"


def rush_tag(exception: int) -> str:
    """The number of an exception's rush tag."""
    return f"2230{(FIRST_RUSH_SERIAL + exception - 1) % 1_000_000:06d}"


def reference(station: str, exception: int) -> str:
    """The reference of an exception's file."""
    return f"{station}{CARRIER}{(FIRST_FILE + exception - 1) % 100_000:05d}"


def _description(numbers: Random) -> str:
    """Colour, type and three elements as CCTTDDD (IATA Resolution 743b)."""
    return "".join(
        numbers.choices(tuple(choices), tuple(choices.values()))[0] for choices in (COLOURS, TYPES, ELEMENTS)
    )
