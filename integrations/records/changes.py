"""Change log: changes, positions in the log, and what a subscriber receives."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import asyncpg

from integrations.records.bags import Bag
from integrations.records.columns import Column
from integrations.records.events import Event
from integrations.records.flights import Flight


class Topic(StrEnum):
    """Kind of record that changed."""

    BAG = "BAG"
    FLIGHT = "FLIGHT"
    INCIDENT = "INCIDENT"
    BOARD = "BOARD"
    PIR = "PIR"


class LogPosition(NamedTuple):
    """Position in the change log, in log order.

    Args:
        xid: transaction id of PostgreSQL.
        position: sequence number of the row.
        item: ordinal of the change within the row, from 1; 0 lies before the first one and after all earlier rows.
    """

    xid: int
    position: int
    item: int


class ChangeRow(asyncpg.Record):
    """Row of ``changes``: the changes of one topic in one transaction."""

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
    """One change of one record.

    Args:
        position: of the change itself.
        id: of the bag, flight, incident or PIR; 0 for a board.
        events: ids of new events of a bag.
        airport: of an incident or board.
        at: when the change was written.
    """

    position: LogPosition
    topic: Topic
    id: int
    events: tuple[UUID, ...]
    airport: str | None
    at: datetime


def end_of(row: ChangeRow) -> LogPosition:
    """The position after all changes of a row and before those of the next one."""
    return LogPosition(row.xid, row.position + 1, 0)


def changes_of(row: ChangeRow) -> list[Change]:
    """The changes of a row, in order."""
    topic = Topic(row.topic)
    events = row.events or [None] * len(row.ids)
    grouped: dict[int, list[UUID]] = {subject_id: [] for subject_id in row.ids or (0,)}
    for subject_id, event_id in zip(row.ids, events, strict=True):
        if event_id is not None:
            grouped[subject_id].append(event_id)
    return [
        Change(LogPosition(row.xid, row.position, item), topic, subject_id, tuple(event_ids), row.airport, row.at)
        for item, (subject_id, event_ids) in enumerate(grouped.items(), start=1)
    ]


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """Which changes a subscriber wants.

    Args:
        topic: BAG for bags, FLIGHT for a flight with its bags, PIR for a PIR with its effects, INCIDENT or BOARD.
        ids: of the bags.
        flight_id: of the flight.
        pir_id: of the PIR.
        airport: of the incidents or the board; None for all airports.
    """

    topic: Topic
    ids: frozenset[int] = frozenset()
    flight_id: int = 0
    pir_id: int = 0
    airport: str | None = None

    def matches(self, change: Change, aboard: set[tuple[int, int]]) -> bool:
        """Whether the subscriber wants a change; ``aboard`` holds flight ids, each with the id of a bag on it."""
        if self.topic is Topic.BAG:
            return change.topic is Topic.BAG and change.id in self.ids
        if self.topic is Topic.FLIGHT:
            if change.topic is Topic.FLIGHT:
                return change.id == self.flight_id
            return change.topic is Topic.BAG and (self.flight_id, change.id) in aboard
        if self.topic is Topic.PIR:
            return change.topic is Topic.PIR and change.id == self.pir_id
        return change.topic is self.topic and self.airport in (None, change.airport)


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """A change with its records as they stand when it is read; or a checkpoint: how far the log has been read.

    Args:
        position: all changes up to it have been delivered.
        at: when the change was written; of a checkpoint, when the log was read.
        changed: False for a checkpoint.
        bag: the bag that changed.
        events: new events of the bag, in order of event time.
        flight: the flight that changed.
        incident_id: the incident that was opened.
        pir_id: the PIR that changed, or one of whose effects changed.
        airport: of the board or the incident.
        cursor: of the position, as the subscriber receives it.
    """

    position: LogPosition
    at: datetime
    changed: bool = True
    bag: Bag | None = None
    events: Sequence[Event] = ()
    flight: Flight | None = None
    incident_id: int | None = None
    pir_id: int | None = None
    airport: str | None = None
    cursor: str = ""
