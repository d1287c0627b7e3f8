"""Server of a mock on a loopback port, inside the running loop or alone."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from integrations.partners.mocks.faults import CONNECTION

LOOPBACK = "127.0.0.1"
GRACE_SECONDS = 1


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, port: int = 0) -> AsyncIterator[str]:
    """Serves ``app`` inside the block and yields its address, ``http://127.0.0.1:PORT``; port 0 takes a free one."""
    connections: dict[tuple[str, int], asyncio.Transport] = {}
    # With the protocol named, asyncio sends small responses at once; otherwise each waits 40 ms for more data.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((LOOPBACK, port))
        server = _Server(
            uvicorn.Config(
                _with_connection(app, connections),
                http=_protocol(connections),
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        serves = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            while not server.started:
                await asyncio.sleep(0.005)
                if serves.done():
                    await serves
            yield f"http://{LOOPBACK}:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            for connection in list(connections.values()):
                connection.abort()
            await serves


class _Server(uvicorn.Server):
    """Server that leaves signals to the owner of the loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _protocol(connections: dict[tuple[str, int], asyncio.Transport]) -> type[H11Protocol]:
    """uvicorn's HTTP protocol, with its connections kept in a table so that a fault can reset one."""

    class Remembered(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            connections[transport.get_extra_info("peername")] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            connections.pop(self.client, None)  # type: ignore[arg-type]

    return Remembered


def _with_connection(app: ASGIApp, connections: dict[tuple[str, int], asyncio.Transport]) -> ASGIApp:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        # A connection that was lost before its request began needs no response.
        if (connection := connections.get(scope["client"])) is not None:
            await app({**scope, CONNECTION: connection}, receive, send)

    return serve
