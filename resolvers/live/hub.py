"""Hub of a process: the change feeds of all airlines that have subscribers."""

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing, suppress
from contextvars import Context as ContextVars
from dataclasses import dataclass
from datetime import datetime, timedelta

from integrations.errors import OutsideError
from integrations.records.changes import ChangeEvent, ChangeFilter, LogPosition
from integrations.stores.postgres import changes
from integrations.stores.postgres.manager import PostgresManager
from resolvers.live.feed import Feed, FeedMetrics, Subscriber
from resolvers.live.health_watch import HealthWatch

SWEEP_SECONDS = 60.0
ROWS_PER_SWEEP = 5_000
# Rows outlive the cursors that are accepted: a row may have been written long before its transaction committed.
MARGIN = timedelta(hours=1)


class Hub:
    """The change feeds of a process, one for each airline that has subscribers.

    Args:
        lifetime: maximum age of a cursor.
    """

    def __init__(self, postgres: PostgresManager, lifetime: timedelta) -> None:
        self.metrics = FeedMetrics()
        self._postgres = postgres
        self._lifetime = lifetime
        self._feeds: dict[int, tuple[Feed, asyncio.Task[None]]] = {}
        self._listening: asyncio.Task[None] | None = None

    async def subscribe(
        self, airline_id: int, wanted: ChangeFilter, after: tuple[LogPosition, datetime] | None
    ) -> AsyncGenerator[ChangeEvent, None]:
        """Change events for one subscriber, without end.

        Args:
            wanted: which changes.
            after: the position that the subscriber has reached, and its timestamp; None for changes from now on.

        Raises:
            CursorExpired: the log no longer holds the changes after that position.
            Unavailable: PostgreSQL cannot be reached.
        """
        if after is None:
            after = await changes.last_position(self._postgres, airline_id)
        subscriber = Subscriber(wanted, *after)
        feed = await self._feed(airline_id)
        feed.subscribers.add(subscriber)
        try:
            async with aclosing(feed.events(subscriber)) as events:
                async for event in events:
                    yield event
        finally:
            feed.subscribers.discard(subscriber)
            self._tidy(airline_id, feed)

    @property
    def count(self) -> int:
        """Number of subscribers."""
        return sum(len(feed.subscribers) for feed, _ in self._feeds.values())

    def subscribers(self, airline_id: int) -> Collection[Subscriber]:
        """The subscribers of an airline."""
        known = self._feeds.get(airline_id)
        return known[0].subscribers if known is not None else ()

    async def _feed(self, airline_id: int) -> Feed:
        if airline_id not in self._feeds:
            position, _ = await changes.last_position(self._postgres, airline_id)
            if airline_id not in self._feeds:
                feed = Feed(self._postgres, airline_id, position, self._lifetime, self.metrics)
                self._feeds[airline_id] = feed, asyncio.create_task(feed.run(), context=ContextVars())
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen(), context=ContextVars())
        return self._feeds[airline_id][0]

    def _tidy(self, airline_id: int, feed: Feed) -> None:
        """End a feed without subscribers, and the listener where no feed is left."""
        if not feed.subscribers and airline_id in self._feeds and self._feeds[airline_id][0] is feed:
            self._feeds.pop(airline_id)[1].cancel()
        if not self._feeds and self._listening is not None:
            self._listening.cancel()
            self._listening = None

    async def _listen(self) -> None:
        async with self._postgres.listen(changes.CHANNEL, self._wake):
            await asyncio.get_running_loop().create_future()

    def _wake(self, airline_id: str) -> None:
        """Wake the feed of an airline; all feeds where notifications may have been lost (an empty payload)."""
        for known, (feed, _) in self._feeds.items():
            if airline_id in ("", str(known)):
                feed.wake()

    async def sweep(self) -> None:
        """Delete changes older than any accepted cursor, until cancelled; safe in any number of processes."""
        while True:
            with suppress(OutsideError):
                while (
                    await changes.delete_old(self._postgres, self._lifetime + MARGIN, ROWS_PER_SWEEP) == ROWS_PER_SWEEP
                ):
                    pass
            await asyncio.sleep(SWEEP_SECONDS)


@dataclass(frozen=True, slots=True)
class Live:
    """Live updates of a process: change events and health."""

    hub: Hub
    health: HealthWatch
