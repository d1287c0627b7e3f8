"""Expected result for each bag, from the text alone: states, flights, plans and proofs by the domain's rules.

Written independently of the product and without imports of it, so that the two can be compared bag for bag. The rules
are in ``docs/DOMAIN.md#the-rules``, the order of states in ``docs/DOMAIN.md#bag-states``.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from benchmarks.bank.message_reader import (
    BagGroup,
    FlightName,
    MessageLeg,
    MessageReader,
    ParsedMessage,
    PassengerName,
    lines_of,
)

UNREADABLE_TAG = "0000000000"
BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
# ``docs/DOMAIN.md#rule-12``.
TAG_LIFE = timedelta(days=30)
AFTER_LAST_FLIGHT = timedelta(hours=72)

# ``docs/DOMAIN.md#bag-states``; of equal times the later in the list counts as later (``docs/DOMAIN.md#rule-15``).
ORDER = (
    *("POSITION", "EXPECTED", "ACCEPTED", "SCREENED", "SORTED", "LOADED", "ARRIVED", "TRANSFER_IN", "AT_CLAIM"),
    *("DELIVERED", "NOT_SEEN", "OFFLOADED", "LEFT_BEHIND", "ON_HAND", "RUSH_TAGGED"),
)
SCREENING_RESULTS = {"CLR", "REJ", "REF", "UCL"}
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
        destination: where the flight goes; empty if the message does not say.
        details: further values that distinguish this event from another.
    """

    at: datetime
    rank: int
    kind: str
    airport: str
    flight: FlightName | None
    takes_over: bool
    destination: str
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BagStatement:
    """Elements of a BSM, BTM or BUM about one tag.

    Args:
        at: origin time; the receipt time without one (``docs/DOMAIN.md#rule-2``).
        receipt: receipt time, text and number, which decide among equal times (``docs/DOMAIN.md#rule-15``).
        original: first tag that a rush message names; empty otherwise.
    """

    at: datetime
    receipt: tuple[datetime, int, int]
    kind: str
    action: str
    source: str
    airport: str
    group: BagGroup
    original: str
    rush: bool


@dataclass(slots=True)
class TagHistory:
    """All that the text holds about one tag, or about one of several bags of the tag."""

    events: set[RecountEvent] = field(default_factory=set)
    statements: list[BagStatement] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ExpectedBag:
    """Expected values of a bag; lists are sorted.

    Args:
        tag: first tag of the bag.
        tags: first tag and rush tags.
        airport: airport of the last scan; None in flight, and for a bag that was never scanned.
        planned: planned legs in travel order, those flown before a rush included.
        events: number of distinct events.
        authorised: authority to load by the last message with one; None without one.
        proved: points of Resolution 753: kind, airport, leg from 1.
        name: fullest name of the passenger; None for a bag that only scans know.
        locator: of the booking; None without one.
        announced: whether a message other than a deletion or a BUM names the passenger and the flights.
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
    name: PassengerName | None
    locator: str | None
    announced: bool

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
            "surname": self.name.surname if self.name else None,
            "given": self.name.given if self.name else None,
            "locator": self.locator,
        }


class Recount:
    """Reads texts and computes the result for each bag.

    Args:
        received_at: when the text was received, unless it is said for each.
        departed: flights that have departed, beside those that the text closes (``docs/DOMAIN.md#rule-10``).
    """

    def __init__(self, received_at: datetime, departed: Iterable[FlightName] = ()) -> None:
        self.reader = MessageReader(received_at)
        self._departed = set(departed)
        self._histories: dict[str, TagHistory] = defaultdict(TagHistory)

    def read(self, lines: Iterable[str], received_at: datetime | None = None) -> None:
        """Reads a whole text."""
        for message in self.reader.read(lines, received_at):
            if message.kind == "BCM" and message.action == "FCM":
                self._departed |= {group.outbound.flight for group in message.groups if group.outbound}
            for group in message.groups:
                for tag in group.tags:
                    if tag != UNREADABLE_TAG:
                        self._add(tag, message, group)

    def read_bytes(self, body: bytes, received_at: datetime | None = None) -> None:
        """Reads a file or request in any encoding."""
        self.read(lines_of(body), received_at)

    def _add(self, tag: str, message: ParsedMessage, group: BagGroup) -> None:
        history = self._histories[tag]
        if message.kind == "BPM":
            history.events.add(_scan(message, group, tag))
        elif message.kind in ("BSM", "BTM", "BUM"):
            statement = _statement(message, group)
            history.statements.append(statement)
            if message.kind != "BUM" and not message.action:
                history.events.add(_announcement(message, statement, tag))

    def bags(self) -> Iterator[ExpectedBag]:
        """Yields one result for each bag, by tag."""
        rushed: dict[str, list[str]] = defaultdict(list)
        linked: set[str] = set()
        for tag, history in self._histories.items():
            statements = _in_order(history.statements)
            original = next((statement.original for statement in statements if statement.original), "")
            if original:
                rushed[original].append(tag)
                linked.add(tag)
        for tag in sorted((self._histories.keys() | rushed.keys()) - linked):
            first, *others = self._bags_of(tag)
            yield self._bag(tag, first, sorted(rushed.get(tag, ()), key=self._tagged_at))
            for history in others:
                yield self._bag(tag, history, ())

    def _tagged_at(self, tag: str) -> tuple[datetime, str]:
        return min((statement.at for statement in self._histories[tag].statements), default=BEFORE_ALL), tag

    def _bags_of(self, tag: str) -> list[TagHistory]:
        """Histories of the bags that a tag means one after the other (``docs/DOMAIN.md#rule-12``)."""
        history = self._histories.get(tag, TagHistory())
        starts = [BEFORE_ALL]
        for statement in _in_order(history.statements):
            before = _between(history, starts[-1], statement.at)
            if _begins_a_new_bag(statement, before, self._status):
                starts.append(statement.at)
        ends = [*starts[1:], datetime.max.replace(tzinfo=UTC)]
        return [_between(history, start, end) for start, end in zip(starts, ends, strict=True)]

    def _bag(self, tag: str, first: TagHistory, rush_tags: Sequence[str]) -> ExpectedBag:
        histories = [first, *(self._histories[one] for one in rush_tags)]
        events = _with_transfers(_sorted(event for one in histories for event in one.events))
        statements = _counting(_in_order(statement for one in histories for statement in one.statements))
        planned = _chain([_plan(_counting(_in_order(one.statements))) for one in histories], _flown_legs(events))
        flown = _flown(events)
        deleted = _is_deleted(statements)
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
            proved=sorted(_proved(events, planned or _flown_legs(events))),
            name=_fullest(statement.group.name for statement in statements if statement.kind != "BUM"),
            locator=next((one.group.locator for one in reversed(statements) if one.group.locator), None),
            announced=any(one.kind != "BUM" and one.action != "DEL" for one in statements),
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


def _between(history: TagHistory, start: datetime, end: datetime) -> TagHistory:
    events = {event for event in history.events if start <= event.at < end}
    return TagHistory(events, [statement for statement in history.statements if start <= statement.at < end])


def _begins_a_new_bag(
    statement: BagStatement,
    before: TagHistory,
    status_of: Callable[[Sequence[RecountEvent], Sequence[MessageLeg]], tuple[str, str | None]],
) -> bool:
    """Whether the tag means another bag from this message on (``docs/DOMAIN.md#rule-12``)."""
    statements, events = _counting(_in_order(before.statements)), _sorted(before.events)
    seen = [at for at in (*(one.at for one in statements), *(one.at for one in events)) if at > BEFORE_ALL]
    if seen and statement.at - max(seen) > TAG_LIFE:
        return True
    is_first_station = statement.kind == "BSM" and statement.source == "L" and not statement.action
    if not (is_first_station and statements) or statement.rush:
        return False
    planned = _plan(statements)
    if not _is_of_another_booking(statement, statements, planned):
        return False
    last = max((date.fromisoformat(leg.date) for leg in planned), default=None)
    return (
        _is_deleted(statements)
        or status_of(events, planned)[0] == "DELIVERED"
        or (last is not None and statement.at - datetime.combine(last, datetime.min.time(), UTC) > AFTER_LAST_FLIGHT)
    )


def _is_of_another_booking(
    statement: BagStatement, before: Sequence[BagStatement], planned: Sequence[MessageLeg]
) -> bool:
    locators = {one.group.locator for one in before if one.group.locator}
    first_flight = statement.group.outbound.flight if statement.group.outbound else None
    other_flight = bool(planned) and first_flight not in {leg.flight for leg in planned}
    return other_flight and bool(locators) and statement.group.locator not in locators


def _scan(message: ParsedMessage, group: BagGroup, tag: str) -> RecountEvent:
    """Event of a BPM: the first match counts (``docs/DOMAIN.md#rule-8``)."""
    assert message.at is not None
    code = (message.scan or [""])[0]
    takes_over = False
    if group.status:
        kind = STATUSES.get(group.status, "POSITION")
    elif group.first("U"):
        kind = "LOADED"
    elif (screened := group.first("X")) and "CLR" in screened[:2]:
        kind = "SCREENED"
    elif screened and SCREENING_RESULTS & {*screened[:2]}:
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
    flight, destination = (leg.flight, leg.destination) if leg else (None, "")
    return RecountEvent(message.at, RANKS[kind], kind, message.airport, flight, takes_over, destination, details)


def _announcement(message: ParsedMessage, statement: BagStatement, tag: str) -> RecountEvent:
    """Event that a new BSM or BTM implies (``docs/DOMAIN.md#rule-2``).

    If the message has no time, a rush tag was issued at its receipt; the others come before every scan.
    """
    kind = "EXPECTED"
    if message.kind == "BSM":
        kind = "RUSH_TAGGED" if statement.rush else "ACCEPTED" if message.source == "L" else "EXPECTED"
    leg = statement.group.outbound
    flight, destination = (leg.flight, leg.destination) if leg else (None, "")
    at = message.at or (statement.at if kind == "RUSH_TAGGED" else BEFORE_ALL)
    return RecountEvent(at, RANKS[kind], kind, message.airport, flight, False, destination, (tag,))


def _statement(message: ParsedMessage, group: BagGroup) -> BagStatement:
    exceptions = {fields[0] for letter, fields in group.elements if letter == "E"}
    texts = [fields[0].split() for letter, fields in group.elements if letter == "R"]
    original = next((words[1] for words in texts if len(words) > 1 and words[0] == "ORIG"), "")
    rush = "RUSH" in exceptions
    return BagStatement(
        at=message.at or message.received_at,
        receipt=(message.received_at, message.text, message.number),
        kind=message.kind,
        action=message.action,
        source=message.source,
        airport=message.airport,
        group=group,
        original=original if rush else "",
        rush=rush,
    )


def _in_order(statements: Iterable[BagStatement]) -> list[BagStatement]:
    """Statements as they take effect: of texts of one receipt the one that withholds the bag last.

    ``docs/DOMAIN.md#rule-15``.
    """
    ordered: list[BagStatement] = []
    by_receipt = sorted(statements, key=lambda one: (one.at, one.receipt))
    for _, together in groupby(by_receipt, key=lambda one: (one.at, one.receipt[0])):
        texts = [list(of_text) for _, of_text in groupby(together, key=lambda one: one.receipt[1])]
        ordered += [one for of_text in sorted(texts, key=_authorised_is_first) for one in of_text]
    return ordered


def _authorised_is_first(statements: Sequence[BagStatement]) -> bool:
    return _authorised(statements) is False


def _counting(statements: Sequence[BagStatement]) -> list[BagStatement]:
    """Statements without the BTMs of stations that sent a BSM as well (``docs/DOMAIN.md#rule-17``)."""
    stations = {one.airport for one in statements if one.kind == "BSM"}
    return [one for one in statements if one.kind != "BTM" or one.airport not in stations]


def _is_deleted(statements: Sequence[BagStatement]) -> bool:
    return [one.action for one in statements if one.kind != "BUM"][-1:] == ["DEL"]


def _with_transfers(events: Sequence[RecountEvent]) -> list[RecountEvent]:
    """Marks the transfer-in of a transfer bag: the first sortation at its airport."""
    known: set[str] = set()
    marked = []
    for event in events:
        first = event.takes_over and event.airport not in known
        known |= {event.airport} if event.takes_over else set()
        marked.append(event._replace(kind="TRANSFER_IN", rank=RANKS["TRANSFER_IN"]) if first else event)
    return _sorted(marked)


def _sorted(events: Iterable[RecountEvent]) -> list[RecountEvent]:
    """Events in order (``docs/DOMAIN.md#rule-15``); what is equal but for details in an order of our own."""
    return sorted(events, key=lambda event: (event.at, event.rank, event.airport, str(event.flight), event.details))


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
    return _without_repeats(plan)


def _without_repeats(legs: Iterable[MessageLeg]) -> list[MessageLeg]:
    """Legs without flights named twice and without legs to where they begin (``docs/DOMAIN.md#rule-5``)."""
    named: dict[tuple[str, str], MessageLeg] = {}
    for leg in legs:
        if leg.origin != leg.destination:
            named.setdefault((leg.designator, leg.date), leg)
    return list(named.values())


def _route_to(plan: Sequence[MessageLeg], airport: str, inbound: MessageLeg | None) -> list[MessageLeg]:
    """Part of a plan that ends at an airport, with the flight that now arrives there."""
    arrives = next((place for place, leg in enumerate(plan) if leg.destination == airport), None)
    route = [] if arrives is None else list(plan[: arrives + 1])
    return [*route[:-1], inbound] if inbound else route


def _chain(plans: Sequence[Sequence[MessageLeg]], flown: Sequence[MessageLeg]) -> list[MessageLeg]:
    """One chain of the plans of all tags: up to where each rush begins, then its legs (``docs/DOMAIN.md#rule-19``)."""
    chain: list[MessageLeg] = []
    for plan in filter(None, plans):
        begin = plan[0].origin
        chain = [*(_route_to(chain, begin, None) or _route_to(flown, begin, None)), *plan]
    return chain


def _fullest(names: Iterable[PassengerName | None]) -> PassengerName | None:
    """Fullest of the names: a poorer one never replaces it (``docs/DOMAIN.md#rule-18``)."""
    known = [name for name in names if name]
    return max(known, key=lambda name: (len(name.given), len(name.surname), name.titles), default=None)


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


def _flown_legs(events: Sequence[RecountEvent]) -> list[MessageLeg]:
    """Flown legs in order of time, which scans imply without a plan (``docs/DOMAIN.md#rule-20``)."""
    flown = _flown(events)
    legs: dict[FlightName, MessageLeg] = {}
    for event in events:
        if event.flight in flown and event.kind in ("LOADED", "ARRIVED") and event.destination:
            legs.setdefault(event.flight, MessageLeg(*event.flight, event.destination))
    return list(legs.values())


def _proved(events: Sequence[RecountEvent], legs: Sequence[MessageLeg]) -> Iterator[tuple[str, str, int]]:
    """Proved points over the chain of legs (``docs/DOMAIN.md#rule-14``)."""
    kinds = {event.kind for event in events}
    if legs and "ACCEPTED" in kinds:
        yield "ACCEPTANCE", legs[0].origin, 1
    loaded = {event.flight for event in events if event.kind == "LOADED"}
    taken_over = {event.airport for event in events if event.kind == "TRANSFER_IN"}
    for seq, leg in enumerate(legs, 1):
        if leg.flight in loaded:
            yield "LOADING", leg.origin, seq
        if seq < len(legs) and leg.destination in taken_over:
            yield "TRANSFER", leg.destination, seq
    if legs and kinds & {"AT_CLAIM", "DELIVERED"}:
        yield "ARRIVAL", legs[-1].destination, len(legs)


def recount_of(requests: Sequence[tuple[datetime, bytes]], departed: Iterable[tuple[str, date, str]]) -> Recount:
    """Recount of requests in the order of their receipt.

    Args:
        requests: receipt time and body of each.
        departed: designator, date and origin of the departed flights.
    """
    flights = [FlightName(designator, day.isoformat(), origin) for designator, day, origin in departed]
    recount = Recount(requests[0][0], flights)
    for received_at, body in requests:
        recount.read_bytes(body, received_at)
    return recount


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
