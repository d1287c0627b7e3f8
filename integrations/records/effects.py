"""Effects: what leaves the product because of a file: calls to WorldTracer, SMS and email."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import asyncpg

from integrations.records.columns import Column
from integrations.records.outbox import Consumer


class Service(StrEnum):
    """A partner, by what it does for us."""

    WORLDTRACER = "WORLDTRACER"
    SMS = "SMS"
    EMAIL = "EMAIL"

    @property
    def consumer(self) -> Consumer:
        """The consumer whose lanes its dispatchers lease."""
        return Consumer(self.value.lower())


class TracingCall(StrEnum):
    """What WorldTracer is asked to do with a file."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    SUSPEND = "SUSPEND"
    REINSTATE = "REINSTATE"
    FORWARD = "FORWARD"
    CLOSE = "CLOSE"


class Trigger(StrEnum):
    """A milestone of a file that its passenger is told of (WorldTracer's file activities)."""

    FILE_OPENED = "FILE_OPENED"
    DAMAGE_FILE_OPENED = "DAMAGE_FILE_OPENED"
    BAG_LOCATED = "BAG_LOCATED"
    BAG_FORWARDED = "BAG_FORWARDED"
    BAG_RECEIVED = "BAG_RECEIVED"
    OUT_FOR_DELIVERY = "OUT_FOR_DELIVERY"
    DELIVERED = "DELIVERED"
    MORE_INFORMATION_NEEDED = "MORE_INFORMATION_NEEDED"
    CLAIM_STAGE = "CLAIM_STAGE"


class EffectState(StrEnum):
    """How far an effect is."""

    PENDING = "PENDING"
    SENDING = "SENDING"
    UNSETTLED = "UNSETTLED"
    ACCEPTED = "ACCEPTED"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    SUPPRESSED = "SUPPRESSED"
    CANCELLED = "CANCELLED"


class EffectReason(StrEnum):
    """Why an effect waits, failed or was left out."""

    RATE_LIMIT = "RATE_LIMIT"
    QUIET_HOURS = "QUIET_HOURS"
    REFERENCE_AWAITED = "REFERENCE_AWAITED"
    PARTNER_AWAY = "PARTNER_AWAY"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    REFUSED = "REFUSED"
    INCOMPLETE = "INCOMPLETE"
    TRIES_EXHAUSTED = "TRIES_EXHAUSTED"
    UNDELIVERED = "UNDELIVERED"
    BOUNCED = "BOUNCED"
    NO_CONTACT = "NO_CONTACT"
    INVALID_CONTACT = "INVALID_CONTACT"
    OPTED_OUT = "OPTED_OUT"
    PASSENGER_CAP = "PASSENGER_CAP"
    SERVICE_DISABLED = "SERVICE_DISABLED"


class Effect(asyncpg.Record):
    """A row of ``effects``."""

    __slots__ = ()

    id = Column[int]()
    airline_id = Column[int]()
    service = Column[str]()
    lane = Column[int]()
    pir_id = Column[int]()
    action = Column[str]()
    key = Column[str]()
    detail = Column[Mapping[str, Any]]()
    state = Column[str]()
    reason = Column[str | None]()
    tries = Column[int]()
    due_at = Column[datetime]()
    created_at = Column[datetime]()
    settled_at = Column[datetime | None]()
    provider_id = Column[str | None]()
    mock = Column[bool | None]()

    @property
    def our_key(self) -> str:
        """What the partner is given to know it by: also after the records were emptied and numbers began anew."""
        return f"{self.airline_id}-{self.id}-{int(self.created_at.timestamp())}"


OUR_KEY = re.compile(r"([0-9]{1,9})-([0-9]{1,18})-[0-9]{1,12}")


def effect_of_key(airline_id: int, our_key: str | None) -> int | None:
    """The id of the effect with that ``our_key``; None where it is none of this airline's."""
    parts = OUR_KEY.fullmatch(our_key or "")
    return int(parts[2]) if parts and int(parts[1]) == airline_id else None


@dataclass(frozen=True, slots=True)
class PartnerCondition:
    """How a dispatcher finds a partner.

    Args:
        breaker: CLOSED, OPEN or HALF_OPEN.
        mock: whether a stand-in is spoken to.
        latency_ms: of the last sign of life.
    """

    service: Service
    breaker: str
    enabled: bool
    mock: bool
    healthy: bool
    latency_ms: float


class PartnerStatus(asyncpg.Record):
    """How a partner stands, and what waits for it. ``checked_at`` and ``breaker`` are empty without a dispatcher."""

    __slots__ = ()

    service = Column[str]()
    breaker = Column[str | None]()
    enabled = Column[bool]()
    mock = Column[bool]()
    healthy = Column[bool]()
    latency_ms = Column[float]()
    checked_at = Column[datetime | None]()
    waiting = Column[int]()
    oldest_waiting_at = Column[datetime | None]()
    failed = Column[int]()
    last_success_at = Column[datetime | None]()
    cost_today_micros = Column[int]()


class ServiceCost(asyncpg.Record):
    """What one kind of call to one service came to. Costs are in millionths of a US dollar."""

    __slots__ = ()

    service = Column[str]()
    call = Column[str]()
    mock = Column[bool]()
    calls = Column[int]()
    units = Column[int]()
    cost_micros = Column[int]()
