"""Transfers of bags between flights, and the risk of each (docs/DOMAIN.md#missed-connections)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import asyncpg

from integrations.records.columns import Column
from integrations.records.flights import Flight


class TransferPosition(StrEnum):
    """Position of a bag between two flights, by its last scan."""

    COMING = "COMING"
    AT_AIRPORT = "AT_AIRPORT"
    TRANSFERRED = "TRANSFERRED"
    ON_BOARD = "ON_BOARD"
    BEYOND = "BEYOND"
    LEFT_BEHIND = "LEFT_BEHIND"
    ASTRAY = "ASTRAY"


class ConnectionLevel(StrEnum):
    """Risk that a bag misses its next flight, most urgent first."""

    AT_RISK = "AT_RISK"
    MISSED = "MISSED"
    TIGHT = "TIGHT"
    UNKNOWN = "UNKNOWN"
    SAFE = "SAFE"
    MADE = "MADE"


class EvidenceKind(StrEnum):
    """Kind of evidence for a level."""

    LAST_SCAN = "LAST_SCAN"
    INBOUND_TIME = "INBOUND_TIME"
    OUTBOUND_TIME = "OUTBOUND_TIME"
    INBOUND_CANCELLED = "INBOUND_CANCELLED"
    OUTBOUND_CANCELLED = "OUTBOUND_CANCELLED"
    OUTBOUND_DEPARTED = "OUTBOUND_DEPARTED"
    NOT_AUTHORISED = "NOT_AUTHORISED"
    MINIMUM = "MINIMUM"
    CLOCK = "CLOCK"


class PairStatus(StrEnum):
    """Status of a pair of flights."""

    INBOUND_EXPECTED = "INBOUND_EXPECTED"
    CONNECTING = "CONNECTING"
    OUTBOUND_DEPARTED = "OUTBOUND_DEPARTED"
    CANCELLED = "CANCELLED"


class ConnectingFlight(Flight):
    """Row of ``flights`` with ``times_known``: whether its scheduled times are known."""

    __slots__ = ()

    times_known = Column[bool]()


class TransferRow(asyncpg.Record):
    """Row of ``transfers``; ``state_at`` is when the bag reached its position."""

    __slots__ = ()

    bag_id = Column[int]()
    airport = Column[str]()
    inbound_id = Column[int]()
    outbound_id = Column[int]()
    authorised = Column[bool | None]()
    state_at = Column[datetime]()
    bag_version = Column[int]()
    position = Column[str]()


class TransferOf(TransferRow):
    """A transfer with the id of the flight that it was read for."""

    __slots__ = ()

    parent_id = Column[int]()


class TransferGroup(asyncpg.Record):
    """Number of bags with the same two flights and position; ``state_at`` is to the minute."""

    __slots__ = ()

    inbound_id = Column[int]()
    outbound_id = Column[int]()
    position = Column[str]()
    state_at = Column[datetime | None]()
    bags = Column[int]()


@dataclass(frozen=True, slots=True)
class TransferEvidence:
    """One piece of evidence for a level.

    Args:
        value: a position, ACTUAL, ESTIMATED, SCHEDULED or UNKNOWN, or a pair of carriers.
        minutes: lateness of a flight (negative if early), a minimum, or the time left.
        at: the timestamp that counts.
        flight: the flight of the evidence.
        bag_id: the bag whose last scan is the evidence.
    """

    kind: EvidenceKind
    value: str
    minutes: int | None = None
    at: datetime | None = None
    flight: ConnectingFlight | None = None
    bag_id: int | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """Risk of a transfer, with its evidence.

    Args:
        minutes: minutes that the bag has until the next flight leaves; None where a time is unknown or no time is
            needed.
        needed: minutes that the bag needs from its position; None where no minimum is filed or no time is needed.
        evidence: the evidence for the level, the decisive one first.
    """

    level: ConnectionLevel
    minutes: int | None
    needed: int | None
    evidence: Sequence[TransferEvidence]


@dataclass(frozen=True, slots=True)
class Transfer:
    """A bag's change from one flight to the next.

    Args:
        airport: IATA code of the airport where the bag changes.
        bag_version: version of the bag that was judged.
        minimum: minimum connecting time of bags between the two carriers, in minutes; None where none is filed.
    """

    bag_id: int
    airport: str
    inbound: ConnectingFlight
    outbound: ConnectingFlight
    position: TransferPosition
    bag_version: int
    minimum: int | None
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class LevelCount:
    """Number of bags at a level."""

    level: ConnectionLevel
    bags: int


@dataclass(frozen=True, slots=True)
class ConnectionPair:
    """Two flights between which bags change.

    Args:
        bags: number of these bags.
        minutes: minutes between on-block and off-block; None where a time is unknown.
        minutes_left: minutes until the outbound flight leaves, negative afterwards; None where its time is unknown.
        minimum: minimum connecting time of bags in minutes; None where none is filed.
        level: the most urgent level of the bags.
        levels: number of bags at each level, most urgent first; levels without any are absent.
    """

    inbound: ConnectingFlight
    outbound: ConnectingFlight
    bags: int
    minutes: int | None
    minutes_left: int | None
    minimum: int | None
    level: ConnectionLevel
    levels: Sequence[LevelCount]
    status: PairStatus


@dataclass(frozen=True, slots=True)
class ConnectionBoard:
    """Pairs of flights at an airport whose outbound flight leaves within a period, most urgent first.

    Args:
        airport: IATA code.
        since: start of the period, included.
        until: end of the period, excluded.
        as_of: when the board was computed.
        total: number of pairs; ``pairs`` are the first of them.
        bags: number of bags of all pairs.
    """

    airport: str
    since: datetime
    until: datetime
    as_of: datetime
    total: int
    bags: int
    pairs: Sequence[ConnectionPair]
