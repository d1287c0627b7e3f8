"""Results that concurrent callers share for a short time."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from contextvars import Context
from time import monotonic
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class RecentResults(Generic[T]):
    """The newest result of each key, computed again when it is too old.

    Concurrent callers wait for one computation, which does not end with the request of any of them. The number of keys
    must be small: nothing is removed.
    """

    def __init__(self) -> None:
        self._computed: dict[Hashable, tuple[float, asyncio.Task[T]]] = {}

    async def get(self, key: Hashable, seconds: float, compute: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return a result whose computation began at most ``seconds`` ago."""
        known = self._computed.get(key)
        if known is None or (known[1].done() and monotonic() > known[0] + seconds):
            known = monotonic(), asyncio.create_task(compute(), context=Context())
            self._computed[key] = known
        return await asyncio.shield(known[1])
