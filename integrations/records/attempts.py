"""Sends: one try each of an effect, and what became of it."""

from datetime import datetime
from enum import StrEnum

import asyncpg

from integrations.records.columns import Column


class SendOutcome(StrEnum):
    """How a call to a partner ended."""

    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    UNREACHED = "UNREACHED"
    UNSETTLED = "UNSETTLED"


class Send(asyncpg.Record):
    """A row of ``sends``. Without an outcome the call is under way, or nobody saw its end."""

    __slots__ = ()

    id = Column[int]()
    effect_id = Column[int]()
    service = Column[str]()
    call = Column[str]()
    recipient = Column[str]()
    fingerprint = Column[str]()
    started_at = Column[datetime]()
    ended_at = Column[datetime | None]()
    outcome = Column[str | None]()
    provider_id = Column[str | None]()
    mock = Column[bool]()
    units = Column[int]()
    cost_micros = Column[int]()
