"""Who runs operations: the product's own executor, or graphql-core's to compare with."""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, ClassVar

import orjson
from graphql.execution import Executor
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema.execution import BreadthFirstExecutor, Native, Watch


class ExecutorName(StrEnum):
    """An executor by the name that settings have for it."""

    BREADTH_FIRST = "breadth-first"
    GRAPHQL_CORE = "graphql-core"


class GatewayExecutor(BreadthFirstExecutor):
    """Breadth first; tells the context's ``watch`` what it does, if there is one."""

    def watch(self) -> Watch | None:
        """Who is told what this run does."""
        watch: Watch | None = getattr(self.context_value, "watch", None)
        return watch


class AnsweringExecutor(GatewayExecutor):
    """For answers that orjson writes: it writes moments and days exactly as their scalars would."""

    natives: ClassVar = {"DateTime": Native(datetime, UTC, whole_seconds=True), "Date": Native(date)}
    fragment: ClassVar = orjson.Fragment


def executing(name: ExecutorName) -> type[Executor[Any]]:
    """The class that answers with values of JSON."""
    return GatewayExecutor if name is ExecutorName.BREADTH_FIRST else StrawberryGraphQLCoreExecutionContext


def answering(name: ExecutorName) -> type[Executor[Any]]:
    """The class that answers with values that orjson writes."""
    return AnsweringExecutor if name is ExecutorName.BREADTH_FIRST else StrawberryGraphQLCoreExecutionContext
