"""Property irregularity reports: the files of delayed, damaged, pilfered and found bags."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple

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


class PirBagState(StrEnum):
    """Where one bag of a file stands in the file's work; its journey is told by its events."""

    TRACING = "TRACING"
    SUSPENDED = "SUSPENDED"
    LOCATED = "LOCATED"
    FORWARDED = "FORWARDED"
    RECEIVED = "RECEIVED"
    OUT_FOR_DELIVERY = "OUT_FOR_DELIVERY"
    DELIVERED = "DELIVERED"
    REPORTED = "REPORTED"
    ON_HAND = "ON_HAND"
    MATCHED = "MATCHED"


class PirAction(StrEnum):
    """What is done with a file."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    ASSIGN = "ASSIGN"
    COMMENT = "COMMENT"
    SUSPEND = "SUSPEND"
    REINSTATE = "REINSTATE"
    MATCH = "MATCH"
    LOCATE = "LOCATE"
    FORWARD = "FORWARD"
    RECEIVE = "RECEIVE"
    ARRANGE_DELIVERY = "ARRANGE_DELIVERY"
    CONFIRM_DELIVERY = "CONFIRM_DELIVERY"
    CLOSE = "CLOSE"
    RECREATE = "RECREATE"


class PirLink(StrEnum):
    """Why a file follows an earlier one."""

    RECREATED = "RECREATED"
    DAMAGE_OF = "DAMAGE_OF"


class PirOrder(StrEnum):
    """How a list of files is ordered."""

    NEWEST = "NEWEST"
    URGENCY = "URGENCY"


class PirFilter(NamedTuple):
    """Which files a list holds; None for no condition. ``due_before`` leaves out files without a deadline."""

    statuses: Sequence[str] | None = None
    kinds: Sequence[str] | None = None
    station: str | None = None
    assignee: str | None = None
    due_before: datetime | None = None


class LiabilityRegime(StrEnum):
    """Which law governs the carriage, as far as the countries at both ends tell."""

    MONTREAL = "MONTREAL"
    DOMESTIC = "DOMESTIC"
    UNKNOWN = "UNKNOWN"


class Pir(asyncpg.Record):
    """A row of ``pirs``.

    ``phone``, ``email`` and ``language`` stand for the passenger's own where they are given. ``evidence`` is a list of
    ``{name, value, at}``, see ``resolvers.rules.fault.Fact``. ``due_at`` is the end of the day of the next legal
    deadline.
    """

    __slots__ = ()

    id = Column[int]()
    airline_id = Column[int]()
    reference = Column[str | None]()
    kind = Column[str]()
    status = Column[str]()
    station = Column[str]()
    passenger_id = Column[int | None]()
    opened_at = Column[datetime]()
    closed_at = Column[datetime | None]()
    remarks = Column[str]()
    version = Column[int]()
    updated_at = Column[datetime]()
    assignee = Column[str | None]()
    origin = Column[str | None]()
    destination = Column[str | None]()
    expected_arrival_at = Column[datetime | None]()
    delivered_at = Column[datetime | None]()
    due_at = Column[datetime | None]()
    urgency = Column[datetime]()
    previous_id = Column[int | None]()
    link = Column[str | None]()
    phone = Column[str | None]()
    email = Column[str | None]()
    delivery_address = Column[str | None]()
    language = Column[str | None]()
    reason_for_loss = Column[str | None]()
    fault_station = Column[str | None]()
    proposed_reason = Column[str | None]()
    proposed_station = Column[str | None]()
    evidence = Column[Sequence[Mapping[str, Any]]]()
    storage_location = Column[str | None]()
    found_flight_id = Column[int | None]()

    @property
    def name(self) -> str:
        """What people call it: its reference, or its number here as long as WorldTracer has given none."""
        return self.reference or f"no. {self.id}"


class PirBag(asyncpg.Record):
    """A row of ``pir_bags``: one bag of a file as the passenger described it, and where it stands.

    ``tag`` is the one that the file cites: ten digits. ``kind`` is the file's.
    """

    __slots__ = ()

    pir_id = Column[int]()
    kind = Column[str]()
    seq = Column[int]()
    bag_id = Column[int | None]()
    description = Column[str]()
    brand = Column[str]()
    contents = Column[str]()
    damage = Column[str]()
    state = Column[str]()
    tag = Column[str | None]()
    name_on_bag = Column[str]()
    located_airport = Column[str | None]()
    forward_flight_id = Column[int | None]()
    rush_tag = Column[str | None]()
    courier = Column[str | None]()
    window_start = Column[datetime | None]()
    window_end = Column[datetime | None]()
    delivered_at = Column[datetime | None]()
    matched_pir_id = Column[int | None]()


class PirOf(Pir):
    """A file together with the id of the bag, or the earlier file, that it was asked for."""

    __slots__ = ()

    parent_id = Column[int]()


class PirEvent(asyncpg.Record):
    """A row of ``pir_events``: ``from_states`` are those of ``bags``, in their order; all became ``to_state``."""

    __slots__ = ()

    pir_id = Column[int]()
    seq = Column[int]()
    at = Column[datetime]()
    actor = Column[str]()
    role = Column[str]()
    action = Column[str]()
    bags = Column[Sequence[int]]()
    from_states = Column[Sequence[str]]()
    to_state = Column[str | None]()
    comment = Column[str]()
    detail = Column[Mapping[str, Any]]()


class LiabilityLimit(asyncpg.Record):
    """A row of ``liability_limits``: special drawing rights a passenger, for events from ``valid_from`` on."""

    __slots__ = ()

    valid_from = Column[date]()
    baggage_sdr = Column[int]()
