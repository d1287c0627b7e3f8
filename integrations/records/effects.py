"""Effects: what leaves the product because of a file: calls to WorldTracer, SMS and email."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import asyncpg

from integrations.records.columns import Column


class Service(StrEnum):
    """A partner, by what it does for us."""

    WORLDTRACER = "WORLDTRACER"
    SMS = "SMS"
    EMAIL = "EMAIL"


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
