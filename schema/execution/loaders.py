"""Batching under an executor that resolves one parent at a time, such as graphql-core's own.

A request's context holds one ``Loaders`` as ``loaders``. Loads of the same event loop iteration form one batch.
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
        concurrency: maximum number of batches that run at the same time, so that one request cannot take all
            connections of a pool.
    """

    def __init__(self, concurrency: int = 4) -> None:
        self._loaders: dict[Any, _FieldLoader] = {}
        self._semaphore = asyncio.Semaphore(concurrency)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    def load(self, field: BatchField, context: Any, parent: Any, arguments: dict[str, Any]) -> Awaitable[Any]:
        """Resolve a field for one parent, as part of the batch of this field and these arguments."""
        key = (field, _hashable(arguments)) if arguments else field
        loader = self._loaders.get(key)
        if loader is None:
            loader = self._loaders[key] = _FieldLoader(self, field, context, arguments)
        return loader.load(parent)

    @asynccontextmanager
    async def running(self, name: str) -> AsyncIterator[None]:
        """Register the current task as a batch of this request.

        Raises:
            BatchError: the request is over, or the batch was cancelled. aiodataloader passes only exceptions on to the
                waiters; with a cancellation they would wait forever.
        """
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            async with self._semaphore:
                if self._closed:
                    raise BatchError(f"{name}: the request is over")
                yield
        except asyncio.CancelledError:
            raise BatchError(f"{name}: cancelled") from None
        finally:
            self._tasks.discard(task)

    async def close(self) -> None:
        """Cancel the running batches and wait up to 1 s until they have released their connections."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)


class _FieldLoader(DataLoader[Any, Any]):
    """Collects the parents of one field with one set of arguments.

    It caches nothing: a value that a mutation changed is read again, and each waiter has a future of its own, so that
    a waiter that is cancelled, and cancels its future, does not affect the others.
    """

    cache = False

    def __init__(self, loaders: Loaders, field: BatchField, context: Any, arguments: dict[str, Any]) -> None:
        super().__init__()
        self._loaders = loaders
        self._field = field
        self._context = context
        self._arguments = arguments

    async def batch_load_fn(self, parents: list[Any]) -> list[Any]:
        """Resolve the collected parents, each once even if several aliases select the field."""
        unique = {id(parent): parent for parent in parents}
        async with self._loaders.running(self._field.python_name):
            results = await self._field.resolve_batch(self._context, list(unique.values()), self._arguments)
        result_of = dict(zip(unique, results, strict=True))
        return [result_of[id(parent)] for parent in parents]


def _hashable(value: Any) -> Any:
    """An argument's value as a dictionary key; input objects by their fields."""
    if isinstance(value, dict):
        return tuple((name, _hashable(item)) for name, item in sorted(value.items()))
    if isinstance(value, (list, tuple)):
        return tuple(_hashable(item) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value), tuple(_hashable(getattr(value, part.name)) for part in dataclasses.fields(value))
    return value
