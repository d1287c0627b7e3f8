"""Ingestion from Kafka in batches: at least once; offsets are committed after the records are stored."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from integrations.deadline import deadline
from integrations.errors import OutsideError
from integrations.messages.formats import pieces_of
from integrations.stores.availability import backoff
from integrations.streams.kafka import HANDLE_SECONDS, KafkaConsumer, KafkaRecord
from resolvers.context import Context
from resolvers.ingestion.pipeline import BATCH, IntakeChannel, batches_of, ingest

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 10.0

Handle = Callable[[Sequence[KafkaRecord]], Awaitable[object]]


async def consume_topic(consumer: KafkaConsumer, handle: Handle) -> None:
    """Handles the records of a topic until cancelled; while a store is unavailable, retries without leaving the group.

    Args:
        handle: handles a batch. It must be safe to repeat and must itself set aside records that it cannot read.
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
            # A store that cannot take the whole batch may take smaller parts.
            limit = max(1, limit // 2)
            pause = backoff(failures, FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS)
            failures += 1
            logger.warning("ingestion failed: %s; next attempt in %.1f s", str(error) or "deadline exceeded", pause)
            await asyncio.sleep(pause)
        else:
            limit, failures = min(BATCH, limit * 2), 0


async def ingest_records(context: Context, records: Sequence[KafkaRecord]) -> None:
    """Ingests the messages of a batch of records; the text of each record stands by itself.

    Records written within the same minute are ingested together, with the last of their timestamps as the time of
    receipt. It determines the year of dates without one, however long the record has waited.

    Raises:
        OutsideError: PostgreSQL is unavailable or rejects the batch; the batch may be handled again.
    """
    for _, group in groupby(sorted(records, key=_minute), _minute):
        together = list(group)
        received_at = max(record.at for record in together)
        texts = (piece for record in together for piece in pieces_of(record.value))
        pieces = (replace(piece, line=position) for position, piece in enumerate(texts, start=1))
        for batch in batches_of(pieces):
            await ingest(context, batch, received_at, IntakeChannel.KAFKA)


def _minute(record: KafkaRecord) -> datetime:
    return record.at.replace(second=0, microsecond=0)
