"""What happens to the bags of a party on the day, told in messages: one function for each story."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

from benchmarks.bank.schedule import Day
from benchmarks.bank.type_b_messages import BankMessage, MessageItinerary, Party, Place, Telegrams, Traveller
from seeds.network import HUB
from seeds.operations import DatedFlight

MINUTE = timedelta(minutes=1)
BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
EASY_CONNECTION = timedelta(minutes=75)
# Flights to this country are screened again at the hub.
SCREENED_AGAIN = "US"
UNREADABLE = "0000000000"

# Of a thousand parties.
LOST_SCAN = 80
CUT_SHORT = 120


@dataclass(slots=True)
class Trip:
    """The messages about one party so far; each step comes after the one before.

    Args:
        rush_tag: gives the number of a rush tag, always another.
        numbers: chance of this party.
        speaks_late: the hub may hear of the bags only when their flight to it has left.
    """

    day: Day
    party: Party
    telegrams: Telegrams
    rush_tag: Callable[[], str]
    numbers: Random
    messages: list[BankMessage] = field(default_factory=list)
    clock: datetime = BEFORE_ALL
    speaks_late: bool = True

    def add(self, message: BankMessage) -> None:
        """What is said after the day was told is not there yet."""
        if message.at < self.day.told_at:
            self.messages.append(message)

    def about(self, minutes: float) -> timedelta:
        """So many minutes, more or less."""
        return timedelta(seconds=round(minutes * 60 * self.numbers.uniform(0.7, 1.3)))

    def then(self, minutes: float) -> datetime:
        """Moves the clock on."""
        self.clock += self.about(minutes)
        return self.clock

    def one_in(self, count: int) -> bool:
        """Chance."""
        return self.numbers.randrange(count) == 0

    def word(self, minutes: float, place: Place, way: MessageItinerary, action: str = "", authority: str = "Y") -> None:
        """A BSM about all bags of the party, so many minutes later."""
        self.add(self.telegrams.source(self.then(minutes), place, way, self.party, action=action, authority=authority))

    def announce(self, *legs: DatedFlight) -> None:
        """From the passengers: BSM at the origin, and where they change flights one for there."""
        first = legs[0]
        ahead = timedelta(seconds=self.numbers.randint(80 * 60, 150 * 60))
        self.clock = (first.scheduled_departure - ahead).replace(second=0)
        here, way = Place("L", first.origin), MessageItinerary(outbound=first, onward=tuple(legs[1:]))
        for _ in range(2 if self.one_in(100) else 1):
            self.add(self.telegrams.source(self.clock, here, way, self.party))
            self.clock += MINUTE
        if self.one_in(25):
            # The seats changed.
            self.word(1, here, way, "CHG")
        if len(legs) > 1:
            there = MessageItinerary(inbound=first, outbound=legs[1])
            if self.speaks_late and self.one_in(6):
                left = first.departs_at + self.about(5)
                self.add(self.telegrams.source(left, Place("T", HUB), there, self.party))
            else:
                self.word(2, Place("T", HUB), there)

    def scan(
        self,
        minutes: float,
        place: Place,
        way: MessageItinerary,
        code: str,
        *,
        status: str = "",
        more: Sequence[str] = (),
        since: datetime | None = None,
    ) -> None:
        """Every bag is scanned, one after the other; some devices send the bags of one or of all passengers at once."""
        if since is not None:
            self.clock = max(self.clock, since)
        whole_minutes = code != "S" and self.one_in(20)
        for travellers in self._scanned_together():
            at = self.then(minutes)
            self.add(
                self.telegrams.processed(
                    at, place, way, travellers, code, status=status, more=more, whole_minutes=whole_minutes
                )
            )
            minutes = 0.3

    def _scanned_together(self) -> Iterator[Sequence[Traveller]]:
        chance = self.numbers.random()
        if chance < 0.05:
            yield self.party.travellers
        elif chance < 0.15:
            yield from ([traveller] for traveller in self.party.travellers)
        else:
            for traveller in self.party.travellers:
                for tag in traveller.tags:
                    yield [replace(traveller, tags=(tag,))]

    def check_in(self, *legs: DatedFlight) -> None:
        """Into the baggage system of the first station."""
        self.announce(*legs)
        way = MessageItinerary(outbound=legs[0])
        self.screen(7, Place("L", legs[0].origin, "SCREENING2"), way)
        self.scan(6, Place("L", legs[0].origin, "SORTER1"), way, "S")
        if self.one_in(200):
            self._unreadable(Place("L", legs[0].origin, "SORTER1"), way)
        if self.one_in(3):
            self.scan(8, Place("L", legs[0].origin, "MAKEUP4"), way, "H")

    def _unreadable(self, place: Place, way: MessageItinerary) -> None:
        """A scanner saw a bag and could not read its tag."""
        somebody = replace(self.party.travellers[0], tags=(UNREADABLE,))
        self.add(self.telegrams.processed(self.then(1), place, way, [somebody], "S")._replace(events=0))

    def screen(self, minutes: float, place: Place, way: MessageItinerary) -> None:
        """One in fifty is rejected first."""
        if self.one_in(50):
            self.scan(minutes, place, way, "H", more=[".X/SEL/REJ/D/XRAY"])
        self.scan(minutes, place, way, "H", more=[".X/SEL/CLR/D/XRAY"])

    def load(self, flight: DatedFlight, way: MessageItinerary, source: str, pace: float = 1.0) -> None:
        """Onto the aircraft, some time before it leaves."""
        place = Place(source, flight.origin, f"STAND{flight.gate or 12}")
        since = flight.departs_at - self.about(35 * pace)
        chance = self.numbers.random()
        status = "LOD" if chance < 0.04 else "NAL" if chance < 0.05 else ""
        stowed = [f".U/BLK{self.numbers.randint(1, 4)}/{self.numbers.randint(1, 4)}"] if 0.05 < chance < 0.1 else []
        self.scan(2 * pace, place, way, "R", status=status, more=stowed, since=since)

    def change(self, inbound: DatedFlight, outbound: DatedFlight, loaded: DatedFlight | None = None) -> None:
        """From one flight to the next; ``loaded`` is the one that they are loaded on where that is another."""
        pace = min(1.0, (outbound.departs_at - inbound.arrives_at) / EASY_CONNECTION)
        self.take_over(inbound, outbound, pace)
        way = MessageItinerary(inbound=inbound, outbound=outbound)
        if outbound.destination in self.screened_again:
            self.screen(5 * pace, Place("T", HUB, "SCREENING5"), way)
        self.scan(6 * pace, Place("T", HUB, "SORTER2"), way, "S")
        if self.one_in(3):
            self.scan(5 * pace, Place("T", HUB, "MAKEUP9"), way, "G")
        self.load(loaded or outbound, MessageItinerary(inbound=inbound, outbound=loaded or outbound), "T", pace)

    def take_over(self, inbound: DatedFlight, outbound: DatedFlight, pace: float = 1.0) -> None:
        """Off the inbound flight and into the transfer system."""
        way = MessageItinerary(inbound=inbound, outbound=outbound)
        stand = Place("T", HUB, f"STAND{inbound.number % 20 + 1}")
        self.scan(10 * pace, stand, way, "R", status="NOF", since=inbound.arrives_at)
        self.scan(7 * pace, Place("T", HUB, "TRANSFERBELT3"), way, "S")

    @property
    def screened_again(self) -> set[str]:
        """Destinations whose bags are screened once more at the hub."""
        return {airport.iata for airport in self.day.network.airports if airport.country_code == SCREENED_AGAIN}

    def claim(self, flight: DatedFlight, stages: int = 3) -> None:
        """From the aircraft to the passengers; not every station scans all of its ``stages``."""
        way, airport = MessageItinerary(inbound=flight), flight.destination
        if stages > 0:
            stand = Place("X", airport, f"STAND{flight.number % 20 + 1}")
            self.scan(12, stand, way, "R", status="NOF", since=flight.arrives_at)
            if self.one_in(20):
                self.scan(4, Place("X", airport, "ARRIVALBELT"), way, "S")
        if stages > 1:
            self.scan(9, Place("X", airport, f"CLAIM{flight.number % 6 + 1}"), way, "G")
        if stages > 2:
            self.scan(11, Place("X", airport, "CLAIMEXIT"), way, "H")

    def lose(self, kind: str) -> None:
        """Forgets the messages that hold this text: the scans that nobody made."""
        self.messages = [message for message in self.messages if kind not in message.text]


Story = Callable[[Trip], None]


def ordinary(trip: Trip) -> None:
    """As it should be, now and then with a scan that nobody made, or a station that does not scan at all."""
    legs = trip.day.itinerary(trip.numbers)
    stages = trip.numbers.choice((0, 0, 1, 2)) if trip.numbers.randrange(1000) < CUT_SHORT else 3
    _travel(trip, legs, stages)
    if trip.numbers.randrange(1000) < LOST_SCAN:
        trip.lose(trip.numbers.choice(("SCREENING2", "SORTER", "TRANSFERBELT3", "/STAND", "CLAIMEXIT")))


def _travel(trip: Trip, legs: Sequence[DatedFlight], stages: int = 3) -> None:
    trip.check_in(*legs)
    trip.load(legs[0], MessageItinerary(outbound=legs[0]), "L")
    if len(legs) > 1:
        trip.change(legs[0], legs[1])
    trip.claim(legs[-1], stages)


def _inbound(trip: Trip, legs: Sequence[DatedFlight]) -> tuple[DatedFlight, DatedFlight]:
    """Up to the hub."""
    inbound, outbound = legs
    trip.check_in(inbound, outbound)
    trip.load(inbound, MessageItinerary(outbound=inbound), "L")
    return inbound, outbound


def missed_connection(trip: Trip) -> None:
    """The inbound comes late; the passenger flies and the bag comes after by rush, under another tag."""
    legs = trip.numbers.choice(trip.day.missed) if trip.day.missed else trip.day.connection(trip.numbers)
    inbound, outbound = _inbound(trip, legs)
    transfer, way = Place("T", HUB), MessageItinerary(inbound=inbound, outbound=outbound)
    trip.take_over(inbound, outbound)
    trip.clock = max(trip.clock, outbound.departs_at - 9 * MINUTE)
    trip.word(1, transfer, way, "CHG", "N")
    trip.scan(3, Place("T", HUB, "STAND208"), way, "R", status="UNS")
    trip.scan(25, Place("T", HUB, "STORE1"), way, "H", status=trip.numbers.choice(("ONA", "LBA", "LBN")))
    rush = trip.day.next_to(outbound.destination, trip.clock + timedelta(hours=2))
    if rush is not None:
        _rush(trip, rush, linked=not trip.one_in(10))


def _rush(trip: Trip, rush: DatedFlight, *, linked: bool) -> None:
    """A rush tag for each bag; what follows is told of these tags only."""
    trip.clock = max(trip.clock + 30 * MINUTE, rush.departs_at - 150 * MINUTE)
    owner = trip.party.travellers[0]
    way = MessageItinerary(outbound=rush)
    retagged = []
    for tag in owner.tags:
        one = replace(owner, tags=(trip.rush_tag(),))
        trip.party = replace(trip.party, travellers=(one,))
        about = f".R/ORIG {tag} FILE {rush.destination}CM{trip.numbers.randrange(100_000):05d}"
        more = [".E/RUSH", *([about] if linked else [])]
        trip.add(trip.telegrams.source(trip.then(1), Place("L", HUB), way, trip.party, more=more))
        retagged.append(one)
    trip.party = replace(trip.party, travellers=tuple(retagged))
    if trip.one_in(8):
        return
    trip.scan(15, Place("L", HUB, "SORTER2"), way, "S")
    trip.load(rush, way, "L")
    trip.claim(rush, trip.numbers.choice((0, 1, 3, 3)))


def rebooked(trip: Trip) -> None:
    """The connection is missed by both, who take the next flight: by CHG, or by DEL and a new BSM."""
    inbound, outbound = _inbound(trip, trip.day.connection(trip.numbers))
    later = trip.day.next_to(outbound.destination, outbound.departs_at + timedelta(hours=1))
    if later is None:
        return
    transfer = Place("T", HUB)
    trip.clock = max(trip.clock, inbound.arrives_at + 4 * MINUTE)
    if trip.one_in(2):
        trip.word(1, transfer, MessageItinerary(inbound=inbound, outbound=later), "CHG")
    else:
        trip.word(1, transfer, MessageItinerary(inbound=inbound, outbound=outbound), "DEL", "N")
        trip.word(4, transfer, MessageItinerary(inbound=inbound, outbound=later))
    trip.clock += 3 * MINUTE
    trip.change(inbound, later)
    trip.claim(later)


def no_show(trip: Trip) -> None:
    """Loaded, and taken off again because the passenger does not board; a third travels later after all."""
    legs = trip.day.itinerary(trip.numbers)
    last = legs[-1]
    way = MessageItinerary(inbound=legs[0] if len(legs) > 1 else None, outbound=last)
    trip.check_in(*legs)
    trip.load(legs[0], MessageItinerary(outbound=legs[0]), "L")
    if len(legs) > 1:
        trip.change(*legs)
    source = "T" if len(legs) > 1 else "L"
    trip.clock = max(trip.clock + 2 * MINUTE, last.departs_at - 14 * MINUTE)
    trip.word(1, Place(source, last.origin), way, "CHG", "N")
    for traveller in trip.party.travellers:
        trip.add(trip.telegrams.unload(trip.then(1), Place(source, last.origin), last, traveller))
    trip.scan(3, Place(source, last.origin, f"STAND{last.gate or 12}"), way, "R", status="OFF")
    later = trip.day.next_to(last.destination, last.departs_at + timedelta(hours=2)) if last.origin == HUB else None
    if later is not None and trip.one_in(3):
        trip.word(20, Place(source, HUB), MessageItinerary(inbound=way.inbound, outbound=later), "CHG")
        trip.load(later, MessageItinerary(inbound=way.inbound, outbound=later), source)
        trip.claim(later)
    elif trip.one_in(2):
        trip.scan(40, Place(source, last.origin, "STORE1"), way, "H", status="OND")


def not_seen(trip: Trip) -> None:
    """Expected at the aircraft and not seen; every other one was loaded all the same, as another scan says."""
    inbound, outbound = _inbound(trip, trip.day.connection(trip.numbers))
    way = MessageItinerary(inbound=inbound, outbound=outbound)
    trip.take_over(inbound, outbound)
    trip.scan(5, Place("T", HUB, "SORTER2"), way, "S")
    was_loaded = trip.one_in(2)
    if was_loaded and trip.one_in(2):
        trip.load(outbound, way, "T")
    trip.scan(1, Place("T", HUB, "STAND208"), way, "R", status="UNS", since=outbound.departs_at - 5 * MINUTE)
    if was_loaded:
        trip.load(outbound, way, "T")
        trip.claim(outbound, trip.numbers.choice((0, 1, 3)))


def cancelled(trip: Trip) -> None:
    """The passenger does not travel: deleted; every third comes back and travels."""
    legs = trip.day.itinerary(trip.numbers)
    here, way = Place("L", legs[0].origin), MessageItinerary(outbound=legs[0], onward=tuple(legs[1:]))
    trip.speaks_late = False
    trip.check_in(*legs)
    trip.clock += 5 * MINUTE
    if len(legs) > 1:
        trip.word(1, Place("T", HUB), MessageItinerary(inbound=legs[0], outbound=legs[1]), "DEL", "N")
    trip.word(1, here, way, "DEL", "N")
    if trip.one_in(3):
        trip.word(4, here, way)
        if len(legs) > 1:
            trip.word(2, Place("T", HUB), MessageItinerary(inbound=legs[0], outbound=legs[1]))
        trip.load(legs[0], MessageItinerary(outbound=legs[0]), "L")
        if len(legs) > 1:
            trip.change(legs[0], legs[1])
        trip.claim(legs[-1])


def misrouted(trip: Trip) -> None:
    """Onto the wrong aircraft at the hub."""
    inbound, outbound = _inbound(trip, trip.day.connection(trip.numbers))
    wrong = trip.day.other_departure(outbound, trip.numbers)
    while wrong.destination == inbound.origin:
        wrong = trip.day.other_departure(outbound, trip.numbers)
    trip.change(inbound, outbound, loaded=wrong)
    trip.claim(wrong, 1)
    if trip.one_in(2):
        place = Place("X", wrong.destination, "BAGGAGEOFFICE")
        trip.scan(30, place, MessageItinerary(inbound=wrong), "H", status="OND")


def under_way(trip: Trip) -> None:
    """Some journey that has come only so far."""
    _travel(trip, trip.day.itinerary(trip.numbers))
    told = sorted(trip.messages, key=lambda message: message.at)
    trip.messages = told[: trip.numbers.randint(1, len(told))]


def unannounced(trip: Trip) -> None:
    """Known by its scans alone."""
    _travel(trip, trip.day.itinerary(trip.numbers))
    trip.lose("BSM")


def untimed(trip: Trip) -> None:
    """Announced by a message without an origin line: nobody knows when."""
    legs = trip.day.itinerary(trip.numbers)
    here, way = Place("L", legs[0].origin), MessageItinerary(outbound=legs[0], onward=tuple(legs[1:]))
    trip.clock = legs[0].scheduled_departure - timedelta(minutes=trip.numbers.randint(80, 150))
    trip.add(trip.telegrams.source(trip.clock, here, way, trip.party, origin=False))
    trip.screen(7, Place("L", legs[0].origin, "SCREENING2"), MessageItinerary(outbound=legs[0]))
    trip.load(legs[0], MessageItinerary(outbound=legs[0]), "L")


# Of a thousand parties; the others are ordinary.
EXCEPTIONS: dict[Story, int] = {
    missed_connection: 22,
    rebooked: 6,
    no_show: 10,
    not_seen: 8,
    cancelled: 8,
    misrouted: 5,
    under_way: 10,
    unannounced: 4,
    untimed: 3,
}


def some_story(numbers: Random) -> Story:
    """What becomes of some party."""
    stories = (*EXCEPTIONS, ordinary)
    weights = (*EXCEPTIONS.values(), 1000 - sum(EXCEPTIONS.values()))
    return numbers.choices(stories, weights)[0]
