"""How the product is."""

from datetime import datetime
from decimal import Decimal

import strawberry

from integrations.records.effects import Service
from integrations.records.health import BreakerState, HealthStatus


@strawberry.type(description="One thing the product leans on.")
class ServiceHealth:
    """Values are ``resolvers.health.ServiceHealth``."""

    name: str = strawberry.field(
        description="database (PostgreSQL), graph (Neo4j), cache (Redis), or a partner: worldtracer, twilio, sendgrid."
    )
    healthy: bool = strawberry.field(description="Whether it answered in time.")
    latency_ms: float = strawberry.field(description="How long it took, in milliseconds.")


@strawberry.type(description="A partner as it was found by a regular check beside the requests, and what waits for it.")
class PartnerHealth:
    """Values are ``resolvers.health.PartnerHealth``."""

    name: str = strawberry.field(description="worldtracer, twilio or sendgrid.")
    service: Service = strawberry.field(description="What it does.")
    healthy: bool = strawberry.field(description="Whether it answered the last check, a minute ago at most.")
    mock: bool = strawberry.field(description="Whether a stand-in is asked: nothing reaches a station or passenger.")
    latency_ms: float = strawberry.field(description="How long the check took, in milliseconds.")
    checked_at: datetime | None = strawberry.field(description="When it was checked last; null if never.")
    breaker: BreakerState | None = strawberry.field(
        description="Whether calls pass; null while no dispatcher is heard of."
    )
    waiting: int = strawberry.field(description="Effects that are to be sent, or of unknown outcome.")
    oldest_waiting_at: datetime | None = strawberry.field(description="Since when the oldest of them waits.")
    failed: int = strawberry.field(description="Effects that an agent has to decide on.")
    last_success_at: datetime | None = strawberry.field(description="When it last took something, within seven days.")
    cost_today: Decimal = strawberry.field(description="US dollars since midnight UTC, by the configured price list.")


@strawberry.type(description="How far the graph of journeys is behind the records that it is made from.")
class GraphLag:
    """Values are ``resolvers.workers.projector.Lag``."""

    seconds: float = strawberry.field(
        name="lagSeconds", description="For how many seconds the oldest change has waited; 0 where none waits."
    )
    events: int = strawberry.field(name="lagEvents", description="Events of bags that the graph must still be told.")
    notices: int = strawberry.field(
        name="pendingChanges", description="Changes of bags, flights and the network that wait, up to 100,000."
    )


@strawberry.type(description="How the product is, and each thing it leans on.")
class Health:
    """Values are ``resolvers.health.Health``."""

    status: HealthStatus = strawberry.field(description="The whole.")
    version: str = strawberry.field(description="The product's version.")
    timestamp: datetime = strawberry.field(description="When this was asked.")
    services: list[ServiceHealth] = strawberry.field(description="Each thing it leans on.")
    external: list[PartnerHealth] = strawberry.field(
        description="The partners that are switched on; empty while the records are away."
    )
    graph_lag: GraphLag | None = strawberry.field(
        description="How far the graph is behind the records; null while these are away."
    )
