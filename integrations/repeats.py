"""Repetition of a call that a migration under the running process interrupted."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from integrations.errors import SchemaChanged

P = ParamSpec("P")
T = TypeVar("T")


def repeated_after_migration(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Decorates a function whose transactions can run again: it is repeated once after ``SchemaChanged``.

    A single statement outside a transaction needs no decorator: ``PostgresManager`` repeats it.
    """

    @wraps(function)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await function(*args, **kwargs)
        except SchemaChanged:
            return await function(*args, **kwargs)

    return run
