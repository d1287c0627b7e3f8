"""The schema, made of its roots."""

from schema import enums  # noqa: F401 # describes the enums, before a type is made of one
from schema.base import GatewaySchema
from schema.executors import ExecutorName
from schema.limits import Limits
from schema.mutation import Mutation
from schema.query import Query
from schema.subscription import Subscription


def build_schema(limits: Limits | None = None, executor: ExecutorName = ExecutorName.BREADTH_FIRST) -> GatewaySchema:
    """The product's schema; ``limits`` is what one document may hold, ``executor`` runs operations."""
    return GatewaySchema(Query, Mutation, Subscription, limits=limits, executor=executor)
