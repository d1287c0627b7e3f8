"""Messages from airports and dead letters in PostgreSQL."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from integrations.records.messages import DeadLetter, EventMessage, Message, MessageOf
from integrations.records.page import Page
from integrations.stores.postgres.manager import Reader

# In order of id, so that two batches with the same messages do not deadlock. A known message that this text brings with
# an earlier receipt is returned too; xmax is 0 only in an inserted row.
INSERT_MESSAGES = """
INSERT INTO messages (id, airline_id, kind, sent_at, received_at, position, source, body)
SELECT id, $1, kind, sent_at, $2, position, $3, body
FROM unnest($4::uuid[], $5::text[], $6::timestamptz[], $7::integer[], $8::text[])
     AS new(id, kind, sent_at, position, body)
ORDER BY id
ON CONFLICT (id) DO UPDATE
SET received_at = excluded.received_at, position = excluded.position
WHERE messages.received_at > excluded.received_at
RETURNING id, xmax = 0 AS inserted
"""

# Messages that the bag's instructions or events were read from.
MESSAGES_OF_BAGS = """
SELECT message.bag_id, id, kind, sent_at, received_at, source, body
FROM unnest($2::bigint[]) AS parent(asked)
CROSS JOIN LATERAL (SELECT parent.asked AS bag_id, messages.*
                    FROM (SELECT message_id FROM instructions WHERE bag_id = parent.asked
                          UNION SELECT message_id FROM events WHERE bag_id = parent.asked) AS named
                    JOIN messages ON messages.id = named.message_id AND messages.airline_id = $1
                    ORDER BY messages.received_at DESC, messages.position DESC, messages.id
                    LIMIT $3) AS message
ORDER BY bag_id, received_at, position, id
"""

# By the primary key of the events, which holds for events of either store.
MESSAGES_OF_EVENTS = """
SELECT events.id AS event_id, messages.id, messages.kind, messages.sent_at, messages.received_at, messages.source,
       messages.body
FROM unnest($2::uuid[], $3::timestamptz[]) AS parent(id, at)
JOIN events ON events.id = parent.id AND events.at = parent.at AND events.airline_id = $1
JOIN messages ON messages.id = events.message_id AND messages.airline_id = $1
"""

INSERT_DEAD_LETTERS = """
INSERT INTO dead_letters (airline_id, digest, received_at, source, body, line, position, reason)
SELECT $1, digest, $2, $3, body, line, position, reason
FROM unnest($4::uuid[], $5::text[], $6::integer[], $7::integer[], $8::text[])
     AS new(digest, body, line, position, reason)
ORDER BY digest
ON CONFLICT (airline_id, digest) DO NOTHING
RETURNING id
"""

DEAD_LETTERS_PAGE = """
SELECT id, received_at, source, body, line, position, reason, settled_at, settled_by, replacement_id
FROM dead_letters
WHERE airline_id = $1
  AND ($2 OR settled_at IS NULL)
  AND ($3::bigint IS NULL OR id < $3)
ORDER BY id DESC
LIMIT $4
"""

DEAD_LETTERS_PAGE_BACKWARD = """
SELECT id, received_at, source, body, line, position, reason, settled_at, settled_by, replacement_id
FROM dead_letters
WHERE airline_id = $1
  AND ($2 OR settled_at IS NULL)
  AND ($3::bigint IS NULL OR id > $3)
ORDER BY id
LIMIT $4
"""

DEAD_LETTERS_BY_ID = """
SELECT id, received_at, source, body, line, position, reason, settled_at, settled_by, replacement_id
FROM dead_letters
WHERE airline_id = $1 AND id = ANY($2::bigint[])
"""

LOCK_DEAD_LETTER = """
SELECT id, received_at, source, body, line, position, reason, settled_at, settled_by, replacement_id
FROM dead_letters
WHERE airline_id = $1 AND id = $2
FOR NO KEY UPDATE
"""

SETTLE_DEAD_LETTER = """
UPDATE dead_letters SET settled_at = $3, settled_by = $4, replacement_id = $5 WHERE airline_id = $1 AND id = $2
RETURNING id, received_at, source, body, line, position, reason, settled_at, settled_by, replacement_id
"""


class NewMessage(NamedTuple):
    """A message to insert. The fields are the arrays of ``INSERT_MESSAGES``, in order.

    Args:
        position: line of the received text where the message begins, from 1.
    """

    id: UUID
    kind: str
    sent_at: datetime | None
    position: int
    body: str


class NewDeadLetter(NamedTuple):
    """A text that could not be read. The fields are the arrays of ``INSERT_DEAD_LETTERS``, in order.

    Args:
        line: line of the fault, from 1.
        position: position of the fault in its line, from 1.
    """

    digest: UUID
    body: str
    line: int
    position: int
    reason: str


async def insert(
    records: Reader, airline_id: int, received_at: datetime, source: str, messages: Sequence[NewMessage]
) -> dict[UUID, bool]:
    """Insert messages and return those whose receipt counts, each with whether it was new.

    A known message counts if its receipt is earlier than the stored one (docs/DOMAIN.md#rule-15), which it replaces.

    Args:
        source: value of ``IntakeChannel``.
    """
    rows = await records.fetch(
        INSERT_MESSAGES, airline_id, received_at, source, *zip(*messages, strict=True), name="INSERT_MESSAGES"
    )
    return {row["id"]: row["inserted"] for row in rows}


async def of_bags(records: Reader, airline_id: int, bag_ids: Sequence[int], last: int) -> dict[int, list[Message]]:
    """The newest ``last`` messages about each bag, in order of receipt; bags without any are absent."""
    rows = await records.fetch(
        MESSAGES_OF_BAGS, airline_id, bag_ids, last, name="MESSAGES_OF_BAGS", record_class=MessageOf
    )
    found: dict[int, list[Message]] = {}
    for row in rows:
        found.setdefault(row.bag_id, []).append(row)
    return found


async def of_events(records: Reader, airline_id: int, events: Iterable[tuple[UUID, datetime]]) -> dict[UUID, Message]:
    """The message that each event was read from, by event id; events that were recorded otherwise are absent.

    Args:
        events: ids, each with the time of the event.
    """
    ids, times = zip(*events, strict=True)
    rows = await records.fetch(
        MESSAGES_OF_EVENTS, airline_id, ids, times, name="MESSAGES_OF_EVENTS", record_class=EventMessage
    )
    return {row.event_id: row for row in rows}


async def insert_dead_letters(
    records: Reader, airline_id: int, received_at: datetime, source: str, letters: Sequence[NewDeadLetter]
) -> int:
    """Insert dead letters and return the number of those that were new."""
    rows = await records.fetch(
        INSERT_DEAD_LETTERS, airline_id, received_at, source, *zip(*letters, strict=True), name="INSERT_DEAD_LETTERS"
    )
    return len(rows)


async def dead_letters(records: Reader, airline_id: int, *, settled: bool, page: Page) -> list[DeadLetter]:
    """A page of dead letters, newest first, with one row more than the page holds if there are more.

    Args:
        settled: whether letters that were replayed or set aside are included.
    """
    statement, name = (
        (DEAD_LETTERS_PAGE_BACKWARD, "DEAD_LETTERS_PAGE_BACKWARD")
        if page.backward
        else (DEAD_LETTERS_PAGE, "DEAD_LETTERS_PAGE")
    )
    return await records.fetch(
        statement,
        airline_id,
        settled,
        page.part(0),
        page.limit + 1,
        name=name,
        record_class=DeadLetter,
        custom_plan=True,
    )


async def dead_letters_by_id(records: Reader, airline_id: int, ids: Sequence[int]) -> dict[int, DeadLetter]:
    """The dead letters with these ids; unknown ones are absent."""
    rows = await records.fetch(DEAD_LETTERS_BY_ID, airline_id, ids, name="DEAD_LETTERS_BY_ID", record_class=DeadLetter)
    return {letter.id: letter for letter in rows}


async def lock_dead_letter(records: Reader, airline_id: int, letter_id: int) -> DeadLetter | None:
    """Lock the dead letter until the transaction ends; None if it is unknown."""
    return await records.fetchrow(
        LOCK_DEAD_LETTER, airline_id, letter_id, name="LOCK_DEAD_LETTER", record_class=DeadLetter
    )


async def settle_dead_letter(
    records: Reader, airline_id: int, letter_id: int, at: datetime, by: str, replacement_id: UUID | None
) -> DeadLetter:
    """Mark a dead letter, which must be locked, as settled and return it.

    Args:
        by: id of the person or program.
        replacement_id: the message that replaces it; None where it was set aside.
    """
    row = await records.fetchrow(
        SETTLE_DEAD_LETTER,
        airline_id,
        letter_id,
        at,
        by,
        replacement_id,
        name="SETTLE_DEAD_LETTER",
        record_class=DeadLetter,
    )
    assert row is not None
    return row
