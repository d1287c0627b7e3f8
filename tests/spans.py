"""Spans that a tracer of the tests records."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler
from opentelemetry.trace import Tracer

from gateway.config import Settings


class Recorder:
    """A tracer, and the spans that have ended."""

    def __init__(self, sampler: Sampler = ALWAYS_ON) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(ParentBased(sampler), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer: Tracer = provider.get_tracer("tests")

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """All spans, in the order in which they ended."""
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        """The spans of a name."""
        return [span for span in self.spans if span.name == name]

    def path(self, span: ReadableSpan) -> list[str]:
        """The names from the root of the trace to a span; ``remote`` for a parent that was not recorded here."""
        by_id = {one.context.span_id: one for one in self.spans if one.context is not None}
        names = [span.name]
        while span.parent is not None:
            parent = by_id.get(span.parent.span_id)
            if parent is None:
                return ["remote", *names]
            assert parent.context is not None
            assert parent.context.trace_id == span.parent.trace_id
            span = parent
            names.insert(0, span.name)
        return names

    @asynccontextmanager
    async def open(self, _settings: Settings) -> AsyncIterator[Tracer | None]:
        """The tracer, for ``create_app``."""
        yield self.tracer
