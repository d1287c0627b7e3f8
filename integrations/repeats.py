"""Repetition of calls that changes at the same time interrupted: a migration, or another transaction."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from integrations.errors import Conflict, SchemaChanged

P = ParamSpec("P")
T = TypeVar("T")

# Transactions that lock the same bags at the same time may deadlock: PostgreSQL then aborts one, which is repeated.
ATTEMPTS = 5


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


def repeated_on_conflict(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Decorates a function whose one transaction can run again: it is repeated after ``Conflict``, ``ATTEMPTS`` times.

    Raises:
        Conflict: of the last attempt.
    """

    @wraps(function)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(ATTEMPTS - 1):
            try:
                return await function(*args, **kwargs)
            except Conflict:
                continue
        return await function(*args, **kwargs)

    return run
