"""Which bag plays which part, and the rows that are written of it.

A bag depends on nothing but the seed, the clock and its own number, so that any part of the cast can be made by itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from zoneinfo import ZoneInfo

from integrations.records.bags import TagRole
from integrations.records.events import EventKind, Scan
from integrations.records.pirs import PirBagState, PirKind, PirStatus
from integrations.stores.bags import NewBag, NewTag
from integrations.stores.bookings import NewBooking
from integrations.stores.flights import NewLeg
from integrations.stores.passengers import NewPassenger
from integrations.stores.pirs import NewPir, NewPirBag
from resolvers import deadlines, pir_states
from resolvers.scans import UNKNOWN_TAG_WINDOW
from seeds import stories
from seeds.chance import chance
from seeds.network import CARRIER, Network
from seeds.operations import Operations
from seeds.people import PRIORITY_TIER, People
from seeds.stories import Role, Stage, Story
from seeds.trail import Trail

# What an event makes of a delayed bag in its file.
STATES = {
    EventKind.LOCATED: PirBagState.LOCATED,
    EventKind.RUSH_TAGGED: PirBagState.LOCATED,
    EventKind.FORWARDED: PirBagState.FORWARDED,
    EventKind.OUT_FOR_DELIVERY: PirBagState.OUT_FOR_DELIVERY,
    EventKind.DELIVERED: PirBagState.DELIVERED,
}

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


@dataclass(slots=True)
class Rows:
    """What is written of some bags."""

    bookings: list[NewBooking] = field(default_factory=list)
    passengers: list[NewPassenger] = field(default_factory=list)
    bags: list[NewBag] = field(default_factory=list)
    tags: list[NewTag] = field(default_factory=list)
    legs: list[NewLeg] = field(default_factory=list)
    pirs: list[NewPir] = field(default_factory=list)
    pir_bags: list[NewPirBag] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)


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
        bags: how many there are; their ids count from 1.
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
        """What is written of these bags; companions' rows come with the bag that comes first."""
        rows = Rows()
        for bag_id in ids:
            self._add(rows, bag_id)
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

    def _tell(self, bag_id: int) -> tuple[Story, Trail]:
        part = self._part(bag_id)
        numbers = chance(self._seed, "bag", bag_id)
        party = chance(self._seed, "party", self._booking_of(bag_id))
        trail = Trail(tag(bag_id), numbers, party, self._security)
        stage = Stage(self._operations, trail, rush_tag(part.exception), numbers, party)
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

    def _add(self, rows: Rows, bag_id: int) -> None:
        story, trail = self._tell(bag_id)
        scans = sorted(trail.scans, key=lambda scan: scan.at)
        created_at = scans[0].at
        passenger_id, booking_id = self._passenger_of(bag_id), self._booking_of(bag_id)
        numbers = chance(self._seed, "looks", bag_id)
        passenger = self._people.passenger(passenger_id, booking_id)
        if booking_id == bag_id:
            booked_at = created_at - timedelta(days=numbers.randint(2, 120), minutes=numbers.randrange(1440))
            rows.bookings.append(NewBooking(bag_id, self._people.locator(bag_id), booked_at))
        if passenger_id == bag_id:
            rows.passengers.append(passenger)
        bag = NewBag(
            id=bag_id,
            passenger_id=passenger_id,
            tag=tag(bag_id),
            weight_kg=numbers.randint(80, 320) / 10,
            description=_description(numbers),
            priority=passenger.alliance_tier == PRIORITY_TIER,
            created_at=created_at,
        )
        rows.bags.append(bag)
        rows.scans += scans
        self._add_tags(rows, bag, story)
        rows.legs += [
            NewLeg(bag_id, seq, flight.id) for seq, flight in enumerate((*story.legs, *story.rush_legs), start=1)
        ]
        self._add_case(rows, bag, story, scans, numbers)

    def _add_tags(self, rows: Rows, bag: NewBag, story: Story) -> None:
        rows.tags.append(
            NewTag(
                bag_id=bag.id,
                number=bag.tag,
                role=TagRole.ORIGINAL,
                valid_from=bag.created_at - timedelta(days=1),
                valid_until=bag.created_at + UNKNOWN_TAG_WINDOW,
            )
        )
        if story.rush_tagged_at:
            rows.tags.append(
                NewTag(
                    bag_id=bag.id,
                    number=rush_tag(self._part(bag.id).exception),
                    role=TagRole.RUSH,
                    valid_from=story.rush_tagged_at,
                    valid_until=story.rush_tagged_at + UNKNOWN_TAG_WINDOW,
                )
            )

    def _add_case(self, rows: Rows, bag: NewBag, story: Story, scans: Sequence[Scan], numbers: Random) -> None:
        case, exception = story.case, self._part(bag.id).exception
        if case is None:
            return
        status = PirStatus.CLOSED if case.closed_at else PirStatus.OPEN
        state = _state(case.kind, scans)
        expected = story.legs[-1].lands
        delivered = next((scan.at for scan in scans if scan.kind == EventKind.DELIVERED), None)
        counted = deadlines.Case(case.kind, expected, delivered)
        rows.pirs.append(
            NewPir(
                id=exception,
                reference=reference(case.station, exception),
                kind=case.kind,
                status=status,
                station=case.station,
                passenger_id=bag.passenger_id,
                opened_at=case.opened_at,
                closed_at=case.closed_at,
                remarks=case.remarks,
                origin=story.legs[0].origin,
                destination=case.station,
                expected_arrival_at=expected,
                delivered_at=delivered,
                due_at=deadlines.due_at(counted, status, self._zones[case.station]),
            )
        )
        described = (bag.description, numbers.choice(BRANDS), numbers.choice(CONTENTS))
        rows.pir_bags.append(NewPirBag(exception, 1, bag.id, *described, state, bag.tag))


def _state(kind: PirKind, scans: Sequence[Scan]) -> PirBagState:
    """Where the bag stands in the file's work, by what happened to it last."""
    reached = [STATES[scan.kind] for scan in scans if scan.kind in STATES]
    return reached[-1] if reached and kind == PirKind.DELAYED else pir_states.first(kind)


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
