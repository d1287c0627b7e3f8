"""What a stream brings, taken in batch by batch: at least once, and never committed before it is in the records."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from itertools import groupby

from integrations.deadline import deadline
from integrations.errors import OutsideError
from integrations.messages.formats import pieces_of
from integrations.stores.availability import backoff
from integrations.streams.kafka import HANDLE_SECONDS, KafkaConsumer, KafkaRecord
from resolvers.context import Context
from resolvers.ingestion.pipeline import BATCH, IntakeChannel, ingest

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0

Handle = Callable[[Sequence[KafkaRecord]], Awaitable[object]]


async def take_in(consumer: KafkaConsumer, handle: Handle) -> None:
    """Handles a topic's records until cancelled. A store that is away is waited for, without leaving the group.

    Args:
        handle: takes a batch; it must be safe to repeat, and must itself put aside what it cannot read.
    """
    limit, failures = BATCH, 0
    while True:
        try:
            async with consumer.batch(limit) as records:
                if records:
                    with deadline(HANDLE_SECONDS):
                        async with asyncio.timeout(HANDLE_SECONDS):
                            await handle(records)
        except (OutsideError, TimeoutError) as error:
            # A batch that is too much for a store at the moment may not be in smaller parts.
            limit = max(1, limit // 2)
            pause = backoff(failures, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
            failures += 1
            logger.warning("intake waits: %s; next try in %.1f s", str(error) or "not handled in time", pause)
            await asyncio.sleep(pause)
        else:
            limit, failures = min(BATCH, limit * 2), 0


async def keep(context: Context, records: Sequence[KafkaRecord]) -> None:
    """Keeps the messages of a batch of records, each of them text of its own.

    What was written within the same minute is kept at once, as received when the last of it was written: a year that
    a message leaves out is found by that, however long its record has waited.

    Raises:
        OutsideError: PostgreSQL does not answer or refuses; the same batch may be handled again.
    """
    for _, group in groupby(sorted(records, key=_minute), _minute):
        together = list(group)
        received_at = max(record.at for record in together)
        pieces = [piece for record in together for piece in pieces_of(record.value)]
        for start in range(0, len(pieces), BATCH):
            await ingest(context, pieces[start : start + BATCH], received_at, IntakeChannel.KAFKA)


def _minute(record: KafkaRecord) -> datetime:
    return record.at.replace(second=0, microsecond=0)
