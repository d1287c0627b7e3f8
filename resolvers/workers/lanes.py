"""Workers of leased lanes: a bag or PIR has one worker at a time, and any number of workers can run.

``docs/DELIVERY.md#lanes-and-leases`` describes the leases.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from contextlib import suppress
from time import monotonic

from opentelemetry.trace import Tracer

from integrations.errors import OutsideError
from integrations.records.outbox import Consumer
from integrations.stores.postgres import outbox
from integrations.stores.postgres.manager import PostgresManager
from integrations.tracebacks import place_of

logger = logging.getLogger(__name__)

# Short, so that lanes that become free or are given back find a worker soon.
RENEW_SECONDS = 2.0
POLL_SECONDS = 0.5
MAX_PAUSE_SECONDS = 10.0


class LaneWorker(ABC):
    """A worker of a consumer's lanes. Delivery is at least once.

    Args:
        consumer: the consumer under which the worker is woken.
        owner: unique name of the worker, stored with each lease.
        lease_seconds: duration of a lease since its last renewal; longer than any batch.
        queue: name of the lanes that are leased; None for the lanes of the consumer.
        tracer: continues the traces of the requests that caused the work; None where tracing is off.

    Attributes:
        handled: messages, or effects, that batches held.
        failures: batches that failed.
        stepped_at: monotonic time at which the last batch began.
    """

    def __init__(
        self,
        postgres: PostgresManager,
        consumer: Consumer,
        owner: str,
        lease_seconds: float,
        queue: str | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.postgres = postgres
        self.consumer = consumer
        self.queue = queue or consumer.value
        self.owner = owner
        self.tracer = tracer
        self._lease_seconds = lease_seconds
        self.handled = self.failures = 0
        self.stepped_at = monotonic()
        self._leased_at = float("-inf")
        self._pause = POLL_SECONDS
        self._wake = asyncio.Event()

    @abstractmethod
    async def process_batch(self) -> int:
        """Processes the next batch of the leased lanes; returns its size, 0 if nothing is pending."""

    def wake(self, consumer: str) -> None:
        """Looks for work now instead of at the next poll, if the notification is for this consumer."""
        if consumer in ("", self.consumer):  # empty: notifications may have been lost
            self._wake.set()

    async def run(self) -> None:
        """Processes batches until cancelled, then releases the lanes; retries what fails."""
        try:
            while True:
                if await self.try_step() == 0:
                    await self.wait_for_work(POLL_SECONDS)
        finally:
            with suppress(OutsideError):
                await outbox.release(self.postgres, self.queue, self.owner)

    async def try_step(self) -> int | None:
        """As ``step``; returns None after a pause if a store was unavailable or the step failed.

        An unexpected error ends no worker: beside a serving process nothing would start it again.
        """
        self.stepped_at = monotonic()
        try:
            worked = await self.step()
        except OutsideError as error:
            self.failures += 1
            self._pause = min(self._pause * 2, MAX_PAUSE_SECONDS)
            logger.warning("%s: %s; next attempt in %.1f s", self.consumer, error, self._pause)
        except Exception as error:  # noqa: BLE001 # as documented
            self.failures += 1
            self._pause = MAX_PAUSE_SECONDS
            place = place_of(error)
            logger.error("%s: the batch failed: %s; next attempt in %.1f s", self.consumer, place, self._pause)
        else:
            self.handled += worked
            self._pause = POLL_SECONDS
            return worked
        await asyncio.sleep(self._pause)
        return None

    async def step(self) -> int:
        """Renews the leases if they are due and processes a batch; returns its size, 0 if nothing is pending."""
        clock = asyncio.get_running_loop().time()
        if clock > self._leased_at + RENEW_SECONDS:
            await self.renew_leases()
            self._leased_at = clock
        return await self.process_batch()

    async def renew_leases(self) -> None:
        """Renews the leases, and takes lanes that have become free."""
        await outbox.lease(self.postgres, self.queue, self.owner, self._lease_seconds)

    async def wait_for_work(self, seconds: float) -> None:
        """Waits until woken, at most for a number of seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()
