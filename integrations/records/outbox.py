"""Notices: what a consumer must still learn of a change."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import asyncpg

from integrations.records.columns import Column

GRAPH = "graph"
INCIDENTS = "incidents"


class Subject(StrEnum):
    """What a notice is about."""

    BAG = "BAG"
    FLIGHT = "FLIGHT"
    NETWORK = "NETWORK"


@dataclass(slots=True)
class PendingChanges:
    """What a consumer does not know yet of a bag, besides where it stands.

    Args:
        events: new ones, and old ones that turned out to be of another kind or bag.
        replanned: whether its plan, tags or passenger may have changed.
    """

    events: set[UUID] = field(default_factory=set)
    replanned: bool = False


class OutboxMessage(asyncpg.Record):
    """A waiting row of ``outbox``. ``subject_id`` is the id of the bag or flight; for the network, of the airline."""

    __slots__ = ()

    id = Column[int]()
    airline_id = Column[int]()
    lane = Column[int]()
    subject = Column[str]()
    subject_id = Column[int]()
    events = Column[Sequence[UUID]]()
    created_at = Column[datetime]()
