"""Coroutines of the executor that start outside of any task.

An operation whose resolvers are all synchronous must be executed without an event loop, and of several fields only
those that really wait are worth a task. So a coroutine is started eagerly and suspends itself before it first awaits
anything that is not the executor's. No coroutine of a resolver starts in one task and ends in another, which timeouts
and cancel scopes do not support.
"""

import asyncio
from collections.abc import Coroutine, Generator, Iterable, Sequence
from types import CoroutineType
from typing import Any, TypeVar

T = TypeVar("T")


class Suspended:
    """Returned by ``start`` for a coroutine that has to wait."""


SUSPENDED = Suspended()


class _Suspension:
    __slots__ = ()

    def __await__(self) -> Generator[Suspended, None, None]:
        yield SUSPENDED


class _Remainder:
    __slots__ = ("_coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()


class Coroutines:
    """The coroutines of one run.

    Attributes:
        suspensions: how often a coroutine had to wait.
    """

    __slots__ = ("_starting", "suspensions")

    def __init__(self) -> None:
        self._starting = 0
        self.suspensions = 0

    def start(self, coroutine: Coroutine[Any, Any, T]) -> T | Suspended:
        """Run a coroutine until it has to wait.

        Returns:
            its result, or ``SUSPENDED``: then ``resume`` continues it, in any task.
        """
        self._starting += 1
        try:
            coroutine.send(None)
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            self._starting -= 1
        return SUSPENDED

    async def before_waiting(self) -> None:
        """Suspend the calling coroutine if ``start`` is running it; to be awaited before anything that may wait."""
        self.suspensions += 1
        if self._starting:
            await _Suspension()

    async def gather(self, coroutines: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
        """Run coroutines concurrently, the first that waits without a task of its own.

        Returns:
            their results, in order.
        """
        if len(coroutines) == 1:
            return [await coroutines[0]]
        try:
            results = [self.start(coroutine) for coroutine in coroutines]
            waiting = [index for index, result in enumerate(results) if result is SUSPENDED]
            if waiting:
                await self.before_waiting()
                completed = await _resume_all([coroutines[index] for index in waiting])
                for index, result in zip(waiting, completed, strict=True):
                    results[index] = result
        except BaseException:
            close_coroutines(coroutines)
            raise
        return results


async def _resume_all(coroutines: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Continue suspended coroutines concurrently, the first in the current task."""
    first, *others = coroutines
    tasks = [asyncio.create_task(resume(coroutine)) for coroutine in others]
    try:
        return [await resume(first), *[await task for task in tasks]]
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def resume(coroutine: Coroutine[Any, Any, T]) -> T:
    """Continue a coroutine that was started and is suspended."""
    result: T = await _Remainder(coroutine)
    return result


def close_coroutines(values: Iterable[Any]) -> None:
    """Close the coroutines among the values of an abandoned run; Python warns of each that is not awaited or closed."""
    for value in values:
        if isinstance(value, CoroutineType):
            value.close()
