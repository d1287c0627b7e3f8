"""Servers that freeze, and waiting for what happens by itself."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from time import monotonic

import psutil
import pytest

from integrations.embedded.server import EmbeddedServer
from integrations.errors import Unavailable


@contextmanager
def frozen(server: EmbeddedServer) -> Iterator[None]:
    """Stop a server and its children in their tracks, as a host that hangs: ports stay open, nobody answers."""
    root = psutil.Process(server.pid)
    processes = [root, *root.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


async def eventually(happened: Callable[[], Awaitable[object]], seconds: float = 20.0) -> float:
    """Wait until something is true; return how many seconds it took."""
    started = monotonic()
    while not await happened():
        if monotonic() - started > seconds:
            pytest.fail(f"did not happen within {seconds} s")
        await asyncio.sleep(0.02)
    return monotonic() - started


async def timed(call: Awaitable[object], error: type[Exception]) -> float:
    """Seconds until a call raised ``error``."""
    started = monotonic()
    with pytest.raises(error):
        await call
    return monotonic() - started


async def until_refused_at_once(call: Callable[[], Awaitable[object]], seconds: float = 0.05) -> None:
    """Wait until calls fail far sooner than any timeout in play, because the store is known to be down."""

    async def refused() -> bool:
        return await timed(call(), Unavailable) < seconds

    await eventually(refused, 5)
