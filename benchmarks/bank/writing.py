"""A day written to a file: parties one after the other, their messages in the order in which they reach the airline.

Memory holds a quarter of an hour of messages: what is told waits on disk, in a file for each quarter of an hour.
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

import orjson

from benchmarks.bank.disturbances import broken, noise
from benchmarks.bank.journeys import EXCEPTIONS, Story, Trip, ordinary, some_story
from benchmarks.bank.schedule import Day
from benchmarks.bank.type_b_messages import BankMessage, Party, Telegrams, Traveller
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

# Serials and people of a day: another day's are others, of ten days in a row.
OF_A_DAY = 100_000
MOST_BAGS = 99_900
# Accounting codes of those who issue tags; nine of ten bags are the airline's own.
ISSUERS = (*["0230"] * 27, "0134", "0016", "0845")
ENVELOPE = re.compile(r"[A-Z]{7}(?: [A-Z]{7})*")


@dataclass(slots=True)
class WrittenMessages:
    """What was written.

    Args:
        events: that bags had, however often they were sent.
        broken: messages that cannot be read, however often they were sent.
        repeated: messages that were sent again.
        noise: pieces of text that are no messages about bags.
    """

    bags: int = 0
    messages: int = 0
    events: int = 0
    broken: int = 0
    repeated: int = 0
    noise: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Departure:
    """A flight that has left, as the file beside the text names it."""

    designator: str
    date: date
    origin: str


class Bank:
    """A day at the hub.

    Args:
        day: the hub's.
        seed: another seed, other bags.
        bags: how many there are at least; the last party may bring a few more.

    Raises:
        ValueError: more bags than a day has tags, or none.
    """

    def __init__(self, day: date, seed: int, bags: int) -> None:
        if not 0 < bags <= MOST_BAGS:
            raise ValueError(f"A day has 1 to {MOST_BAGS} bags.")
        self.day = Day.of(day, seed)
        self._seed = seed
        self._bags = bags
        self._date = day
        self._people = People(seed)
        self._first = day.toordinal() % 10 * OF_A_DAY + 1
        self._serial = self._rush_serial = self._first

    def write(self, file: Path) -> WrittenMessages:
        """Writes the text, and beside it ``FILE.json``: when it is told, and the flights that have left."""
        told = WrittenMessages()
        with tempfile.TemporaryDirectory(dir=file.absolute().parent) as folder, file.open("wb") as out:
            slots = _Slots(Path(folder))
            for moment, text in self._arrivals(told):
                slots.add(moment, text)
            for text in slots.in_order():
                told.bytes += out.write(text)
        beside(file).write_bytes(orjson.dumps(self._about(told), option=orjson.OPT_INDENT_2))
        return told

    def _about(self, told: WrittenMessages) -> dict[str, object]:
        left = [one for one in self.day.operations.departed if one.departs_at <= self.day.told_at]
        return {
            "toldAt": self.day.told_at.astimezone(UTC),
            "day": self._date,
            "seed": self._seed,
            "told": asdict(told),
            "departed": [Departure(one.designator, one.departure_date, one.origin) for one in left],
        }

    def _arrivals(self, told: WrittenMessages) -> Iterator[tuple[datetime, bytes]]:
        """What comes in, each with the moment of its arrival, not in order."""
        numbers = random_for(self._seed, "arrivals", self._date)
        for message in self._told(told):
            arrives = message.at + _late(numbers)
            yield arrives, message.text.encode()
            told.messages += 1
            told.events += message.events
            if numbers.random() < DUPLICATES:
                told.repeated += 1
                again = _relayed(message.text, numbers) if numbers.random() < 0.5 else message.text
                yield message.at + _late(numbers), again.encode()
            if numbers.random() < BROKEN:
                told.broken += 1
                damaged = broken(message.text, told.broken, numbers).encode()
                yield arrives, damaged
                if numbers.random() < 0.2:
                    yield message.at + _late(numbers), damaged
            if numbers.random() < NOISE:
                told.noise += 1
                yield arrives, noise(told.noise, numbers)

    def _told(self, told: WrittenMessages) -> Iterator[BankMessage]:
        for number in count(1):
            if told.bags >= self._bags:
                break
            what = self._story(number)
            trip = self._trip(number, alone=what is not ordinary)
            told.bags += sum(len(one.tags) for one in trip.party.travellers)
            what(trip)
            yield from trip.messages
        writer = Telegrams(self.day.zones, random_for(self._seed, "closing", self._date))
        for flight in (*self.day.arrivals, *self.day.departures):
            if flight.departs_at < self.day.told_at:
                yield writer.closed(flight.departs_at, flight)

    def _story(self, number: int) -> Story:
        """Each exception once, and then by chance."""
        if number <= len(EXCEPTIONS):
            return list(EXCEPTIONS)[number - 1]
        return some_story(random_for(self._seed, "story", self._date, number))

    def _trip(self, number: int, *, alone: bool) -> Trip:
        numbers = random_for(self._seed, "party", self._date, number)
        booking = self._first + number
        issuer = numbers.choice(ISSUERS)
        together = 1 if alone else numbers.choice((1, 1, 1, 2, 2, 3))
        people = [self._people.passenger(booking * 4 + place, booking) for place in range(together)]
        travellers = tuple(self._traveller(person, issuer, numbers) for person in people)
        party = Party(self._people.locator(booking), travellers, people[0].alliance_tier == PRIORITY_TIER)
        return Trip(self.day, party, Telegrams(self.day.zones, numbers), self._next_rush_tag, numbers)

    def _traveller(self, person: NewPassenger, issuer: str, numbers: Random) -> Traveller:
        tags = tuple(f"{issuer}{self._next_serial():06d}" for _ in range(numbers.choice((1, 1, 1, 2, 2, 3))))
        title = numbers.choice(("MR", "MRS", ""))
        name = f"{teletype(person.surname)}/{teletype(person.given_names)}{title}".replace(" ", "")
        seat = f"{numbers.randint(5, 32):02d}{numbers.choice('ABCDEF')}"
        return Traveller(name, seat, numbers.randint(1, 180), tags, sum(numbers.randint(8, 32) for _ in tags))

    def _next_serial(self) -> int:
        self._serial += 1
        return self._serial - 1

    def _next_rush_tag(self) -> str:
        self._rush_serial += 1
        return f"2230{self._rush_serial - 1:06d}"


def beside(file: Path) -> Path:
    """The file that tells what a text does not."""
    return file.with_name(file.name + ".json")


def _late(numbers: Random) -> timedelta:
    return timedelta(seconds=numbers.random() * SHUFFLED_SECONDS)


def _relayed(text: str, numbers: Random) -> str:
    """The same from another relay: other address lines."""
    head, _, rest = text.partition("\n")
    ending = "\r" if head.endswith("\r") else ""
    return f"{numbers.choice(('PTYRLCM', 'MIARLXS', 'ATLXTXS'))}{ending}\n{rest}" if ENVELOPE.match(head) else text


class _Slots:
    """Texts by the quarter of an hour in which they arrive.

    Args:
        folder: where they wait.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: dict[int, bytearray] = defaultdict(bytearray)
        self._known: set[int] = set()

    def add(self, moment: datetime, text: bytes) -> None:
        slot = int(moment.timestamp() // SLOT.total_seconds())
        self._known.add(slot)
        # The digest settles the order of what arrives at the same moment.
        order = f"{moment.timestamp():.6f}/{hashlib.sha256(text).hexdigest()[:8]}"
        waiting = self._waiting[slot]
        waiting += orjson.dumps([order, text.decode("latin-1")]) + b"\n"
        if len(waiting) > SLOT_BYTES:
            self._put_aside(slot)

    def in_order(self) -> Iterator[bytes]:
        for slot in sorted(self._known):
            self._put_aside(slot)
            with self._file(slot).open("rb") as file:
                waiting = sorted(orjson.loads(line) for line in file)
            for _, text in waiting:
                yield text.encode("latin-1")
            self._file(slot).unlink()

    def _put_aside(self, slot: int) -> None:
        with self._file(slot).open("ab") as file:
            file.write(self._waiting.pop(slot, b""))

    def _file(self, slot: int) -> Path:
        return self._folder / str(slot)
