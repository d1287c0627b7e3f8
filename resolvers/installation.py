"""Installation: the open stores of a process, and how passengers and partners know the airline."""

from dataclasses import dataclass, field
from decimal import Decimal

from integrations.recent import RecentResults
from integrations.records.effects import Service
from integrations.records.health import Health
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.postgres.events import Partitions
from integrations.stores.postgres.manager import PostgresManager
from integrations.stores.postgres.reference import Reference
from integrations.stores.redis.manager import RedisManager


@dataclass(frozen=True, slots=True)
class Stores:
    """The open stores of a process, with what it caches of PostgreSQL.

    Args:
        reference: cached reference data.
        partitions: partitions of the event log that are known to exist.
        health: recent results of the health checks.
    """

    postgres: PostgresManager
    neo4j: Neo4jManager
    redis: RedisManager
    reference: Reference = field(default_factory=Reference)
    partitions: Partitions = field(default_factory=Partitions)
    health: RecentResults[Health] = field(default_factory=RecentResults)


@dataclass(frozen=True, slots=True)
class Installation:
    """The airline of an installation.

    Args:
        airline_id: the tenant that partners and health belong to.
        brand: name in messages: ``Copa``.
        designator: airline code of WorldTracer references: ``CM``.
        tracking_url: page of the airline; with a slash and the reference it is the page of a PIR.
        partners: enabled partners.
        daily_budget: budget of all partners in US dollars a day; None for no alert.
    """

    airline_id: int
    brand: str
    designator: str
    tracking_url: str
    partners: frozenset[Service] = frozenset()
    daily_budget: Decimal | None = None
