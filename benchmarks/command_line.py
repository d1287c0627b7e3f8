"""Common parts of the benchmark commands: their folder, and how they are stopped."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / ".demo" / "benchmark"
INTERRUPTED = 130  # what shells report after Ctrl-C


async def until_signal(run: Coroutine[Any, Any, int]) -> int:
    """Runs to the end and returns the exit code. The first signal stops it in order; further ones are ignored."""
    task = asyncio.create_task(run)

    def stop() -> None:
        if not task.cancelling():
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    with contextlib.suppress(asyncio.CancelledError):
        return await task
    return INTERRUPTED


async def ended(process: Process, seconds: float) -> int:
    """Waits for a process and returns its exit code. The process is over afterwards in every case.

    Raises:
        TimeoutError: the process took longer than ``seconds``.
    """
    try:
        return await asyncio.wait_for(process.wait(), seconds)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def use_cores(number: int) -> None:
    """Restricts this process, and all that it starts from now on, to so many of its cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:number])
