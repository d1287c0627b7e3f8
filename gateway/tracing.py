"""Export of traces to a collector by OTLP over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from opentelemetry.trace import Tracer

from gateway.config import Settings, plain
from resolvers.health import VERSION

SERVICE = "baggage-gateway"
EXPORT_SECONDS = 5.0
SHUTDOWN_SECONDS = 6.0


@asynccontextmanager
async def open_tracer(settings: Settings) -> AsyncIterator[Tracer | None]:
    """Opens the tracer of a process; None without an endpoint. Sends what remains when it is closed.

    Spans wait in a bounded queue and are sent by a thread; while the collector is away, new ones are dropped.
    """
    if settings.otel_exporter_otlp_endpoint is None:
        yield None
        return
    # Imported where it is needed: the SDK and the exporter take 10 MB.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    exporter = OTLPSpanExporter(
        f"{settings.otel_exporter_otlp_endpoint}/v1/traces",
        headers=_headers(plain(settings.otel_exporter_otlp_headers) or ""),
        timeout=EXPORT_SECONDS,
    )
    provider = TracerProvider(
        ParentBased(TraceIdRatioBased(settings.otel_traces_sampler_arg)),
        Resource.create({"service.name": SERVICE, "service.version": VERSION}),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield provider.get_tracer(SERVICE, VERSION)
    finally:
        try:
            async with asyncio.timeout(SHUTDOWN_SECONDS):
                await asyncio.to_thread(provider.shutdown)
        except TimeoutError:
            pass  # the thread ends with its export


def _headers(text: str) -> dict[str, str]:
    """Headers from ``name=value,...``, as OpenTelemetry writes them."""
    pairs = (pair.partition("=") for pair in text.split(",") if pair.strip())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
