"""The proxy through which faults come: whole, cut off, refusing, and leading to another server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from benchmarks.proxy import FaultProxy

HOST = "127.0.0.1"


@asynccontextmanager
async def responding(response: bytes) -> AsyncIterator[int]:
    """A server that responds to each line with the same bytes; yields its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            writer.write(response)
        writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def exchange(proxy: FaultProxy, length: int) -> bytes:
    """Sends a line and reads so many bytes, or fewer where the connection ends."""
    reader, writer = await asyncio.open_connection(HOST, proxy.port)
    try:
        writer.write(b"?\n")
        return await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        return error.partial
    finally:
        writer.close()


@pytest.fixture
async def proxy() -> AsyncIterator[FaultProxy]:
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(responding(b"response"))
        yield await stack.enter_async_context(FaultProxy(port).running())


async def test_a_response_is_forwarded_whole_or_cut_in_the_middle(proxy: FaultProxy) -> None:
    whole = await exchange(proxy, 8)
    proxy.cut = 1.0
    half = await exchange(proxy, 8)
    proxy.cut = 0.0

    assert (whole, half, await exchange(proxy, 8)) == (b"response", b"resp", b"response")


async def test_a_late_response_is_late_by_the_delay(proxy: FaultProxy) -> None:
    loop = asyncio.get_running_loop()
    proxy.delay = 0.2
    started = loop.time()
    assert await exchange(proxy, 8) == b"response"
    assert loop.time() - started >= 0.2


async def test_a_closed_proxy_refuses_until_it_is_opened(proxy: FaultProxy) -> None:
    _, writer = await asyncio.open_connection(HOST, proxy.port)
    await proxy.close()
    with pytest.raises(ConnectionRefusedError):
        await exchange(proxy, 8)
    await proxy.open()

    assert await exchange(proxy, 8) == b"response"
    writer.close()


async def test_new_connections_lead_to_the_new_server(proxy: FaultProxy) -> None:
    async with responding(b"replaced") as port:
        proxy.target = port
        assert await exchange(proxy, 8) == b"replaced"
