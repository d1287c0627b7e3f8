"""Spans below an open one, and their way through rows."""

import gzip
from collections.abc import Sequence
from time import monotonic

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.config import Settings
from gateway.tracing import SHUTDOWN_SECONDS, open_tracer
from integrations.embedded.server import free_port
from integrations.partners.mocks.server import serving
from integrations.timings import Timings
from integrations.tracing import MAX_LINKS, child_span, continued_span, is_recording, root_span, trace_id, traceparent
from tests.spans import Recorder

ID = "0af7651916cd43dd8448eb211c80319c"
REQUIRED = {
    "NEON_DATABASE_URL": "postgresql://user@127.0.0.1/db",
    "NEO4J_URI": "bolt://127.0.0.1",
    "NEO4J_PASSWORD": "password",
    "REDIS_URL": "redis://127.0.0.1",
    "JWT_SECRET": "s" * 32,
    "SECRET_KEY": "k" * 32,
}
VALID = f"00-{ID}-b7ad6b7169203331-01"


@pytest.mark.parametrize("text", [VALID, f"01-{ID}-b7ad6b7169203331-01-more"])
def test_a_trace_continues(text: str) -> None:
    recorder = Recorder()
    with root_span(recorder.tracer, "request", SpanKind.SERVER, text, {}):
        assert trace_id() == ID
    assert traceparent() is None


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", "x", VALID.upper(), f"{VALID}-more", f"{VALID} ", f"ff-{ID}-b7ad6b7169203331-01"),
        *(f"00-{'0' * 32}-b7ad6b7169203331-01", f"00-{ID}-{'0' * 16}-01", "01-" + VALID[3:] + "-" + "x" * 999),
    ],
)
def test_an_invalid_traceparent_is_ignored(text: str | None) -> None:
    recorder = Recorder()
    with root_span(recorder.tracer, "request", SpanKind.SERVER, text, {}):
        assert trace_id() != ID
    with continued_span(recorder.tracer, "work", [text], {}):
        assert not is_recording()


def test_calls_are_spans_of_their_length_below_the_open_one() -> None:
    recorder = Recorder()
    with root_span(recorder.tracer, "request", SpanKind.SERVER, None, {}), child_span("stage", SpanKind.INTERNAL, {}):
        Timings("records", 9.0).add("BAGS_BY_ID", 0.25)
        Timings("graph", 9.0).add("JOURNEYS", 0.5, failed=True)
    Timings("records", 9.0).add("AFTERWARDS", 0.25)
    (bags,), (journeys,) = recorder.named("BAGS_BY_ID"), recorder.named("JOURNEYS")
    assert recorder.path(bags) == ["request", "stage", "BAGS_BY_ID"]
    assert (bags.end_time or 0) - (bags.start_time or 0) == 250_000_000
    assert (bags.status.status_code, journeys.status.status_code) == (StatusCode.UNSET, StatusCode.ERROR)
    assert len(recorder.spans) == 4


def test_an_error_is_named_without_its_text() -> None:
    recorder = Recorder()
    with pytest.raises(ValueError), root_span(recorder.tracer, "request", SpanKind.SERVER, None, {}):  # noqa: PT011
        raise ValueError("a number +12025550147")
    (span,) = recorder.spans
    assert (span.status.status_code, span.status.description, span.events) == (StatusCode.ERROR, "ValueError", ())


def test_a_trace_that_is_not_sampled_has_an_id_for_the_log_and_nothing_else() -> None:
    recorder = Recorder(ALWAYS_OFF)
    with root_span(recorder.tracer, "request", SpanKind.SERVER, None, {}), child_span("stage", SpanKind.INTERNAL, {}):
        assert trace_id() is not None
        assert traceparent() is None
    with continued_span(recorder.tracer, "work", [VALID[:-1] + "0"], {}):
        assert traceparent() is None
    assert recorder.spans == ()


def traceparents(recorder: Recorder, count: int) -> Sequence[str | None]:
    """Those of so many requests."""
    found = []
    for _ in range(count):
        with root_span(recorder.tracer, "request", SpanKind.SERVER, None, {}):
            found.append(traceparent())
    return found


def test_a_batch_of_several_traces_is_linked_to_each() -> None:
    recorder = Recorder()
    rows = traceparents(recorder, 3)
    with continued_span(recorder.tracer, "project", [*rows, *rows, None], {}):
        Timings("graph", 9.0).add("WRITE", 0.1)
    batch, *parts = sorted(recorder.named("project"), key=lambda span: span.parent is not None)
    (write,) = recorder.named("WRITE")
    assert recorder.path(write) == ["project", "WRITE"]
    assert [recorder.path(part) for part in parts] == [["request", "project"]] * 3
    assert {link.context.trace_id for link in batch.links} == {part.context.trace_id for part in parts if part.context}
    assert [[link.context for link in part.links] for part in parts] == [[batch.context]] * 3


def test_links_are_bounded() -> None:
    recorder = Recorder()
    with continued_span(recorder.tracer, "project", traceparents(recorder, MAX_LINKS + 5), {}):
        pass
    assert len(recorder.named("project")) == MAX_LINKS + 1


async def test_spans_reach_a_collector_before_the_process_ends() -> None:
    """Given an endpoint with headers, when the tracer is closed, then the collector has the spans."""
    received: list[tuple[str | None, bytes]] = []

    async def take(request: Request) -> Response:
        received.append((request.headers.get("authorization"), await request.body()))
        return Response(media_type="application/x-protobuf")

    async with serving(Starlette(routes=[Route("/v1/traces", take, methods=["POST"])])) as url:
        exported = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Basic secret",
            "OTEL_TRACES_SAMPLER_ARG": "1",
        }
        async with open_tracer(Settings.read({**REQUIRED, **exported})) as tracer:
            with root_span(tracer, "request", SpanKind.SERVER, None, {}):
                pass
    ((authorization, body),) = received
    assert authorization == "Basic secret"
    (resource,) = ExportTraceServiceRequest.FromString(
        gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    ).resource_spans
    assert [span.name for span in resource.scope_spans[0].spans] == ["request"]
    assert {one.key: one.value.string_value for one in resource.resource.attributes}[
        "service.name"
    ] == "baggage-gateway"


async def test_an_absent_collector_delays_nothing_and_raises_nothing() -> None:
    settings = Settings.read({**REQUIRED, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"})
    async with open_tracer(settings) as tracer:
        started = monotonic()
        with root_span(tracer, "request", SpanKind.SERVER, VALID, {}):
            pass
        assert monotonic() - started < 0.1
    assert monotonic() - started < SHUTDOWN_SECONDS + 1


async def test_without_an_endpoint_there_is_no_tracer() -> None:
    async with open_tracer(Settings.read(REQUIRED)) as tracer:
        assert tracer is None
        with root_span(tracer, "request", SpanKind.SERVER, VALID, {}):
            assert trace_id() is None
