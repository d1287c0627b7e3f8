"""How much time a request has left, known to every call it makes.

The edge opens one deadline per request; each store and partner asks what remains before it waits for anybody. The
deadline travels in a context variable, so tasks started for the request share it and no signature carries it.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

from integrations.errors import DeadlineExceeded

_ENDS_AT: ContextVar[float] = ContextVar("deadline", default=math.inf)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Give everything inside the block at most ``seconds``; an outer, earlier deadline stays in force."""
    token = _ENDS_AT.set(min(_ENDS_AT.get(), monotonic() + seconds))
    try:
        yield
    finally:
        _ENDS_AT.reset(token)


def remaining(default: float, store: str = "request") -> float:
    """Seconds a call may take: ``default``, or what is left of the deadline if that is less.

    Raises:
        DeadlineExceeded: nothing is left; ``store`` names who would have been asked.
    """
    left = _ENDS_AT.get() - monotonic()
    if left <= 0:
        raise DeadlineExceeded(store, "the caller's time was used up before the call")
    return min(left, default)


def expired() -> bool:
    """Whether the caller's deadline has passed."""
    return _ENDS_AT.get() <= monotonic()
