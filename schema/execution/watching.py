"""What a run tells somebody who watches it: each field once, when it is asked of all parents at its place.

Nothing of it is done for a run that nobody watches.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol


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
