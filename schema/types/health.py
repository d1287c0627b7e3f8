"""How the product is."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import strawberry

from integrations.records.effects import Service
from integrations.records.health import BreakerState, HealthStatus
from resolvers.context import Context
from schema.fields.batching import masked
from schema.runtime.permissions import MONITORS


@strawberry.type(description="Health of a store or a partner.")
class ServiceHealth:
    """Values are ``integrations.records.health.ServiceHealth``."""

    name: str = strawberry.field(
        description="Name: database (PostgreSQL), graph (Neo4j), cache (Redis), or a partner: worldtracer, "
        "twilio, sendgrid."
    )
    healthy: bool = strawberry.field(description="Whether it responds, in time or late.")
    status: HealthStatus = strawberry.field(description="Status; DEGRADED if it responds late.")
    latency_ms: float = strawberry.field(description="Response time of the last probe in milliseconds.")
    slow_calls: int = strawberry.field(
        description="Number of calls of the last minute in this process that took longer than a healthy store needs: "
        "0.2 s for the cache, 0.5 s for the others; 0 for a partner."
    )
    slowest_call_ms: float = strawberry.field(
        description="Duration of the slowest of these calls in milliseconds; 0 if there is none."
    )


@strawberry.type(description="Health of a partner by its last background check, and the backlog of its effects.")
class PartnerHealth:
    """Values are ``integrations.records.health.PartnerHealth``."""

    name: str = strawberry.field(description="Name: worldtracer, twilio or sendgrid.")
    service: Service = strawberry.field(description="Service of the partner.")
    healthy: bool = strawberry.field(description="Whether it responded to the last check, at most one minute ago.")
    mock: bool = strawberry.field(description="Whether a mock receives the calls instead of the partner.")
    latency_ms: float = strawberry.field(description="Response time of the last check in milliseconds.")
    checked_at: datetime | None = strawberry.field(
        description="When the partner was last checked; null if it never was."
    )
    breaker: BreakerState | None = strawberry.field(
        description="State of the circuit breaker; null if no dispatcher is running."
    )
    waiting: int = strawberry.field(description="Number of effects that are not settled.")
    oldest_waiting_at: datetime | None = strawberry.field(
        description="When the oldest of these effects was requested; null if there is none."
    )
    failed: int = strawberry.field(description="Number of failed effects that an agent has to resend or cancel.")
    last_success_at: datetime | None = strawberry.field(
        description="When the partner last accepted a call; null if it accepted none in the last seven days."
    )
    cost_today: Decimal = strawberry.field(
        description="Cost in US dollars since midnight UTC, by the configured price list."
    )


@strawberry.type(description="Lag of the projection in Neo4j behind PostgreSQL.")
class GraphLag:
    """Values are ``integrations.records.health.GraphLag``."""

    seconds: float = strawberry.field(
        name="lagSeconds", description="Age of the oldest change that is not projected, in seconds; 0 if there is none."
    )
    events: int = strawberry.field(name="lagEvents", description="Number of events that are not projected.")
    messages: int = strawberry.field(
        name="pendingChanges",
        description="Number of changes of bags, flights and the network that are not projected, counted up to 100,000.",
    )


def _partners(context: Context) -> Callable[[Any], Any] | None:
    return None if context.actor.role in MONITORS else lambda _health: []


def _lag(context: Context) -> Callable[[Any], Any] | None:
    return None if context.actor.role in MONITORS else lambda _health: None


@strawberry.type(description="Health of the service, its stores and its partners.")
class Health:
    """Values are ``integrations.records.health.Health``."""

    status: HealthStatus = strawberry.field(description="Overall status.")
    version: str = strawberry.field(description="Version of the gateway.")
    timestamp: datetime = strawberry.field(description="When the health was checked.")
    services: list[ServiceHealth] = strawberry.field(description="Health of each store and each enabled partner.")
    external: list[PartnerHealth] = masked(
        _partners,
        description="Health of each enabled partner, for MONITOR and ADMIN; empty for other roles, and while "
        "PostgreSQL is unavailable.",
    )
    graph_lag: GraphLag | None = masked(
        _lag,
        description="Lag of the projection in Neo4j, for MONITOR and ADMIN; null for other roles, and while PostgreSQL "
        "is unavailable.",
    )
