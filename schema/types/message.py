"""What airports sent: messages, and texts that could not be read."""

from datetime import datetime

import strawberry

from integrations.records import messages
from resolvers import dead_letters, passengers
from schema.fields.batching import masked
from schema.fields.node import Node


@strawberry.type(description="Message as it was received: Type B, a scan in JSON, or Baggage XML.")
class Message:
    """Values are ``integrations.records.messages.Message``."""

    kind: str = strawberry.field(
        description="Identifier of a Type B message: BSM, BPM, BUM and others; SCAN or XML for the other formats."
    )
    sent_at: datetime | None = strawberry.field(
        description="When the message was sent, by its origin line; null if it has none."
    )
    received_at: datetime = strawberry.field(description="When the message was received.")
    source: str = strawberry.field(description="Channel: HTTP, GRAPHQL, FILE, KAFKA, REPLAY or SEED.")
    body: str | None = masked(
        passengers.personal,
        description="Text of the message; null for roles without access to personal data.",
    )


@strawberry.type(description="Received text that could not be read. It is kept until it is replayed or discarded.")
class DeadLetter(Node, record=messages.DeadLetter, load=dead_letters.by_ids):
    """Values are ``integrations.records.messages.DeadLetter``."""

    received_at: datetime = strawberry.field(
        description="When the text was received; dates without a year are read relative to it."
    )
    source: str = strawberry.field(description="Channel: HTTP, GRAPHQL, FILE, KAFKA, REPLAY or SEED.")
    body: str | None = masked(
        passengers.personal,
        description="The text; null for roles without access to personal data.",
    )
    line: int = strawberry.field(description="Line of the error, from 1.")
    position: int = strawberry.field(description="Column of the error in its line, from 1.")
    reason: str = strawberry.field(description="Description of the error, without personal data.")
    settled_at: datetime | None = strawberry.field(
        description="When the dead letter was replayed or discarded; null until then."
    )
    settled_by: str | None = strawberry.field(
        description="Actor who replayed or discarded the dead letter; null until then."
    )
