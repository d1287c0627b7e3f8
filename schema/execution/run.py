"""One run of a planned operation: each field once, for all parents at its place, level by level."""

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from graphql import ExecutionResult
from graphql.execution.executor import Executor

from schema.execution.coroutines import Strands
from schema.execution.field_plans import NOT_WATCHED, Ask, FieldPlan
from schema.execution.fields import Read, Reader, is_written
from schema.execution.info import ResolveInfo, SharedInfo
from schema.execution.instrumentation import Watch
from schema.execution.plan import OperationPlan, SelectionPlan
from schema.execution.response_path import Failure, ResponsePosition, Where, nowhere, settle


class Run:
    """What one request needs and knows.

    Args:
        executor: with the request's context, variables and root value.
        plan: what to run.
        watch: is told of each field; None for nobody.
        fragment: makes of JSON text what the answer's writer puts in as it is; None if it takes no such thing.
    """

    __slots__ = ("_failures", "_infos", "_reads", "_watch", "context", "executor", "fragment", "plan", "strands")

    def __init__(
        self,
        executor: "Executor[Any]",
        plan: OperationPlan,
        watch: Watch | None,
        fragment: Callable[[str], Any] | None,
    ) -> None:
        self.executor = executor
        self.plan = plan
        self.context = executor.context_value
        self.strands = Strands()
        self._watch = watch
        self.fragment = fragment
        self._failures: list[Failure] = []
        self._infos: dict[FieldPlan, SharedInfo] = {}
        self._reads: dict[Reader, Read | None] = {}

    async def answer(self, serially: bool) -> ExecutionResult:
        """Run the operation; its root fields one after the other where asked for, each to its end."""
        parents = [self.executor.root_value]
        if serially:
            data = await self._serially(parents)
        else:
            [data] = await self.select(self.plan.root, parents, nowhere)
        if self._failures:
            return ExecutionResult(*settle(data, self._failures))
        return ExecutionResult(data, None)

    async def _serially(self, parents: Sequence[Any]) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for part in self.plan.root_parts:
            [answered] = await self.select(part, parents, nowhere)
            data.update(answered)
            if any(not failure.nulled for failure in self._failures):
                break
        return data

    async def select(self, selection: SelectionPlan, parents: Sequence[Any], where: Where) -> list[Any]:
        """Answer a selection for all parents of one type.

        Args:
            selection: the plan.
            parents: at least one.
            where: the parents' places.
        """
        columns = await self._columns(selection, parents, where) if selection.groups else ()
        try:
            return self._built(selection, parents, columns)
        except Exception:  # noqa: BLE001 # whatever it was, one of the leaves says so again
            return await self._one_by_one(selection, parents, columns, where)

    def select_at_once(self, selection: SelectionPlan, parents: Sequence[Any]) -> list[Any] | None:
        """Answer a selection for parents that have brought all along; None where that, or anything else, is not so."""
        if selection.groups and (selection.waits or self._watch is not None):
            return None
        answered = []
        try:
            for group in selection.groups:
                columns = self._group_at_once(group, parents)
                if columns is None:
                    selection.waits = True
                    return None
                answered.append(columns)
            return self._built(selection, parents, selection.in_order(answered) if answered else ())
        except Exception:  # noqa: BLE001 # whatever it was, it comes again
            return None

    def _built(
        self, selection: SelectionPlan, parents: Sequence[Any], columns: Sequence[Sequence[Any]]
    ) -> list[dict[str, Any]]:
        kinds = set(map(type, parents))
        kind = kinds.pop() if len(kinds) == 1 else object
        reads = [self._read(leaf) for leaf in selection.readers] if selection.readers else ()
        return selection.builder(kind, reads)(parents, columns, reads)

    async def _columns(self, selection: SelectionPlan, parents: Sequence[Any], where: Where) -> Sequence[Sequence[Any]]:
        strands = [self._group(group, parents, where) for group in selection.groups]
        waited = self.strands.waited
        answered = await self.strands.together(strands)
        selection.waits = self.strands.waited != waited
        return selection.in_order(answered)

    async def _group(self, group: Sequence[FieldPlan], parents: Sequence[Any], where: Where) -> Sequence[Sequence[Any]]:
        """The columns of fields that have the same values."""
        first = group[0]
        place = first.place(where)
        stage = None if self._watch is None else self._watch.begin(*_described(first, place), len(parents))
        ask = Ask(self, parents, place, group, stage)
        began = monotonic()
        try:
            values = await first.values(ask)
        except Exception as error:  # noqa: BLE001 # it counts for every parent
            values = [error] * len(parents)
        first.figures.add(len(parents), monotonic() - began)
        if stage is not None:
            stage.answered(values)
        columns = [await self._completed(field, values, where, ask) for field in group]
        if stage is not None:
            stage.completed()
        return columns

    def _group_at_once(self, group: Sequence[FieldPlan], parents: Sequence[Any]) -> Sequence[Sequence[Any]] | None:
        """As ``_group`` for values at hand that need no waiting to be completed; None for others."""
        values = group[0].prefetched(self, parents)
        if values is None:
            return None
        written = self.written(values)
        columns = []
        for field in group:
            column = field.shape.at_once(self, values) if written is None else written
            if column is None:
                return None
            columns.append(column)
        group[0].figures.add(len(parents), 0.0)
        return columns

    async def _completed(self, field: FieldPlan, values: Sequence[Any], where: Where, ask: Ask) -> Sequence[Any]:
        if ask.written:
            return values
        completed = field.shape.at_once(self, values)
        if completed is not None:
            return completed
        place = field.place(where)
        try:
            return await field.shape.complete(self, field, values, place, awaited=ask.awaited)
        except Exception as error:  # noqa: BLE001 # a field error at every place
            for index in range(len(values)):
                self.fail(error, field, place(index))
            return [None] * len(values)

    async def _one_by_one(
        self, selection: SelectionPlan, parents: Sequence[Any], columns: Sequence[Sequence[Any]], where: Where
    ) -> list[Any]:
        """Build the objects without a builder, each leaf with an error of its own."""
        leaves = [(await self._group([leaf], parents, where))[0] for leaf in selection.leaves]
        fields: list[FieldPlan] = [*selection.columns, *selection.leaves]
        column_of = dict(zip(fields, [*columns, *leaves], strict=True))
        return [
            {key: field if isinstance(field, str) else column_of[field][index] for key, field in selection.entries}
            for index in range(len(parents))
        ]

    def _read(self, leaf: Any) -> Read | None:
        """How this caller reads a leaf; asked once a request."""
        declared = leaf.reader
        if declared not in self._reads:
            self._reads[declared] = declared(self.context)
        return self._reads[declared]

    def written(self, values: Sequence[Any]) -> Sequence[Any] | None:
        """What the answer's writer takes for values that are finished text; None for others."""
        fragment = self.fragment
        return None if fragment is None or not is_written(values) else [fragment(text) for text in values]

    def fail(self, reason: Exception, field: FieldPlan, position: ResponsePosition) -> None:
        """Take note of a field error."""
        self._failures.append(Failure(reason, field.nodes, position))

    def shared_info(self, field: FieldPlan) -> SharedInfo:
        """What a field's resolver is told alike for all parents."""
        shared = self._infos.get(field)
        if shared is None:
            path: Any = None
            info = self.executor.build_resolve_info(field.definition, field.nodes, field.parent_type, path)
            shared = self._infos[field] = SharedInfo(info, field.selected(self))
        return shared

    def called(
        self, function: Callable[..., Any], field: FieldPlan, values: Sequence[Any], where: Where, *more: Any
    ) -> list[Any]:
        """What a function says of each value, or the exception that it raised."""
        shared = self.shared_info(field)
        answers: list[Any] = []
        for index, value in enumerate(values):
            try:
                answers.append(function(value, ResolveInfo(shared, where, index), *more))
            except Exception as error:  # noqa: BLE001 # a field error
                answers.append(error)
        return answers

    async def awaited(self, values: Sequence[Any], ask: Ask | None) -> Sequence[Any]:
        """The values with those that are awaitable replaced by what they gave or raised, all awaited together.

        Args:
            values: of a field, or made of its values.
            ask: whose they are, if it is watched that they are waited for.
        """
        is_awaitable = self.executor.is_awaitable
        waiting = [index for index, value in enumerate(values) if is_awaitable(value)]
        if not waiting:
            return values
        await self.strands.before_waiting()
        with NOT_WATCHED if ask is None else ask.waiting():
            return await _awaited(list(values), waiting)


async def _awaited(values: list[Any], waiting: Sequence[int]) -> list[Any]:
    if len(waiting) == 1:
        [index] = waiting
        try:
            values[index] = await values[index]
        except Exception as error:  # noqa: BLE001 # a field error
            values[index] = error
        return values
    results = await asyncio.gather(*(values[index] for index in waiting), return_exceptions=True)
    for index, result in zip(waiting, results, strict=True):
        if isinstance(result, BaseException) and not isinstance(result, Exception):
            raise result
        values[index] = result
    return values


def _described(field: FieldPlan, place: Where) -> tuple[tuple[str, ...], str, str]:
    """Path, coordinate and kind of a field, for whoever watches."""
    path = tuple(place.key for place in place(0).chain() if isinstance(place.key, str))
    return path, f"{field.parent_type}.{field.name}", field.kind
