"""How much time a request has left, known to every call it makes.

The edge opens one deadline per request; each store and partner asks what remains before it waits for anybody. The
deadline travels in a context variable, so tasks started for the request share it and no signature carries it.
"""

import math
from contextvars import ContextVar, Token
from time import monotonic

from integrations.errors import DeadlineExceeded

_ENDS_AT: ContextVar[float] = ContextVar("deadline", default=math.inf)


class deadline:  # noqa: N801 # reads as a function: with deadline(10.0)
    """Give everything inside the block at most ``seconds``; an outer, earlier deadline stays in force.

    A class, since every request opens one and a generator takes 1 us longer.
    """

    __slots__ = ("_seconds", "_token")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        self._token: Token[float] = _ENDS_AT.set(min(_ENDS_AT.get(), monotonic() + self._seconds))

    def __exit__(self, *_: object) -> None:
        _ENDS_AT.reset(self._token)


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
