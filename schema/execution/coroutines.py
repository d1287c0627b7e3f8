"""Coroutines of the executor's own that are begun outside of any task.

An operation whose resolvers are all synchronous has to be answered without an event loop, and of several fields that
may wait only those that really do are worth a task. So a strand is begun by hand, and pauses before it first waits for
anything that is not the executor's: no coroutine of a resolver is ever begun in one task and finished in another,
which timeouts and cancel scopes do not survive.
"""

import asyncio
from collections.abc import Coroutine, Generator, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
Strand = Coroutine[Any, Any, T]


class Paused:
    """What ``begin`` gives for a strand that has to wait."""


PAUSED = Paused()


class _Pause:
    __slots__ = ()

    def __await__(self) -> Generator[Paused, None, None]:
        yield PAUSED


class _Rest:
    __slots__ = ("_strand",)

    def __init__(self, strand: Strand[Any]) -> None:
        self._strand = strand

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._strand.__await__()


class Strands:
    """The strands of one run.

    Attributes:
        waited: how often something was waited for.
    """

    __slots__ = ("_by_hand", "waited")

    def __init__(self) -> None:
        self._by_hand = 0
        self.waited = 0

    def begin(self, strand: Strand[T]) -> T | Paused:
        """Run a strand up to where it has to wait.

        Returns:
            its result, or ``PAUSED``: then ``rest`` goes on with it, in whichever task.
        """
        self._by_hand += 1
        try:
            strand.send(None)
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            self._by_hand -= 1
        return PAUSED

    async def before_waiting(self) -> None:
        """Pause here if the strand is being begun by hand; call it before everything that may suspend."""
        self.waited += 1
        if self._by_hand:
            await _Pause()

    async def together(self, strands: Sequence[Strand[Any]]) -> list[Any]:
        """The results of all; those that wait do it at the same time, the first of them without a task of its own."""
        if len(strands) == 1:
            return [await strands[0]]
        results = [self.begin(strand) for strand in strands]
        waiting = [index for index, result in enumerate(results) if result is PAUSED]
        if not waiting:
            return results
        await self.before_waiting()
        first, *others = waiting
        tasks = {index: asyncio.create_task(rest(strands[index])) for index in others}
        try:
            results[first] = await rest(strands[first])
            for index, task in tasks.items():
                results[index] = await task
        except BaseException:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)
            raise
        return results


async def rest(strand: Strand[T]) -> T:
    """Go on with a strand that was begun and has paused."""
    result: T = await _Rest(strand)
    return result
