"""Property irregularity reports: the files of delayed, damaged, pilfered and found bags."""

import re
from datetime import datetime
from enum import StrEnum

import asyncpg

from integrations.records.columns import Column

# Station, airline, number: PTYCM12345 (WorldTracer).
REFERENCE = re.compile(r"[A-Z]{3}[A-Z0-9]{2}[0-9]{5}")


class PirKind(StrEnum):
    """What a file is about: WorldTracer's AHL, DPR (damage, pilferage) and OHD."""

    DELAYED = "DELAYED"
    DAMAGED = "DAMAGED"
    PILFERED = "PILFERED"
    ON_HAND = "ON_HAND"


class PirStatus(StrEnum):
    """Whether a file is being worked on. A closed file is never reopened."""

    OPEN = "OPEN"
    SUSPENDED = "SUSPENDED"
    CLOSED = "CLOSED"


class Pir(asyncpg.Record):
    """A row of ``pirs``."""

    __slots__ = ()

    id = Column[int]()
    airline_id = Column[int]()
    reference = Column[str]()
    kind = Column[str]()
    status = Column[str]()
    station = Column[str]()
    passenger_id = Column[int | None]()
    opened_at = Column[datetime]()
    closed_at = Column[datetime | None]()
    remarks = Column[str]()


class PirBag(asyncpg.Record):
    """A row of ``pir_bags``: one bag of a file as the passenger described it."""

    __slots__ = ()

    pir_id = Column[int]()
    seq = Column[int]()
    bag_id = Column[int | None]()
    description = Column[str]()
    brand = Column[str]()
    contents = Column[str]()


class PirOf(Pir):
    """A file together with the id of the bag it was asked for."""

    __slots__ = ()

    parent_id = Column[int]()
