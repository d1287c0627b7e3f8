"""What airports sent, word for word."""

from datetime import datetime
from uuid import UUID

import asyncpg

from integrations.records.columns import Column


class Message(asyncpg.Record):
    """A row of ``messages``."""

    __slots__ = ()

    id = Column[UUID]()
    kind = Column[str]()
    sent_at = Column[datetime | None]()
    received_at = Column[datetime]()
    source = Column[str]()
    body = Column[str]()


class MessageOf(Message):
    """A message together with the bag it was asked for."""

    __slots__ = ()

    bag_id = Column[int]()


class DeadLetter(asyncpg.Record):
    """A row of ``dead_letters``."""

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
