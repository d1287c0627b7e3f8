"""Root fields of messages: ingestion, and dead letters."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Self, cast

import strawberry

from integrations.records import messages as records
from resolvers import dead_letters
from resolvers.context import Context
from resolvers.ingestion.pipeline import IngestResult, IntakeChannel, ingest_text
from resolvers.ingestion.reading import receipt_time
from schema.fields.commands import Payload, command
from schema.fields.pagination import After, Before, Connection, First, Last, Order, connection
from schema.inputs.messages import DiscardDeadLetterInput, IngestMessagesInput, ReplayDeadLetterInput
from schema.runtime.permissions import READERS, SENDERS, SUPERVISORS, allow
from schema.types.message import DeadLetter

Info = strawberry.Info[Context, None]

NEWEST_DEAD_LETTERS = Order("dead letters, newest first", id=int)


@strawberry.type
class IngestionQueries:
    """Part of the root of queries."""

    @strawberry.field(
        graphql_type=Connection[DeadLetter],
        description="Dead letters: received texts that could not be read, newest first.",
        metadata=allow(READERS),
    )
    async def dead_letters(
        self,
        info: Info,
        settled: Annotated[
            bool, strawberry.argument(description="Whether to include dead letters that were replayed or discarded.")
        ] = False,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """Returns a page of dead letters."""
        fetch = partial(dead_letters.page, info.context, settled)
        return await connection(info.context, NEWEST_DEAD_LETTERS, fetch, first, after, last, before)


@strawberry.type(description="Result of `ingestMessages`.")
class IngestMessagesPayload(Payload):
    """Values are ``resolvers.ingestion.pipeline.IngestResult``."""

    messages: int = strawberry.field(description="Number of messages that were stored by this call.", default=0)
    duplicates: int = strawberry.field(
        description="Number of messages that were stored before, or are repeated in the text; they changed nothing.",
        default=0,
    )
    dead_letters: int = strawberry.field(
        description="Number of new dead letters: parts that could not be read, see `deadLetters`.", default=0
    )
    others: int = strawberry.field(description="Number of stored texts that are no baggage message.", default=0)
    events: int = strawberry.field(description="Number of new events.", default=0)
    bags: int = strawberry.field(description="Number of bags that the new messages name.", default=0)
    unknown_airports: int = strawberry.field(
        description="Number of new messages that name an airport without reference data; its code is kept as written.",
        default=0,
    )

    @classmethod
    def of(cls, result: IngestResult) -> Self:
        """Makes the payload of a text that was ingested."""
        return cls(
            messages=result.messages,
            duplicates=result.duplicates,
            dead_letters=result.dead_letters,
            others=result.others,
            events=result.events,
            bags=result.bags,
            unknown_airports=result.unknown_airports,
        )


@strawberry.type(description="Result of `replayDeadLetter` and `discardDeadLetter`.")
class DeadLetterPayload(Payload):
    """Values are ``integrations.records.messages.DeadLetter``."""

    dead_letter: DeadLetter | None = strawberry.field(
        description="The dead letter after the command; null if the command was rejected.", default=None
    )

    @classmethod
    def of(cls, letter: records.DeadLetter) -> Self:
        """Makes the payload of a command that succeeded."""
        return cls(dead_letter=cast(DeadLetter, letter))


async def _ingest(context: Context, text: bytes, received_at: datetime | None) -> IngestResult:
    return await ingest_text(context, text, receipt_time(received_at, context.now()), IntakeChannel.GRAPHQL)


@strawberry.type
class IngestionMutations:
    """Part of the root of mutations."""

    ingest_messages = command(
        IngestMessagesPayload,
        IngestMessagesInput,
        _ingest,
        roles=SENDERS,
        description="Ingests messages as airports send them: Type B, scans as JSON, Baggage XML. Safe to repeat: a "
        "message is identified by its origin line and body. A part that cannot be read becomes a dead letter; the "
        "other parts are ingested.",
    )
    replay_dead_letter = command(
        DeadLetterPayload,
        ReplayDeadLetterInput,
        dead_letters.replay,
        roles=SUPERVISORS,
        description="Ingests a dead letter again, corrected or unchanged, and settles it.",
    )
    discard_dead_letter = command(
        DeadLetterPayload,
        DiscardDeadLetterInput,
        dead_letters.set_aside,
        roles=SUPERVISORS,
        description="Discards a dead letter that will not be corrected.",
    )
