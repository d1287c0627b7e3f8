"""The executor classes that operations run on."""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, ClassVar

import orjson
from graphql.execution import Executor
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from integrations.tracing import is_recording
from schema.execution import BreadthFirstExecutor, NativeScalar, Tracer
from schema.runtime.tracing import StageSpans


class ExecutorName(StrEnum):
    """The executors; tests run on graphql-core's to compare both."""

    BREADTH_FIRST = "breadth-first"
    GRAPHQL_CORE = "graphql-core"


class GatewayExecutor(BreadthFirstExecutor):
    """Executes breadth first; the context's ``tracer`` traces the run, or the open span, if there is one."""

    def tracer(self) -> Tracer | None:
        """The tracer of the request's context; without one, that of the open span."""
        tracer: Tracer | None = getattr(self.context_value, "tracer", None)
        return StageSpans() if tracer is None and is_recording() else tracer


class OrjsonExecutor(GatewayExecutor):
    """For responses that orjson serializes, which writes timestamps and dates as their scalars would."""

    native_scalars: ClassVar = {"DateTime": NativeScalar(datetime, UTC, whole_seconds=True), "Date": NativeScalar(date)}
    json_fragment: ClassVar = orjson.Fragment


def executor_class(name: ExecutorName) -> type[Executor[Any]]:
    """The class whose results hold only values of JSON."""
    return GatewayExecutor if name is ExecutorName.BREADTH_FIRST else StrawberryGraphQLCoreExecutionContext


def orjson_executor_class(name: ExecutorName) -> type[Executor[Any]]:
    """The class whose results orjson serializes."""
    return OrjsonExecutor if name is ExecutorName.BREADTH_FIRST else StrawberryGraphQLCoreExecutionContext
