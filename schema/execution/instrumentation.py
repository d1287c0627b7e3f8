"""Measurements of runs: sums for each field of the schema, and a span for each field of a traced run."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

NOT_TRACED = nullcontext()


class FieldMetrics:
    """Sums over all runs for one field of the schema; leaves that are read from their parents are not counted.

    Attributes:
        calls: number of calls, each for all parents at one position of the document.
        parents: number of parents in all calls.
        seconds: time until the values were resolved, most of it waiting.
    """

    __slots__ = ("calls", "parents", "seconds")

    def __init__(self) -> None:
        self.calls = 0
        self.parents = 0
        self.seconds = 0.0

    def add(self, parents: int, seconds: float) -> None:
        """Count one call."""
        self.calls += 1
        self.parents += parents
        self.seconds += seconds


class FieldSpan(Protocol):
    """The execution of one field for all parents at one position of the document."""

    def waiting(self) -> AbstractContextManager[object]:
        """A context entered while the field's function or its resolvers are awaited, by the awaiting task."""

    def resolved(self, values: Sequence[Any]) -> None:
        """Called when the field's values are resolved: each a value, None or an exception."""

    def completed(self) -> None:
        """Called when the values are completed, with everything selected below them."""


class Tracer(Protocol):
    """Traces one run."""

    def start_field(self, path: tuple[str, ...], field: str, kind: str, parents: int) -> FieldSpan:
        """Called before a field is resolved.

        Args:
            path: response names from the root.
            field: ``Type.field``.
            kind: ``batch``, ``resolver`` or ``attribute``.
            parents: number of parents.
        """


def waiting(span: FieldSpan | None) -> AbstractContextManager[object]:
    """The context to enter while values are awaited."""
    return NOT_TRACED if span is None else span.waiting()
