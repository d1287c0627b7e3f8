"""Distributed traces: spans of OpenTelemetry, and their way from a request through the outbox to the workers.

The open span is a context variable: tasks started for a request share it, and no signature carries it. Without an open
span, which is so where tracing is off and in a trace that is not sampled, nothing below the edge creates a span.

Spans hold names, counts and technical ids. They never hold values of a statement, texts of errors, paths or bodies,
which may contain personal data.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from time import time_ns

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

from integrations.timings import observe_calls

Attributes = Mapping[str, str | int | float | bool]

# W3C Trace Context, version 00; a later version begins with the same fields.
TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
MAX_LINKS = 64
SYSTEMS = {"records": "postgresql", "graph": "neo4j", "cache": "redis"}


class _OpenSpan:
    """A span whose block is running, with the tracer that started it."""

    __slots__ = ("span", "tracer")

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self.tracer = tracer
        self.span = span

    @property
    def context(self) -> Context:
        """The context of a child."""
        return set_span_in_context(self.span, Context())


_OPEN: ContextVar[_OpenSpan | None] = ContextVar("open_span", default=None)
_NO_SPAN = nullcontext()


def root_span(
    tracer: Tracer | None, name: str, kind: SpanKind, traceparent: str | None, attributes: Attributes
) -> AbstractContextManager[None]:
    """Context of a span that begins a trace in this process, or continues one.

    Args:
        tracer: of the process; None where tracing is off.
        traceparent: of the parent, as another process sent or stored it; ignored unless it is valid.
    """
    if tracer is None:
        return _NO_SPAN
    parent = _parsed(traceparent)
    return _opened(tracer, name, kind, Context() if parent is None else _remote(parent), attributes)


def continued_span(
    tracer: Tracer | None, name: str, traceparents: Iterable[str | None], attributes: Attributes
) -> AbstractContextManager[None]:
    """Context of a worker's span over work that sampled traces requested; no span if there is none.

    The work of one trace becomes a part of it. The work of several traces is a trace of its own, linked to them, and
    each of them gets a span that links to it.

    Args:
        tracer: of the process; None where tracing is off.
        traceparents: of the requests; only the first ``MAX_LINKS`` traces count.
    """
    if tracer is None:
        return _NO_SPAN
    found = {one.trace_id: one for one in map(_parsed, dict.fromkeys(traceparents)) if one and one.trace_flags.sampled}
    parents = list(found.values())[:MAX_LINKS]
    if not parents:
        return _NO_SPAN
    if len(parents) == 1:
        return _opened(tracer, name, SpanKind.CONSUMER, _remote(parents[0]), attributes)
    return _batch(tracer, name, parents, attributes)


def child_span(name: str, kind: SpanKind, attributes: Attributes) -> AbstractContextManager[None]:
    """Context of a span below the open one; no span if none is open."""
    opened = _OPEN.get()
    if opened is None or not opened.span.is_recording():
        return _NO_SPAN
    return _opened(opened.tracer, name, kind, opened.context, attributes, observe=False)


def is_recording() -> bool:
    """Whether a span is open and recorded."""
    opened = _OPEN.get()
    return opened is not None and opened.span.is_recording()


def traceparent() -> str | None:
    """The open span as a ``traceparent``; None if no span is open, or the trace is not sampled."""
    opened = _OPEN.get()
    if opened is None or not opened.span.is_recording():
        return None
    context = opened.span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"


def trace_id() -> str | None:
    """The id of the open span's trace; None if no span is open."""
    opened = _OPEN.get()
    return None if opened is None else f"{opened.span.get_span_context().trace_id:032x}"


@contextmanager
def _opened(
    tracer: Tracer,
    name: str,
    kind: SpanKind,
    parent: Context,
    attributes: Attributes,
    links: Sequence[Link] = (),
    *,
    observe: bool = True,
) -> Iterator[None]:
    """Context of an open span.

    Args:
        observe: record the calls of stores inside; False inside of a span that does.
    """
    span = tracer.start_span(name, parent, kind, attributes, links)
    token = _OPEN.set(_OpenSpan(tracer, span))
    try:
        with observe_calls(_record_call) if observe and span.is_recording() else _NO_SPAN:
            yield
    except BaseException as error:
        # Not the error's text, which may quote values.
        span.set_status(StatusCode.ERROR, type(error).__name__)
        raise
    finally:
        _OPEN.reset(token)
        span.end()


@contextmanager
def _batch(tracer: Tracer, name: str, parents: Sequence[SpanContext], attributes: Attributes) -> Iterator[None]:
    begun = time_ns()
    links = [Link(parent) for parent in parents]
    try:
        with _opened(tracer, name, SpanKind.CONSUMER, Context(), attributes, links):
            opened = _OPEN.get()
            assert opened is not None
            to_batch = [Link(opened.span.get_span_context())]
            yield
    finally:
        for parent in parents:
            tracer.start_span(name, _remote(parent), SpanKind.CONSUMER, attributes, to_batch, begun).end()


def _record_call(store: str, name: str, seconds: float, failed: bool) -> None:
    """Adds a span of a store's call that has just ended."""
    opened = _OPEN.get()
    if opened is None or not opened.span.is_recording():
        return  # of a task that outlives its request
    ended = time_ns()
    attributes = {"db.system.name": SYSTEMS.get(store, store)}
    span = opened.tracer.start_span(
        name, opened.context, SpanKind.CLIENT, attributes, start_time=ended - round(seconds * 1e9)
    )
    if failed:
        span.set_status(StatusCode.ERROR)
    span.end(ended)


def _parsed(text: str | None) -> SpanContext | None:
    parts = TRACEPARENT.fullmatch(text) if text and len(text) <= 200 else None
    if parts is None or ((text or "").startswith("00-") and parts[4]):
        return None
    return SpanContext(int(parts[1], 16), int(parts[2], 16), True, TraceFlags(int(parts[3], 16) & TraceFlags.SAMPLED))


def _remote(parent: SpanContext) -> Context:
    return set_span_in_context(NonRecordingSpan(parent), Context())
