"""Notices: what a consumer must still learn of a change."""

from collections.abc import Sequence
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


class Notice(asyncpg.Record):
    """A waiting row of ``outbox``. ``subject_id`` is the id of the bag or flight; for the network, of the airline."""

    __slots__ = ()

    id = Column[int]()
    airline_id = Column[int]()
    lane = Column[int]()
    subject = Column[str]()
    subject_id = Column[int]()
    events = Column[Sequence[UUID]]()
    created_at = Column[datetime]()
