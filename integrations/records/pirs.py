"""Property irregularity reports (PIRs) of delayed, damaged, pilfered and found bags."""

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
    """Kind of a PIR: WorldTracer's AHL, DPR (damage, pilferage) and OHD (docs/DOMAIN.md#worldtracer-files)."""

    DELAYED = "DELAYED"
    DAMAGED = "DAMAGED"
    PILFERED = "PILFERED"
    ON_HAND = "ON_HAND"


class PirStatus(StrEnum):
    """Status of a PIR. A closed PIR is never reopened."""

    OPEN = "OPEN"
    SUSPENDED = "SUSPENDED"
    CLOSED = "CLOSED"


class PirBagState(StrEnum):
    """State of a PIR's bag in the work on the PIR (docs/DOMAIN.md#file-lifecycle); the journey follows from events."""

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
    """Action on a PIR."""

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
    """Reason why a PIR follows an earlier one."""

    RECREATED = "RECREATED"
    DAMAGE_OF = "DAMAGE_OF"


class PirOrder(StrEnum):
    """Order of a list of PIRs."""

    NEWEST = "NEWEST"
    URGENCY = "URGENCY"


class PirFilter(NamedTuple):
    """Conditions of a list of PIRs; None for no condition. ``due_before`` leaves out PIRs without a deadline."""

    statuses: Sequence[str] | None = None
    kinds: Sequence[str] | None = None
    station: str | None = None
    assignee: str | None = None
    due_before: datetime | None = None


class LiabilityRegime(StrEnum):
    """Law that governs the carriage, as far as the countries at both ends show (docs/DOMAIN.md#rule-16)."""

    MONTREAL = "MONTREAL"
    DOMESTIC = "DOMESTIC"
    UNKNOWN = "UNKNOWN"


class Pir(asyncpg.Record):
    """Row of ``pirs``.

    ``phone``, ``email`` and ``language`` replace the passenger's own where they are set. ``evidence`` is a list of
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
        """Name for people: the reference, or the product's own number while WorldTracer has assigned none."""
        return self.reference or f"no. {self.id}"


class PirBag(asyncpg.Record):
    """Row of ``pir_bags``: one bag of a PIR as the passenger described it, with its state.

    ``tag`` is the tag that the PIR cites, ten digits. ``kind`` is the PIR's.
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
    """A PIR with the id of the bag, or of the earlier PIR, that it was read for."""

    __slots__ = ()

    parent_id = Column[int]()


class PirEvent(asyncpg.Record):
    """Row of ``pir_events``; ``from_states`` are those of ``bags``, in order, and all became ``to_state``."""

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
    """Row of ``liability_limits``: special drawing rights a passenger, for events from ``valid_from``."""

    __slots__ = ()

    valid_from = Column[date]()
    baggage_sdr = Column[int]()
