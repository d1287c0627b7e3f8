"""The serving process: the application in uvicorn."""

import os
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn
from starlette.types import ASGIApp

from gateway.app import create_app
from gateway.config import Settings
from gateway.garbage_collection import collect_rarely
from gateway.http.http_protocol import TimedHttpProtocol
from gateway.http.siblings import VARIABLE as SIBLINGS
from gateway.logs import configure_logging
from gateway.workers import workers


def serve(settings: Settings, *, with_workers: bool) -> None:
    """Serves HTTP until the process is stopped.

    Args:
        with_workers: run the background work in the serving process.
    """
    with TemporaryDirectory(prefix="gateway-", ignore_cleanup_errors=True) as folder:
        if settings.workers > 1:
            os.environ[SIBLINGS] = folder  # of the processes that uvicorn starts
        _serve(settings, with_workers=with_workers)


def _serve(settings: Settings, *, with_workers: bool) -> None:
    uvicorn.run(
        "gateway.serve:app_with_workers" if with_workers else "gateway.serve:app",
        factory=True,
        workers=settings.workers,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=TimedHttpProtocol,
        ws="websockets-sansio",
        ws_max_size=settings.body_bytes,
        ws_per_message_deflate=False,  # it takes 300 kB a connection and saves little on small messages
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        # A client could write any address into a header. Behind a proxy, all streams have the proxy's address.
        proxy_headers=False,
        # Longer than the 60 s after which load balancers usually close a connection, so that they close it first.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=settings.drain_request_seconds,
    )


def app() -> ASGIApp:
    """Creates the application of a serving process from the environment."""
    application = create_app(_settings(), siblings=_siblings())
    collect_rarely()
    return application


def app_with_workers() -> ASGIApp:
    """Creates the application that also runs the background work."""
    settings = _settings()
    application = create_app(settings, background=partial(workers, settings), siblings=_siblings())
    collect_rarely()
    return application


def _settings() -> Settings:
    settings = Settings.read(os.environ)
    configure_logging(settings.log_level, settings.log_format)
    return settings


def _siblings() -> Path | None:
    folder = os.environ.get(SIBLINGS)
    return Path(folder) if folder else None
