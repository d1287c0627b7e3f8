"""Background work on leased lanes: one worker has a bag or a file at a time, and workers can come and go."""

import asyncio
import logging
from abc import ABC, abstractmethod
from contextlib import suppress

from integrations.errors import OutsideError
from integrations.records.outbox import Consumer
from integrations.stores.postgres import outbox
from integrations.stores.postgres.manager import PostgresManager

logger = logging.getLogger(__name__)

# Often, so that lanes which become free, or were taken from us and given back, are soon worked on.
RENEW_SECONDS = 2.0
POLL_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0


class LaneWorker(ABC):
    """One worker of a consumer's lanes; at least once, any number of workers at a time.

    Args:
        consumer: whose lanes it leases.
        owner: a name no other worker has; it stands in the lease.
        lease_seconds: for how long a lane stays its own after it was last heard of; longer than any piece of work.
    """

    def __init__(self, postgres: PostgresManager, consumer: Consumer, owner: str, lease_seconds: float) -> None:
        self.postgres = postgres
        self.consumer = consumer
        self.owner = owner
        self._lease_seconds = lease_seconds
        self._leased_at = float("-inf")
        self._pause = POLL_SECONDS
        self._wake = asyncio.Event()

    @abstractmethod
    async def process_batch(self) -> int:
        """Does what is next on the leased lanes; answers how much that was, 0 where nothing waits."""

    def wake(self, consumer: str) -> None:
        """Looks for work at once instead of at the next poll, where a notification is for this consumer."""
        if consumer in ("", self.consumer):  # empty: notifications may have been lost
            self._wake.set()

    async def run(self) -> None:
        """Works until cancelled; a store that is away is waited for. Gives its lanes back at the end."""
        try:
            while True:
                if await self.try_step() == 0:
                    await self.wait_for_work(POLL_SECONDS)
        finally:
            with suppress(OutsideError):
                await outbox.release(self.postgres, self.consumer, self.owner)

    async def try_step(self) -> int | None:
        """As ``step``; None where a store was away: it has paused then."""
        try:
            worked = await self.step()
        except OutsideError as error:
            self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
            logger.warning("%s waits: %s; next try in %.1f s", self.consumer, error, self._pause)
            await asyncio.sleep(self._pause)
            return None
        self._pause = POLL_SECONDS
        return worked

    async def step(self) -> int:
        """Renews the lease where it is time to, and works; answers how much was done, 0 where nothing waits."""
        clock = asyncio.get_running_loop().time()
        if clock > self._leased_at + RENEW_SECONDS:
            await outbox.lease(self.postgres, self.consumer, self.owner, self._lease_seconds)
            self._leased_at = clock
        return await self.process_batch()

    async def wait_for_work(self, seconds: float) -> None:
        """Waits until woken, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()
