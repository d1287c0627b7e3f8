"""How many statements one operation costs: counted by the stores' own managers, in this process."""

from collections.abc import Mapping
from typing import Any

from benchmarks.operations import Operation
from gateway.config import Settings
from gateway.lifespan import now, open_stores
from integrations.stores.postgres import count_statements
from resolvers.actor import Actor, Role
from resolvers.context import Context, Stores
from schema.base import GatewaySchema
from schema.batching import Loaders
from schema.build import build_schema


async def statements_of(environment: Mapping[str, str], asked: Mapping[str, Operation]) -> dict[str, list[str]]:
    """The names of the statements that each operation sends to PostgreSQL and Neo4j, by the operation's key."""
    schema = build_schema()
    settings = Settings.read(environment)
    async with open_stores(settings) as stores:
        return {key: await _sent(schema, settings, stores, operation) for key, operation in asked.items()}


async def _sent(schema: GatewaySchema, settings: Settings, stores: Stores, operation: Operation) -> list[str]:
    context = Context(
        actor=Actor("benchmark", Role.AGENT, settings.copa_airline_id),
        request_id="benchmark",
        now=now,
        stores=stores,
        signing_key=settings.secret_key.get_secret_value().encode(),
        loaders=Loaders(),
    )
    before = _calls(stores)
    with count_statements() as sent:
        result = await schema.execute(
            operation.document, variable_values=dict(operation.variables[0]), context_value=context
        )
    await context.loaders.close()
    assert not result.errors, result.errors
    cypher = [name for name, calls in _calls(stores).items() for _ in range(calls - before.get(name, 0))]
    return sent.names + cypher


def _calls(stores: Stores) -> dict[str, int]:
    statistics: dict[str, dict[str, Any]] = stores.neo4j.get_statement_stats()
    return {name: int(figures["calls"]) for name, figures in statistics.items()}
