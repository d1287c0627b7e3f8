"""Expected result for each bag, from the text alone: states, flights, plans and proofs by the domain's rules.

Written independently of the product and without imports of it, so that the two can be compared bag for bag. The rules
are in ``docs/DOMAIN.md#the-rules``, the order of states in ``docs/DOMAIN.md#bag-states``.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from benchmarks.bank.message_reader import BagGroup, FlightName, MessageLeg, MessageReader, ParsedMessage

UNREADABLE_TAG = "0000000000"
BEFORE_ALL = datetime.min.replace(tzinfo=UTC)

# ``docs/DOMAIN.md#bag-states``; of equal times the later in the list counts as later (``docs/DOMAIN.md#rule-15``).
ORDER = (
    *("POSITION", "EXPECTED", "ACCEPTED", "SCREENED", "SORTED", "LOADED", "ARRIVED", "TRANSFER_IN", "AT_CLAIM"),
    *("DELIVERED", "NOT_SEEN", "OFFLOADED", "LEFT_BEHIND", "ON_HAND", "RUSH_TAGGED"),
)
RANKS = {kind: rank for rank, kind in enumerate(ORDER)}
# Statements about a bag: they do not prove where it is.
STATEMENTS = frozenset({"EXPECTED", "NOT_SEEN", "RUSH_TAGGED"})
# Announcements before the bag moves: they do not reset a bag that has moved.
ANNOUNCEMENTS = frozenset({"EXPECTED", "ACCEPTED"})
# ``docs/DOMAIN.md#rule-8``.
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
        at: ``BEFORE_ALL`` if the message has no time (``docs/DOMAIN.md#rule-2``).
        takes_over: whether it is a sortation of a transfer bag, which may be its transfer-in.
        details: further values that distinguish this event from another.
    """

    at: datetime
    rank: int
    kind: str
    airport: str
    flight: FlightName | None
    takes_over: bool
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BagStatement:
    """Elements of a BSM or BUM about one tag."""

    at: datetime
    kind: str
    action: str
    airport: str
    group: BagGroup
    original: str
    rush: bool


@dataclass(slots=True)
class TagHistory:
    """All that the text holds about one tag."""

    events: set[RecountEvent] = field(default_factory=set)
    statements: list[BagStatement] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ExpectedBag:
    """Expected values of a bag; lists are sorted.

    Args:
        tag: first tag of the bag.
        tags: first tag and rush tags.
        airport: airport of the last scan; None in flight, and for a bag that was never scanned.
        planned: planned legs in travel order.
        events: number of distinct events.
        authorised: authority to load by the last message with one; None without one.
        proved: points of Resolution 753: kind, airport, leg from 1.
    """

    tag: str
    tags: Sequence[str]
    state: str
    airport: str | None
    planned: Sequence[MessageLeg]
    flown: Sequence[FlightName]
    events: int
    authorised: bool | None
    deleted: bool
    proved: Sequence[tuple[str, str, int]]

    def comparable(self) -> dict[str, Any]:
        """Values for JSON."""
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
    """Reads a text and computes the result for each bag.

    Args:
        received_at: when the text was received.
        departed: flights that have departed, beside those that the text closes (``docs/DOMAIN.md#rule-10``).
    """

    def __init__(self, received_at: datetime, departed: Iterable[FlightName] = ()) -> None:
        self.reader = MessageReader(received_at)
        self._departed = set(departed)
        self._histories: dict[str, TagHistory] = defaultdict(TagHistory)

    def read(self, lines: Iterable[str]) -> None:
        """Reads a whole text."""
        for message in self.reader.read(lines):
            if message.kind == "BCM" and message.action == "FCM":
                self._departed |= {group.outbound.flight for group in message.groups if group.outbound}
            for group in message.groups:
                for tag in group.tags:
                    if tag != UNREADABLE_TAG:
                        self._add(tag, message, group)

    def _add(self, tag: str, message: ParsedMessage, group: BagGroup) -> None:
        history = self._histories[tag]
        if message.kind == "BPM":
            history.events.add(_scan(message, group, tag))
        elif message.kind == "BUM":
            history.statements.append(_statement(message, group))
        elif message.kind == "BSM":
            statement = _statement(message, group)
            history.statements.append(statement)
            if not message.action:
                kind = "RUSH_TAGGED" if statement.rush else "ACCEPTED" if message.source == "L" else "EXPECTED"
                flight = group.outbound.flight if group.outbound else None
                history.events.add(
                    RecountEvent(statement.at, RANKS[kind], kind, message.airport, flight, False, (tag,))
                )

    def bags(self) -> Iterator[ExpectedBag]:
        """Yields one result for each bag, by tag."""
        rushed: dict[str, list[str]] = defaultdict(list)
        linked: set[str] = set()
        for tag, history in self._histories.items():
            original = next(
                (statement.original for statement in _in_order(history.statements) if statement.original), ""
            )
            if original:
                rushed[original].append(tag)
                linked.add(tag)
        for tag in sorted((self._histories.keys() | rushed.keys()) - linked):
            yield self._bag(tag, sorted(rushed.get(tag, ())))

    def _bag(self, tag: str, rush_tags: Sequence[str]) -> ExpectedBag:
        histories = [self._histories.get(one, TagHistory()) for one in (tag, *rush_tags)]
        events = _with_transfers(sorted(event for one in histories for event in one.events))
        statements = _in_order(statement for one in histories for statement in one.statements)
        planned = [leg for one in histories for leg in _plan(_in_order(one.statements))]
        flown = _flown(events)
        actions = [statement.action for statement in statements if statement.kind == "BSM"]
        deleted = actions[-1:] == ["DEL"]
        state, airport = self._status(events, planned)
        return ExpectedBag(
            tag=tag,
            tags=[tag, *rush_tags],
            state="DELETED" if deleted else state,
            airport=airport,
            planned=planned,
            flown=sorted(flown),
            events=len(events),
            authorised=_authorised(statements),
            deleted=deleted,
            proved=sorted(_proved(events, planned, flown)),
        )

    def _status(self, events: Sequence[RecountEvent], planned: Sequence[MessageLeg]) -> tuple[str, str | None]:
        stations = {station for leg in planned for station in (leg.origin, leg.destination)}
        loaded = _loaded(events)
        state, airport, flight = "EXPECTED", None, None
        for event in events:
            if event.kind == "NOT_SEEN" and event.flight in loaded:
                continue  # docs/DOMAIN.md#rule-9
            if event.kind in ANNOUNCEMENTS and RANKS[state] > RANKS[event.kind]:
                continue  # a scan beats an announcement
            if event.kind not in STATEMENTS:
                airport = event.airport
            if event.kind != "POSITION":
                state, flight = event.kind, event.flight
            if event.kind == "ARRIVED" and stations and event.airport not in stations:
                state = "MISROUTED"  # docs/DOMAIN.md#rule-12
        if state == "LOADED" and flight in self._departed:
            return "IN_FLIGHT", None  # docs/DOMAIN.md#rule-10
        return state, airport


def _scan(message: ParsedMessage, group: BagGroup, tag: str) -> RecountEvent:
    """Event of a BPM: the first match counts (``docs/DOMAIN.md#rule-8``)."""
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
    details = (tag, group.status, *message.scan)
    return RecountEvent(
        message.at, RANKS[kind], kind, message.airport, leg.flight if leg else None, takes_over, details
    )


def _statement(message: ParsedMessage, group: BagGroup) -> BagStatement:
    exceptions = {fields[0] for letter, fields in group.elements if letter == "E"}
    texts = [fields[0].split() for letter, fields in group.elements if letter == "R"]
    original = next((words[1] for words in texts if len(words) > 1 and words[0] == "ORIG"), "")
    rush = "RUSH" in exceptions
    at = message.at or BEFORE_ALL
    return BagStatement(at, message.kind, message.action, message.airport, group, original if rush else "", rush)


def _in_order(statements: Iterable[BagStatement]) -> list[BagStatement]:
    return sorted(statements, key=lambda statement: statement.at)


def _with_transfers(events: Sequence[RecountEvent]) -> list[RecountEvent]:
    """Marks the transfer-in of a transfer bag: the first sortation at its airport."""
    known: set[str] = set()
    marked = []
    for event in events:
        first = event.takes_over and event.airport not in known
        known |= {event.airport} if event.takes_over else set()
        marked.append(event._replace(kind="TRANSFER_IN", rank=RANKS["TRANSFER_IN"]) if first else event)
    return sorted(marked)


def _plan(statements: Sequence[BagStatement]) -> list[MessageLeg]:
    """Final plan of one tag: each message settles the route from its airport on."""
    plan: list[MessageLeg] = []
    threads: dict[str, BagGroup] = {}
    for statement in statements:
        if statement.action == "DEL" or statement.kind == "BUM":
            continue
        group = statement.group
        before = threads.get(statement.airport)
        if statement.action == "CHG" and before is not None:
            # Absent elements stay (``docs/DOMAIN.md#rule-6``).
            group = replace(
                group,
                outbound=group.outbound or before.outbound,
                onward=group.onward or before.onward,
                inbound=group.inbound or before.inbound,
            )
        threads[statement.airport] = group
        plan = _route_to(plan, statement.airport, group.inbound)
        plan += [*([group.outbound] if group.outbound else []), *group.onward]
    return plan


def _route_to(plan: Sequence[MessageLeg], airport: str, inbound: MessageLeg | None) -> list[MessageLeg]:
    """Part of a plan that ends at an airport, with the flight that now arrives there."""
    arrives = next((place for place, leg in enumerate(plan) if leg.destination == airport), None)
    route = [] if arrives is None else list(plan[: arrives + 1])
    return [*route[:-1], inbound] if inbound else route


def _authorised(statements: Sequence[BagStatement]) -> bool | None:
    authorised = None
    for statement in statements:
        if statement.action == "DEL" or statement.kind == "BUM":
            authorised = False
        elif statement.group.authority:
            authorised = statement.group.authority == "Y"
    return authorised


def _loaded(events: Sequence[RecountEvent]) -> set[FlightName | None]:
    """Flights on which the bag was loaded and not offloaded again."""
    loaded: list[FlightName | None] = []
    for event in events:
        if event.kind == "LOADED" and event.flight:
            loaded = [flight for flight in loaded if flight != event.flight] + [event.flight]
        elif event.kind == "OFFLOADED" and loaded:
            off = event.flight or loaded[-1]
            loaded = [flight for flight in loaded if flight != off]
    return set(loaded)


def _flown(events: Sequence[RecountEvent]) -> set[FlightName]:
    """Flown flights: loaded and not offloaded, or unloaded on arrival (``docs/DOMAIN.md#rule-9``)."""
    arrived = {event.flight for event in events if event.kind == "ARRIVED"}
    return {flight for flight in _loaded(events) | arrived if flight is not None}


def _proved(
    events: Sequence[RecountEvent], planned: Sequence[MessageLeg], flown: set[FlightName]
) -> Iterator[tuple[str, str, int]]:
    """Proved points over the plan without missed flights (``docs/DOMAIN.md#rule-14``).

    A missed flight was not flown and is followed by another one from the same airport.
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
    """Recount of a text.

    Args:
        file: the text.
        received_at: when it was received; that of ``FILE.json`` if absent.
        flights: JSON that names the departed flights; ``FILE.json`` if absent.
    """
    metadata = orjson.loads((flights or file.with_name(file.name + ".json")).read_bytes())
    departed = [FlightName(one["designator"], one["date"], one["origin"]) for one in metadata["departed"]]
    recount = Recount(received_at or datetime.fromisoformat(metadata["receivedAt"]), departed)
    with file.open(encoding="latin-1", newline="\n") as lines:
        recount.read(lines)
    return recount
