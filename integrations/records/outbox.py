"""Transactional outbox: consumers, and the messages that wait for them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import asyncpg

from integrations.records.columns import Column

# Lanes of a consumer. The lane of a bag, flight, PIR or airline is its id modulo this number. SQL repeats the number,
# and a guard compares; to change it, a migration has to add the rows of `lanes` and to move the pending rows.
LANES = 64


class Consumer(StrEnum):
    """Consumer of changes. All but SUBSCRIPTIONS lease lanes and are woken by NOTIFY, under these names."""

    GRAPH = "graph"
    INCIDENTS = "incidents"
    WORLDTRACER = "worldtracer"
    SMS = "sms"
    EMAIL = "email"
    SUBSCRIPTIONS = "subscriptions"


class Subject(StrEnum):
    """Kind of record that a message is about."""

    BAG = "BAG"
    FLIGHT = "FLIGHT"
    NETWORK = "NETWORK"


@dataclass(slots=True)
class PendingChanges:
    """Changes of a bag that a consumer has not processed yet, besides its status.

    Args:
        events: ids of new events, and of older ones whose kind or bag was corrected.
        replanned: whether its plan, tags or passenger may have changed.
    """

    events: set[UUID] = field(default_factory=set)
    replanned: bool = False


class OutboxMessage(asyncpg.Record):
    """Pending row of ``outbox``. ``subject_id`` is the id of the bag or flight; for the network, of the airline."""

    __slots__ = ()

    id = Column[int]()
    airline_id = Column[int]()
    lane = Column[int]()
    subject = Column[str]()
    subject_id = Column[int]()
    events = Column[Sequence[UUID]]()
    created_at = Column[datetime]()
    traceparent = Column[str | None]()
