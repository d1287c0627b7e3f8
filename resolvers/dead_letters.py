"""Dead letters, texts that could not be read: listed, replayed with or without a correction, or set aside.

Rules: ``docs/DOMAIN.md#rule-13``.
"""

from collections.abc import Sequence
from uuid import UUID

from integrations.messages.formats import pieces_of, pieces_of_stored
from integrations.messages.typeb import TypeBError
from integrations.records.messages import DeadLetter
from integrations.records.page import Page
from integrations.stores.postgres import messages
from resolvers.audit import audit
from resolvers.context import Context
from resolvers.errors import BadInput, InvalidState, NotFound
from resolvers.ingestion.pipeline import IntakeChannel, batches_of, ingest
from resolvers.ingestion.reading import check_messages


async def by_ids(context: Context, ids: Sequence[int]) -> list[DeadLetter | None]:
    """The dead letter of each id; None for an unknown one."""
    found = await messages.dead_letters_by_id(context.stores.postgres, context.airline_id, ids)
    return [found.get(letter_id) for letter_id in ids]


async def page(context: Context, settled: bool, page: Page) -> list[DeadLetter]:
    """A page of dead letters, the newest first.

    Args:
        settled: whether settled dead letters are included.
    """
    return await messages.dead_letters(context.stores.postgres, context.airline_id, settled=settled, page=page)


async def replay(context: Context, letter_id: int, text: str | None) -> DeadLetter:
    """Ingests a dead letter again and settles it.

    Dates without a year resolve against the original time of receipt.

    Args:
        text: corrected text; None for the original one, whose airport may be known by now.

    Raises:
        NotFound: the dead letter does not exist.
        InvalidState: the dead letter is settled.
        BadInput: the text cannot be read; the message has place and reason.
    """
    [letter] = await by_ids(context, [letter_id])
    if letter is None:
        raise _not_found()
    _check_unsettled(letter)
    batches = list(batches_of(pieces_of_stored(letter.body) if text is None else pieces_of(text.encode())))
    replacements = list[UUID]()
    try:
        for batch in batches:
            replacements += await check_messages(context, batch, letter.received_at)
    except TypeBError as fault:
        raise BadInput("text", f"text cannot be read: {fault}") from None
    if not replacements:
        raise BadInput("text", "text must hold at least one message")
    for batch in batches:
        await ingest(context, batch, letter.received_at, IntakeChannel.REPLAY)
    return await _settle(context, letter_id, replacements[0])


async def set_aside(context: Context, letter_id: int) -> DeadLetter:
    """Settles a dead letter without a replacement.

    Raises:
        NotFound: the dead letter does not exist.
        InvalidState: the dead letter is settled.
    """
    return await _settle(context, letter_id, None)


def _not_found() -> NotFound:
    return NotFound("deadLetterId", "deadLetterId must be the id of an existing dead letter")


def _check_unsettled(letter: DeadLetter) -> None:
    if letter.settled_at is not None:
        raise InvalidState("deadLetterId", "The dead letter has already been replayed or set aside")


async def _settle(context: Context, letter_id: int, replacement_id: UUID | None) -> DeadLetter:
    airline_id, actor = context.airline_id, context.actor
    async with context.stores.postgres.transaction() as records:
        letter = await messages.lock_dead_letter(records, airline_id, letter_id)
        if letter is None:
            raise _not_found()
        _check_unsettled(letter)
        action = "DISCARD_DEAD_LETTER" if replacement_id is None else "REPLAY_DEAD_LETTER"
        await audit(context, records, action, "DEAD_LETTER", [letter_id])
        return await messages.settle_dead_letter(
            records, airline_id, letter_id, context.now(), actor.id, replacement_id
        )
