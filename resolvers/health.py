"""Whether everything the product leans on is there: every store at once, each with a deadline, never an exception."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from integrations.deadline import deadline
from integrations.errors import OutsideError
from integrations.records.effects import PartnerStatus, Service
from integrations.records.health import Health, HealthStatus, Lag, PartnerHealth, ServiceHealth
from integrations.records.outbox import Consumer
from integrations.stores.postgres import effects, outbox
from integrations.stores.postgres.manager import PostgresManager
from resolvers.installation import Installation, Stores

# The product's version; pyproject.toml has the same.
VERSION = "0.1.0"


# What partners are called in health.
PARTNERS = {Service.WORLDTRACER: "worldtracer", Service.SMS: "twilio", Service.EMAIL: "sendgrid"}
EXTERNAL = "external"
# A dispatcher looks at its partner every ten seconds; one that has not for so long is away itself.
STALE_AFTER = timedelta(seconds=60)
LAST_SUCCESS_WITHIN = timedelta(days=7)
# Partners are a matter of records: whoever asks for health does not wait for those.
EXTERNAL_SECONDS = 0.05
LAG_SECONDS = 0.05


# Without it nothing can be answered; without the others something can.
REQUIRED = "database"


async def check(
    stores: Stores,
    now: Callable[[], datetime],
    installation: Installation,
    names: Sequence[str] = ("database", "graph", "cache", EXTERNAL),
) -> Health:
    """Asks the named services at once; of partners it tells what their dispatchers found last.

    Args:
        installation: whose partners.
        names: of ``database`` (PostgreSQL), ``graph`` (Neo4j), ``cache`` (Redis) and ``external`` (the partners).
    """
    pings: dict[str, Callable[[], Awaitable[dict[str, Any]]]] = {
        "database": stores.postgres.health_check,
        "graph": stores.neo4j.health_check,
        "cache": stores.redis.health_check,
    }
    asked = [name for name in names if name != EXTERNAL]
    partners = partner_health(stores, now, installation) if EXTERNAL in names else _no_partners()
    behind = graph_lag(stores) if "graph" in names else _no_lag()
    answers, found, lagging = await asyncio.gather(asyncio.gather(*(pings[name]() for name in asked)), partners, behind)
    services = [_service(name, answer) for name, answer in zip(asked, answers, strict=True)]
    services += [_partner_service(one) for one in found]
    away = {service.name for service in services if not service.healthy}
    status = HealthStatus.UNHEALTHY if REQUIRED in away else HealthStatus.DEGRADED if away else HealthStatus.HEALTHY
    return Health(status, VERSION, now(), services, found, lagging)


async def graph_lag(stores: Stores) -> Lag | None:
    """How far the graph is behind the records; None where these cannot be asked in time."""
    try:
        with deadline(LAG_SECONDS):
            return await lag(stores.postgres)
    except OutsideError:
        return None


async def partner_health(
    stores: Stores, now: Callable[[], datetime], installation: Installation
) -> list[PartnerHealth]:
    """How the partners are that are switched on; empty where the records cannot be asked in time."""
    moment = now()
    today = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        with deadline(EXTERNAL_SECONDS):
            rows = await effects.partners(stores.postgres, installation.airline_id, today, moment - LAST_SUCCESS_WITHIN)
    except OutsideError:
        return []
    return [_partner_health(row, moment) for row in rows if Service(row.service) in installation.partners]


async def _no_lag() -> None:
    return None


async def _no_partners() -> list[PartnerHealth]:
    return []


def _partner_health(row: PartnerStatus, moment: datetime) -> PartnerHealth:
    heard = row.checked_at is not None and row.checked_at > moment - STALE_AFTER
    return PartnerHealth(
        name=PARTNERS[Service(row.service)],
        service=row.service,
        mock=row.mock,
        healthy=heard and row.healthy,
        latency_ms=row.latency_ms,
        breaker=row.breaker if heard else None,
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
    return ServiceHealth(found.name, found.healthy, found.latency_ms, details)


def _service(name: str, answer: dict[str, Any]) -> ServiceHealth:
    details = {key: value for key, value in answer.items() if key not in ("status", "latency_ms")}
    return ServiceHealth(name, answer["status"] == "healthy", answer["latency_ms"], details)


async def lag(postgres: PostgresManager) -> Lag:
    """Measures how far the graph is behind."""
    return Lag(*await outbox.lag(postgres, Consumer.GRAPH))
