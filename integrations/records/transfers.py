"""Where bags change flights: what is known of each change, and how it is judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import asyncpg

from integrations.records.columns import Column
from integrations.records.flights import Flight


class TransferPosition(StrEnum):
    """Where a bag is on its way from one flight to the next, by its last scan."""

    COMING = "COMING"
    AT_AIRPORT = "AT_AIRPORT"
    TRANSFERRED = "TRANSFERRED"
    ON_BOARD = "ON_BOARD"
    BEYOND = "BEYOND"
    LEFT_BEHIND = "LEFT_BEHIND"
    ASTRAY = "ASTRAY"


class ConnectionLevel(StrEnum):
    """How likely a bag makes its next flight, the most urgent first."""

    AT_RISK = "AT_RISK"
    MISSED = "MISSED"
    TIGHT = "TIGHT"
    UNKNOWN = "UNKNOWN"
    SAFE = "SAFE"
    MADE = "MADE"


class EvidenceKind(StrEnum):
    """What a level rests on."""

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
    """Where the two flights of a pair stand."""

    INBOUND_EXPECTED = "INBOUND_EXPECTED"
    CONNECTING = "CONNECTING"
    OUTBOUND_DEPARTED = "OUTBOUND_DEPARTED"
    CANCELLED = "CANCELLED"


class ConnectingFlight(Flight):
    """A row of ``flights`` that says whether its scheduled times are known."""

    __slots__ = ()

    times_known = Column[bool]()


class TransferRow(asyncpg.Record):
    """A row of ``transfers``: ``state_at`` is when the bag came to its position."""

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
    """A transfer together with the id of the flight it was asked for."""

    __slots__ = ()

    parent_id = Column[int]()


class TransferGroup(asyncpg.Record):
    """Bags that change between the same two flights and stand alike; ``state_at`` is to the minute."""

    __slots__ = ()

    inbound_id = Column[int]()
    outbound_id = Column[int]()
    position = Column[str]()
    state_at = Column[datetime | None]()
    bags = Column[int]()


@dataclass(frozen=True, slots=True)
class TransferEvidence:
    """One thing that a level rests on.

    Args:
        value: in words of the product: a position, ACTUAL, ESTIMATED, SCHEDULED or UNKNOWN, a pair of carriers.
        minutes: how late a flight is (negative: early), a minimum, or what is left on the clock.
        at: the moment that counts.
        flight: the flight that it is about.
        bag_id: the bag whose last scan it is.
    """

    kind: EvidenceKind
    value: str
    minutes: int | None = None
    at: datetime | None = None
    flight: ConnectingFlight | None = None
    bag_id: int | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a connection stands.

    Args:
        minutes: that the bag has until the next flight leaves; None where a time is not known or none is needed.
        needed: minutes that it needs from where it is; None where there is no minimum or none is needed.
        evidence: what the level rests on, what decided it first.
    """

    level: ConnectionLevel
    minutes: int | None
    needed: int | None
    evidence: Sequence[TransferEvidence]


@dataclass(frozen=True, slots=True)
class Transfer:
    """A bag's change from one flight to the next.

    Args:
        minimum: bag minutes that the airport needs between the two carriers; None where it is not known.
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
    """How many bags are of a level."""

    level: ConnectionLevel
    bags: int


@dataclass(frozen=True, slots=True)
class ConnectionPair:
    """Two flights between which bags change.

    Args:
        minutes: between on-block and off-block; None where a time is not known.
        minutes_left: until the outbound leaves, negative after that; None where its time is not known.
        level: the most urgent of its bags'.
        levels: how many bags are of each level, the most urgent first; levels without any are absent.
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
    """The pairs of an airport whose outbound leaves within a time, the most urgent first.

    Args:
        total: how many pairs there are; ``pairs`` are the first of them.
    """

    airport: str
    since: datetime
    until: datetime
    as_of: datetime
    total: int
    bags: int
    pairs: Sequence[ConnectionPair]
