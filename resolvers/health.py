"""Whether everything the product leans on is there: every store at once, each with a deadline, never an exception."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from resolvers.context import Stores

# The product's version; pyproject.toml has the same.
VERSION = "0.1.0"


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
class Health:
    """The whole: the product answers queries unless it is unhealthy."""

    status: HealthStatus
    version: str
    timestamp: datetime
    services: Sequence[ServiceHealth]


# Without it nothing can be answered; without the others something can.
INDISPENSABLE = "database"


async def check(
    stores: Stores, now: Callable[[], datetime], names: Sequence[str] = ("database", "graph", "cache")
) -> Health:
    """Asks the named services at once.

    Args:
        names: of ``database`` (PostgreSQL), ``graph`` (Neo4j) and ``cache`` (Redis).
    """
    pings: dict[str, Callable[[], Awaitable[dict[str, Any]]]] = {
        "database": stores.postgres.health_check,
        "graph": stores.neo4j.health_check,
        "cache": stores.redis.health_check,
    }
    answers = await asyncio.gather(*(pings[name]() for name in names))
    services = [_service(name, answer) for name, answer in zip(names, answers, strict=True)]
    away = {service.name for service in services if not service.healthy}
    status = (
        HealthStatus.UNHEALTHY if INDISPENSABLE in away else HealthStatus.DEGRADED if away else HealthStatus.HEALTHY
    )
    return Health(status, VERSION, now(), services)


def _service(name: str, answer: dict[str, Any]) -> ServiceHealth:
    details = {key: value for key, value in answer.items() if key not in ("status", "latency_ms")}
    return ServiceHealth(name, answer["status"] == "healthy", answer["latency_ms"], details)
