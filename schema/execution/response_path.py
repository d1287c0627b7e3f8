"""Where in an answer something stands, and what a failure there makes null.

A position is made for errors and for resolvers that ask for their path, never on the way of an answer without either.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import FieldNode, GraphQLError, located_error
from graphql.pyutils import Path

Where = Callable[[int], "ResponsePosition"]


@dataclass(frozen=True, slots=True)
class ResponsePosition:
    """A place in the answer.

    Args:
        parent: the place that holds this one; None for a root field.
        order: which of its parent's entries it is; entries are answered in this order.
        key: response name or list index.
        nullable: whether null may stand here.
        type_name: the object type that the field belongs to; None for the item of a list.
    """

    parent: "ResponsePosition | None"
    order: int
    key: str | int
    nullable: bool
    type_name: str | None

    def chain(self) -> list["ResponsePosition"]:
        """This place and all that hold it, outermost first."""
        places = []
        place: ResponsePosition | None = self
        while place is not None:
            places.append(place)
            place = place.parent
        return places[::-1]

    def field_path(self) -> Path:
        """The path of the field that this place belongs to, as resolvers are given it."""
        path: Path | None = None
        places = self.chain()
        while places[-1].type_name is None:
            places.pop()
        for place in places:
            path = Path(path, place.key, place.type_name)
        assert path is not None
        return path


class Failure:
    """A field error that was met, not yet an error of the answer.

    Args:
        reason: what was raised.
        nodes: the field as the document asks for it.
        position: where.
    """

    __slots__ = ("nodes", "nulled", "order", "path", "reason")

    def __init__(self, reason: Exception, nodes: Sequence[FieldNode], position: ResponsePosition) -> None:
        places = position.chain()
        self.reason = reason
        self.nodes = nodes
        self.path = [place.key for place in places]
        self.order = tuple(place.order for place in places)
        depth = len(places)
        while depth and not places[depth - 1].nullable:
            depth -= 1
        self.nulled = self.order[:depth]

    def error(self) -> GraphQLError:
        """The error of the answer."""
        return located_error(self.reason, self.nodes, self.path)


def nowhere(_index: int) -> Any:
    """The place of the root value: none."""
    return None


def settle(data: dict[str, Any], failures: Iterable[Failure]) -> tuple[dict[str, Any] | None, list[GraphQLError]]:
    """Put null where failures ask for it, and give the answer's errors in document order, one for each null.

    Specification section 6.4.4: an error at a place where null may not stand makes the next outer place null, and of
    several errors under one null one is reported. It is the first of those that caused the null.

    Args:
        data: complete but for the nulls; is changed.
        failures: at least one.

    Returns:
        data, None if a failure reached the root, and the errors.
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
