"""What the stores' managers know, in this process: versions, and how many statements one operation costs."""

from collections.abc import Mapping
from typing import Any

from benchmarks.operations import Operation
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
    """The versions of the servers."""
    checks = {
        "PostgreSQL": stores.postgres.health_check,
        "Neo4j": stores.neo4j.health_check,
        "Redis": stores.redis.health_check,
    }
    return {name: str((await check()).get("version", "unknown")) for name, check in checks.items()}


async def statements_of(settings: Settings, stores: Stores, asked: Mapping[str, Operation]) -> dict[str, list[str]]:
    """The names of the statements that each operation sends to PostgreSQL and Neo4j, by the operation's name."""
    schema = build_schema()
    return {one.name: await _sent(schema, settings, stores, one) for one in asked.values()}


async def _sent(schema: GatewaySchema, settings: Settings, stores: Stores, operation: Operation) -> list[str]:
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
