"""The installation: its stores and what identifies the airline to passengers and partners."""

from dataclasses import dataclass, field
from decimal import Decimal

from integrations.records.effects import Service
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.postgres.events import Partitions
from integrations.stores.postgres.manager import PostgresManager
from integrations.stores.postgres.reference import Reference
from integrations.stores.redis.manager import RedisManager


@dataclass(frozen=True, slots=True)
class Stores:
    """The open stores of the process, and what it keeps of them: reference data, and which partitions are there."""

    postgres: PostgresManager
    neo4j: Neo4jManager
    redis: RedisManager
    reference: Reference = field(default_factory=Reference)
    partitions: Partitions = field(default_factory=Partitions)


@dataclass(frozen=True, slots=True)
class Installation:
    """Whose installation it is, and what passengers and partners know the airline by.

    Args:
        airline_id: the tenant that partners and health belong to.
        brand: in messages: ``Copa``.
        designator: of its files: ``CM``.
        tracking_url: the page of a file is this, a slash and its reference.
        partners: those that are switched on.
        daily_budget: US dollars a day for all partners; None for no alert.
    """

    airline_id: int
    brand: str
    designator: str
    tracking_url: str
    partners: frozenset[Service] = frozenset()
    daily_budget: Decimal | None = None
