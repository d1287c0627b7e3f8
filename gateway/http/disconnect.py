"""Somebody waits for what a task does: for as long as that is so, and not for ever."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from types import TracebackType
from typing import Any, Self

# Nearly all requests are answered before; only for the others is it worth a task to notice who leaves.
PATIENCE_SECONDS = 0.05


class ClientDisconnected(Exception):
    """The client left before the answer."""


class RequestTimeout(Exception):
    """The time was over before the answer."""


class RequestGuard:
    """Cuts the block off when the client leaves or the time is over: ``with Waiting(receive, seconds):``.

    The block runs in the task it is in. A timer costs it 1 us; the two tasks by which one would wait for work and
    client at the same time cost 25. The client is watched from 50 ms on, so work goes on that long for nobody.

    Args:
        receive: ASGI's, after the whole body.
        seconds: the longest that the block may take.

    Raises:
        NobodyWaits: the client left.
        TooLate: the time was over.
    """

    __slots__ = ("_alarm", "_cancelled_before", "_reason", "_receive", "_seconds", "_task", "_watch")

    def __init__(self, receive: Callable[[], Awaitable[MutableMapping[str, Any]]], seconds: float) -> None:
        self._receive = receive
        self._seconds = seconds
        self._reason: Exception | None = None
        self._watch: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelled_before = task.cancelling()
        self._alarm = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._watch_on)
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: TracebackType | None) -> None:
        self._alarm.cancel()
        if self._watch is not None:
            self._watch.cancel()
        if self._reason is None:
            return
        # Somebody else may have cancelled the task as well: a server that stops.
        only_we = self._task.uncancel() <= self._cancelled_before
        if only_we and isinstance(error, asyncio.CancelledError):
            raise self._reason from None

    def _watch_on(self) -> None:
        self._watch = asyncio.get_running_loop().create_task(self._until_cut_off())

    async def _until_cut_off(self) -> None:
        try:
            async with asyncio.timeout(self._seconds - PATIENCE_SECONDS):
                while (await self._receive())["type"] != "http.disconnect":
                    pass
            self._reason = ClientDisconnected()
        except TimeoutError:
            self._reason = RequestTimeout()
        self._task.cancel()
