"""Change feed of one airline: its change log, read once for all its subscribers."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from integrations.errors import OutsideError, Unavailable
from integrations.records.bags import Bag
from integrations.records.changes import Change, ChangeEvent, ChangeFilter, ChangeRow, LogPosition, Topic, changes_of
from integrations.records.events import Event
from integrations.records.flights import Flight
from integrations.stores.availability import backoff
from integrations.stores.postgres import bags, changes, events, flights
from integrations.stores.postgres.changes import LogPage
from integrations.stores.postgres.manager import PostgresManager
from integrations.tracebacks import place_of
from resolvers.errors import CursorExpired

logger = logging.getLogger(__name__)

# A notification wakes the feed at once; polling finds the changes that an older, longer transaction has delayed.
POLL_SECONDS = 0.1
# Under load the feed reads changes together, at most once in this time.
BATCH_SECONDS = 0.01
ROWS_PER_READ = 200
BUFFER_SIZE = 1_000
# Subscribers of one airline that read the log on their own at the same time.
CATCHING_UP = 4
# A subscriber without changes receives a checkpoint this often.
CHECKPOINT_SECONDS = 30.0


class FeedMetrics:
    """Counters of the feeds of a process.

    Attributes:
        rows: rows of the log that were read.
        seconds: sum of the seconds from writing to reading each row, by the server's clock.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.seconds = 0.0

    def add(self, page: LogPage) -> None:
        """Count a page."""
        self.rows += len(page.rows)
        self.seconds += sum((page.now - row.at).total_seconds() for row in page.rows)


class Subscriber:
    """One subscriber: its filter, its position in the log, and its buffer.

    Args:
        wanted: which changes it wants.
        position: all changes up to it have been delivered.
        at: timestamp of the position.
    """

    def __init__(self, wanted: ChangeFilter, position: LogPosition, at: datetime) -> None:
        self.wanted = wanted
        self.position = position
        self.at = at
        self.live = False
        self.buffer: deque[ChangeEvent] = deque()
        self.wake = asyncio.Event()

    def offer(self, event: ChangeEvent) -> None:
        """Buffer a change; where the buffer is full, let the subscriber catch up on its own."""
        if not self.live or event.position <= self.position:
            return
        if len(self.buffer) < BUFFER_SIZE:
            self.buffer.append(event)
        else:
            self.live = False
        self.wake.set()

    def fall_back(self) -> None:
        """Let the subscriber read the log on its own once its buffer is empty."""
        self.live = False
        self.wake.set()

    def deliver(self, event: ChangeEvent) -> ChangeEvent:
        """Advance the position to that of an event and return the event."""
        self.position, self.at = event.position, event.at
        return event


class Feed:
    """The change log of an airline, read once for all its subscribers.

    Args:
        airline_id: the tenant.
        position: where reading begins.
        lifetime: maximum age of a cursor.
        metrics: counts what is read.
    """

    def __init__(
        self,
        postgres: PostgresManager,
        airline_id: int,
        position: LogPosition,
        lifetime: timedelta,
        metrics: FeedMetrics,
    ) -> None:
        self.subscribers: set[Subscriber] = set()
        self._postgres = postgres
        self._airline_id = airline_id
        self._lifetime = lifetime
        self._position = position
        self._offered: tuple[LogPosition, datetime] | None = None
        self._metrics = metrics
        self._wake = asyncio.Event()
        self._catching_up = asyncio.Semaphore(CATCHING_UP)

    def wake(self) -> None:
        """Read now instead of at the next poll."""
        self._wake.set()

    async def run(self) -> None:
        """Read and offer changes until cancelled; while PostgreSQL is unavailable, retry with a backoff."""
        attempt = 0
        while True:
            try:
                busy = await self.step()
            except OutsideError as error:
                logger.warning("the feed of airline %d waits: %s", self._airline_id, error)
            except Exception as error:  # noqa: BLE001
                # A fault of one page must not end the feed: its subscribers fall back and read the page on their own.
                logger.error("the feed of airline %d failed: %s", self._airline_id, place_of(error))
            else:
                attempt = 0
                await (asyncio.sleep(BATCH_SECONDS) if busy else self._wait())
                continue
            await asyncio.sleep(backoff(attempt))
            attempt += 1

    async def step(self) -> bool:
        """Offer new changes to the subscribers that are up to date; return whether there were any."""
        page = await changes.read_after(self._postgres, self._airline_id, self._position, ROWS_PER_READ)
        new = [change for change in _changes_in(page.rows) if change.position > self._position]
        # From here on a subscriber joins only after it has read this page on its own.
        self._position = page.reached
        self._metrics.add(page)
        live = [subscriber for subscriber in self.subscribers if subscriber.live]
        try:
            loaded, aboard = await self._load(new, [subscriber.wanted for subscriber in live])
        except BaseException:
            for subscriber in live:
                subscriber.fall_back()
            raise
        for change, event in loaded:
            for subscriber in live:
                if subscriber.wanted.matches(change, aboard):
                    subscriber.offer(event)
        self._offered = page.reached, page.now
        return bool(new)

    async def events(self, subscriber: Subscriber) -> AsyncGenerator[ChangeEvent, None]:
        """Change events for a subscriber, without end; a checkpoint each time it is up to date, and at intervals.

        Raises:
            CursorExpired: the log no longer holds the changes after the subscriber's position.
        """
        attempt = 0
        while True:
            if subscriber.buffer:
                yield subscriber.deliver(subscriber.buffer.popleft())
            elif subscriber.live:
                if not await self._woken(subscriber):
                    yield self._checkpoint(subscriber)
            else:
                try:
                    caught_up = await self._catch_up(subscriber)
                except Unavailable as error:
                    logger.warning("a subscriber of airline %d waits: %s", self._airline_id, error)
                    await asyncio.sleep(backoff(attempt))
                    attempt += 1
                    continue
                attempt = 0
                for event in caught_up:
                    yield subscriber.deliver(event)

    async def _catch_up(self, subscriber: Subscriber) -> list[ChangeEvent]:
        """The next events of one subscriber; where there are none, it joins the others and gets a checkpoint."""
        async with self._catching_up:
            page = await changes.read_after(self._postgres, self._airline_id, subscriber.position, ROWS_PER_READ)
            if page.now - subscriber.at > self._lifetime or subscriber.position.xid > page.horizon:
                raise CursorExpired(self._lifetime / timedelta(hours=1))
            new = [change for change in _changes_in(page.rows) if change.position > subscriber.position]
            loaded, aboard = await self._load(new, [subscriber.wanted])
        events_wanted = [event for change, event in loaded if subscriber.wanted.matches(change, aboard)]
        if not events_wanted:
            subscriber.position, subscriber.at = page.reached, page.now
            subscriber.live = page.reached >= self._position
        return [self._checkpoint(subscriber)] if subscriber.live else events_wanted

    async def _load(
        self, new: Sequence[Change], filters: Sequence[ChangeFilter]
    ) -> tuple[list[tuple[Change, ChangeEvent]], set[tuple[int, int]]]:
        """The changes that a filter may match, with their records, and the bags aboard the flights of the filters.

        A constant number of statements, and none where no filter can match.
        """
        flight_ids = frozenset(one.flight_id for one in filters if one.flight_id)
        pir_ids = frozenset(one.pir_id for one in filters if one.pir_id)
        changed = {change.id for change in new if change.topic is Topic.BAG}
        aboard: set[tuple[int, int]] = set()
        if flight_ids and changed:
            aboard = await changes.bags_of_flights(self._postgres, self._airline_id, list(changed), list(flight_ids))
        bag_ids = frozenset[int]().union(*(one.ids for one in filters), (bag_id for _, bag_id in aboard))
        topics = {one.topic for one in filters}
        wanted = [
            change
            for change in new
            if (change.topic is Topic.BAG and change.id in bag_ids)
            or (change.topic is Topic.FLIGHT and change.id in flight_ids)
            or (change.topic is Topic.PIR and change.id in pir_ids)
            or (change.topic in (Topic.INCIDENT, Topic.BOARD) and change.topic in topics)
        ]
        return await self._with_records(wanted), aboard

    async def _with_records(self, wanted: Sequence[Change]) -> list[tuple[Change, ChangeEvent]]:
        bag_ids = list({change.id for change in wanted if change.topic is Topic.BAG})
        flight_ids = list({change.id for change in wanted if change.topic is Topic.FLIGHT})
        known_bags: Mapping[int, Bag] = {}
        known_flights: Mapping[int, Flight] = {}
        known: dict[UUID, Event] = {}
        if bag_ids:
            known_bags = await bags.by_id(self._postgres, self._airline_id, bag_ids)
            history = await events.of_bags(self._postgres, self._airline_id, bag_ids)
            known = {event.id: event for event in history}
        if flight_ids:
            known_flights = await flights.by_id(self._postgres, self._airline_id, flight_ids)
        return [
            (
                change,
                ChangeEvent(
                    change.position,
                    change.at,
                    bag=known_bags.get(change.id) if change.topic is Topic.BAG else None,
                    events=sorted((known[key] for key in change.events if key in known), key=_event_order),
                    flight=known_flights.get(change.id) if change.topic is Topic.FLIGHT else None,
                    incident_id=change.id if change.topic is Topic.INCIDENT else None,
                    pir_id=change.id if change.topic is Topic.PIR else None,
                    airport=change.airport,
                ),
            )
            for change in wanted
        ]

    async def _woken(self, subscriber: Subscriber) -> bool:
        """Wait for something to deliver; return False after ``CHECKPOINT_SECONDS`` without anything."""
        subscriber.wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(CHECKPOINT_SECONDS):
                await subscriber.wake.wait()
        return bool(subscriber.buffer) or not subscriber.live

    def _checkpoint(self, subscriber: Subscriber) -> ChangeEvent:
        """The position of a subscriber that has received everything offered so far."""
        if self._offered is not None and self._offered[0] >= subscriber.position:
            subscriber.position, subscriber.at = self._offered
        return ChangeEvent(subscriber.position, subscriber.at, changed=False)

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await self._wake.wait()
        self._wake.clear()


def _changes_in(rows: Iterable[ChangeRow]) -> list[Change]:
    return [change for row in rows for change in changes_of(row)]


def _event_order(event: Event) -> tuple[datetime, int, UUID]:
    return event.at, event.rank, event.id
