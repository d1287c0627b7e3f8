"""A TCP proxy that can stall, like a network that drops packets: connections stay open, and nothing arrives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class StallingProxy:
    """Forwards bytes to a port of this machine.

    Attributes:
        delay: seconds by which each response is late.
        stall_on: bytes of a request that stall the proxy; none for None.
    """

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.delay = 0.0
        self.stall_on: bytes | None = None
        self._target_port = target_port
        self._flows = asyncio.Event()
        self._flows.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator["StallingProxy"]:
        """Listens while the block runs."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for writer in self._writers:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    def stall(self) -> None:
        """Holds all bytes back."""
        self._flows.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        self._writers += [writer, target_writer]
        for coroutine in (
            self._forward(reader, target_writer, is_response=False),
            self._forward(target_reader, writer, is_response=True),
        ):
            self._tasks.add(asyncio.create_task(coroutine))

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_response: bool) -> None:
        loop = asyncio.get_running_loop()
        due = 0.0
        with suppress(OSError):
            while data := await reader.read(65_536):
                if not is_response and self.stall_on is not None and self.stall_on in data:
                    self.stall()
                await self._flows.wait()
                if is_response and self.delay:
                    # Each part is as late as the others, like on a long line; none overtakes another.
                    due = max(due, loop.time() + self.delay)
                    loop.call_at(due, writer.write, data)
                else:
                    await asyncio.sleep(max(due - loop.time(), 0.0))
                    writer.write(data)
                    await writer.drain()
        writer.close()
