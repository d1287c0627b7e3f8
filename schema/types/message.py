"""What airports sent: messages, and texts that could not be read."""

from datetime import datetime

import strawberry

from integrations.records import messages
from resolvers import dead_letters, passengers
from schema.fields.batching import masked
from schema.fields.node import Node


@strawberry.type(description="A message as an airport sent it: Type B, a scan as JSON, or Baggage XML.")
class Message:
    """Values are ``integrations.records.messages.Message``."""

    kind: str = strawberry.field(description="Its identifier: BSM, BPM, BUM ...; SCAN or XML for the other forms.")
    sent_at: datetime | None = strawberry.field(description="When it was sent, by its origin line, if it has one.")
    received_at: datetime = strawberry.field(description="When it reached the airline.")
    source: str = strawberry.field(description="The way in: HTTP, GRAPHQL, FILE, KAFKA, REPLAY or SEED.")
    body: str | None = masked(
        passengers.personal,
        description="The text, word for word; null for roles that do not meet passengers, since it names them.",
    )


@strawberry.type(
    description="A text that came in and could not be read. It is kept whole until it is corrected and replayed, or "
    "set aside."
)
class DeadLetter(Node, record=messages.DeadLetter, load=dead_letters.by_ids):
    """Values are ``integrations.records.messages.DeadLetter``."""

    received_at: datetime = strawberry.field(description="When it reached the airline; dates are read as of then.")
    source: str = strawberry.field(description="The way in: HTTP, GRAPHQL, FILE, KAFKA, REPLAY or SEED.")
    body: str | None = masked(
        passengers.personal,
        description="The text, word for word; null for roles that do not meet passengers, since it may name them.",
    )
    line: int = strawberry.field(description="The line of the text that is wrong, from 1.")
    position: int = strawberry.field(description="Where in that line, from 1.")
    reason: str = strawberry.field(description="What is wrong with it. Names no passenger.")
    settled_at: datetime | None = strawberry.field(
        description="When it was replayed or set aside; null while it waits."
    )
    settled_by: str | None = strawberry.field(description="Who did that.")
