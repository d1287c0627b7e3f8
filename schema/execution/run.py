"""One run of a planned operation: the state of one request."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from graphql import ExecutionResult
from graphql.execution.executor import Executor

from resolvers.selection import JsonTexts
from schema.execution.coroutines import Coroutines, close_coroutines
from schema.execution.fields import Read, Reader
from schema.execution.info import ResolveInfo, SharedInfo
from schema.execution.instrumentation import FieldSpan, Tracer, waiting
from schema.execution.interfaces import PlannedField, PlannedOperation
from schema.execution.response_path import Failure, Positions, ResponsePosition, propagate_nulls, root_position


class Run:
    """The state of one run.

    Args:
        executor: holds the request's context, variables and root value.
        plan: the operation's.
        tracer: traces each field; None if the run is not traced.
        json_fragment: wraps JSON text for the serializer; None if it does not accept any.
    """

    __slots__ = (
        "_failures",
        "_infos",
        "_readers",
        "context",
        "coroutines",
        "executor",
        "json_fragment",
        "plan",
        "tracer",
    )

    def __init__(
        self,
        executor: "Executor[Any]",
        plan: PlannedOperation,
        tracer: Tracer | None,
        json_fragment: Callable[[str], Any] | None,
    ) -> None:
        self.executor = executor
        self.plan = plan
        self.context = executor.context_value
        self.coroutines = Coroutines()
        self.tracer = tracer
        self.json_fragment = json_fragment
        self._failures: list[Failure] = []
        self._infos: dict[PlannedField, SharedInfo] = {}
        self._readers: dict[Reader, Read | None] = {}

    async def execute(self, serially: bool) -> ExecutionResult:
        """Execute the operation; with ``serially``, each root field completes before the next one starts."""
        parents = [self.executor.root_value]
        if serially:
            data = await self._execute_serially(parents)
        else:
            [data] = await self.plan.root.execute(self, parents, root_position)
        if self._failures:
            return ExecutionResult(*propagate_nulls(data, self._failures))
        return ExecutionResult(data, None)

    async def _execute_serially(self, parents: Sequence[Any]) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for root_field in self.plan.root_fields:
            [values] = await root_field.execute(self, parents, root_position)
            data.update(values)
            if any(not failure.nulled for failure in self._failures):
                break
        return data

    def reader(self, declared: Reader) -> Read | None:
        """How this caller reads a leaf; determined once."""
        if declared not in self._readers:
            self._readers[declared] = declared(self.context)
        return self._readers[declared]

    def json_fragments(self, values: Sequence[Any]) -> Sequence[Any] | None:
        """What the serializer accepts for values that are JSON texts; None for other values."""
        wrap = self.json_fragment
        return None if wrap is None or not isinstance(values, JsonTexts) else [wrap(text) for text in values]

    def fail(self, reason: Exception, field: PlannedField, position: ResponsePosition) -> None:
        """Record a field error."""
        self._failures.append(Failure(reason, field.nodes, position))

    def shared_info(self, field: PlannedField) -> SharedInfo:
        """The part of ``info`` that all parents of a field share."""
        shared = self._infos.get(field)
        if shared is None:
            path: Any = None
            info = self.executor.build_resolve_info(field.definition, field.nodes, field.parent_type, path)
            shared = self._infos[field] = SharedInfo(info, field.selected(self))
        return shared

    def call_each(
        self, function: Callable[..., Any], field: PlannedField, values: Sequence[Any], positions: Positions, *more: Any
    ) -> list[Any]:
        """Call a function with each value, its info and ``more``.

        Returns:
            for each value the result, or the exception that the function raised.
        """
        shared = self.shared_info(field)
        results: list[Any] = []
        for index, value in enumerate(values):
            try:
                results.append(function(value, ResolveInfo(shared, positions, index), *more))
            except Exception as error:  # noqa: BLE001 # a field error
                results.append(error)
            except BaseException:
                close_coroutines(results)
                raise
        return results

    async def resolve_awaitables(self, values: Sequence[Any], span: FieldSpan | None) -> Sequence[Any]:
        """Await all awaitables among the values concurrently.

        Args:
            values: of a field, or derived from its values.
            span: of the field, if it is traced that its values are awaited.

        Returns:
            the values with each awaitable replaced by its result or the exception that it raised.
        """
        is_awaitable = self.executor.is_awaitable
        indices = [index for index, value in enumerate(values) if is_awaitable(value)]
        if not indices:
            return values
        try:
            await self.coroutines.before_waiting()
        except BaseException:
            close_coroutines(values)
            raise
        with waiting(span):
            return await _resolved(list(values), indices)


async def _resolved(values: list[Any], indices: Sequence[int]) -> list[Any]:
    if len(indices) == 1:
        [index] = indices
        try:
            values[index] = await values[index]
        except Exception as error:  # noqa: BLE001 # a field error
            values[index] = error
        return values
    results = await asyncio.gather(*(values[index] for index in indices), return_exceptions=True)
    for index, result in zip(indices, results, strict=True):
        if isinstance(result, BaseException) and not isinstance(result, Exception):
            raise result
        values[index] = result
    return values
