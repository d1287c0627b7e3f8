"""What a resolver is told about the place it is called for."""

from operator import attrgetter
from typing import Any

from graphql import GraphQLResolveInfo
from graphql.pyutils import Path

from schema.execution.positions import Where


class ResolveInfo:
    """The ``info`` of one call: reads like graphql-core's ``GraphQLResolveInfo``; its path is made when it is read.

    Args:
        shared: what is the same for all parents of the field.
        where: the field's place, by the parent's index.
        index: the parent's.
    """

    __slots__ = ("_index", "_shared", "_where")

    def __init__(self, shared: GraphQLResolveInfo[Any], where: Where, index: int) -> None:
        self._shared = shared
        self._where = where
        self._index = index

    context = property(attrgetter("_shared.context"))

    @property
    def path(self) -> Path:
        """The field's place in the answer."""
        return self._where(self._index).field_path()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shared, name)
