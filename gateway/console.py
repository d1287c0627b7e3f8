"""Progress lines on standard output."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from integrations.progress import Progress

REPORT_SECONDS = 5.0


def console(environment: Mapping[str, str]) -> Progress:
    """Returns a function that prints a line behind the seconds since now.

    Args:
        environment: where ``SETUP_BEGAN`` is set, seconds count from that timestamp: the set-up script's start.
    """
    began = float(environment.get("SETUP_BEGAN") or time.time())

    def report(text: str) -> None:
        with contextlib.suppress(OSError):  # a closed console must not keep a command from stopping what it started
            print(f"{time.time() - began:7.1f} s  {text}", flush=True)

    return report


@asynccontextmanager
async def step(progress: Progress, text: str) -> AsyncIterator[None]:
    """Reports that a step starts, and every 5 s that it is still running."""

    async def repeat() -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            progress(f"{text}: {time.monotonic() - began:.0f} s so far")

    progress(f"{text} ...")
    reporting = asyncio.create_task(repeat())
    try:
        yield
    finally:
        reporting.cancel()
