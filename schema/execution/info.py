"""The ``info`` argument of resolvers."""

from operator import attrgetter
from typing import Any, NamedTuple

from graphql import GraphQLResolveInfo
from graphql.pyutils import Path

from resolvers.selection import Selected
from schema.execution.fields import SELECTED
from schema.execution.response_path import Positions


class ResolveInfo:
    """The ``info`` of one call: reads like graphql-core's ``GraphQLResolveInfo``, with a path that is created on read.

    Args:
        shared: the part that all parents of the field share.
        positions: of the field, by the parent's index.
        index: the parent's.
    """

    __slots__ = ("_index", "_positions", "_shared")

    def __init__(self, shared: "SharedInfo", positions: Positions, index: int) -> None:
        self._shared = shared
        self._positions = positions
        self._index = index

    context = property(attrgetter("_shared.info.context"))
    selected = property(attrgetter("_shared.selected"))

    @property
    def path(self) -> Path:
        """The field's path in the response."""
        return self._positions(self._index).field_path()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shared.info, name)


class SharedInfo(NamedTuple):
    """The part of ``info`` that all parents of a field share.

    Args:
        info: created by graphql-core or a subclass of its executor; without a path.
        selected: the selection of the field's values.
    """

    info: GraphQLResolveInfo[Any]
    selected: Selected


def selected_of(info: Any) -> Selected:
    """The selection of a resolver's values; None where the executor does not provide it.

    Args:
        info: graphql-core's or Strawberry's.
    """
    selected: Selected = getattr(getattr(info, "_raw_info", info), SELECTED, None)
    return selected
