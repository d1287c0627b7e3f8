"""Attempts to send an effect (table ``sends``), each with its outcome."""

from datetime import datetime
from enum import StrEnum

import asyncpg

from integrations.records.columns import Column


class SendOutcome(StrEnum):
    """Outcome of a call to a partner."""

    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    UNREACHED = "UNREACHED"
    UNSETTLED = "UNSETTLED"


class Send(asyncpg.Record):
    """Row of ``sends``: one attempt. Without an outcome the call is active, or its process died."""

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
