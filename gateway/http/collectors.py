"""Prometheus metrics of one process: counters that it keeps anyway, read when they are scraped."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate

import psutil
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from gateway.http.admission import REJECTIONS, RequestLimiter
from gateway.http.observation import BUCKETS, Observability
from integrations.records.health import GraphLag, PartnerHealth
from resolvers.installation import Stores
from resolvers.live.hub import Hub
from resolvers.workers.lanes import LaneWorker
from schema.gateway_schema import GatewaySchema
from schema.runtime.operations import RequestClass

PROCESS = ("process",)

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


def text_of(collector: Collector) -> bytes:
    """Returns the text of all metrics of a collector."""
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry)


class ProcessMetrics(Collector):
    """Metrics of every process: its size, and its use of the stores.

    Args:
        stores: of the process.
    """

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._process = str(os.getpid())

    def collect(self) -> Iterable[Family]:
        """Returns all current values."""
        yield from self._size()
        yield from self._statements()
        yield from self._availability()
        yield from self._connections()

    def _size(self) -> Iterable[Family]:
        process = psutil.Process()
        with process.oneshot():
            used = process.cpu_times()
            yield self._gauge("gateway_process_memory_bytes", "Resident memory.", process.memory_info().rss)
            yield self._gauge("gateway_process_descriptors", "Open file descriptors.", process.num_fds())
            yield self._counter("gateway_process_cpu_seconds", "CPU time used.", used.user + used.system)

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
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {
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

    def _gauge(self, name: str, help_text: str, value: float) -> Family:
        family = GaugeMetricFamily(name, help_text, None, PROCESS)
        family.add_metric((self._process,), value)
        return family

    def _counter(self, name: str, help_text: str, value: float) -> Family:
        family = CounterMetricFamily(name, help_text, None, PROCESS)
        family.add_metric((self._process,), value)
        return family


class ServingMetrics(ProcessMetrics):
    """Metrics of a serving process.

    Args:
        schema: executes operations.
        stores: of the process.
        hub: reads changes for subscribers.
        limiter: admits operations.
        observability: has the durations of operations.
    """

    def __init__(
        self, schema: GatewaySchema, stores: Stores, hub: Hub, limiter: RequestLimiter, observability: Observability
    ) -> None:
        super().__init__(stores)
        self._schema = schema
        self._hub = hub
        self._limiter = limiter
        self._durations = observability.durations

    def collect(self) -> Iterable[Family]:
        """Returns all current values."""
        yield from self._requests()
        yield self._operations()
        yield from self._documents()
        yield from self._stages()
        yield from super().collect()
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

    def _subscribers(self) -> Iterable[Family]:
        read = self._hub.metrics
        yield self._gauge("gateway_live_subscribers", "Current subscribers to changes.", self._hub.count)
        yield self._counter("gateway_live_rows", "Rows of the change log read for subscribers.", read.rows)
        yield self._counter(
            "gateway_live_seconds", "Seconds from writing a row of the change log to reading it.", read.seconds
        )

    def _operations(self) -> HistogramMetricFamily:
        found = HistogramMetricFamily(
            "gateway_operation_seconds",
            "Duration of operations, responses of streams, and batches of messages.",
            labels=("process", "kind"),
        )
        bounds = [*map(str, BUCKETS), "+Inf"]
        for kind, durations in self._durations.items():
            cumulative = list(zip(bounds, accumulate(durations.counts), strict=True))
            found.add_metric((self._process, kind), cumulative, durations.seconds)
        return found


class WorkerMetrics(ProcessMetrics):
    """Metrics of a process without requests.

    Args:
        stores: of the process.
        workers: of the process; empty for a consumer of Kafka.
    """

    def __init__(self, stores: Stores, workers: Sequence[LaneWorker]) -> None:
        super().__init__(stores)
        self._workers = workers

    def collect(self) -> Iterable[Family]:
        """Returns all current values."""
        yield from super().collect()
        labels = ("process", "consumer")
        handled = CounterMetricFamily("gateway_worker_handled", "Messages or effects handled.", None, labels)
        failures = CounterMetricFamily("gateway_worker_failures", "Batches that failed.", None, labels)
        for worker in self._workers:
            handled.add_metric((self._process, worker.consumer), worker.handled)
            failures.add_metric((self._process, worker.consumer), worker.failures)
        yield from (handled, failures)


class InstallationMetrics(Collector):
    """What PostgreSQL says of the whole installation; the same from every process.

    Args:
        lag: of the graph; None while PostgreSQL is away.
        partners: as their dispatchers reported last; empty while PostgreSQL is away.
    """

    def __init__(self, lag: GraphLag | None, partners: Sequence[PartnerHealth]) -> None:
        self._lag = lag
        self._partners = partners
        self._process = str(os.getpid())

    def collect(self) -> Iterable[Family]:
        """Returns all current values."""
        yield from self._graph_lag()
        yield from self._effects()

    def _graph_lag(self) -> Iterable[Family]:
        if self._lag is not None:
            yield self._gauge(
                "gateway_graph_lag_seconds", "Age of the oldest change that the graph lacks.", self._lag.seconds
            )
            yield self._gauge("gateway_graph_lag_events", "Events that the graph lacks.", self._lag.events)

    def _effects(self) -> Iterable[Family]:
        labels = ("process", "partner")
        waiting = GaugeMetricFamily("gateway_effects_waiting", "Effects that are not settled.", None, labels)
        failed = GaugeMetricFamily("gateway_effects_failed", "Effects that failed and wait for an agent.", None, labels)
        healthy = GaugeMetricFamily("gateway_partner_healthy", "1 while a partner responds.", None, labels)
        reported = GaugeMetricFamily(
            "gateway_dispatcher_reported_timestamp_seconds", "When a dispatcher last reported a partner.", None, labels
        )
        oldest = GaugeMetricFamily(
            "gateway_effects_oldest_timestamp_seconds", "When the oldest unsettled effect was requested.", None, labels
        )
        for one in self._partners:
            place = (self._process, one.name)
            waiting.add_metric(place, one.waiting)
            failed.add_metric(place, one.failed)
            healthy.add_metric(place, one.healthy)
            if one.checked_at is not None:
                reported.add_metric(place, one.checked_at.timestamp())
            if one.oldest_waiting_at is not None:
                oldest.add_metric(place, one.oldest_waiting_at.timestamp())
        yield from (waiting, failed, healthy, reported, oldest)

    def _gauge(self, name: str, help_text: str, value: float) -> Family:
        family = GaugeMetricFamily(name, help_text, None, PROCESS)
        family.add_metric((self._process,), value)
        return family
