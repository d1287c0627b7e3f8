"""Positions in a response, and the nulls that field errors propagate to.

A position is created only for errors and for resolvers that read their path, never for a response without either.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import FieldNode, GraphQLError, located_error
from graphql.pyutils import Path

# The positions of several values, by index.
Positions = Callable[[int], "ResponsePosition"]


@dataclass(frozen=True, slots=True)
class ResponsePosition:
    """A position in the response.

    Args:
        parent: the position of the object or list that contains it; None for a root field.
        order: index among its parent's entries; errors are sorted by it.
        key: response name or list index.
        nullable: whether the value may be null.
        type_name: the object type that the field belongs to; None for a list item.
    """

    parent: "ResponsePosition | None"
    order: int
    key: str | int
    nullable: bool
    type_name: str | None

    def chain(self) -> list["ResponsePosition"]:
        """This position and all that contain it, outermost first."""
        chain = []
        position: ResponsePosition | None = self
        while position is not None:
            chain.append(position)
            position = position.parent
        return chain[::-1]

    def field_path(self) -> Path:
        """The path of the field that this position belongs to, as resolvers receive it."""
        path: Path | None = None
        chain = self.chain()
        while chain[-1].type_name is None:
            chain.pop()
        for position in chain:
            path = Path(path, position.key, position.type_name)
        assert path is not None
        return path


class Failure:
    """A field error before nulls are propagated.

    Args:
        reason: the exception.
        nodes: the field in the document.
        position: of the value that failed.
    """

    __slots__ = ("nodes", "nulled", "order", "path", "reason")

    def __init__(self, reason: Exception, nodes: Sequence[FieldNode], position: ResponsePosition) -> None:
        chain = position.chain()
        self.reason = reason
        self.nodes = nodes
        self.path = [one.key for one in chain]
        self.order = tuple(one.order for one in chain)
        depth = len(chain)
        while depth and not chain[depth - 1].nullable:
            depth -= 1
        self.nulled = self.order[:depth]

    def error(self) -> GraphQLError:
        """The GraphQL error with its path and locations."""
        return located_error(self.reason, self.nodes, self.path)


def root_position(_index: int) -> Any:
    """The ``Positions`` of the root value, which has none."""
    return None


def propagate_nulls(
    data: dict[str, Any], failures: Iterable[Failure]
) -> tuple[dict[str, Any] | None, list[GraphQLError]]:
    """Set the nulls that failures propagate to, and create one error for each, in document order.

    Specification section 6.4.4: an error at a non-null position makes the next nullable position around it null, and of
    several errors that null the same position one is reported. It is the first in document order.

    Args:
        data: complete except for the nulls; is changed.
        failures: at least one.

    Returns:
        data, None if a failure propagated to the root, and the errors.
    """
    causes: dict[tuple[int, ...], Failure] = {}
    for failure in sorted(failures, key=lambda failure: failure.order):
        causes.setdefault(failure.nulled, failure)
    outermost = [
        failure
        for nulled, failure in causes.items()
        if not any(nulled[:depth] in causes for depth in range(len(nulled)))
    ]
    outermost.sort(key=lambda failure: failure.order)
    errors = [failure.error() for failure in outermost]
    if () in causes:
        return None, errors
    for failure in outermost:
        *holders, key = failure.path[: len(failure.nulled)]
        holder: Any = data
        for part in holders:
            holder = holder[part]
        holder[key] = None
    return data, errors
