"""Writes a day to a file: party by party, then in the order in which the messages reach the airline.

Memory holds a quarter of an hour of messages. Further messages are kept on disk, in one file for each quarter of an
hour.
"""

import hashlib
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import NamedTuple

import orjson

from benchmarks.bank.disturbances import broken, noise
from benchmarks.bank.freedoms import NONE, TITLES, Freedom, letters
from benchmarks.bank.journeys import EXCEPTIONS, FREE, Scenario, Trip, ordinary, random_scenario
from benchmarks.bank.schedule import Day
from benchmarks.bank.type_b_messages import BankMessage, Traveller, TravelParty, TypeBWriter
from integrations.records.passengers import teletype
from integrations.stores.postgres.passengers import NewPassenger
from seeds.people import PRIORITY_TIER, People
from seeds.seeded_random import random_for

SHUFFLED_SECONDS = 30 * 60
DUPLICATES = 0.02
BROKEN = 0.001
NOISE = 0.002

SLOT = timedelta(minutes=15)
SLOT_BYTES = 64 * 1024

# Serials and passengers of a day differ from those of any other day within ten.
OF_A_DAY = 100_000
MOST_BAGS = 99_900
# Accounting codes of the issuers of tags; nine of ten bags are the airline's own.
ISSUERS = (*["0230"] * 27, "0134", "0016", "0845")
ENVELOPE = re.compile(r"[A-Z]{7}(?: [A-Z]{7})*")


@dataclass(slots=True)
class WrittenMessages:
    """Counts of a written day.

    Args:
        events: events of bags, repeated messages not counted.
        broken: messages that cannot be read, repeated ones not counted.
        repeated: messages that are sent again.
        noise: pieces of text that are not messages about bags.
        faults: groups of readable messages that cannot be read.
    """

    bags: int = 0
    messages: int = 0
    events: int = 0
    broken: int = 0
    repeated: int = 0
    noise: int = 0
    faults: int = 0
    bytes: int = 0


class Departure(NamedTuple):
    """A departed flight, as the file beside the text names it."""

    designator: str
    date: date
    origin: str


class Arrival(NamedTuple):
    """A text that arrives at the airline.

    Args:
        at: when it arrives.
        chain: texts of one chain depend on the order of their receipt; empty if it does not matter.
    """

    at: datetime
    text: bytes
    chain: str = ""


class Bank:
    """A day at the hub.

    Args:
        day: day on the hub's clock.
        seed: seed of the random numbers.
        bags: least number of bags; the last party may add a few more.
        freedoms: in which ways messages may differ from the customary form; none by default.

    Raises:
        ValueError: more bags than a day has tags, or none.
    """

    def __init__(self, day: date, seed: int, bags: int, freedoms: frozenset[Freedom] = NONE) -> None:
        if not 0 < bags <= MOST_BAGS:
            raise ValueError(f"bags must be 1 to {MOST_BAGS}")
        self.day = Day.of(day, seed)
        self._seed = seed
        self._bags = bags
        self._freedoms = freedoms
        self._date = day
        self._people = People(seed)
        self._first = day.toordinal() % 10 * OF_A_DAY + 1
        self._serial = self._rush_serial = self._first

    def write(self, file: Path) -> WrittenMessages:
        """Writes the text, and beside it ``FILE.json`` with its receipt time and the departed flights."""
        counts = WrittenMessages()
        with tempfile.TemporaryDirectory(dir=file.absolute().parent) as folder, file.open("wb") as out:
            slots = _Slots(Path(folder))
            for arrival in self._arrivals(counts):
                slots.add(arrival.at, arrival.text)
            for text in slots.in_order():
                counts.bytes += out.write(text)
        metadata_file(file).write_bytes(orjson.dumps(self._metadata(counts), option=orjson.OPT_INDENT_2))
        return counts

    def _metadata(self, counts: WrittenMessages) -> dict[str, object]:
        return {
            "receivedAt": self.day.received_at.astimezone(UTC),
            "day": self._date,
            "seed": self._seed,
            "written": asdict(counts),
            "departed": [one._asdict() for one in self.departed()],
        }

    def arrivals(self) -> tuple[WrittenMessages, list["Arrival"]]:
        """All that arrives, in order of arrival, in memory: for days of some thousand bags."""
        counts = WrittenMessages()
        arrivals = sorted(self._arrivals(counts), key=lambda arrival: (arrival.at, arrival.text))
        counts.bytes = sum(len(arrival.text) for arrival in arrivals)
        return counts, arrivals

    def departed(self) -> list[Departure]:
        """Flights that have departed by the receipt time of the day."""
        departed = [one for one in self.day.operations.departed if one.departs_at <= self.day.received_at]
        return [Departure(one.designator, one.departure_date, one.origin) for one in departed]

    def _arrivals(self, counts: WrittenMessages) -> Iterator["Arrival"]:
        """Yields what arrives with the time of its arrival, not in order."""
        rng = random_for(self._seed, "arrivals", self._date)
        for message in self._messages(counts):
            arrival = message.at + (timedelta() if message.chain else _late(rng))
            yield Arrival(arrival, message.text.encode(), message.chain)
            counts.messages += 1
            counts.events += message.events
            counts.faults += message.faults
            if rng.random() < DUPLICATES and not message.chain:
                counts.repeated += 1
                repeated = _relayed(message.text, rng) if rng.random() < 0.5 else message.text
                yield Arrival(message.at + _late(rng), repeated.encode())
            # A part or a text in another case is not damaged by the customary damages.
            if rng.random() < BROKEN and not self._freedoms:
                counts.broken += 1
                damaged = broken(message.text, counts.broken, rng).encode()
                yield Arrival(arrival, damaged)
                if rng.random() < 0.2:
                    yield Arrival(message.at + _late(rng), damaged)
            if rng.random() < NOISE:
                counts.noise += 1
                yield Arrival(arrival, noise(counts.noise, rng))

    def _messages(self, counts: WrittenMessages) -> Iterator[BankMessage]:
        for number in count(1):
            if counts.bags >= self._bags:
                break
            scenario = self._scenario(number)
            trip = self._trip(number, alone=scenario is not ordinary)
            counts.bags += sum(len(one.tags) for one in trip.party.travellers)
            scenario(trip)
            yield from trip.messages
        writer = TypeBWriter(self.day.zones, random_for(self._seed, "closing", self._date))
        for flight in (*self.day.arrivals, *self.day.departures):
            if flight.departs_at < self.day.received_at:
                yield writer.bcm(flight.departs_at, flight)

    def _scenario(self, number: int) -> Scenario:
        """Scenario of a party: each exception once, then random ones."""
        free = FREE if Freedom.SCENARIOS in self._freedoms else {}
        if number <= len(EXCEPTIONS) + len(free):
            return [*free, *EXCEPTIONS][number - 1]
        return random_scenario(random_for(self._seed, "scenario", self._date, number), free)

    def _trip(self, number: int, *, alone: bool) -> Trip:
        rng = random_for(self._seed, "party", self._date, number)
        booking = self._first + number
        issuer = rng.choice(ISSUERS)
        group_size = 1 if alone else rng.choice((1, 1, 1, 2, 2, 3))
        passengers = [self._people.passenger(booking * 4 + place, booking) for place in range(group_size)]
        names = [_initial(passenger) for passenger in passengers]
        travellers = tuple(
            self._traveller(passenger, issuer, rng, may_shorten=names.count(_initial(passenger)) == 1)
            for passenger in passengers
        )
        party = TravelParty(self._people.locator(booking), travellers, passengers[0].alliance_tier == PRIORITY_TIER)
        return Trip(self.day, party, TypeBWriter(self.day.zones, rng, self._freedoms), self._next_rush_tag, rng)

    def _traveller(self, passenger: NewPassenger, issuer: str, rng: Random, *, may_shorten: bool) -> Traveller:
        tags = tuple(f"{issuer}{self._next_serial():06d}" for _ in range(rng.choice((1, 1, 1, 2, 2, 3))))
        title = rng.choice(("MR", "MRS", ""))
        name = f"{teletype(passenger.surname)}/{teletype(passenger.given_names)}{title}".replace(" ", "")
        seat = f"{rng.randint(5, 32):02d}{rng.choice('ABCDEF')}"
        sequence, kilos = rng.randint(1, 180), sum(rng.randint(8, 32) for _ in tags)
        if Freedom.NAMES in self._freedoms:
            title = rng.choice((*TITLES, ""))
        surname, given = teletype(passenger.surname), teletype(passenger.given_names)
        return Traveller(name, seat, sequence, tags, kilos, surname, given, title, may_shorten)

    def _next_serial(self) -> int:
        self._serial += 1
        return self._serial - 1

    def _next_rush_tag(self) -> str:
        self._rush_serial += 1
        return f"2230{self._rush_serial - 1:06d}"


def _initial(passenger: NewPassenger) -> tuple[str, str]:
    return letters(teletype(passenger.surname)), teletype(passenger.given_names)[:1]


def metadata_file(file: Path) -> Path:
    """File beside a text, with what the text does not hold."""
    return file.with_name(file.name + ".json")


def _late(rng: Random) -> timedelta:
    return timedelta(seconds=rng.random() * SHUFFLED_SECONDS)


def _relayed(text: str, rng: Random) -> str:
    """The same message from another relay: with other address lines."""
    head, _, rest = text.partition("\n")
    ending = "\r" if head.endswith("\r") else ""
    return f"{rng.choice(('PTYRLCM', 'MIARLXS', 'ATLXTXS'))}{ending}\n{rest}" if ENVELOPE.match(head) else text


class _Slots:
    """Texts by the quarter of an hour in which they arrive.

    Args:
        folder: folder of their files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pending: dict[int, bytearray] = defaultdict(bytearray)
        self._known: set[int] = set()

    def add(self, arrival: datetime, text: bytes) -> None:
        slot = int(arrival.timestamp() // SLOT.total_seconds())
        self._known.add(slot)
        # The digest settles the order of texts that arrive at the same time.
        order = f"{arrival.timestamp():.6f}/{hashlib.sha256(text).hexdigest()[:8]}"
        pending = self._pending[slot]
        pending += orjson.dumps([order, text.decode("latin-1")]) + b"\n"
        if len(pending) > SLOT_BYTES:
            self._flush(slot)

    def in_order(self) -> Iterator[bytes]:
        for slot in sorted(self._known):
            self._flush(slot)
            with self._file(slot).open("rb") as file:
                pending = sorted(orjson.loads(line) for line in file)
            for _, text in pending:
                yield text.encode("latin-1")
            self._file(slot).unlink()

    def _flush(self, slot: int) -> None:
        with self._file(slot).open("ab") as file:
            file.write(self._pending.pop(slot, b""))

    def _file(self, slot: int) -> Path:
        return self._folder / str(slot)
