"""Root fields about what airports send: taking it in, and what could not be read."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, cast

import strawberry

from resolvers import dead_letters
from resolvers.actor import Role
from resolvers.context import Context
from resolvers.errors import BadInput, InvalidState, NotFound
from resolvers.ingestion.pipeline import IngestResult, IntakeChannel, ingest_text
from schema.fields.pagination import After, Before, Connection, First, Last, Order, connection
from schema.fields.user_errors import UserError, told
from schema.runtime.permissions import allow
from schema.types.message import DeadLetter

Info = strawberry.Info[Context, None]

NEWEST_DEAD_LETTERS = Order("dead letters, newest first", id=int)
LONGEST_TEXT = 262_144


@strawberry.type
class IngestionQueries:
    """Part of the root of queries."""

    @strawberry.field(
        graphql_type=Connection[DeadLetter],
        description="Texts that came in and could not be read, newest first.",
        metadata=allow(Role.AGENT, Role.SUPERVISOR, Role.ANALYST, Role.SERVICE, Role.ADMIN),
    )
    async def dead_letters(
        self,
        info: Info,
        settled: Annotated[
            bool, strawberry.argument(description="Also those that were replayed or set aside.")
        ] = False,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """A page of dead letters."""
        fetch = partial(dead_letters.page, info.context, settled)
        return await connection(info.context, NEWEST_DEAD_LETTERS, fetch, first, after, last, before)


@strawberry.input(description="Messages as text.")
class IngestMessagesInput:
    """Input of ``ingestMessages``."""

    text: str = strawberry.field(
        description="Type B messages one after the other, scans as JSON one in a line, or one Baggage XML document; "
        f"{LONGEST_TEXT} characters at most. More at once: `POST /ingest/typeb`."
    )
    received_at: datetime | None = strawberry.field(
        default=None,
        description="When it reached the airline: dates without a year are read as of then. Now if absent.",
    )
    client_mutation_id: str | None = strawberry.field(default=None, description="Given back as it is.")


@strawberry.type(description="Answer of `ingestMessages`.")
class IngestMessagesPayload:
    """What became of the text."""

    messages: int = strawberry.field(description="Messages that were stored now.")
    duplicates: int = strawberry.field(description="Messages that were known before, or came twice: nothing changed.")
    dead_letters: int = strawberry.field(description="What could not be read and was not known before: `deadLetters`.")
    others: int = strawberry.field(description="Text that is no baggage message, and was kept.")
    events: int = strawberry.field(description="Events that bags had not had.")
    bags: int = strawberry.field(description="Bags that the messages say something new of.")
    user_errors: list[UserError] = strawberry.field(description="Why nothing was taken in.")
    client_mutation_id: str | None = strawberry.field(description="As it was given.")


@strawberry.input(description="Which dead letter, and what it should have said.")
class ReplayDeadLetterInput:
    """Input of ``replayDeadLetter``."""

    dead_letter_id: strawberry.ID = strawberry.field(description="Its global id.")
    text: str | None = strawberry.field(
        default=None, description="The corrected text; if absent, the letter is read again as it is."
    )
    client_mutation_id: str | None = strawberry.field(default=None, description="Given back as it is.")


@strawberry.input(description="Which dead letter.")
class DiscardDeadLetterInput:
    """Input of ``discardDeadLetter``."""

    dead_letter_id: strawberry.ID = strawberry.field(description="Its global id.")
    client_mutation_id: str | None = strawberry.field(default=None, description="Given back as it is.")


@strawberry.type(description="Answer of `replayDeadLetter` and `discardDeadLetter`.")
class DeadLetterPayload:
    """The letter after the change."""

    dead_letter: DeadLetter | None = strawberry.field(description="As it is now; null where it was refused.")
    user_errors: list[UserError] = strawberry.field(description="Why it was refused.")
    client_mutation_id: str | None = strawberry.field(description="As it was given.")


@strawberry.type
class IngestionMutations:
    """Part of the root of mutations."""

    @strawberry.mutation(
        description="Takes in messages as airports send them: Type B, scans as JSON, Baggage XML. Safe to repeat: a "
        "message is known by its origin line and body. What cannot be read is kept in `deadLetters`; the rest goes on.",
        metadata=allow(Role.SUPERVISOR, Role.SERVICE, Role.ADMIN),
    )
    async def ingest_messages(
        self, info: Info, input: Annotated[IngestMessagesInput, strawberry.argument(description="The text.")]
    ) -> IngestMessagesPayload:
        """Ingests the text in transactions of a batch each."""
        done, errors = IngestResult(), []
        try:
            text = _text(input.text).encode()
            done = await ingest_text(info.context, text, input.received_at or info.context.now(), IntakeChannel.GRAPHQL)
        except BadInput as refusal:
            errors = [told(refusal)]
        return IngestMessagesPayload(
            messages=done.messages,
            duplicates=done.duplicates,
            dead_letters=done.dead_letters,
            others=done.others,
            events=done.events,
            bags=done.bags,
            user_errors=errors,
            client_mutation_id=input.client_mutation_id,
        )

    @strawberry.mutation(
        description="Brings a dead letter in again, corrected or as it is, and settles it.",
        metadata=allow(Role.SUPERVISOR, Role.ADMIN),
    )
    async def replay_dead_letter(
        self, info: Info, input: Annotated[ReplayDeadLetterInput, strawberry.argument(description="Which.")]
    ) -> DeadLetterPayload:
        """A person's correction."""
        try:
            letter_id = DeadLetter.key_of(input.dead_letter_id, "deadLetterId")
            text = None if input.text is None else _text(input.text)
            letter = await dead_letters.replay(info.context, letter_id, text)
        except (BadInput, NotFound, InvalidState) as refusal:
            return _refused(refusal, input.client_mutation_id)
        return DeadLetterPayload(
            dead_letter=cast(DeadLetter, letter), user_errors=[], client_mutation_id=input.client_mutation_id
        )

    @strawberry.mutation(
        description="Sets a dead letter aside: nobody will correct it.", metadata=allow(Role.SUPERVISOR, Role.ADMIN)
    )
    async def discard_dead_letter(
        self, info: Info, input: Annotated[DiscardDeadLetterInput, strawberry.argument(description="Which.")]
    ) -> DeadLetterPayload:
        """A person's decision."""
        try:
            letter_id = DeadLetter.key_of(input.dead_letter_id, "deadLetterId")
            letter = await dead_letters.set_aside(info.context, letter_id)
        except (BadInput, NotFound, InvalidState) as refusal:
            return _refused(refusal, input.client_mutation_id)
        return DeadLetterPayload(
            dead_letter=cast(DeadLetter, letter), user_errors=[], client_mutation_id=input.client_mutation_id
        )


def _text(text: str) -> str:
    """Text of messages; teletype frames it by control characters, which count as text here.

    Raises:
        BadInput: too long, or with halves of surrogate pairs.
    """
    if len(text) > LONGEST_TEXT:
        raise BadInput("text", f"At most {LONGEST_TEXT} characters; these are {len(text)}.")
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise BadInput("text", "Only text: no halves of surrogate pairs.")
    return text


def _refused(refusal: BadInput | NotFound | InvalidState, client_mutation_id: str | None) -> DeadLetterPayload:
    return DeadLetterPayload(dead_letter=None, user_errors=[told(refusal)], client_mutation_id=client_mutation_id)
