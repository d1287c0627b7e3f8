"""Deadline of a request, shared by every call that the request makes.

The edge opens one deadline per request. Each store and partner asks for the remaining time before it waits. The
deadline is a context variable: tasks started for the request share it, and no signature carries it.
"""

import math
from contextvars import ContextVar, Token
from time import monotonic

from integrations.errors import DeadlineExceeded

_ENDS_AT: ContextVar[float] = ContextVar("deadline", default=math.inf)


class deadline:  # noqa: N801 # reads as a function: with deadline(10.0)
    """Context manager that bounds its block to ``seconds``; an earlier outer deadline stays in force.

    It is a class because every request opens one, and a generator takes 1 us longer.
    """

    __slots__ = ("_seconds", "_token")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        self._token: Token[float] = _ENDS_AT.set(min(_ENDS_AT.get(), monotonic() + self._seconds))

    def __exit__(self, *_: object) -> None:
        _ENDS_AT.reset(self._token)


def remaining(default: float, store: str = "request") -> float:
    """Return the seconds that a call may take: ``default``, or the rest of the deadline if that is less.

    Args:
        default: seconds that the call takes at most without a deadline.
        store: what the caller is about to call, for the error.

    Raises:
        DeadlineExceeded: no time is left.
    """
    left = _ENDS_AT.get() - monotonic()
    if left <= 0:
        raise DeadlineExceeded(store, "the caller's time was used up before the call")
    return min(left, default)


def expired() -> bool:
    """Return whether the caller's deadline has passed."""
    return _ENDS_AT.get() <= monotonic()
