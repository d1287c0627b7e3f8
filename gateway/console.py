"""Progress lines on standard output."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

REPORT_SECONDS = 5.0

Say = Callable[[str], None]


def console(environment: Mapping[str, str]) -> Say:
    """Returns a function that prints a line behind the seconds since now.

    Args:
        environment: where ``SETUP_BEGAN`` is set, seconds count from that timestamp: the set-up script's start.
    """
    began = float(environment.get("SETUP_BEGAN") or time.time())

    def say(text: str) -> None:
        with contextlib.suppress(OSError):  # a closed console must not keep a command from stopping what it started
            print(f"{time.time() - began:7.1f} s  {text}", flush=True)

    return say


@asynccontextmanager
async def step(say: Say, text: str) -> AsyncIterator[None]:
    """Says that a step begins, and every 5 s that it still runs."""

    async def report() -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            say(f"{text}: {time.monotonic() - began:.0f} s so far")

    say(f"{text} ...")
    reporting = asyncio.create_task(report())
    try:
        yield
    finally:
        reporting.cancel()
