"""Versions of the stores, and the number of statements of one operation, measured in this process."""

from collections.abc import Mapping
from typing import Any

from benchmarks.operations import MeasuredOperation
from gateway.config import Settings
from gateway.lifespan import installation, now
from integrations.stores.postgres.manager import count_statements
from resolvers.actor import Actor, Role
from resolvers.context import Context
from resolvers.installation import Stores
from schema.build import build_schema
from schema.execution import Loaders
from schema.gateway_schema import GatewaySchema


async def versions(stores: Stores) -> dict[str, str]:
    """Versions of the servers."""
    checks = {
        "PostgreSQL": stores.postgres.health_check,
        "Neo4j": stores.neo4j.health_check,
        "Redis": stores.redis.health_check,
    }
    return {name: str((await check()).get("version", "unknown")) for name, check in checks.items()}


async def statements_of(
    settings: Settings, stores: Stores, measured_operations: Mapping[str, MeasuredOperation]
) -> dict[str, list[str]]:
    """Names of the statements that each operation sends to PostgreSQL and Neo4j, by the operation's name."""
    schema = build_schema()
    return {one.name: await _statements_sent(schema, settings, stores, one) for one in measured_operations.values()}


async def _statements_sent(
    schema: GatewaySchema, settings: Settings, stores: Stores, operation: MeasuredOperation
) -> list[str]:
    context = Context(
        actor=Actor("benchmark", Role.AGENT, settings.copa_airline_id),
        request_id="benchmark",
        now=now,
        stores=stores,
        installation=installation(settings),
        signing_key=settings.secret_key.get_secret_value().encode(),
        loaders=Loaders(),
    )
    before = _calls(stores)
    with count_statements() as sent:
        result = await schema.run_operation(operation.document, context, variables=operation.variables[0])
    await context.loaders.close()
    assert not result.errors, result.errors
    cypher = [name for name, calls in _calls(stores).items() for _ in range(calls - before.get(name, 0))]
    return sent.names + cypher


def _calls(stores: Stores) -> dict[str, int]:
    statistics: dict[str, dict[str, Any]] = stores.neo4j.get_statement_stats()
    return {name: int(figures["calls"]) for name, figures in statistics.items()}
