"""Plans of selections, and their execution: each field once for all parents, then the objects from the results."""

from collections.abc import Sequence
from time import monotonic
from typing import Any

from graphql import print_ast

from schema.execution.codegen import Builder, generate_builder
from schema.execution.completion import LeafCompleter
from schema.execution.field_plans import BatchPlan, FieldCall, FieldPlan, ReadPlan
from schema.execution.fields import Read
from schema.execution.interfaces import OperationRun
from schema.execution.response_path import Positions

MAX_BUILDERS = 64

Columns = Sequence[Sequence[Any]]


class SelectionPlan:
    """The fields that are selected of one object type at one position of the document.

    A column holds the completed values of one field, one for each parent. Fields with the same values form a group.

    Args:
        entries: response names in order, each with its field; for ``__typename`` with the type's name.
    """

    def __init__(self, entries: Sequence[tuple[str, FieldPlan | str]]) -> None:
        self.entries = entries
        self.leaves = [
            field for _, field in entries if isinstance(field, ReadPlan) and isinstance(field.completer, LeafCompleter)
        ]
        self.columns = [field for _, field in entries if isinstance(field, FieldPlan) and field not in self.leaves]
        self._readers = [leaf.reader for leaf in self.leaves if leaf.reader is not None]
        self._groups = _grouped(self.columns)
        # Whether a field had to wait when the selection was last executed.
        self._waits = False
        self._builders: dict[Any, Builder] = {}

    def split(self) -> list["SelectionPlan"]:
        """A plan for each entry."""
        return [SelectionPlan([entry]) for entry in self.entries]

    async def execute(self, run: OperationRun, parents: Sequence[Any], positions: Positions) -> list[Any]:
        """Execute the selection for all parents.

        Args:
            run: the request's.
            parents: of one type, at least one.
            positions: of the parents.

        Returns:
            a response object for each parent.
        """
        columns = await self._execute_fields(run, parents, positions) if self._groups else ()
        try:
            return self._build(run, parents, columns)
        except Exception:  # noqa: BLE001 # whatever failed is a leaf, and fails again by itself
            return await self._build_one_by_one(run, parents, columns, positions)

    def execute_sync(self, run: OperationRun, parents: Sequence[Any]) -> list[Any] | None:
        """Execute the selection if the parents hold all values; None if they do not, or if anything fails.

        Has no side effects: after None, ``execute`` starts again.
        """
        if self._groups and (self._waits or run.tracer is not None):
            return None
        columns = []
        try:
            for group in self._groups:
                completed = _execute_group_sync(run, group, parents)
                if completed is None:
                    self._waits = True
                    return None
                columns.append(completed)
            return self._build(run, parents, self._ordered(columns) if columns else ())
        except Exception:  # noqa: BLE001 # whatever failed fails again
            return None

    async def _execute_fields(self, run: OperationRun, parents: Sequence[Any], positions: Positions) -> Columns:
        coroutines = [_execute_group(run, group, parents, positions) for group in self._groups]
        suspensions = run.coroutines.suspensions
        columns = await run.coroutines.gather(coroutines)
        self._waits = run.coroutines.suspensions != suspensions
        return self._ordered(columns)

    def _ordered(self, columns: Sequence[Columns]) -> Columns:
        """The columns in the order of their fields, from those of each group."""
        if len(self._groups) == len(self.columns):
            return [column for (column,) in columns]
        column_of = {
            field: column
            for group, of_group in zip(self._groups, columns, strict=True)
            for field, column in zip(group, of_group, strict=True)
        }
        return [column_of[field] for field in self.columns]

    def _build(self, run: OperationRun, parents: Sequence[Any], columns: Columns) -> list[dict[str, Any]]:
        kinds = set(map(type, parents))
        kind = kinds.pop() if len(kinds) == 1 else object
        reads = [run.reader(declared) for declared in self._readers] if self._readers else ()
        return self._builder(kind, reads)(parents, columns, reads)

    def _builder(self, kind: type, reads: Sequence[Read | None]) -> Builder:
        """The function that builds the objects for parents of one class, or of any for ``object``."""
        key = (kind, *(read is None for read in reads)) if reads else kind
        builder = self._builders.get(key)
        if builder is None:
            if len(self._builders) >= MAX_BUILDERS:
                self._builders.clear()
            builder = self._builders[key] = generate_builder(self.entries, kind, reads)
        return builder

    async def _build_one_by_one(
        self, run: OperationRun, parents: Sequence[Any], columns: Columns, positions: Positions
    ) -> list[Any]:
        """Build the objects without a builder, recording an error for each leaf that fails."""
        leaves = [(await _execute_group(run, [leaf], parents, positions))[0] for leaf in self.leaves]
        fields: list[FieldPlan] = [*self.columns, *self.leaves]
        column_of = dict(zip(fields, [*columns, *leaves], strict=True))
        return [
            {key: field if isinstance(field, str) else column_of[field][index] for key, field in self.entries}
            for index in range(len(parents))
        ]


async def _execute_group(
    run: OperationRun, group: Sequence[FieldPlan], parents: Sequence[Any], positions: Positions
) -> Columns:
    """The columns of fields that have the same values."""
    first = group[0]
    field_positions = first.positions(positions)
    tracer = run.tracer
    span = None if tracer is None else tracer.start_field(*_described(first, field_positions), len(parents))
    call = FieldCall(run, parents, field_positions, group, span)
    started = monotonic()
    try:
        values = await first.resolve(call)
    except Exception as error:  # noqa: BLE001 # it applies to every parent
        values = [error] * len(parents)
    first.metrics.add(len(parents), monotonic() - started)
    if span is not None:
        span.resolved(values)
    columns = [await _completed(run, field, values, positions, call) for field in group]
    if span is not None:
        span.completed()
    return columns


def _execute_group_sync(run: OperationRun, group: Sequence[FieldPlan], parents: Sequence[Any]) -> Columns | None:
    """``_execute_group`` for values that the parents hold and that need not wait; None for others."""
    values = group[0].prefetched(run, parents)
    if values is None:
        return None
    fragments = run.json_fragments(values)
    columns = []
    for field in group:
        column = field.completer.complete_sync(run, values) if fragments is None else fragments
        if column is None:
            return None
        columns.append(column)
    group[0].metrics.add(len(parents), 0.0)
    return columns


async def _completed(
    run: OperationRun, field: FieldPlan, values: Sequence[Any], positions: Positions, call: FieldCall
) -> Sequence[Any]:
    if call.is_json:
        return values
    completed = field.completer.complete_sync(run, values)
    if completed is not None:
        return completed
    field_positions = field.positions(positions)
    try:
        return await field.completer.complete(run, field, values, field_positions, awaited=call.awaited)
    except Exception as error:  # noqa: BLE001 # a field error at every position
        for index in range(len(values)):
            run.fail(error, field, field_positions(index))
        return [None] * len(values)


def _described(field: FieldPlan, positions: Positions) -> tuple[tuple[str, ...], str, str]:
    """Path, coordinate and kind of a field, for its span."""
    path = tuple(position.key for position in positions(0).chain() if isinstance(position.key, str))
    return path, f"{field.parent_type}.{field.name}", field.kind


def _grouped(fields: Sequence[FieldPlan]) -> list[list[FieldPlan]]:
    """Groups of fields with the same values under several response names; each group is one call."""
    groups: dict[Any, list[FieldPlan]] = {}
    for field in fields:
        key: Any = field.key
        if isinstance(field, BatchPlan):
            key = (field.declared, *(sorted(print_ast(argument) for argument in field.nodes[0].arguments or ())))
        groups.setdefault(key, []).append(field)
    return list(groups.values())
