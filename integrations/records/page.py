"""A piece of an ordered list, as a store is asked for it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Page:
    """How much of a list, from where, in which direction.

    Stores answer one row more than ``limit`` where there are more, so that the caller knows; with ``backward`` the
    rows come in reverse order.

    Args:
        limit: rows wanted, 1 or more.
        key: sort values of the row that the piece starts after (or, backward, ends before); None for the list's end.
        backward: count from the end of the list.
    """

    limit: int
    key: tuple[Any, ...] | None = None
    backward: bool = False

    def part(self, index: int) -> Any:
        """One sort value of the key, None where the piece starts at the list's end."""
        return None if self.key is None else self.key[index]
