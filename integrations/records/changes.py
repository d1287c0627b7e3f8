"""Changes: what the log tells subscribers of, and where in the log they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import asyncpg

from integrations.records.columns import Column


class Topic(StrEnum):
    """What a change is of."""

    BAG = "BAG"
    FLIGHT = "FLIGHT"
    INCIDENT = "INCIDENT"
    BOARD = "BOARD"


class LogPosition(NamedTuple):
    """A place in the log, in its order: all changes up to it lie before.

    Args:
        xid: the transaction, as the server counts them.
        position: the row.
        item: which of the row's changes, from 1; 0 is before the first, and after all of earlier rows.
    """

    xid: int
    position: int
    item: int


class ChangeRow(asyncpg.Record):
    """A row of ``changes``: what one transaction changed of one topic."""

    __slots__ = ()

    xid = Column[int]()
    position = Column[int]()
    topic = Column[str]()
    ids = Column[Sequence[int]]()
    events = Column[Sequence[UUID | None]]()
    airport = Column[str | None]()
    at = Column[datetime]()


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that changed, once.

    Args:
        place: of the change itself.
        id: of the bag, flight or incident; 0 for a board.
        events: of a bag: what happened to it.
        airport: of an incident or board.
        at: when it was written.
    """

    place: LogPosition
    topic: Topic
    id: int
    events: tuple[UUID, ...]
    airport: str | None
    at: datetime


def end_of(row: ChangeRow) -> LogPosition:
    """The place after all that a row tells, before whatever the next one does."""
    return LogPosition(row.xid, row.position + 1, 0)


def changes_of(row: ChangeRow) -> list[Change]:
    """The single changes of a row, in order."""
    topic = Topic(row.topic)
    events = row.events or [None] * len(row.ids)
    grouped: dict[int, list[UUID]] = {subject_id: [] for subject_id in row.ids or (0,)}
    for subject_id, event_id in zip(row.ids, events, strict=True):
        if event_id is not None:
            grouped[subject_id].append(event_id)
    return [
        Change(LogPosition(row.xid, row.position, item), topic, subject_id, tuple(happened), row.airport, row.at)
        for item, (subject_id, happened) in enumerate(grouped.items(), start=1)
    ]
