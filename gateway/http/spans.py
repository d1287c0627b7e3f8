"""Spans of requests: where a trace begins in this process, or continues the client's."""

import re
from contextlib import AbstractContextManager, nullcontext

from opentelemetry.trace import SpanKind, Tracer
from starlette.types import Scope

from gateway.http.middleware import RawHeaders, record_of
from integrations.tracing import root_span
from resolvers.actor import Actor

OPERATION_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,63}")
UNNAMED = "-"


def operation_name(name: str | None) -> str:
    """Returns the name of an operation for the log and for spans; ``-`` without a valid one."""
    return name if name and OPERATION_NAME.fullmatch(name) else UNNAMED


def request_span(scope: Scope, actor: Actor, kind: str, operation: str) -> AbstractContextManager[None]:
    """Returns the context of a span of a request, or of one response of a stream; no span while tracing is off.

    Args:
        kind: of the request: ``graphql``, ``stream`` or ``ingest``.
        operation: name of the operation.
    """
    tracer: Tracer | None = scope["state"].get("tracer")
    if tracer is None:
        return nullcontext()
    attributes = {
        "graphql.operation.name": operation,
        "request.id": record_of(scope).id,
        "enduser.role": actor.role or "none",
        "tenant": actor.airline_id or 0,
    }
    name = kind if operation == UNNAMED else f"{kind} {operation}"
    return root_span(tracer, name, SpanKind.SERVER, _traceparent(scope["headers"]), attributes)


def _traceparent(headers: RawHeaders) -> str | None:
    return next((value.decode("latin-1") for name, value in headers if name == b"traceparent"), None)
