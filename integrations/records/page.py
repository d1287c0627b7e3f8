"""Request for a page of an ordered list."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Page:
    """Size, start and direction of a page.

    Stores return one row more than ``limit`` if there are more, so that the caller knows. With ``backward`` they return
    the rows in reverse order.

    Args:
        limit: rows of the page, at least 1.
        key: sort values of the row before the page (behind it, if ``backward``); None for the start (end) of the list.
        backward: whether the page counts from the end of the list.
    """

    limit: int
    key: tuple[Any, ...] | None = None
    backward: bool = False

    def part(self, index: int) -> Any:
        """Return one sort value of the key, None where the page has no key."""
        return None if self.key is None else self.key[index]
