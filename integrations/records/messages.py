"""Messages as they were received, word for word, and dead letters."""

from datetime import datetime
from uuid import UUID

import asyncpg

from integrations.records.columns import Column


class Message(asyncpg.Record):
    """Row of ``messages``."""

    __slots__ = ()

    id = Column[UUID]()
    kind = Column[str]()
    sent_at = Column[datetime | None]()
    received_at = Column[datetime]()
    source = Column[str]()
    body = Column[str]()


class MessageOf(Message):
    """A message with the id of the bag that it was read for."""

    __slots__ = ()

    bag_id = Column[int]()


class EventMessage(Message):
    """A message with the id of an event that was read from it."""

    __slots__ = ()

    event_id = Column[UUID]()


class DeadLetter(asyncpg.Record):
    """Row of ``dead_letters``: a text that could not be read."""

    __slots__ = ()

    id = Column[int]()
    received_at = Column[datetime]()
    source = Column[str]()
    body = Column[str]()
    line = Column[int]()
    position = Column[int]()
    reason = Column[str]()
    settled_at = Column[datetime | None]()
    settled_by = Column[str | None]()
    replacement_id = Column[UUID | None]()
