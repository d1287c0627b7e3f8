"""Construction of the product's schema from its roots."""

from schema import enums  # noqa: F401 # describes the enums, before a type is made of one
from schema.gateway_schema import GatewaySchema
from schema.roots.mutation import Mutation
from schema.roots.query import Query
from schema.roots.subscription import Subscription
from schema.runtime.executors import ExecutorName
from schema.runtime.limits import Limits


def build_schema(limits: Limits | None = None, executor: ExecutorName = ExecutorName.BREADTH_FIRST) -> GatewaySchema:
    """Builds the product's schema.

    Args:
        limits: limits of one document; None for the defaults.
        executor: runs operations.
    """
    return GatewaySchema(Query, Mutation, Subscription, limits=limits, executor=executor)
