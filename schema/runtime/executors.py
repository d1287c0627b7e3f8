"""Who runs operations: the product's own executor, or graphql-core's to compare with."""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, ClassVar

import orjson
from graphql.execution import Executor
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema.execution import BreadthFirstExecutor, NativeScalar, Tracer


class ExecutorName(StrEnum):
    """An executor by the name that settings have for it."""

    BREADTH_FIRST = "breadth-first"
    GRAPHQL_CORE = "graphql-core"


class GatewayExecutor(BreadthFirstExecutor):
    """Executes breadth first; the context's ``tracer`` traces the run, if there is one."""

    def tracer(self) -> Tracer | None:
        """The tracer of the request's context."""
        tracer: Tracer | None = getattr(self.context_value, "tracer", None)
        return tracer


class AnsweringExecutor(GatewayExecutor):
    """For responses serialized by orjson, which writes timestamps and dates as their scalars would."""

    native_scalars: ClassVar = {"DateTime": NativeScalar(datetime, UTC, whole_seconds=True), "Date": NativeScalar(date)}
    json_fragment: ClassVar = orjson.Fragment


def executing(name: ExecutorName) -> type[Executor[Any]]:
    """The class that answers with values of JSON."""
    return GatewayExecutor if name is ExecutorName.BREADTH_FIRST else StrawberryGraphQLCoreExecutionContext


def answering(name: ExecutorName) -> type[Executor[Any]]:
    """The class that answers with values that orjson writes."""
    return AnsweringExecutor if name is ExecutorName.BREADTH_FIRST else StrawberryGraphQLCoreExecutionContext
