"""Batches: consecutive parts of a sequence, for work whose cost at once must be bounded."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def in_batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yields consecutive slices of at most ``size`` items; none for no items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
