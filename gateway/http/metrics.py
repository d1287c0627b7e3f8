"""Figures of one serving process for Prometheus, at ``/metrics``.

A scraper signs in by the bearer token of a monitor or an administrator. Each process has figures of its own, told apart
by ``process``: where there are several, a scrape is answered by the one that it reaches.
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

from gateway.http.auth import TokenVerifier
from gateway.http.jwt import InvalidToken
from integrations.records.health import Lag
from resolvers.health import graph_lag
from resolvers.installation import Stores
from resolvers.live.hub import Hub
from schema.gateway_schema import GatewaySchema
from schema.runtime.permissions import MONITORS

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PROCESS = ("process",)

Family = CounterMetricFamily | GaugeMetricFamily


def metrics_routes(schema: GatewaySchema, tokens: TokenVerifier) -> list[BaseRoute]:
    """``/metrics``."""

    async def show(request: Request) -> Response:
        try:
            role = tokens.actor(request.headers.get("authorization")).role
        except InvalidToken as error:
            return _refused(HTTPStatus.UNAUTHORIZED, str(error))
        if role is None:
            return _refused(HTTPStatus.UNAUTHORIZED, "Sign in by the bearer token of a monitor or an administrator.")
        if role not in MONITORS:
            return _refused(HTTPStatus.FORBIDDEN, "Metrics are for monitors and administrators.")
        registry = CollectorRegistry()
        behind = await graph_lag(request.state.stores)
        registry.register(_Figures(schema, request.state.stores, request.state.live.hub, behind))
        return Response(generate_latest(registry), headers={"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store"})

    return [Route("/metrics", show)]


class _Figures(Collector):
    """What the schema, the stores and the hub count anyway."""

    def __init__(self, schema: GatewaySchema, stores: Stores, hub: Hub, behind: Lag | None) -> None:
        self._schema = schema
        self._stores = stores
        self._hub = hub
        self._behind = behind
        self._process = str(os.getpid())

    def collect(self) -> Iterable[Family]:
        """All figures as they are now."""
        yield from self._documents()
        yield from self._stages()
        yield from self._statements()
        yield from self._connections()
        yield from self._lag()
        yield from self._subscribers()

    def _documents(self) -> Iterable[Family]:
        documents = self._schema.documents
        yield self._gauge("gateway_documents", "Documents that are kept, parsed and validated.", len(documents))
        yield self._gauge("gateway_document_bytes", "Bytes that they take, by estimate.", documents.size)
        yield self._gauge("gateway_plans", "Operations whose plans are kept.", len(self._schema.plans))
        yield self._counter("gateway_document_hits", "Requests whose document was kept.", documents.hits)
        yield self._counter("gateway_document_misses", "Requests whose document was not.", documents.misses)

    def _stages(self) -> Iterable[Family]:
        labels = ("process", "field")
        calls = CounterMetricFamily(
            "gateway_stage_calls", "Calls of a field, for all parents at a place.", None, labels
        )
        parents = CounterMetricFamily("gateway_stage_parents", "Parents that a field was called for.", None, labels)
        seconds = CounterMetricFamily("gateway_stage_seconds", "Seconds until the values were there.", None, labels)
        for field, metrics in self._schema.plans.metrics.items():
            if metrics.calls:
                calls.add_metric((self._process, field), metrics.calls)
                parents.add_metric((self._process, field), metrics.parents)
                seconds.add_metric((self._process, field), metrics.seconds)
        yield from (calls, parents, seconds)

    def _statements(self) -> Iterable[Family]:
        labels = ("process", "store", "statement")
        calls = CounterMetricFamily("gateway_statement_calls", "Calls to a store, by statement.", None, labels)
        errors = CounterMetricFamily("gateway_statement_errors", "Those that failed.", None, labels)
        seconds = CounterMetricFamily("gateway_statement_seconds", "Seconds that they took.", None, labels)
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

    def _connections(self) -> Iterable[Family]:
        pool = self._stores.postgres.get_pool_stats()
        yield self._gauge("gateway_postgres_connections", "Connections to PostgreSQL that are open.", pool["size"])
        yield self._gauge("gateway_postgres_connections_in_use", "Those that are lent.", pool["in_use"])
        yield self._gauge("gateway_postgres_connections_max", "Those that are allowed.", pool["max"])

    def _subscribers(self) -> Iterable[Family]:
        read = self._hub.metrics
        yield self._gauge("gateway_live_subscribers", "Subscribers to changes.", self._hub.count)
        yield self._counter("gateway_live_rows", "Rows of the log of changes that were read for them.", read.rows)
        yield self._counter("gateway_live_seconds", "Seconds from when those were written until then.", read.seconds)

    def _lag(self) -> Iterable[Family]:
        if self._behind is not None:
            yield self._gauge("gateway_graph_lag_seconds", "Age of the oldest untold change.", self._behind.seconds)
            yield self._gauge("gateway_graph_lag_events", "Events the graph must be told.", self._behind.events)

    def _gauge(self, name: str, said: str, value: float) -> Family:
        family = GaugeMetricFamily(name, said, None, PROCESS)
        family.add_metric((self._process,), value)
        return family

    def _counter(self, name: str, said: str, value: float) -> Family:
        family = CounterMetricFamily(name, said, None, PROCESS)
        family.add_metric((self._process,), value)
        return family


def _refused(status: HTTPStatus, message: str) -> Response:
    challenge = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else {}
    return PlainTextResponse(f"{message}\n", status, challenge)
