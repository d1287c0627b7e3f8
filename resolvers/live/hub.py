"""Telling subscribers of changes as they happen, each exactly once, from the log in PostgreSQL.

One hub per process reads the log once for all who watch an airline, fetches once what they are to see, and hands it to
each one's bounded buffer. Whoever comes back with a cursor, or takes so long that the buffer is full, reads the log by
itself from where it stands until it has caught up: nobody makes the process hold more than the buffer, and nobody loses
a change while the log still has it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from contextvars import Context as ContextVars
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from integrations.errors import OutsideError, Unavailable
from integrations.records.bags import Bag
from integrations.records.changes import Change, ChangeRow, LogPosition, Topic, changes_of
from integrations.records.events import Event
from integrations.records.flights import Flight
from integrations.records.incidents import Incident
from integrations.records.transfers import ConnectionBoard
from integrations.stores.availability import backoff
from integrations.stores.postgres import bags, changes, events, flights
from integrations.stores.postgres.changes import LogPage
from integrations.stores.postgres.manager import PostgresManager
from resolvers import incidents, transfers
from resolvers.context import Context
from resolvers.errors import CursorExpired
from resolvers.live.health_watch import HealthWatch

logger = logging.getLogger(__name__)

# A notification wakes at once; the poll finds what an older, longer transaction has held back.
POLL_SECONDS = 0.1
# Under load changes are read together: at most so often.
GATHER_SECONDS = 0.01
ROWS_AT_ONCE = 200
BUFFER = 1_000
# How many of an airline's subscribers read the log by themselves at the same time.
CATCHING_UP = 4
# A quiet subscriber hears as often how far the log has come.
MARK_SECONDS = 30.0
SWEEP_SECONDS = 60.0
SWEPT_AT_ONCE = 5_000
# Rows outlive the cursors that are accepted: a row may have been written long before its transaction committed.
MARGIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """What a subscriber wants to be told of.

    Args:
        topic: BAG for bags, FLIGHT for a flight with its bags, INCIDENT or BOARD.
        ids: of the bags.
        flight_id: of the flight.
        airport: of the incidents or the board; None for all airports.
    """

    topic: Topic
    ids: frozenset[int] = frozenset()
    flight_id: int = 0
    airport: str | None = None

    def wants(self, change: Change, aboard: set[tuple[int, int]]) -> bool:
        """Whether a change is to be told; ``aboard`` are flights with their bags."""
        if self.topic is Topic.BAG:
            return change.topic is Topic.BAG and change.id in self.ids
        if self.topic is Topic.FLIGHT:
            if change.topic is Topic.FLIGHT:
                return change.id == self.flight_id
            return change.topic is Topic.BAG and (self.flight_id, change.id) in aboard
        return change.topic is self.topic and self.airport in (None, change.airport)


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """What a subscriber is told: a change with what it is of as it stands now, or only how far the log has come.

    Args:
        place: everything up to there has been told.
        at: when the change was written; for a mark, when the log was read.
        changed: False for a mark.
        bag: that changed.
        events: what happened to it, in order of event time.
        flight: that changed.
        incident_id: of the incident that was opened.
        airport: whose board changed, or that has the incident.
        cursor: of this place, as its subscriber is given it.
    """

    place: LogPosition
    at: datetime
    changed: bool = True
    bag: Bag | None = None
    events: Sequence[Event] = ()
    flight: Flight | None = None
    incident_id: int | None = None
    airport: str | None = None
    cursor: str = ""


class FeedMetrics:
    """What the feeds of a process have read.

    Attributes:
        rows: of the log, each once.
        seconds: from when they were written until they were read, in all; by the server's clock.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.seconds = 0.0

    def add(self, page: LogPage) -> None:
        """Count a page."""
        self.rows += len(page.rows)
        self.seconds += sum((page.now - row.at).total_seconds() for row in page.rows)


class Subscriber:
    """One subscriber: where it stands, and what waits for it.

    Args:
        interest: what it wants to be told of.
        place: everything up to there has been told.
        moment: as of when.
    """

    def __init__(self, interest: ChangeFilter, place: LogPosition, moment: datetime) -> None:
        self.interest = interest
        self.place = place
        self.moment = moment
        self.live = False
        self.waiting: deque[ChangeEvent] = deque()
        self.wake = asyncio.Event()

    def offer(self, told: ChangeEvent) -> None:
        """Puts a change into the buffer; where that is full, the subscriber goes on by itself."""
        if not self.live or told.place <= self.place:
            return
        if len(self.waiting) < BUFFER:
            self.waiting.append(told)
        else:
            self.live = False
        self.wake.set()

    def fall_back(self) -> None:
        """Lets the subscriber read the log by itself, as soon as it has told what waits."""
        self.live = False
        self.wake.set()

    def tell(self, told: ChangeEvent) -> ChangeEvent:
        """Notes that it is told now."""
        self.place, self.moment = told.place, told.at
        return told


class Feed:
    """An airline's log, read once for all who watch it.

    Args:
        airline_id: whose.
        place: from where on.
        lifetime: how old a cursor may be.
        figures: count what is read.
    """

    def __init__(
        self, postgres: PostgresManager, airline_id: int, place: LogPosition, lifetime: timedelta, figures: FeedMetrics
    ) -> None:
        self.watchers: set[Subscriber] = set()
        self._postgres = postgres
        self._airline_id = airline_id
        self._lifetime = lifetime
        self._read = place
        self._offered: tuple[LogPosition, datetime] | None = None
        self._figures = figures
        self._wake = asyncio.Event()
        self._gate = asyncio.Semaphore(CATCHING_UP)

    def wake(self) -> None:
        """Reads at once instead of at the next poll."""
        self._wake.set()

    async def run(self) -> None:
        """Reads and offers until cancelled; records that are away are waited for."""
        attempt = 0
        while True:
            try:
                busy = await self.step()
            except OutsideError as error:
                logger.warning("the feed of airline %d waits: %s", self._airline_id, error)
            except Exception:
                # Its subscribers find out by themselves; others may come.
                logger.exception("the feed of airline %d failed", self._airline_id)
            else:
                attempt = 0
                await (asyncio.sleep(GATHER_SECONDS) if busy else self._rest())
                continue
            await asyncio.sleep(backoff(attempt))
            attempt += 1

    async def step(self) -> bool:
        """Offers what is new to those who are up to date; answers whether there was anything."""
        page = await changes.after(self._postgres, self._airline_id, self._read, ROWS_AT_ONCE)
        news = [change for change in _single(page.rows) if change.place > self._read]
        # From here on nobody joins who has not read this page by itself.
        self._read = page.reached
        self._figures.add(page)
        live = [watcher for watcher in self.watchers if watcher.live]
        try:
            told, aboard = await self._load(news, [watcher.interest for watcher in live])
        except BaseException:
            for watcher in live:
                watcher.fall_back()
            raise
        for change, one in told:
            for watcher in live:
                if watcher.interest.wants(change, aboard):
                    watcher.offer(one)
        self._offered = page.reached, page.now
        return bool(news)

    async def told(self, watcher: Subscriber) -> AsyncGenerator[ChangeEvent, None]:
        """What a subscriber is told, without end: changes; a mark each time that it is up to date, and now and then.

        Raises:
            CursorExpired: the log no longer has what comes next.
        """
        attempt = 0
        while True:
            if watcher.waiting:
                yield watcher.tell(watcher.waiting.popleft())
            elif watcher.live:
                if not await self._woken(watcher):
                    yield self._mark(watcher)
            else:
                try:
                    caught_up = await self._catch_up(watcher)
                except Unavailable as error:
                    logger.warning("a subscriber of airline %d waits: %s", self._airline_id, error)
                    await asyncio.sleep(backoff(attempt))
                    attempt += 1
                    continue
                attempt = 0
                for told in caught_up:
                    yield watcher.tell(told)

    async def _catch_up(self, watcher: Subscriber) -> list[ChangeEvent]:
        """What comes next for one subscriber; where that is nothing, it joins the others, and is told so."""
        async with self._gate:
            page = await changes.after(self._postgres, self._airline_id, watcher.place, ROWS_AT_ONCE)
            if page.now - watcher.moment > self._lifetime or watcher.place.xid > page.horizon:
                raise CursorExpired(self._lifetime / timedelta(hours=1))
            news = [change for change in _single(page.rows) if change.place > watcher.place]
            told, aboard = await self._load(news, [watcher.interest])
        wanted = [one for change, one in told if watcher.interest.wants(change, aboard)]
        if not wanted:
            watcher.place, watcher.moment = page.reached, page.now
            watcher.live = page.reached >= self._read
        return [self._mark(watcher)] if watcher.live else wanted

    async def _load(
        self, news: Sequence[Change], interests: Sequence[ChangeFilter]
    ) -> tuple[list[tuple[Change, ChangeEvent]], set[tuple[int, int]]]:
        """The changes that somebody may want, with what they are of, and who is aboard of the flights that are watched.

        A constant number of statements, and none where nobody wants anything.
        """
        watched = frozenset(interest.flight_id for interest in interests if interest.flight_id)
        changed = {change.id for change in news if change.topic is Topic.BAG}
        aboard: set[tuple[int, int]] = set()
        if watched and changed:
            aboard = await changes.bags_of_flights(self._postgres, self._airline_id, list(changed), list(watched))
        named = frozenset[int]().union(*(interest.ids for interest in interests), (bag_id for _, bag_id in aboard))
        topics = {interest.topic for interest in interests}
        wanted = [
            change
            for change in news
            if (change.topic is Topic.BAG and change.id in named)
            or (change.topic is Topic.FLIGHT and change.id in watched)
            or (change.topic in (Topic.INCIDENT, Topic.BOARD) and change.topic in topics)
        ]
        return await self._with_records(wanted), aboard

    async def _with_records(self, wanted: Sequence[Change]) -> list[tuple[Change, ChangeEvent]]:
        bag_ids = list({change.id for change in wanted if change.topic is Topic.BAG})
        flight_ids = list({change.id for change in wanted if change.topic is Topic.FLIGHT})
        known_bags: Mapping[int, Bag] = {}
        known_flights: Mapping[int, Flight] = {}
        happened: dict[UUID, Event] = {}
        if bag_ids:
            known_bags = await bags.by_id(self._postgres, self._airline_id, bag_ids)
            history = await events.of_bags(self._postgres, self._airline_id, bag_ids)
            happened = {event.id: event for event in history}
        if flight_ids:
            known_flights = await flights.by_id(self._postgres, self._airline_id, flight_ids)
        return [
            (
                change,
                ChangeEvent(
                    change.place,
                    change.at,
                    bag=known_bags.get(change.id) if change.topic is Topic.BAG else None,
                    events=sorted((happened[one] for one in change.events if one in happened), key=_in_order),
                    flight=known_flights.get(change.id) if change.topic is Topic.FLIGHT else None,
                    incident_id=change.id if change.topic is Topic.INCIDENT else None,
                    airport=change.airport,
                ),
            )
            for change in wanted
        ]

    async def _woken(self, watcher: Subscriber) -> bool:
        """Waits for something to do; False where nothing came for a while."""
        watcher.wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(MARK_SECONDS):
                await watcher.wake.wait()
        return bool(watcher.waiting) or not watcher.live

    def _mark(self, watcher: Subscriber) -> ChangeEvent:
        """How far a subscriber is who has been told all that was offered."""
        if self._offered is not None and self._offered[0] >= watcher.place:
            watcher.place, watcher.moment = self._offered
        return ChangeEvent(watcher.place, watcher.moment, changed=False)

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await self._wake.wait()
        self._wake.clear()


class Hub:
    """Everybody in this process who watches an airline's changes.

    Args:
        lifetime: how old a cursor may be.
    """

    def __init__(self, postgres: PostgresManager, lifetime: timedelta) -> None:
        self.figures = FeedMetrics()
        self._postgres = postgres
        self._lifetime = lifetime
        self._feeds: dict[int, tuple[Feed, asyncio.Task[None]]] = {}
        self._listening: asyncio.Task[None] | None = None

    async def watch(
        self, airline_id: int, interest: ChangeFilter, after: tuple[LogPosition, datetime] | None
    ) -> AsyncGenerator[ChangeEvent, None]:
        """What is told to one subscriber, without end.

        Args:
            after: everything up to there is known already, as of when; None for all from now on.

        Raises:
            CursorExpired: the log no longer has what comes next.
            Unavailable: the records cannot be reached now.
        """
        if after is None:
            after = await changes.last(self._postgres, airline_id)
        watcher = Subscriber(interest, *after)
        feed = await self._feed(airline_id)
        feed.watchers.add(watcher)
        try:
            async with aclosing(feed.told(watcher)) as told:
                async for one in told:
                    yield one
        finally:
            feed.watchers.discard(watcher)
            self._tidy(airline_id, feed)

    @property
    def count(self) -> int:
        """How many subscribers there are."""
        return sum(len(feed.watchers) for feed, _ in self._feeds.values())

    def watchers(self, airline_id: int) -> Collection[Subscriber]:
        """Who watches an airline's changes."""
        known = self._feeds.get(airline_id)
        return known[0].watchers if known is not None else ()

    async def _feed(self, airline_id: int) -> Feed:
        if airline_id not in self._feeds:
            place, _ = await changes.last(self._postgres, airline_id)
            if airline_id not in self._feeds:
                feed = Feed(self._postgres, airline_id, place, self._lifetime, self.figures)
                self._feeds[airline_id] = feed, asyncio.create_task(feed.run(), context=ContextVars())
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen(), context=ContextVars())
        return self._feeds[airline_id][0]

    def _tidy(self, airline_id: int, feed: Feed) -> None:
        """Ends what nobody needs any more."""
        if not feed.watchers and airline_id in self._feeds and self._feeds[airline_id][0] is feed:
            self._feeds.pop(airline_id)[1].cancel()
        if not self._feeds and self._listening is not None:
            self._listening.cancel()
            self._listening = None

    async def _listen(self) -> None:
        async with self._postgres.listen(changes.CHANNEL, self._wake):
            await asyncio.get_running_loop().create_future()

    def _wake(self, airline_id: str) -> None:
        """Wakes the feed of an airline; all of them where notifications may have been lost."""
        for known, (feed, _) in self._feeds.items():
            if airline_id in ("", str(known)):
                feed.wake()

    async def sweep(self) -> None:
        """Drops what no cursor can ask for any more, until cancelled; any number of processes may."""
        while True:
            with suppress(OutsideError):
                while await changes.delete_old(self._postgres, self._lifetime + MARGIN, SWEPT_AT_ONCE) == SWEPT_AT_ONCE:
                    pass
            await asyncio.sleep(SWEEP_SECONDS)


@dataclass(frozen=True, slots=True)
class Live:
    """What a process can be watched for."""

    hub: Hub
    health: HealthWatch


async def boards(context: Context, parents: Sequence[ChangeEvent], *, first: int = 100) -> list[ConnectionBoard | None]:
    """The board of each airport that changed."""
    codes = {told.airport for told in parents}
    found = {code: await transfers.board(context, code, None, None, first) for code in codes if code is not None}
    return [found.get(told.airport) if told.airport is not None else None for told in parents]


async def incidents_of(context: Context, parents: Sequence[ChangeEvent]) -> list[Incident | None]:
    """The incident that was opened."""
    ids = {told.incident_id for told in parents if told.incident_id is not None}
    found = dict(zip(ids, await incidents.by_ids(context, list(ids)), strict=True)) if ids else {}
    return [found.get(told.incident_id) if told.incident_id is not None else None for told in parents]


def _single(rows: Iterable[ChangeRow]) -> list[Change]:
    return [change for row in rows for change in changes_of(row)]


def _in_order(event: Event) -> tuple[datetime, int, UUID]:
    return event.at, event.rank, event.id
