"""Texts that could not be read: listed, corrected and brought in again, or set aside."""

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
from resolvers.ingestion.pipeline import IntakeChannel, ingest
from resolvers.ingestion.reading import check_messages


async def by_ids(context: Context, ids: Sequence[int]) -> list[DeadLetter | None]:
    """The letter of each id, None for an unknown one."""
    found = await messages.dead_letters_by_id(context.stores.postgres, context.airline_id, ids)
    return [found.get(letter_id) for letter_id in ids]


async def page(context: Context, settled: bool, page: Page) -> list[DeadLetter]:
    """The newest first; those that are done with only where ``settled``."""
    return await messages.dead_letters(context.stores.postgres, context.airline_id, settled=settled, page=page)


async def replay(context: Context, letter_id: int, text: str | None) -> DeadLetter:
    """Brings a letter in again, corrected or as it is (its airport may be known by now), and settles it.

    Dates without a year are read as of when the letter came in.

    Args:
        text: what it should have said; what it says where None.

    Raises:
        NotFound: no such letter.
        InvalidState: it was settled before.
        BadInput: the text still cannot be read; says where and why.
    """
    [letter] = await by_ids(context, [letter_id])
    if letter is None:
        raise NotFound("deadLetterId", "There is no such dead letter.")
    pieces = pieces_of_stored(letter.body) if text is None else pieces_of(text.encode())
    try:
        replacements = await check_messages(context, pieces, letter.received_at)
    except TypeBError as fault:
        raise BadInput("text", f"It still cannot be read: {fault}") from None
    if not replacements:
        raise BadInput("text", "There is no message in it.")
    await ingest(context, pieces, letter.received_at, IntakeChannel.REPLAY)
    return await _settle(context, letter_id, replacements[0])


async def set_aside(context: Context, letter_id: int) -> DeadLetter:
    """Notes that nobody will correct it; it stays among the settled ones.

    Raises:
        NotFound: no such letter.
        InvalidState: it was settled before.
    """
    return await _settle(context, letter_id, None)


async def _settle(context: Context, letter_id: int, replacement_id: UUID | None) -> DeadLetter:
    airline_id, actor = context.airline_id, context.actor
    async with context.stores.postgres.transaction() as records:
        letter = await messages.lock_dead_letter(records, airline_id, letter_id)
        if letter is None:
            raise NotFound("deadLetterId", "There is no such dead letter.")
        if letter.settled_at is not None:
            raise InvalidState("deadLetterId", "It was replayed or set aside before.")
        action = "DISCARD_DEAD_LETTER" if replacement_id is None else "REPLAY_DEAD_LETTER"
        await audit(context, records, action, "DEAD_LETTER", [letter_id])
        return await messages.settle_dead_letter(
            records, airline_id, letter_id, context.now(), actor.id, replacement_id
        )
