"""Service health: stores and partners, checked concurrently, each with a deadline; never raises."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from integrations.deadline import deadline
from integrations.errors import OutsideError
from integrations.records.effects import PartnerStatus, Service
from integrations.records.health import GraphLag, Health, HealthStatus, PartnerHealth, ServiceHealth
from integrations.records.outbox import Consumer
from integrations.stores.postgres import effects, outbox
from integrations.stores.postgres.manager import PostgresManager
from resolvers.installation import Installation, Stores

# Version of the product, equal to the one in pyproject.toml.
VERSION = "0.1.0"

# Names of the partners in health.
PARTNERS = {Service.WORLDTRACER: "worldtracer", Service.SMS: "twilio", Service.EMAIL: "sendgrid"}
EXTERNAL = "external"
# A dispatcher reports the condition of its partner every 10 seconds; an older report means that it does not run.
STALE_AFTER = timedelta(seconds=60)
LAST_SUCCESS_WITHIN = timedelta(days=7)
# Partners and lag are read from PostgreSQL; a health check does not wait longer for them.
EXTERNAL_SECONDS = 0.05
LAG_SECONDS = 0.05

# Anyone may ask for health, and a monitor asks often: the stores are checked at most once in this time.
FRESH_SECONDS = 1.0

# Without this store the service cannot serve requests; without the others it is degraded.
REQUIRED = "database"


async def check(
    stores: Stores,
    now: Callable[[], datetime],
    installation: Installation,
    names: Sequence[str] = ("database", "graph", "cache", EXTERNAL),
) -> Health:
    """Health of services, checked at most ``FRESH_SECONDS`` ago; partners as their dispatchers reported last.

    Args:
        installation: the airline whose partners are reported.
        names: any of ``database`` (PostgreSQL), ``graph`` (Neo4j), ``cache`` (Redis) and ``external`` (the partners).
    """
    return await stores.health.get(tuple(names), FRESH_SECONDS, partial(_check, stores, now, installation, names))


async def _check(
    stores: Stores, now: Callable[[], datetime], installation: Installation, names: Sequence[str]
) -> Health:
    """Checks services concurrently."""
    pings: dict[str, Callable[[], Awaitable[dict[str, Any]]]] = {
        "database": stores.postgres.health_check,
        "graph": stores.neo4j.health_check,
        "cache": stores.redis.health_check,
    }
    store_names = [name for name in names if name != EXTERNAL]
    partners = partner_health(stores, now, installation) if EXTERNAL in names else _no_partners()
    lag = graph_lag(stores) if "graph" in names else _no_lag()
    checks = asyncio.gather(*(pings[name]() for name in store_names))
    results, found, current_lag = await asyncio.gather(checks, partners, lag)
    services = [_service(name, result) for name, result in zip(store_names, results, strict=True)]
    services += [_partner_service(one) for one in found or ()]
    if found is None:
        # Nothing is known of the partners, so none of them is healthy.
        services += [_unknown_partner(one) for one in PARTNERS if one in installation.partners]
    return Health(_overall(services), VERSION, now(), services, found or [], current_lag)


def _overall(services: Sequence[ServiceHealth]) -> HealthStatus:
    if any(service.name == REQUIRED and not service.healthy for service in services):
        return HealthStatus.UNHEALTHY
    well = all(service.status is HealthStatus.HEALTHY for service in services)
    return HealthStatus.HEALTHY if well else HealthStatus.DEGRADED


async def graph_lag(stores: Stores) -> GraphLag | None:
    """The lag of the graph behind the records; None if PostgreSQL does not respond in time."""
    try:
        with deadline(LAG_SECONDS):
            return await lag(stores.postgres)
    except OutsideError:
        return None


async def partner_health(
    stores: Stores, now: Callable[[], datetime], installation: Installation
) -> list[PartnerHealth] | None:
    """The health of the enabled partners; None if PostgreSQL does not respond in time."""
    time = now()
    today = time.replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        with deadline(EXTERNAL_SECONDS):
            rows = await effects.partners(stores.postgres, installation.airline_id, today, time - LAST_SUCCESS_WITHIN)
    except OutsideError:
        return None
    return [_partner_health(row) for row in rows if Service(row.service) in installation.partners]


async def _no_lag() -> None:
    return None


async def _no_partners() -> list[PartnerHealth]:
    return []


def _partner_health(row: PartnerStatus) -> PartnerHealth:
    current = row.checked_at is not None and row.checked_at > row.read_at - STALE_AFTER
    return PartnerHealth(
        name=PARTNERS[Service(row.service)],
        service=row.service,
        mock=row.mock,
        healthy=current and row.healthy,
        latency_ms=row.latency_ms,
        breaker=row.breaker if current else None,
        checked_at=row.checked_at,
        waiting=row.waiting,
        oldest_waiting_at=row.oldest_waiting_at,
        failed=row.failed,
        last_success_at=row.last_success_at,
        cost_today=Decimal(row.cost_today_micros) / 1_000_000,
    )


def _partner_service(found: PartnerHealth) -> ServiceHealth:
    details = {
        "mock": found.mock,
        "breaker": found.breaker,
        "waiting": found.waiting,
        "oldest_waiting_at": found.oldest_waiting_at,
        "failed": found.failed,
        "last_success_at": found.last_success_at,
        "cost_today_usd": float(found.cost_today),
        "checked_at": found.checked_at,
    }
    status = HealthStatus.HEALTHY if found.healthy else HealthStatus.UNHEALTHY
    return ServiceHealth(found.name, status, found.latency_ms, details)


def _unknown_partner(service: Service) -> ServiceHealth:
    return ServiceHealth(PARTNERS[service], HealthStatus.UNHEALTHY, 0.0, {})


def _service(name: str, result: dict[str, Any]) -> ServiceHealth:
    own = {"status", "latency_ms", "slow_calls", "slowest_call_ms"}
    return ServiceHealth(
        name,
        HealthStatus(result["status"]),
        result["latency_ms"],
        {key: value for key, value in result.items() if key not in own},
        result["slow_calls"],
        result["slowest_call_ms"],
    )


async def lag(postgres: PostgresManager) -> GraphLag:
    """The lag of the graph behind the records.

    Raises:
        OutsideError: PostgreSQL is unavailable.
    """
    return GraphLag(*await outbox.lag(postgres, Consumer.GRAPH))
