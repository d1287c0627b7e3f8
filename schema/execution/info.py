"""What a resolver is told about the place it is called for."""

from operator import attrgetter
from typing import Any, NamedTuple

from graphql import GraphQLResolveInfo
from graphql.pyutils import Path

from resolvers.selection import Selected
from schema.execution.fields import SELECTED
from schema.execution.response_path import Where


class ResolveInfo:
    """The ``info`` of one call: reads like graphql-core's ``GraphQLResolveInfo``; its path is made when it is read.

    Args:
        shared: the info of the field, with what is the same for all parents.
        where: the field's place, by the parent's index.
        index: the parent's.
    """

    __slots__ = ("_index", "_shared", "_where")

    def __init__(self, shared: "SharedInfo", where: Where, index: int) -> None:
        self._shared = shared
        self._where = where
        self._index = index

    context = property(attrgetter("_shared.info.context"))
    selected = property(attrgetter("_shared.selected"))

    @property
    def path(self) -> Path:
        """The field's place in the answer."""
        return self._where(self._index).field_path()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shared.info, name)


class SharedInfo(NamedTuple):
    """What is the same for all parents of a field.

    Args:
        info: as graphql-core or a subclass of its executor makes it; without a path.
        selected: the fields that the field's values are asked for.
    """

    info: GraphQLResolveInfo[Any]
    selected: Selected


def selected_of(info: Any) -> Selected:
    """The fields that a resolver's values are asked for; None where nobody can say.

    Args:
        info: graphql-core's or Strawberry's.
    """
    selected: Selected = getattr(getattr(info, "_raw_info", info), SELECTED, None)
    return selected
