"""Observation of operations: their spans, the fields of their log lines, and a line for those that are slow."""

import logging
import re
from bisect import bisect_left
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from math import inf
from time import monotonic

from opentelemetry.trace import SpanKind, Tracer
from starlette.types import Scope

from gateway.http.middleware import RawHeaders, record_of
from integrations.log_fields import add_log_fields
from integrations.timings import ObservedCalls
from integrations.tracing import root_span, trace_id
from resolvers.actor import Actor

logger = logging.getLogger("gateway.slow")
OPERATION_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,63}")
UNNAMED = "-"
KINDS = ("graphql", "stream", "ingest")
# Upper bounds in seconds.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# Statements that a line about a slow operation names.
NAMED = 5


class Durations:
    """Numbers of operations of one kind by duration, and the sum of their durations in seconds."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """Counts an operation."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.seconds += seconds


@dataclass(frozen=True, slots=True)
class Observability:
    """How the operations of a process are observed; in the lifespan state as ``observability``.

    Args:
        tracer: records traces; None where tracing is off.
        slow_seconds: duration above which an operation is logged with its statements.
        durations: of all operations, by kind.
    """

    tracer: Tracer | None = None
    slow_seconds: float = inf
    durations: Mapping[str, Durations] = field(default_factory=lambda: {kind: Durations() for kind in KINDS})


def operation_name(name: str | None) -> str:
    """Returns the name of an operation for the log and for spans; ``-`` without a valid one."""
    return name if name and OPERATION_NAME.fullmatch(name) else UNNAMED


class observed:  # noqa: N801 # reads as a function: with observed(scope, actor, "graphql", name)
    """Context manager around an operation, a response of a stream, or a batch of messages.

    It is a class because every request opens one.

    Args:
        kind: ``graphql``, ``stream`` or ``ingest``.
        operation: name of the operation.
    """

    __slots__ = ("_actor", "_calls", "_kind", "_observability", "_operation", "_scope", "_span", "_started")

    def __init__(self, scope: Scope, actor: Actor, kind: str, operation: str) -> None:
        self._scope = scope
        self._actor = actor
        self._kind = kind
        self._operation = operation

    def __enter__(self) -> None:
        observability: Observability = self._scope["state"].get("observability") or Observability()
        self._observability = observability
        self._calls = ObservedCalls()
        self._calls.open()
        self._span = None if observability.tracer is None else self._root_span(observability.tracer)
        if self._span is not None:
            self._span.__enter__()
        add_log_fields(tenant=self._actor.airline_id, operation=self._operation, trace=trace_id())
        self._started = monotonic()

    def __exit__(self, *error: object) -> None:
        seconds = monotonic() - self._started
        self._observability.durations[self._kind].add(seconds)
        if seconds > self._observability.slow_seconds:
            _log_slow(self._kind, self._operation, seconds, self._calls, record_of(self._scope).id)
        if self._span is not None:
            self._span.__exit__(*error)  # type: ignore[arg-type] # what Python passes
        self._calls.close()

    def _root_span(self, tracer: Tracer) -> AbstractContextManager[None]:
        attributes = {
            "graphql.operation.name": self._operation,
            "request.id": record_of(self._scope).id,
            "enduser.role": self._actor.role or "none",
            "tenant": self._actor.airline_id or 0,
        }
        # A client that is not authenticated does not decide what is recorded, or which trace it is a part of.
        parent = None if self._actor.role is None else _traceparent(self._scope["headers"])
        name = self._kind if self._operation == UNNAMED else f"{self._kind} {self._operation}"
        return root_span(tracer, name, SpanKind.SERVER, parent, attributes)


def _traceparent(headers: RawHeaders) -> str | None:
    return next((value.decode("latin-1") for name, value in headers if name == b"traceparent"), None)


def _log_slow(kind: str, operation: str, seconds: float, calls: ObservedCalls, request_id: str) -> None:
    """Logs an operation with the statements that took most of its time; concurrent ones can add up to more."""
    slowest = calls.slowest(NAMED)
    statements = ", ".join(f"{store}.{name} {times}x {spent * 1000:.0f} ms" for store, name, times, spent in slowest)
    logger.warning(
        "slow %s operation=%s ms=%.0f request=%s statements=%d of %.0f ms: %s",
        *(kind, operation, seconds * 1000, request_id, calls.count, calls.seconds * 1000, statements or "none"),
    )
