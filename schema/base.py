"""The GraphQL schema with what every request passes through, whichever way it comes in.

Documents are cached and limited (``schema.cache``, ``schema.limits``), root fields guarded (``schema.guard``), objects
with global ids registered (``schema.node``), and errors translated (``schema.errors``).
"""

from collections.abc import Iterable
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from resolvers.context import Context
from schema.cache import CachedDocuments, DocumentCache
from schema.errors import translate
from schema.guard import guard_roots
from schema.limits import Limits
from schema.node import NodeRegistry
from schema.scalars import scalar_map


class GatewaySchema(strawberry.Schema):
    """A Strawberry schema that is safe to be asked by anybody.

    Args:
        query: the type of the root fields that read.
        mutation: the type of the root fields that change.
        types: types that are reached through an interface only.
        limits: what one document may hold.

    Raises:
        ValueError: a root field does not say who may use it, or the schema is invalid.
    """

    def __init__(
        self,
        query: type,
        mutation: type | None = None,
        *,
        types: Iterable[type] = (),
        limits: Limits | None = None,
    ) -> None:
        super().__init__(
            query=query,
            mutation=mutation,
            types=types,
            config=StrawberryConfig(scalar_map=scalar_map()),
            extensions=[lambda: CachedDocuments(self.documents)],
        )
        guard_roots(self._schema)
        self.nodes = NodeRegistry.install(self._schema)
        self.documents = DocumentCache(self._schema, limits or Limits())

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Translate the errors of an answer; Strawberry calls this once for each answer, before it goes out."""
        context: Any = execution_context and execution_context.context
        translate(errors, getattr(context, "request_id", "-"))


def node_registry(info: strawberry.Info[Context, None]) -> NodeRegistry:
    """The types with global ids of the schema that is asked."""
    schema: Any = info.schema
    registry: NodeRegistry = schema.nodes
    return registry
