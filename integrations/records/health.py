"""Service health: stores, partners and the lag of the graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any


class HealthStatus(StrEnum):
    """Healthy; degraded: something is away or slow, and calls succeed; unhealthy: calls fail."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """Health of one store or partner.

    Args:
        status: degraded where it responds late.
        latency_ms: duration of the last probe in milliseconds.
        details: further fields of its own.
        slow_calls: calls of the last minute that took longer than a healthy store needs.
        slowest_call_ms: the longest of them in milliseconds.
    """

    name: str
    status: HealthStatus
    latency_ms: float
    details: Mapping[str, Any]
    slow_calls: int = 0
    slowest_call_ms: float = 0.0

    @property
    def healthy(self) -> bool:
        """Whether it responds, in time or late."""
        return self.status is not HealthStatus.UNHEALTHY


@dataclass(frozen=True, slots=True)
class PartnerHealth:
    """Condition of a partner as its dispatchers find it, and its queue.

    Args:
        name: ``worldtracer``, ``twilio`` or ``sendgrid``.
        mock: whether the service is a mock.
        latency_ms: duration of the last check in milliseconds.
        breaker: CLOSED, OPEN or HALF_OPEN; None without a dispatcher.
        checked_at: when a dispatcher last checked it; None without a dispatcher.
        waiting: effects that wait, are being sent, or have an unknown outcome.
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
class GraphLag:
    """Lag of the graph behind the records: waiting messages, age of the oldest in seconds, and their events."""

    messages: int
    seconds: float
    events: int


@dataclass(frozen=True, slots=True)
class Health:
    """Health of the product, which responds to queries unless it is unhealthy."""

    status: HealthStatus
    version: str
    timestamp: datetime
    services: Sequence[ServiceHealth]
    external: Sequence[PartnerHealth] = ()
    graph_lag: GraphLag | None = None


class BreakerState(StrEnum):
    """State of a breaker: whether calls to a partner pass."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"
