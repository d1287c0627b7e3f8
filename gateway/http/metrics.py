"""Prometheus metrics of one serving process, at ``/metrics``.

A scraper authenticates with the bearer token of a monitor or an administrator. Each process has its own metrics, with
the label ``process``; with several processes, a scrape returns those of the process that it reaches.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from gateway.http.admission import REJECTIONS, RequestLimiter
from gateway.http.auth import TokenVerifier
from gateway.http.jwt import InvalidToken
from integrations.records.health import GraphLag
from resolvers.health import graph_lag
from resolvers.installation import Stores
from resolvers.live.hub import Hub
from schema.gateway_schema import GatewaySchema
from schema.runtime.operations import RequestClass
from schema.runtime.permissions import MONITORS

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PROCESS = ("process",)

Family = CounterMetricFamily | GaugeMetricFamily


def metrics_routes(schema: GatewaySchema, tokens: TokenVerifier, limiter: RequestLimiter) -> list[BaseRoute]:
    """Returns ``/metrics``."""

    async def show(request: Request) -> Response:
        try:
            role = tokens.actor(request.headers.get("authorization")).role
        except InvalidToken as error:
            return _error(HTTPStatus.UNAUTHORIZED, str(error))
        if role is None:
            return _error(HTTPStatus.UNAUTHORIZED, "Metrics require the bearer token of a monitor or an administrator.")
        if role not in MONITORS:
            return _error(HTTPStatus.FORBIDDEN, "Metrics require the role MONITOR or ADMIN.")
        registry = CollectorRegistry()
        lag = await graph_lag(request.state.stores)
        registry.register(_MetricsCollector(schema, request.state.stores, request.state.live.hub, lag, limiter))
        return Response(generate_latest(registry), headers={"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store"})

    return [Route("/metrics", show)]


class _MetricsCollector(Collector):
    """Counters of the schema, the stores and the hub."""

    def __init__(
        self, schema: GatewaySchema, stores: Stores, hub: Hub, lag: GraphLag | None, limiter: RequestLimiter
    ) -> None:
        self._schema = schema
        self._stores = stores
        self._hub = hub
        self._lag = lag
        self._limiter = limiter
        self._process = str(os.getpid())

    def collect(self) -> Iterable[Family]:
        """Returns all current values."""
        yield from self._requests()
        yield from self._documents()
        yield from self._stages()
        yield from self._statements()
        yield from self._availability()
        yield from self._connections()
        yield from self._graph_lag()
        yield from self._subscribers()

    def _requests(self) -> Iterable[Family]:
        limiter = self._limiter
        yield self._gauge("gateway_requests_running", "Operations that run now.", limiter.running)
        yield self._gauge("gateway_request_bodies", "Request bodies that are being received.", limiter.bodies)
        admitted = CounterMetricFamily(
            "gateway_requests_admitted", "Admitted operations by class.", None, ("process", "class")
        )
        for kind in RequestClass:
            admitted.add_metric((self._process, kind), limiter.admitted[kind])
        rejected = CounterMetricFamily(
            "gateway_requests_rejected", "Operations rejected at a limit of concurrency.", None, ("process", "code")
        )
        for code in REJECTIONS:
            rejected.add_metric((self._process, code), limiter.rejected[code])
        yield from (admitted, rejected)

    def _documents(self) -> Iterable[Family]:
        documents = self._schema.documents
        yield self._gauge("gateway_documents", "Cached documents, parsed and validated.", len(documents))
        yield self._gauge("gateway_document_bytes", "Estimated size of the cached documents in bytes.", documents.size)
        yield self._gauge("gateway_plans", "Operations with a cached plan.", len(self._schema.plans))
        yield self._counter("gateway_document_hits", "Requests whose document was cached.", documents.hits)
        yield self._counter("gateway_document_misses", "Requests whose document was not cached.", documents.misses)

    def _stages(self) -> Iterable[Family]:
        labels = ("process", "field")
        calls = CounterMetricFamily(
            "gateway_stage_calls", "Calls of a field, each for all parents at a response path.", None, labels
        )
        parents = CounterMetricFamily("gateway_stage_parents", "Parents of the calls of a field.", None, labels)
        seconds = CounterMetricFamily(
            "gateway_stage_seconds", "Seconds until the values of a field were available.", None, labels
        )
        for field, metrics in self._schema.plans.metrics.items():
            if metrics.calls:
                calls.add_metric((self._process, field), metrics.calls)
                parents.add_metric((self._process, field), metrics.parents)
                seconds.add_metric((self._process, field), metrics.seconds)
        yield from (calls, parents, seconds)

    def _statements(self) -> Iterable[Family]:
        labels = ("process", "store", "statement")
        calls = CounterMetricFamily("gateway_statement_calls", "Calls of a store, by statement.", None, labels)
        errors = CounterMetricFamily("gateway_statement_errors", "Failed calls of a store.", None, labels)
        seconds = CounterMetricFamily("gateway_statement_seconds", "Seconds in calls of a store.", None, labels)
        for store, statements in self._by_store().items():
            for name, figures in statements().items():
                calls.add_metric((self._process, store, name), figures["calls"])
                errors.add_metric((self._process, store, name), figures["errors"])
                seconds.add_metric((self._process, store, name), figures["seconds"])
        yield from (calls, errors, seconds)

    def _by_store(self) -> Mapping[str, Callable[[], Mapping[str, Mapping[str, float]]]]:
        return {
            "records": self._stores.postgres.get_statement_stats,
            "graph": self._stores.neo4j.get_statement_stats,
            "cache": self._stores.redis.get_statement_stats,
        }

    def _availability(self) -> Iterable[Family]:
        labels = ("process", "store")
        families: dict[str, Family] = {
            "up": GaugeMetricFamily("gateway_store_up", "1 while calls to a store pass.", None, labels),
            "degraded": GaugeMetricFamily("gateway_store_degraded", "1 while a store responds late.", None, labels),
            "slow_calls": CounterMetricFamily(
                "gateway_store_slow_calls", "Calls that took longer than a healthy store needs.", None, labels
            ),
            "probe_seconds": GaugeMetricFamily(
                "gateway_store_probe_seconds", "Seconds that the last probe of a store took.", None, labels
            ),
        }
        conditions = {
            "records": self._stores.postgres.get_availability_stats(),
            "graph": self._stores.neo4j.get_availability_stats(),
            "cache": self._stores.redis.get_availability_stats(),
        }
        for store, condition in conditions.items():
            for name, value in condition.items():
                families[name].add_metric((self._process, store), value)
        yield from families.values()

    def _connections(self) -> Iterable[Family]:
        pool = self._stores.postgres.get_pool_stats()
        yield self._gauge("gateway_postgres_connections", "Open connections to PostgreSQL.", pool["size"])
        yield self._gauge("gateway_postgres_connections_in_use", "Connections to PostgreSQL in use.", pool["in_use"])
        yield self._gauge(
            "gateway_postgres_connections_max", "Maximum number of connections to PostgreSQL.", pool["max"]
        )

    def _subscribers(self) -> Iterable[Family]:
        read = self._hub.metrics
        yield self._gauge("gateway_live_subscribers", "Current subscribers to changes.", self._hub.count)
        yield self._counter("gateway_live_rows", "Rows of the change log read for subscribers.", read.rows)
        yield self._counter(
            "gateway_live_seconds", "Seconds from writing a row of the change log to reading it.", read.seconds
        )

    def _graph_lag(self) -> Iterable[Family]:
        if self._lag is not None:
            yield self._gauge(
                "gateway_graph_lag_seconds", "Age of the oldest change that the graph lacks.", self._lag.seconds
            )
            yield self._gauge("gateway_graph_lag_events", "Events that the graph lacks.", self._lag.events)

    def _gauge(self, name: str, help_text: str, value: float) -> Family:
        family = GaugeMetricFamily(name, help_text, None, PROCESS)
        family.add_metric((self._process,), value)
        return family

    def _counter(self, name: str, help_text: str, value: float) -> Family:
        family = CounterMetricFamily(name, help_text, None, PROCESS)
        family.add_metric((self._process,), value)
        return family


def _error(status: HTTPStatus, message: str) -> Response:
    challenge = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else {}
    return PlainTextResponse(f"{message}\n", status, challenge)
