"""Effects of a PIR outside the product: calls to WorldTracer, SMS and email."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import asyncpg

from integrations.records.columns import Column
from integrations.records.outbox import Consumer


class Service(StrEnum):
    """Service of a partner."""

    WORLDTRACER = "WORLDTRACER"
    SMS = "SMS"
    EMAIL = "EMAIL"

    @property
    def consumer(self) -> Consumer:
        """The consumer under which the service's dispatchers are woken."""
        return Consumer(self.value.lower())

    def queue(self, airline_id: int) -> str:
        """The name of the lanes of an airline's dispatchers: each airline has its own."""
        return f"{self.consumer}:{airline_id}"


class TracingCall(StrEnum):
    """Call to WorldTracer about a PIR."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    SUSPEND = "SUSPEND"
    REINSTATE = "REINSTATE"
    FORWARD = "FORWARD"
    CLOSE = "CLOSE"


class Trigger(StrEnum):
    """Milestone of a PIR of which its passenger is notified (WorldTracer's file activities)."""

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
    """State of an effect."""

    PENDING = "PENDING"
    SENDING = "SENDING"
    UNSETTLED = "UNSETTLED"
    ACCEPTED = "ACCEPTED"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    SUPPRESSED = "SUPPRESSED"
    CANCELLED = "CANCELLED"


class EffectReason(StrEnum):
    """Reason why an effect waits, failed or was suppressed."""

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
    """Row of ``effects``."""

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
    traceparent = Column[str | None]()

    @property
    def our_key(self) -> str:
        """Key under which the partner knows the effect; unique even after a reset, which restarts the ids."""
        return f"{self.airline_id}-{self.id}-{int(self.created_at.timestamp())}"

    def key_of_attempt(self, send_id: int) -> str:
        """Key that a message carries and its reports return; each attempt has its own."""
        return f"{self.our_key}-{send_id}"


OUR_KEY = re.compile(r"(([0-9]{1,9})-([0-9]{1,18})-[0-9]{1,12})(?:-([0-9]{1,18}))?")


class MessageKey(NamedTuple):
    """Parts of the key of a message.

    Args:
        our_key: that of the effect.
        send_id: the attempt; None in a message of a version whose attempts shared the effect's key.
    """

    effect_id: int
    our_key: str
    send_id: int | None


def message_key(airline_id: int, key: str | None) -> MessageKey | None:
    """Return the parts of a key; None if it is not one of this airline's."""
    parts = OUR_KEY.fullmatch(key or "")
    if not parts or int(parts[2]) != airline_id:
        return None
    return MessageKey(int(parts[3]), parts[1], int(parts[4]) if parts[4] else None)


@dataclass(frozen=True, slots=True)
class PartnerCondition:
    """Condition of a partner as a dispatcher finds it.

    Args:
        breaker: CLOSED, OPEN or HALF_OPEN.
        enabled: whether the configuration enables the service.
        mock: whether the service is a mock.
        healthy: result of the last check.
        latency_ms: duration of the last check in milliseconds.
    """

    service: Service
    breaker: str
    enabled: bool
    mock: bool
    healthy: bool
    latency_ms: float


class PartnerStatus(asyncpg.Record):
    """Condition and queue of a partner. ``checked_at`` and ``breaker`` are None without a dispatcher.

    ``read_at`` is by the clock of ``checked_at``, the database's.
    """

    __slots__ = ()

    service = Column[str]()
    breaker = Column[str | None]()
    enabled = Column[bool]()
    mock = Column[bool]()
    healthy = Column[bool]()
    latency_ms = Column[float]()
    checked_at = Column[datetime | None]()
    read_at = Column[datetime]()
    waiting = Column[int]()
    oldest_waiting_at = Column[datetime | None]()
    failed = Column[int]()
    last_success_at = Column[datetime | None]()
    cost_today_micros = Column[int]()


class ServiceCost(asyncpg.Record):
    """Number and cost of one kind of call to one service; the cost in millionths of a US dollar."""

    __slots__ = ()

    service = Column[str]()
    call = Column[str]()
    mock = Column[bool]()
    calls = Column[int]()
    units = Column[int]()
    cost_micros = Column[int]()
