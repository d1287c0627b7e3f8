"""What can be known of runs: sums for each field of the schema, and for a run that is watched each of its stages."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol


class FieldMetrics:
    """Sums of one field of the schema over all runs; leaves that are read off their parents are not counted.

    Attributes:
        calls: how often it was asked, once for all parents at a place.
        parents: of how many in all.
        seconds: until their values were there, which is mostly waiting.
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


class Stage(Protocol):
    """One field, asked of all parents at one place."""

    def waiting(self) -> AbstractContextManager[object]:
        """Entered while the field's function, or its resolvers, are waited for; by the task that waits."""

    def answered(self, values: Sequence[Any]) -> None:
        """The field's values are there: each a value, None or an exception."""

    def completed(self) -> None:
        """The answer holds what became of them, and of everything below."""


class Watch(Protocol):
    """Watches one run."""

    def begin(self, path: tuple[str, ...], field: str, kind: str, parents: int) -> Stage:
        """A field is about to be asked.

        Args:
            path: response names from the root.
            field: ``Type.field``.
            kind: ``batch``, ``resolver`` or ``attribute``.
            parents: of how many.
        """
