"""What became of each bag, counted from the text alone: states, flights, plans and proofs by the domain's rules.

Written apart from the product and importing nothing of it, so that the two can be compared bag for bag. Rules:
``docs/DOMAIN.md#the-twenty-rules``; order of states: ``docs/DOMAIN.md#bag-states``.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from benchmarks.bank.reading import Flight, Group, Leg, MessageReader, ParsedMessage

UNREADABLE_TAG = "0000000000"
BEFORE_ALL = datetime.min.replace(tzinfo=UTC)

# Order of events of the same time (docs/DOMAIN.md#rule-15).
ORDER = (
    *("POSITION", "EXPECTED", "ACCEPTED", "SCREENED", "SORTED", "LOADED", "ARRIVED", "TRANSFER_IN", "AT_CLAIM"),
    *("DELIVERED", "NOT_SEEN", "OFFLOADED", "LEFT_BEHIND", "ON_HAND", "RUSH_TAGGED"),
)
RANKS = {kind: rank for rank, kind in enumerate(ORDER)}
# Words about a bag: they do not say where it is.
WORDS = frozenset({"EXPECTED", "NOT_SEEN", "RUSH_TAGGED"})
# What a message says before the bag moves: of one that has moved, it does not say that it is back.
SAID = frozenset({"EXPECTED", "ACCEPTED"})
# docs/DOMAIN.md#rule-8
STATUSES = {
    "OFF": "OFFLOADED",
    "NAL": "LOADED",
    "LOD": "LOADED",
    "NOF": "ARRIVED",
    "OND": "ON_HAND",
    "UNS": "NOT_SEEN",
    "ONA": "LEFT_BEHIND",
    "LBA": "LEFT_BEHIND",
    "LBN": "LEFT_BEHIND",
}
AT_END = {"G": "AT_CLAIM", "H": "DELIVERED", "S": "ARRIVED", "R": "ARRIVED"}


class RecountEvent(NamedTuple):
    """Something that happened to a bag.

    Args:
        at: ``BEFORE_ALL`` where the message has no time (``docs/DOMAIN.md#rule-2``).
        said: what else tells this event from another one.
        takes_over: a sortation of a transfer bag, which may be the transfer itself.
    """

    at: datetime
    rank: int
    kind: str
    airport: str
    flight: Flight | None
    takes_over: bool
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Word:
    """What a BSM or BUM says of a tag."""

    at: datetime
    kind: str
    action: str
    airport: str
    group: Group
    original: str
    rush: bool


@dataclass(slots=True)
class Heard:
    """All that the text says of one tag."""

    events: set[RecountEvent] = field(default_factory=set)
    words: list[Word] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ExpectedBag:
    """What is to be answered about a bag; the lists are sorted.

    Args:
        tag: the one that it got first.
        tags: that and its rush tags.
        airport: where it was scanned last; None in flight and where it was never scanned.
        planned: in travel order.
        events: how many there are that differ.
        authorised: whether it may be loaded, as the last word says; None where none does.
        proved: points of Resolution 753: kind, airport, leg from 1.
    """

    tag: str
    tags: Sequence[str]
    state: str
    airport: str | None
    planned: Sequence[Leg]
    flown: Sequence[Flight]
    events: int
    authorised: bool | None
    deleted: bool
    proved: Sequence[tuple[str, str, int]]

    def comparable(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "tag": self.tag,
            "tags": list(self.tags),
            "state": self.state,
            "airport": self.airport,
            "planned": [list(leg) for leg in self.planned],
            "flown": [list(flight) for flight in self.flown],
            "events": self.events,
            "authorised": self.authorised,
            "deleted": self.deleted,
            "proved": [list(point) for point in self.proved],
        }


class Recount:
    """Listens to a text and answers for each bag.

    Args:
        told_at: when the text was received.
        departed: flights that have left, beside those that the text closes (``docs/DOMAIN.md#rule-10``).
    """

    def __init__(self, told_at: datetime, departed: Iterable[Flight] = ()) -> None:
        self.reader = MessageReader(told_at)
        self._departed = set(departed)
        self._heard: dict[str, Heard] = defaultdict(Heard)

    def listen(self, lines: Iterable[str]) -> None:
        """Takes in all of a text."""
        for message in self.reader.read(lines):
            if message.kind == "BCM" and message.action == "FCM":
                self._departed |= {group.outbound.flight for group in message.groups if group.outbound}
            for group in message.groups:
                for tag in group.tags:
                    if tag != UNREADABLE_TAG:
                        self._hear(tag, message, group)

    def _hear(self, tag: str, message: ParsedMessage, group: Group) -> None:
        heard = self._heard[tag]
        if message.kind == "BPM":
            heard.events.add(_scan(message, group, tag))
        elif message.kind == "BUM":
            heard.words.append(_word(message, group))
        elif message.kind == "BSM":
            word = _word(message, group)
            heard.words.append(word)
            if not message.action:
                kind = "RUSH_TAGGED" if word.rush else "ACCEPTED" if message.source == "L" else "EXPECTED"
                flight = group.outbound.flight if group.outbound else None
                heard.events.add(RecountEvent(word.at, RANKS[kind], kind, message.airport, flight, False, (tag,)))

    def answers(self) -> Iterator[ExpectedBag]:
        """One for each bag, by tag."""
        rushed: dict[str, list[str]] = defaultdict(list)
        linked: set[str] = set()
        for tag, heard in self._heard.items():
            original = next((word.original for word in _in_order(heard.words) if word.original), "")
            if original:
                rushed[original].append(tag)
                linked.add(tag)
        for tag in sorted((self._heard.keys() | rushed.keys()) - linked):
            yield self._answer(tag, sorted(rushed.get(tag, ())))

    def _answer(self, tag: str, rush_tags: Sequence[str]) -> ExpectedBag:
        heard = [self._heard.get(one, Heard()) for one in (tag, *rush_tags)]
        events = _told_apart(sorted(event for one in heard for event in one.events))
        words = _in_order(word for one in heard for word in one.words)
        planned = [leg for one in heard for leg in _plan(_in_order(one.words))]
        flown = _flown(events)
        actions = [word.action for word in words if word.kind == "BSM"]
        deleted = actions[-1:] == ["DEL"]
        state, airport = self._standing(events, planned)
        return ExpectedBag(
            tag=tag,
            tags=[tag, *rush_tags],
            state="DELETED" if deleted else state,
            airport=airport,
            planned=planned,
            flown=sorted(flown),
            events=len(events),
            authorised=_authorised(words),
            deleted=deleted,
            proved=sorted(_proved(events, planned, flown)),
        )

    def _standing(self, events: Sequence[RecountEvent], planned: Sequence[Leg]) -> tuple[str, str | None]:
        stations = {station for leg in planned for station in (leg.origin, leg.destination)}
        loaded = _loaded(events)
        state, airport, flight = "EXPECTED", None, None
        for event in events:
            if event.kind == "NOT_SEEN" and event.flight in loaded:
                continue  # docs/DOMAIN.md#rule-9
            if event.kind in SAID and RANKS[state] > RANKS[event.kind]:
                continue  # a scan beats what is only said
            if event.kind not in WORDS:
                airport = event.airport
            if event.kind != "POSITION":
                state, flight = event.kind, event.flight
            if event.kind == "ARRIVED" and stations and event.airport not in stations:
                state = "MISROUTED"  # docs/DOMAIN.md#rule-12
        if state == "LOADED" and flight in self._departed:
            return "IN_FLIGHT", None  # docs/DOMAIN.md#rule-10
        return state, airport


def _scan(message: ParsedMessage, group: Group, tag: str) -> RecountEvent:
    """The first matching row of ``docs/DOMAIN.md#rule-8``."""
    assert message.at is not None
    code = message.scan[0]
    takes_over = False
    if group.status:
        kind = STATUSES.get(group.status, "POSITION")
    elif group.first("U"):
        kind = "LOADED"
    elif (screened := group.first("X")) and "CLR" in screened[:2]:
        kind = "SCREENED"
    elif screened:
        kind = "POSITION"
    elif message.source == "X":
        kind = AT_END.get(code, "POSITION")
    elif code == "R":
        kind = "LOADED"
    elif code == "S":
        kind, takes_over = "SORTED", message.source == "T"
    else:
        kind = "POSITION"
    leg = group.inbound if kind == "ARRIVED" else group.outbound
    said = (tag, group.status, *message.scan)
    return RecountEvent(message.at, RANKS[kind], kind, message.airport, leg.flight if leg else None, takes_over, said)


def _word(message: ParsedMessage, group: Group) -> Word:
    exceptions = {fields[0] for letter, fields in group.elements if letter == "E"}
    texts = [fields[0].split() for letter, fields in group.elements if letter == "R"]
    original = next((words[1] for words in texts if len(words) > 1 and words[0] == "ORIG"), "")
    rush = "RUSH" in exceptions
    at = message.at or BEFORE_ALL
    return Word(at, message.kind, message.action, message.airport, group, original if rush else "", rush)


def _in_order(words: Iterable[Word]) -> list[Word]:
    return sorted(words, key=lambda word: word.at)


def _told_apart(events: Sequence[RecountEvent]) -> list[RecountEvent]:
    """Which sortation of a transfer bag is the transfer: the first at its airport."""
    known: set[str] = set()
    apart = []
    for event in events:
        first = event.takes_over and event.airport not in known
        known |= {event.airport} if event.takes_over else set()
        apart.append(event._replace(kind="TRANSFER_IN", rank=RANKS["TRANSFER_IN"]) if first else event)
    return sorted(apart)


def _plan(words: Sequence[Word]) -> list[Leg]:
    """The flights that the words about one tag name in the end: each settles the way from its airport on."""
    plan: list[Leg] = []
    threads: dict[str, Group] = {}
    for word in words:
        if word.action == "DEL" or word.kind == "BUM":
            continue
        group = word.group
        before = threads.get(word.airport)
        if word.action == "CHG" and before is not None:
            # docs/DOMAIN.md#rule-6: what is absent stays.
            group = replace(
                group,
                outbound=group.outbound or before.outbound,
                onward=group.onward or before.onward,
                inbound=group.inbound or before.inbound,
            )
        threads[word.airport] = group
        plan = _way_to(plan, word.airport, group.inbound)
        plan += [*([group.outbound] if group.outbound else []), *group.onward]
    return plan


def _way_to(plan: Sequence[Leg], airport: str, inbound: Leg | None) -> list[Leg]:
    """The part of a plan that ends at an airport, with the flight that is now said to come there."""
    arrives = next((place for place, leg in enumerate(plan) if leg.destination == airport), None)
    way = [] if arrives is None else list(plan[: arrives + 1])
    return [*way[:-1], inbound] if inbound else way


def _authorised(words: Sequence[Word]) -> bool | None:
    authorised = None
    for word in words:
        if word.action == "DEL" or word.kind == "BUM":
            authorised = False
        elif word.group.authority:
            authorised = word.group.authority == "Y"
    return authorised


def _loaded(events: Sequence[RecountEvent]) -> set[Flight | None]:
    """Flights that the bag was loaded on and not taken off again."""
    loaded: list[Flight | None] = []
    for event in events:
        if event.kind == "LOADED" and event.flight:
            loaded = [flight for flight in loaded if flight != event.flight] + [event.flight]
        elif event.kind == "OFFLOADED" and loaded:
            off = event.flight or loaded[-1]
            loaded = [flight for flight in loaded if flight != off]
    return set(loaded)


def _flown(events: Sequence[RecountEvent]) -> set[Flight]:
    """Flights that the bag was on: loaded and not offloaded, or arrived (``docs/DOMAIN.md#rule-9``)."""
    arrived = {event.flight for event in events if event.kind == "ARRIVED"}
    return {flight for flight in _loaded(events) | arrived if flight is not None}


def _proved(
    events: Sequence[RecountEvent], planned: Sequence[Leg], flown: set[Flight]
) -> Iterator[tuple[str, str, int]]:
    """Custody points (``docs/DOMAIN.md#rule-14``) of the plan without missed flights.

    A missed flight was not flown, and another one from the same airport follows it.
    """
    legs = [
        (seq, leg)
        for seq, leg in enumerate(planned, 1)
        if leg.flight in flown or all(later.origin != leg.origin for later in planned[seq:])
    ]
    if not legs:
        return
    kinds = {event.kind for event in events}
    if "ACCEPTED" in kinds:
        yield "ACCEPTANCE", legs[0][1].origin, legs[0][0]
    loaded = {event.flight for event in events if event.kind == "LOADED"}
    taken_over = {event.airport for event in events if event.kind == "TRANSFER_IN"}
    for seq, leg in legs:
        if leg.flight in loaded:
            yield "LOADING", leg.origin, seq
    for seq, leg in legs[:-1]:
        if leg.destination in taken_over:
            yield "TRANSFER", leg.destination, seq
    if kinds & {"AT_CLAIM", "DELIVERED"}:
        yield "ARRIVAL", legs[-1][1].destination, legs[-1][0]


def recounted(file: Path, received_at: datetime | None = None, flights: Path | None = None) -> Recount:
    """The recount of a text.

    Args:
        received_at: when it was received; as ``FILE.json`` says if absent.
        flights: JSON that names the flights that have left; ``FILE.json`` if absent.
    """
    about = orjson.loads((flights or file.with_name(file.name + ".json")).read_bytes())
    departed = [Flight(one["designator"], one["date"], one["origin"]) for one in about["departed"]]
    counted = Recount(received_at or datetime.fromisoformat(about["toldAt"]), departed)
    with file.open(encoding="latin-1", newline="\n") as lines:
        counted.listen(lines)
    return counted
