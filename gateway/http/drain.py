"""Shutdown of a serving process in steps, so that a rolling restart fails no request.

After SIGTERM the readiness probe fails while the process goes on accepting requests, each response asks its client to
close the connection, and load balancers choose other processes. Then streams end, so that clients reconnect elsewhere.
Then uvicorn stops listening and requests under way are completed. At the end the lifespan stops background work, which
releases its leases, and closes the stores.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

logger = logging.getLogger("gateway.http.drain")

# Longest wait for clients to receive the end of their streams; one that does not read is not waited for any longer.
STREAM_SECONDS = 1.0
POLL_SECONDS = 0.02
MESSAGE = "The server is shutting down: repeat the request."
RETRY_AFTER = {"Retry-After": "1"}


class Drain:
    """State and schedule of the shutdown.

    Attributes:
        draining: set when the process is to receive no more requests.
        closing: set when streams are to end.

    Args:
        notice_seconds: time in which load balancers learn of the end, between ``draining`` and ``closing``.
        open_streams: returns the number of open streams.
    """

    def __init__(self, notice_seconds: float = 0.0, open_streams: Callable[[], int] = lambda: 0) -> None:
        self.draining = asyncio.Event()
        self.closing = asyncio.Event()
        self._notice_seconds = notice_seconds
        self._open_streams = open_streams
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Announces the end, ends the streams, and returns when none is open or the time for it has passed."""
        logger.info("draining: not ready; streams end in %g s", self._notice_seconds)
        self.draining.set()
        await asyncio.sleep(self._notice_seconds)
        logger.info("draining: %d streams end", self._open_streams())
        self.closing.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(STREAM_SECONDS):
                while self._open_streams():  # noqa: ASYNC110 # a count, not an event
                    await asyncio.sleep(POLL_SECONDS)

    @contextmanager
    def on_signal(self) -> Iterator[None]:
        """Runs the shutdown at the first SIGTERM and then passes the signal on to uvicorn; ignores further ones.

        SIGINT comes from a terminal: it ends streams and passes on at once.
        """
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread can handle signals
            return
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

        def pass_on(number: int) -> None:
            signal.signal(number, before[signal.Signals(number)])
            signal.raise_signal(number)

        def interrupt(number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.draining.set)
            loop.call_soon_threadsafe(self.closing.set)
            pass_on(number)

        def terminate(number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._start, lambda: pass_on(number))

        signal.signal(signal.SIGTERM, terminate)
        signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _start(self, done: Callable[[], None]) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self.run())
            self._task.add_done_callback(lambda _: done())
