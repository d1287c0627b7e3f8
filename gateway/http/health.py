"""Health over HTTP, for monitors and orchestrators. No authentication required, except for the partners' details."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.http.auth import TokenVerifier
from gateway.http.jwt import InvalidToken
from integrations.records.health import Health, HealthStatus, ServiceHealth
from resolvers import health
from resolvers.installation import Installation
from schema.runtime.permissions import MONITORS


def health_routes(
    installation: Installation, tokens: TokenVerifier, now: Callable[[], datetime], draining: asyncio.Event
) -> list[BaseRoute]:
    """Returns ``/health`` and the routes below it.

    Args:
        draining: set when the process is to receive no more requests.
    """

    def is_monitor(request: Request) -> bool:
        try:
            return tokens.actor(request.headers.get("authorization")).role in MONITORS
        except InvalidToken:
            return False  # a probe with an expired token still learns whether the service is healthy

    def overall(*names: str) -> Callable[[Request], Any]:
        async def respond(request: Request) -> Response:
            found = await health.check(request.state.stores, now, installation, names)
            detailed = names == ("external",) and is_monitor(request)
            return _response(found, serving=found.status is not HealthStatus.UNHEALTHY, detailed=detailed)

        return respond

    def single(name: str) -> Callable[[Request], Any]:
        async def respond(request: Request) -> Response:
            found = await health.check(request.state.stores, now, installation, (name,))
            service = found.services[0]
            return _response(replace(found, status=service.status), serving=service.healthy)

        return respond

    ready_while_serving = overall("database")

    async def ready(request: Request) -> Response:
        if draining.is_set():
            return _response(Health(HealthStatus.UNHEALTHY, health.VERSION, now(), ()), serving=False, draining=True)
        response: Response = await ready_while_serving(request)
        return response

    async def live(_request: Request) -> Response:
        return _response(Health(HealthStatus.HEALTHY, health.VERSION, now(), ()), serving=True)

    return [
        Route("/health", overall("database", "graph", "cache", "external")),
        Route("/health/database", single("database")),
        Route("/health/graph", single("graph")),
        Route("/health/cache", single("cache")),
        Route("/health/external", overall("external")),
        Route("/health/ready", ready),
        Route("/health/live", live),
    ]


def _response(found: Health, *, serving: bool, detailed: bool = False, draining: bool = False) -> Response:
    body = {
        "status": found.status,
        "version": found.version,
        "timestamp": found.timestamp.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "services": {service.name: _service(service, detailed=detailed) for service in found.services},
        **({"draining": True} if draining else {}),
    }
    return Response(
        orjson.dumps(body),
        status_code=HTTPStatus.OK if serving else HTTPStatus.SERVICE_UNAVAILABLE,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def _service(service: ServiceHealth, *, detailed: bool) -> dict[str, Any]:
    cost: dict[str, Any] = {}
    if service.status is HealthStatus.DEGRADED:
        cost = {
            "status": service.status,
            "slow_calls": service.slow_calls,
            "slowest_call_ms": round(service.slowest_call_ms, 2),
        }
    details = service.details if detailed else {}
    return {"healthy": service.healthy, "latency_ms": round(service.latency_ms, 2), **cost, **details}
