"""Prometheus metrics at ``/metrics``.

A scraper authenticates with the bearer token of a monitor or an administrator. Each series has the label ``process``.
Serving processes that share a port are all in one scrape: see ``gateway.http.siblings``.
"""

import os
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from http import HTTPStatus
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from gateway.http.auth import TokenVerifier
from gateway.http.collectors import InstallationMetrics, ServingMetrics, text_of
from gateway.http.jwt import InvalidToken
from gateway.http.siblings import merged, of_siblings
from resolvers.health import graph_lag, partner_health
from resolvers.installation import Installation, Stores
from schema.runtime.permissions import MONITORS

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def metrics_routes(tokens: TokenVerifier, metrics: Callable[[Request], Awaitable[bytes]]) -> list[BaseRoute]:
    """Returns ``/metrics``.

    Args:
        metrics: returns the text of all metrics.
    """

    async def show(request: Request) -> Response:
        try:
            role = tokens.actor(request.headers.get("authorization")).role
        except InvalidToken as error:
            return _error(HTTPStatus.UNAUTHORIZED, str(error))
        if role is None:
            return _error(HTTPStatus.UNAUTHORIZED, "Metrics require the bearer token of a monitor or an administrator.")
        if role not in MONITORS:
            return _error(HTTPStatus.FORBIDDEN, "Metrics require the role MONITOR or ADMIN.")
        return Response(await metrics(request), headers={"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store"})

    return [Route("/metrics", show)]


async def metrics_of_pod(
    own: ServingMetrics, stores: Stores, installation: Installation, now: Callable[[], datetime], folder: Path | None
) -> bytes:
    """Returns the metrics of all serving processes of a pod, and those of the installation.

    Args:
        own: of this process.
        folder: of the pod's sockets; None for a process without siblings.
    """
    whole = InstallationMetrics(await graph_lag(stores), await partner_health(stores, now, installation) or ())
    siblings, missing = await of_siblings(folder)
    counted = _Processes(len(siblings) + 1, missing)
    texts = (text_of(collector).decode() for collector in (counted, own, whole))
    return merged([*texts, *siblings]).encode()


class _Processes(Collector):
    """Numbers of serving processes of a pod.

    Args:
        responding: number of processes in the scrape.
        missing: number of processes that did not respond.
    """

    def __init__(self, responding: int, missing: int) -> None:
        self._counts = {"responding": responding, "missing": missing}

    def collect(self) -> Iterable[Metric]:
        """Returns both."""
        processes = GaugeMetricFamily(
            "gateway_processes",
            "Serving processes in this scrape, and those that did not respond.",
            None,
            ("process", "state"),
        )
        for state, count in self._counts.items():
            processes.add_metric((str(os.getpid()), state), count)
        yield processes


def _error(status: HTTPStatus, message: str) -> Response:
    challenge = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else {}
    return PlainTextResponse(f"{message}\n", status, challenge)
