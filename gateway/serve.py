"""The serving process: the application in uvicorn."""

import gc
import os
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from gateway.app import create_app
from gateway.config import Settings
from gateway.http.http_protocol import TimedHttpProtocol
from gateway.logs import configure_logging
from gateway.workers import workers


def serve(settings: Settings, *, with_workers: bool) -> None:
    """Serves HTTP until the process is stopped.

    Args:
        with_workers: run the background work in the serving process.
    """
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
    return _tuned(create_app(_settings()))


def app_with_workers() -> ASGIApp:
    """Creates the application that also runs the background work."""
    settings = _settings()
    return _tuned(create_app(settings, background=partial(workers, settings)))


def _settings() -> Settings:
    settings = Settings.read(os.environ)
    configure_logging(settings.log_level)
    return settings


def _tuned(application: ASGIApp) -> ASGIApp:
    """Exempts the objects made so far from garbage collection, and collects less often.

    Responses consist of many small objects that reference counting frees: Python's default of a collection after each
    700 of them finds no cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    return application
