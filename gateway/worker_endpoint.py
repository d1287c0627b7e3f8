"""Liveness and metrics of processes that serve no requests, over HTTP on a port of their own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from time import monotonic

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gateway.config import Settings
from gateway.errors import CommandError
from gateway.http.auth import TokenVerifier
from gateway.http.collectors import WorkerMetrics, text_of
from gateway.http.http_protocol import TimedHttpProtocol
from gateway.http.metrics import metrics_routes
from gateway.http.middleware import RequestEdge
from integrations.embedded.server import is_free
from resolvers.installation import Stores
from resolvers.workers.lanes import LaneWorker

# A worker begins a batch at least this often, even while every store is away.
HANGS_AFTER_SECONDS = 120.0
CONCURRENCY = 20


@asynccontextmanager
async def worker_endpoint(
    settings: Settings, stores: Stores, workers: Sequence[LaneWorker] = ()
) -> AsyncIterator[None]:
    """Serves ``/health/live`` and ``/metrics`` for the duration of the block; does nothing without a port.

    Args:
        workers: of the process; it is live while each of them begins batches.

    Raises:
        CommandError: another program listens on the port.
    """
    if settings.worker_port is None:
        yield
        return
    if not is_free(settings.worker_port):
        raise CommandError(f"WORKER_PORT: another program listens on port {settings.worker_port}.")
    app = RequestEdge(worker_app(settings, stores, workers))
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.worker_port,
        http=TimedHttpProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONCURRENCY,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.wait([serving])


def worker_app(settings: Settings, stores: Stores, workers: Sequence[LaneWorker]) -> Starlette:
    """Returns the application."""
    tokens = TokenVerifier(settings.jwt_secret.get_secret_value())
    collector = WorkerMetrics(stores, workers)

    async def metrics(_request: Request) -> bytes:
        return text_of(collector)

    async def live(_request: Request) -> Response:
        hanging = [worker.consumer for worker in workers if monotonic() - worker.stepped_at > HANGS_AFTER_SECONDS]
        return PlainTextResponse(f"hangs: {', '.join(hanging)}\n" if hanging else "live\n", 503 if hanging else 200)

    return Starlette(routes=[Route("/health/live", live), *metrics_routes(tokens, metrics)])


class _Server(uvicorn.Server):
    """A server that leaves signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handles none."""
        yield
