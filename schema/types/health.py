"""How the product is."""

from datetime import datetime

import strawberry

from resolvers.health import HealthStatus


@strawberry.type(description="One thing the product leans on.")
class ServiceHealth:
    """Values are ``resolvers.health.ServiceHealth``."""

    name: str = strawberry.field(description="database (PostgreSQL), graph (Neo4j) or cache (Redis).")
    healthy: bool = strawberry.field(description="Whether it answered in time.")
    latency_ms: float = strawberry.field(description="How long it took, in milliseconds.")


@strawberry.type(description="How the product is, and each thing it leans on.")
class Health:
    """Values are ``resolvers.health.Health``."""

    status: HealthStatus = strawberry.field(description="The whole.")
    version: str = strawberry.field(description="The product's version.")
    timestamp: datetime = strawberry.field(description="When this was asked.")
    services: list[ServiceHealth] = strawberry.field(description="Each thing it leans on.")
