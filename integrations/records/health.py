"""Service health: stores, partners and the lag of the graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any


class HealthStatus(StrEnum):
    """Healthy; degraded: something is away and the product still answers; unhealthy: it cannot."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """One service: whether it answered, in how many milliseconds, and what it said of itself."""

    name: str
    healthy: bool
    latency_ms: float
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PartnerHealth:
    """A partner as its dispatchers find it, and what waits for it.

    Args:
        name: ``worldtracer``, ``twilio`` or ``sendgrid``.
        breaker: CLOSED, OPEN or HALF_OPEN; None while no dispatcher is heard of.
        mock: whether a stand-in is spoken to.
        waiting: effects that are to be sent, or of unknown outcome.
        failed: effects that an agent has to decide on.
        cost_today: US dollars since midnight UTC, by the configured price list.
    """

    name: str
    service: str
    mock: bool
    healthy: bool
    latency_ms: float
    breaker: str | None
    checked_at: datetime | None
    waiting: int
    oldest_waiting_at: datetime | None
    failed: int
    last_success_at: datetime | None
    cost_today: Decimal


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the graph is behind the records: waiting notices, the age of the oldest in seconds, events in them."""

    notices: int
    seconds: float
    events: int


@dataclass(frozen=True, slots=True)
class Health:
    """The whole: the product answers queries unless it is unhealthy."""

    status: HealthStatus
    version: str
    timestamp: datetime
    services: Sequence[ServiceHealth]
    external: Sequence[PartnerHealth] = ()
    graph_lag: Lag | None = None


class BreakerState(StrEnum):
    """Whether calls pass."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"
