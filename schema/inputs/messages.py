"""Inputs of mutations of messages and dead letters."""

from datetime import datetime

import strawberry

from resolvers.errors import BadInput
from schema.fields.commands import CommandInput
from schema.types.message import DeadLetter

MAX_MESSAGES_TEXT = 262_144


@strawberry.input(description="Messages as text.")
class IngestMessagesInput(CommandInput):
    """Input of ``ingestMessages``."""

    text: str = strawberry.field(
        description="Type B messages one after the other, scans as JSON, or one Baggage XML document; "
        f"at most {MAX_MESSAGES_TEXT} characters. For longer text use `POST /ingest/typeb`."
    )
    received_at: datetime | None = strawberry.field(
        default=None,
        description="When the text reached the airline, which is the reference for dates without a year; "
        "now if absent.",
    )

    def arguments(self) -> tuple[bytes, datetime | None]:
        """Returns the text and when it was received.

        Raises:
            BadInput: the text cannot be used.
        """
        return messages_text(self.text).encode(), self.received_at


@strawberry.input(description="A dead letter, and its corrected text.")
class ReplayDeadLetterInput(CommandInput):
    """Input of ``replayDeadLetter``."""

    dead_letter_id: strawberry.ID = strawberry.field(description="The dead letter's global id.")
    text: str | None = strawberry.field(
        default=None, description="The corrected text; if absent, the dead letter is read again unchanged."
    )

    def arguments(self) -> tuple[int, str | None]:
        """Returns the dead letter's id and the corrected text.

        Raises:
            BadInput: the id is none of a dead letter, or the text cannot be used.
        """
        letter_id = DeadLetter.key_of(self.dead_letter_id, "deadLetterId")
        return letter_id, None if self.text is None else messages_text(self.text)


@strawberry.input(description="A dead letter.")
class DiscardDeadLetterInput(CommandInput):
    """Input of ``discardDeadLetter``."""

    dead_letter_id: strawberry.ID = strawberry.field(description="The dead letter's global id.")

    def arguments(self) -> tuple[int]:
        """Returns the dead letter's id.

        Raises:
            BadInput: it is none of a dead letter.
        """
        return (DeadLetter.key_of(self.dead_letter_id, "deadLetterId"),)


def messages_text(text: str) -> str:
    """Returns text of messages. Control characters are allowed, since teletype frames messages by them.

    Raises:
        BadInput: it is too long, or has unpaired surrogates.
    """
    if len(text) > MAX_MESSAGES_TEXT:
        raise BadInput("text", f"text must have at most {MAX_MESSAGES_TEXT} characters, not {len(text)}")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise BadInput("text", "text must have no unpaired surrogates")
    return text
