"""Batches under an executor that asks for one parent at a time, such as graphql-core's own.

A request's context holds one ``Loaders`` as ``loaders``; what is asked for in the same moment becomes one batch.
"""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

from aiodataloader import DataLoader

from schema.execution.fields import BatchError, BatchField


class Loaders:
    """The batches of one request; closed with it.

    Args:
        concurrency: how many batches may be with a store at the same time, so that one request cannot take all
            connections of a pool.
    """

    def __init__(self, concurrency: int = 4) -> None:
        self._loaders: dict[Any, _FieldLoader] = {}
        self._gate = asyncio.Semaphore(concurrency)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    def load(self, field: BatchField, context: Any, parent: Any, arguments: dict[str, Any]) -> Awaitable[Any]:
        """Answer for one parent as part of the batch of its field and arguments."""
        key = (field, _hashable(arguments)) if arguments else field
        loader = self._loaders.get(key)
        if loader is None:
            loader = self._loaders[key] = _FieldLoader(self, field, context, arguments)
        return loader.load(parent)

    @asynccontextmanager
    async def running(self, name: str) -> AsyncIterator[None]:
        """Count the current task as a batch of this request.

        Raises:
            BatchError: the request is over or the batch was cut off. A cancellation would not do: aiodataloader passes
                on exceptions only, and every waiter would wait for ever.
        """
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            async with self._gate:
                if self._closed:
                    raise BatchError(f"{name}: the request is over")
                yield
        except asyncio.CancelledError:
            raise BatchError(f"{name}: cut off") from None
        finally:
            self._tasks.discard(task)

    async def close(self) -> None:
        """Cut off the batches that still run and wait until they have let go of their connections."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)


class _FieldLoader(DataLoader[Any, Any]):
    """Gathers the parents of one field with one set of arguments.

    Nothing is cached. Everybody who waits has a future of its own, so a waiter that is cancelled, and cancels the
    future it waits for, takes nothing from the others; and what a mutation changed is read again.
    """

    cache = False

    def __init__(self, loaders: Loaders, field: BatchField, context: Any, arguments: dict[str, Any]) -> None:
        super().__init__()
        self._loaders = loaders
        self._field = field
        self._context = context
        self._arguments = arguments

    async def batch_load_fn(self, parents: list[Any]) -> list[Any]:
        """Answer for the gathered parents, once for each that several aliases ask for."""
        asked = {id(parent): parent for parent in parents}
        async with self._loaders.running(self._field.python_name):
            answers = await self._field.answers(self._context, list(asked.values()), self._arguments)
        answer_of = dict(zip(asked, answers, strict=True))
        return [answer_of[id(parent)] for parent in parents]


def _hashable(value: Any) -> Any:
    """The value of an argument as a key; input objects by their fields."""
    if isinstance(value, dict):
        return tuple((name, _hashable(item)) for name, item in sorted(value.items()))
    if isinstance(value, (list, tuple)):
        return tuple(_hashable(item) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value), tuple(_hashable(getattr(value, part.name)) for part in dataclasses.fields(value))
    return value
