"""What happens to the bags of a party on the day, as messages: one function for each scenario."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

from benchmarks.bank.schedule import Day
from benchmarks.bank.type_b_messages import (
    BankMessage,
    MessageItinerary,
    MessageStation,
    Traveller,
    TravelParty,
    TypeBWriter,
)
from seeds.network import HUB
from seeds.operations import DatedFlight

MINUTE = timedelta(minutes=1)
BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
EASY_CONNECTION = timedelta(minutes=75)
# Bags to this country are screened again at the hub.
SCREENED_AGAIN = "US"
UNREADABLE = "0000000000"

# Per thousand parties.
LOST_SCAN = 80
CUT_SHORT = 120


@dataclass(slots=True)
class Trip:
    """Messages about one party so far, in order of time.

    Args:
        rush_tag: returns the number of a rush tag, a new one with each call.
        rng: random numbers of this party.
        announces_late: whether the hub may learn of the bags only after their flight to it has departed.
    """

    day: Day
    party: TravelParty
    writer: TypeBWriter
    rush_tag: Callable[[], str]
    rng: Random
    messages: list[BankMessage] = field(default_factory=list)
    clock: datetime = BEFORE_ALL
    announces_late: bool = True
    speak_in_order: bool = False

    def add(self, message: BankMessage) -> None:
        """Adds a message. A message after the receipt time of the day is dropped."""
        if self.speak_in_order:
            message = message._replace(chain=self.party.travellers[0].tags[0])
        if message.at < self.day.received_at:
            self.messages.append(message)

    def add_in_order(self, message: BankMessage) -> None:
        """Adds a message that counts in the order of its receipt."""
        self.add(message._replace(chain=self.party.travellers[0].tags[0]))

    def about(self, minutes: float) -> timedelta:
        """So many minutes, more or less."""
        return timedelta(seconds=round(minutes * 60 * self.rng.uniform(0.7, 1.3)))

    def then(self, minutes: float) -> datetime:
        """Advances the clock and returns it."""
        self.clock += self.about(minutes)
        return self.clock

    def one_in(self, count: int) -> bool:
        """True in one of ``count`` cases."""
        return self.rng.randrange(count) == 0

    def send_bsm(
        self, minutes: float, place: MessageStation, itinerary: MessageItinerary, action: str = "", authority: str = "Y"
    ) -> None:
        """Adds a BSM about all bags of the party, so many minutes later."""
        self.add(self.writer.bsm(self.then(minutes), place, itinerary, self.party, action=action, authority=authority))

    def send_bsms(self, *legs: DatedFlight) -> None:
        """Adds BSMs for the first station and for each station at which the bags change flights."""
        first = legs[0]
        ahead = timedelta(seconds=self.rng.randint(80 * 60, 150 * 60))
        self.clock = (first.scheduled_departure - ahead).replace(second=0)
        here, itinerary = MessageStation("L", first.origin), MessageItinerary(outbound=first, onward=tuple(legs[1:]))
        for _ in range(2 if self.one_in(100) else 1):
            self.add(self.writer.bsm(self.clock, here, itinerary, self.party))
            self.clock += MINUTE
        if self.one_in(25):
            # The seats changed.
            self.send_bsm(1, here, itinerary, "CHG")
        if len(legs) > 1:
            there = MessageItinerary(inbound=first, outbound=legs[1])
            if self.announces_late and self.one_in(6):
                left = first.departs_at + self.about(5)
                self.add(self.writer.bsm(left, MessageStation("T", HUB), there, self.party))
            else:
                self.send_bsm(2, MessageStation("T", HUB), there)

    def scan(
        self,
        minutes: float,
        place: MessageStation,
        itinerary: MessageItinerary,
        code: str,
        *,
        status: str = "",
        more: Sequence[str] = (),
        since: datetime | None = None,
    ) -> None:
        """Adds a scan of every bag in turn. Some devices send the bags of one or of all passengers at once."""
        if since is not None:
            self.clock = max(self.clock, since)
        whole_minutes = code != "S" and self.one_in(20)
        for travellers in self._scanned_together():
            at = self.then(minutes)
            self.add(
                self.writer.bpm(
                    at, place, itinerary, travellers, code, status=status, more=more, whole_minutes=whole_minutes
                )
            )
            minutes = 0.3

    def _scanned_together(self) -> Iterator[Sequence[Traveller]]:
        draw = self.rng.random()
        if draw < 0.05:
            yield self.party.travellers
        elif draw < 0.15:
            yield from ([traveller] for traveller in self.party.travellers)
        else:
            for traveller in self.party.travellers:
                for tag in traveller.tags:
                    yield [replace(traveller, tags=(tag,))]

    def check_in(self, *legs: DatedFlight) -> None:
        """Acceptance into the baggage system of the first station."""
        self.send_bsms(*legs)
        itinerary = MessageItinerary(outbound=legs[0])
        self.screen(7, MessageStation("L", legs[0].origin, "SCREENING2"), itinerary)
        self.scan(6, MessageStation("L", legs[0].origin, "SORTER1"), itinerary, "S")
        if self.one_in(200):
            self._unreadable(MessageStation("L", legs[0].origin, "SORTER1"), itinerary)
        if self.one_in(3):
            self.scan(8, MessageStation("L", legs[0].origin, "MAKEUP4"), itinerary, "H")

    def _unreadable(self, place: MessageStation, itinerary: MessageItinerary) -> None:
        """Adds a scan of a tag that could not be read."""
        unreadable = replace(self.party.travellers[0], tags=(UNREADABLE,))
        self.add(self.writer.bpm(self.then(1), place, itinerary, [unreadable], "S")._replace(events=0))

    def screen(self, minutes: float, place: MessageStation, itinerary: MessageItinerary) -> None:
        """Adds the screening; one in fifty bags is rejected first."""
        if self.one_in(50):
            self.scan(minutes, place, itinerary, "H", more=[".X/SEL/REJ/D/XRAY"])
        self.scan(minutes, place, itinerary, "H", more=[".X/SEL/CLR/D/XRAY"])

    def load(self, flight: DatedFlight, itinerary: MessageItinerary, source: str, pace: float = 1.0) -> None:
        """Loading onto the aircraft, some time before departure."""
        place = MessageStation(source, flight.origin, f"STAND{flight.gate or 12}")
        since = flight.departs_at - self.about(35 * pace)
        draw = self.rng.random()
        status = "LOD" if draw < 0.04 else "NAL" if draw < 0.05 else ""
        stowed = [f".U/BLK{self.rng.randint(1, 4)}/{self.rng.randint(1, 4)}"] if 0.05 < draw < 0.1 else []
        self.scan(2 * pace, place, itinerary, "R", status=status, more=stowed, since=since)

    def change(self, inbound: DatedFlight, outbound: DatedFlight, loaded: DatedFlight | None = None) -> None:
        """Change from one flight to the next. ``loaded`` is the flight on which they are loaded, if it is another."""
        pace = min(1.0, (outbound.departs_at - inbound.arrives_at) / EASY_CONNECTION)
        self.take_over(inbound, outbound, pace)
        itinerary = MessageItinerary(inbound=inbound, outbound=outbound)
        if outbound.destination in self.screened_again:
            self.screen(5 * pace, MessageStation("T", HUB, "SCREENING5"), itinerary)
        self.scan(6 * pace, MessageStation("T", HUB, "SORTER2"), itinerary, "S")
        if self.one_in(3):
            self.scan(5 * pace, MessageStation("T", HUB, "MAKEUP9"), itinerary, "G")
        self.load(loaded or outbound, MessageItinerary(inbound=inbound, outbound=loaded or outbound), "T", pace)

    def take_over(self, inbound: DatedFlight, outbound: DatedFlight, pace: float = 1.0) -> None:
        """Unloading from the inbound flight and transfer-in."""
        itinerary = MessageItinerary(inbound=inbound, outbound=outbound)
        stand = MessageStation("T", HUB, f"STAND{inbound.number % 20 + 1}")
        self.scan(10 * pace, stand, itinerary, "R", status="NOF", since=inbound.arrives_at)
        self.scan(7 * pace, MessageStation("T", HUB, "TRANSFERBELT3"), itinerary, "S")

    @property
    def screened_again(self) -> set[str]:
        """Destinations for which bags are screened again at the hub."""
        return {airport.iata for airport in self.day.network.airports if airport.country_code == SCREENED_AGAIN}

    def claim(self, flight: DatedFlight, stages: int = 3) -> None:
        """Delivery to the passengers. Not every station scans all of its ``stages``."""
        itinerary, airport = MessageItinerary(inbound=flight), flight.destination
        if stages > 0:
            stand = MessageStation("X", airport, f"STAND{flight.number % 20 + 1}")
            self.scan(12, stand, itinerary, "R", status="NOF", since=flight.arrives_at)
            if self.one_in(20):
                self.scan(4, MessageStation("X", airport, "ARRIVALBELT"), itinerary, "S")
        if stages > 1:
            self.scan(9, MessageStation("X", airport, f"CLAIM{flight.number % 6 + 1}"), itinerary, "G")
        if stages > 2:
            self.scan(11, MessageStation("X", airport, "CLAIMEXIT"), itinerary, "H")

    def drop(self, kind: str) -> None:
        """Removes the messages that hold this text, as missing scans."""
        self.messages = [message for message in self.messages if kind not in message.text]


Scenario = Callable[[Trip], None]


def ordinary(trip: Trip) -> None:
    """A journey without incident; occasionally a scan is missing, or a station does not scan at all."""
    legs = trip.day.itinerary(trip.rng)
    stages = trip.rng.choice((0, 0, 1, 2)) if trip.rng.randrange(1000) < CUT_SHORT else 3
    _travel(trip, legs, stages)
    if trip.rng.randrange(1000) < LOST_SCAN:
        trip.drop(trip.rng.choice(("SCREENING2", "SORTER", "TRANSFERBELT3", "/STAND", "CLAIMEXIT")))


def _travel(trip: Trip, legs: Sequence[DatedFlight], stages: int = 3) -> None:
    trip.check_in(*legs)
    trip.load(legs[0], MessageItinerary(outbound=legs[0]), "L")
    if len(legs) > 1:
        trip.change(legs[0], legs[1])
    trip.claim(legs[-1], stages)


def _inbound(trip: Trip, legs: Sequence[DatedFlight]) -> tuple[DatedFlight, DatedFlight]:
    """Journey up to the hub."""
    inbound, outbound = legs
    trip.check_in(inbound, outbound)
    trip.load(inbound, MessageItinerary(outbound=inbound), "L")
    return inbound, outbound


def missed_connection(trip: Trip) -> None:
    """The inbound flight is late. The passenger flies, and the bag follows by rush under another tag."""
    legs = trip.rng.choice(trip.day.missed) if trip.day.missed else trip.day.connection(trip.rng)
    inbound, outbound = _inbound(trip, legs)
    transfer, itinerary = MessageStation("T", HUB), MessageItinerary(inbound=inbound, outbound=outbound)
    trip.take_over(inbound, outbound)
    trip.clock = max(trip.clock, outbound.departs_at - 9 * MINUTE)
    trip.send_bsm(1, transfer, itinerary, "CHG", "N")
    trip.scan(3, MessageStation("T", HUB, "STAND208"), itinerary, "R", status="UNS")
    trip.scan(25, MessageStation("T", HUB, "STORE1"), itinerary, "H", status=trip.rng.choice(("ONA", "LBA", "LBN")))
    rush = trip.day.next_to(outbound.destination, trip.clock + timedelta(hours=2))
    if rush is not None:
        _rush(trip, rush, linked=not trip.one_in(10))


def _rush(trip: Trip, rush: DatedFlight, *, linked: bool) -> None:
    """Gives each bag a rush tag. Later messages are about these tags only."""
    trip.clock = max(trip.clock + 30 * MINUTE, rush.departs_at - 150 * MINUTE)
    owner = trip.party.travellers[0]
    itinerary = MessageItinerary(outbound=rush)
    retagged = []
    for tag in owner.tags:
        one = replace(owner, tags=(trip.rush_tag(),))
        trip.party = replace(trip.party, travellers=(one,))
        about = f".R/ORIG {tag} FILE {rush.destination}CM{trip.rng.randrange(100_000):05d}"
        more = [".E/RUSH", *([about] if linked else [])]
        trip.add(trip.writer.bsm(trip.then(1), MessageStation("L", HUB), itinerary, trip.party, more=more))
        retagged.append(one)
    trip.party = replace(trip.party, travellers=tuple(retagged))
    if trip.one_in(8):
        return
    trip.scan(15, MessageStation("L", HUB, "SORTER2"), itinerary, "S")
    trip.load(rush, itinerary, "L")
    trip.claim(rush, trip.rng.choice((0, 1, 3, 3)))


def rebooked(trip: Trip) -> None:
    """Bag and passenger miss the connection and take the next flight: by CHG, or by DEL and a new BSM."""
    inbound, outbound = _inbound(trip, trip.day.connection(trip.rng))
    later = trip.day.next_to(outbound.destination, outbound.departs_at + timedelta(hours=1))
    if later is None:
        return
    transfer = MessageStation("T", HUB)
    trip.clock = max(trip.clock, inbound.arrives_at + 4 * MINUTE)
    if trip.one_in(2):
        trip.send_bsm(1, transfer, MessageItinerary(inbound=inbound, outbound=later), "CHG")
    else:
        trip.send_bsm(1, transfer, MessageItinerary(inbound=inbound, outbound=outbound), "DEL", "N")
        trip.send_bsm(4, transfer, MessageItinerary(inbound=inbound, outbound=later))
    trip.clock += 3 * MINUTE
    trip.change(inbound, later)
    trip.claim(later)


def no_show(trip: Trip) -> None:
    """Loaded, and taken off again because the passenger does not board. A third travels later."""
    legs = trip.day.itinerary(trip.rng)
    last = legs[-1]
    itinerary = MessageItinerary(inbound=legs[0] if len(legs) > 1 else None, outbound=last)
    trip.check_in(*legs)
    trip.load(legs[0], MessageItinerary(outbound=legs[0]), "L")
    if len(legs) > 1:
        trip.change(*legs)
    source = "T" if len(legs) > 1 else "L"
    trip.clock = max(trip.clock + 2 * MINUTE, last.departs_at - 14 * MINUTE)
    trip.send_bsm(1, MessageStation(source, last.origin), itinerary, "CHG", "N")
    for traveller in trip.party.travellers:
        trip.add(trip.writer.bum(trip.then(1), MessageStation(source, last.origin), last, traveller))
    trip.scan(3, MessageStation(source, last.origin, f"STAND{last.gate or 12}"), itinerary, "R", status="OFF")
    later = trip.day.next_to(last.destination, last.departs_at + timedelta(hours=2)) if last.origin == HUB else None
    if later is not None and trip.one_in(3):
        trip.send_bsm(
            20, MessageStation(source, HUB), MessageItinerary(inbound=itinerary.inbound, outbound=later), "CHG"
        )
        trip.load(later, MessageItinerary(inbound=itinerary.inbound, outbound=later), source)
        trip.claim(later)
    elif trip.one_in(2):
        trip.scan(40, MessageStation(source, last.origin, "STORE1"), itinerary, "H", status="OND")


def not_seen(trip: Trip) -> None:
    """Expected at the aircraft and not seen. Every other bag was loaded nevertheless, as another scan shows."""
    inbound, outbound = _inbound(trip, trip.day.connection(trip.rng))
    itinerary = MessageItinerary(inbound=inbound, outbound=outbound)
    trip.take_over(inbound, outbound)
    trip.scan(5, MessageStation("T", HUB, "SORTER2"), itinerary, "S")
    was_loaded = trip.one_in(2)
    if was_loaded and trip.one_in(2):
        trip.load(outbound, itinerary, "T")
    trip.scan(
        1, MessageStation("T", HUB, "STAND208"), itinerary, "R", status="UNS", since=outbound.departs_at - 5 * MINUTE
    )
    if was_loaded:
        trip.load(outbound, itinerary, "T")
        trip.claim(outbound, trip.rng.choice((0, 1, 3)))


def cancelled(trip: Trip) -> None:
    """The passenger does not travel: deleted. Every third returns and travels."""
    legs = trip.day.itinerary(trip.rng)
    here, itinerary = MessageStation("L", legs[0].origin), MessageItinerary(outbound=legs[0], onward=tuple(legs[1:]))
    trip.announces_late = False
    trip.check_in(*legs)
    trip.clock += 5 * MINUTE
    if len(legs) > 1:
        trip.send_bsm(1, MessageStation("T", HUB), MessageItinerary(inbound=legs[0], outbound=legs[1]), "DEL", "N")
    trip.send_bsm(1, here, itinerary, "DEL", "N")
    if trip.one_in(3):
        trip.send_bsm(4, here, itinerary)
        if len(legs) > 1:
            trip.send_bsm(2, MessageStation("T", HUB), MessageItinerary(inbound=legs[0], outbound=legs[1]))
        trip.load(legs[0], MessageItinerary(outbound=legs[0]), "L")
        if len(legs) > 1:
            trip.change(legs[0], legs[1])
        trip.claim(legs[-1])


def misrouted(trip: Trip) -> None:
    """Loaded onto the wrong aircraft at the hub."""
    inbound, outbound = _inbound(trip, trip.day.connection(trip.rng))
    wrong = trip.day.other_departure(outbound, trip.rng)
    while wrong.destination == inbound.origin:
        wrong = trip.day.other_departure(outbound, trip.rng)
    trip.change(inbound, outbound, loaded=wrong)
    trip.claim(wrong, 1)
    if trip.one_in(2):
        place = MessageStation("X", wrong.destination, "BAGGAGEOFFICE")
        trip.scan(30, place, MessageItinerary(inbound=wrong), "H", status="OND")


def under_way(trip: Trip) -> None:
    """A journey of which only the beginning has happened."""
    _travel(trip, trip.day.itinerary(trip.rng))
    messages = sorted(trip.messages, key=lambda message: message.at)
    trip.messages = messages[: trip.rng.randint(1, len(messages))]


def unannounced(trip: Trip) -> None:
    """A bag that only scans know."""
    _travel(trip, trip.day.itinerary(trip.rng))
    trip.drop("BSM")


def untimed(trip: Trip) -> None:
    """Announced by a message without an origin line, hence at an unknown time."""
    legs = trip.day.itinerary(trip.rng)
    here, itinerary = MessageStation("L", legs[0].origin), MessageItinerary(outbound=legs[0], onward=tuple(legs[1:]))
    trip.clock = legs[0].scheduled_departure - timedelta(minutes=trip.rng.randint(80, 150))
    trip.add(trip.writer.bsm(trip.clock, here, itinerary, trip.party, origin=False))
    trip.screen(7, MessageStation("L", legs[0].origin, "SCREENING2"), MessageItinerary(outbound=legs[0]))
    trip.load(legs[0], MessageItinerary(outbound=legs[0]), "L")


# Per thousand parties; the others are ordinary.
EXCEPTIONS: dict[Scenario, int] = {
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


def changed_by_btm(trip: Trip) -> None:
    """Announced at the hub by BTMs only, which change the outbound flight or take the bags back."""
    inbound, outbound = trip.day.connection(trip.rng)
    later = trip.day.next_to(outbound.destination, outbound.departs_at + timedelta(hours=1)) or outbound
    place = MessageStation("T", HUB)
    trip.clock = inbound.scheduled_departure.replace(second=0)
    if trip.one_in(2):
        here, itinerary = MessageStation("L", inbound.origin), MessageItinerary(outbound=inbound, onward=(outbound,))
        trip.send_bsm(-60, here, itinerary)
        trip.clock = inbound.scheduled_departure.replace(second=0)
    for flight, action in ((outbound, ""), (later, "CHG"), *([(later, "DEL")] if trip.one_in(2) else [])):
        itinerary = MessageItinerary(inbound=inbound, outbound=flight)
        trip.clock += 3 * MINUTE
        trip.add(trip.writer.bsm(trip.clock, place, itinerary, trip.party, action=action, kind="BTM"))
    if trip.one_in(3):
        # A BSM of the same station counts more.
        trip.send_bsm(-4, place, MessageItinerary(inbound=inbound, outbound=outbound))


def reinstated_by_the_same_text(trip: Trip) -> None:
    """Announced, deleted and announced again by the same text, none with an origin line."""
    legs = trip.day.itinerary(trip.rng)
    here, itinerary = MessageStation("L", legs[0].origin), MessageItinerary(outbound=legs[0], onward=tuple(legs[1:]))
    trip.clock = legs[0].scheduled_departure - 120 * MINUTE
    new = trip.writer.bsm(trip.clock, here, itinerary, trip.party, origin=False)
    gone = trip.writer.bsm(trip.clock, here, itinerary, trip.party, action="DEL", authority="N", origin=False)
    for place, message in enumerate((new, gone, new)):
        events = message.events if place == 0 else 0
        trip.add_in_order(message._replace(at=trip.clock + place * 6 * MINUTE, events=events))


def changed_within_a_minute(trip: Trip) -> None:
    """Several instructions with one origin time: authority withdrawn and given, another outbound flight."""
    legs = trip.day.connection(trip.rng)
    later = trip.day.next_to(legs[1].destination, legs[1].departs_at + timedelta(hours=1)) or legs[1]
    here = MessageStation("L", legs[0].origin)
    trip.clock = (legs[0].scheduled_departure - 120 * MINUTE).replace(second=0)
    words = ["", *trip.rng.choice((("N", "Y"), ("Y", "N"), ("N", "Y", "N")))]
    for place, authority in enumerate(words):
        itinerary = MessageItinerary(outbound=legs[0], onward=(legs[1] if place % 2 == 0 else later,))
        message = trip.writer.bsm(
            trip.clock, here, itinerary, trip.party, action="CHG" if place else "", authority=authority or "Y"
        )
        trip.add_in_order(message._replace(at=trip.clock + timedelta(seconds=10 * place)))


def tag_used_again(trip: Trip) -> None:
    """The first bag is delivered or taken back; the same tags are given to another passenger of another flight."""
    first = trip.rng.choice(trip.day.arrivals[: len(trip.day.arrivals) // 2])
    second = next(flight for flight in reversed(trip.day.arrivals) if trip.day.ends_before(flight))
    trip.speak_in_order = True
    trip.clock = (first.scheduled_departure - 90 * MINUTE).replace(second=0)
    trip.send_bsm(0, MessageStation("L", first.origin), MessageItinerary(outbound=first))
    if trip.one_in(2):
        trip.claim(first)
    else:
        trip.send_bsm(5, MessageStation("L", first.origin), MessageItinerary(outbound=first), "DEL", "N")
    other = replace(trip.party.travellers[0], surname="NUEVO", given="JUAN", name="NUEVO/JUAN", title="MR")
    trip.party = replace(trip.party, locator=trip.party.locator[::-1] + "Z", travellers=(other,))
    trip.clock = max(trip.clock + 20 * MINUTE, (second.scheduled_departure - 90 * MINUTE)).replace(second=0)
    trip.send_bsm(0, MessageStation("L", second.origin), MessageItinerary(outbound=second))
    if trip.one_in(2):
        trip.load(second, MessageItinerary(outbound=second), "L")
        trip.claim(second)


def named_twice(trip: Trip) -> None:
    """The itinerary names one flight as outbound and as onward flight."""
    (leg, *_) = trip.day.itinerary(trip.rng)
    here, itinerary = MessageStation("L", leg.origin), MessageItinerary(outbound=leg, onward=(leg,))
    trip.clock = leg.scheduled_departure - 100 * MINUTE
    trip.send_bsm(1, here, itinerary)
    trip.load(leg, MessageItinerary(outbound=leg), "L")
    trip.claim(leg)


def to_an_unknown_airport(trip: Trip) -> None:
    """Another airline flies on to an airport that is in no reference data."""
    (leg, *_) = trip.day.itinerary(trip.rng)
    here = MessageStation("L", leg.origin)
    trip.clock = leg.scheduled_departure - 100 * MINUTE
    onward = replace(leg, number=leg.number, destination="QQX", origin=leg.destination)
    trip.send_bsm(1, here, MessageItinerary(outbound=leg, onward=(onward,)))
    trip.messages = [message._replace(text=_other_carrier(message.text, leg.number)) for message in trip.messages]
    trip.load(leg, MessageItinerary(outbound=leg), "L")


def _other_carrier(text: str, number: int) -> str:
    return re.sub(rf"(?i)(\.O/)CM0*{number}/", r"\1UA1234/", text)


# Per thousand parties of a day with all freedoms.
FREE: dict[Scenario, int] = {
    changed_by_btm: 15,
    reinstated_by_the_same_text: 10,
    changed_within_a_minute: 15,
    tag_used_again: 10,
    named_twice: 8,
    to_an_unknown_airport: 8,
}


def random_scenario(rng: Random, free: Mapping[Scenario, int]) -> Scenario:
    """Scenario of a random party; ``free`` are further exceptions."""
    exceptions = {**EXCEPTIONS, **free}
    scenarios = (*exceptions, ordinary)
    weights = (*exceptions.values(), 1000 - sum(exceptions.values()))
    return rng.choices(scenarios, weights)[0]
