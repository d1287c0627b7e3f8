"""Plans: what of an operation can be decided before it runs, decided once.

A plan belongs to one schema and one operation of one document, with the values of the variables that ``@skip`` and
``@include`` look at. Nothing in it depends on the caller. Plans of the types below are made when a value of the type
is first met.
"""

import weakref
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from operator import is_
from typing import TYPE_CHECKING, Any

from graphql import (
    DirectiveNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    is_leaf_type,
    print_ast,
    visit,
)
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet, collect_fields, collect_subfields
from strawberry.schema.schema_converter import GraphQLCoreConverter

from resolvers.selection import Selected, Selection
from schema.execution.codegen import Builder, builder_of
from schema.execution.completion import Leaf, Native, shape_of
from schema.execution.field_plans import BatchPlan, FieldPlan, ReadPlan, plan_field, union
from schema.execution.fields import Read
from schema.execution.instrumentation import FieldMetrics

if TYPE_CHECKING:
    from graphql.execution.executor import Executor

    from schema.execution.run import Run

MAX_BUILDERS = 64
MAX_VARIANTS = 32
TYPE_NAME = "__typename"


class SelectionPlan:
    """What is selected of one object type at one place of an operation.

    Attributes:
        waits: whether a field was waited for when it was last answered.

    Args:
        entries: response names in order, each with its field; for ``__typename`` with the type's name.
    """

    def __init__(self, entries: Sequence[tuple[str, FieldPlan | str]]) -> None:
        self.entries = entries
        self.leaves = [field for _, field in entries if isinstance(field, ReadPlan) and isinstance(field.shape, Leaf)]
        self.readers = [leaf for leaf in self.leaves if leaf.reader is not None]
        self.columns = [field for _, field in entries if isinstance(field, FieldPlan) and field not in self.leaves]
        self.groups = _together(self.columns)
        self.waits = False
        self._builders: dict[Any, Builder] = {}

    def builder(self, kind: type, reads: Sequence[Read | None]) -> Builder:
        """The function that builds the objects for parents of one class, or for any as ``object``."""
        key = (kind, *(read is None for read in reads)) if reads else kind
        builder = self._builders.get(key)
        if builder is None:
            if len(self._builders) >= MAX_BUILDERS:
                self._builders.clear()
            builder = self._builders[key] = builder_of(self.entries, kind, reads)
        return builder

    def in_order(self, answered: Sequence[Sequence[Sequence[Any]]]) -> Sequence[Sequence[Any]]:
        """The columns in the order of their fields, from those of each group."""
        if len(self.groups) == len(self.columns):
            return [columns[0] for columns in answered]
        column_of = {
            field: column
            for group, columns in zip(self.groups, answered, strict=True)
            for field, column in zip(group, columns, strict=True)
        }
        return [column_of[field] for field in self.columns]

    def parts(self) -> list["SelectionPlan"]:
        """The same, field by field."""
        return [SelectionPlan([entry]) for entry in self.entries]


class OperationPlan:
    """One operation with one set of conditions."""

    def __init__(
        self, executor: "Executor[Any]", natives: Mapping[str, Native], figures: dict[str, FieldMetrics]
    ) -> None:
        strawberry_schema = getattr(executor.schema, "_strawberry_schema", None)
        self._converter: GraphQLCoreConverter | None = getattr(strawberry_schema, "schema_converter", None)
        self._natives = natives
        self._figures = figures
        # By the identity of lists that the plans of the fields above hold.
        self._selections: dict[tuple[GraphQLObjectType, int], SelectionPlan] = {}
        root_type = executor.schema.get_root_type(executor.operation.operation)
        assert root_type is not None
        collected = collect_fields(
            executor.schema,
            executor.fragments,
            executor.variable_values,
            root_type,
            executor.operation,
            executor.hide_suggestions,
        )
        self.root = self._plan(executor, root_type, collected.grouped_field_set)
        self.root_parts = self.root.parts()

    def selection(
        self, executor: "Executor[Any]", object_type: GraphQLObjectType, details: FieldDetailsList
    ) -> SelectionPlan:
        """Plan what a field selects of an object type.

        Raises:
            GraphQLError: a condition's value does not do.
        """
        key = (object_type, id(details))
        if key not in self._selections:
            collected = collect_subfields(
                executor.schema,
                executor.fragments,
                executor.variable_values,
                executor.operation,
                object_type,
                details,
                executor.hide_suggestions,
            )
            self._selections[key] = self._plan(executor, object_type, collected.grouped_field_set)
        return self._selections[key]

    def selected(self, run: "Run", named_type: GraphQLNamedType, details: FieldDetailsList) -> Selected:
        """The fields that are asked of a type's values, by the names that Python has for them.

        A type whose class says so by ``passes_on`` only wraps others, as a connection does: theirs are meant.
        """
        if is_leaf_type(named_type):
            return Selection({})
        if not isinstance(named_type, GraphQLObjectType):
            return None
        definition = named_type.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        passes_on = getattr(definition and definition.origin, "passes_on", ())
        parts: list[Selected] = []
        try:
            entries = self.selection(run.executor, named_type, details).entries
        except GraphQLError:
            return None  # the error is one of the values, and comes with them
        for _, field in entries:
            if isinstance(field, str):
                continue
            declared = field.definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
            name = declared.python_name if declared is not None else field.name
            if not passes_on or name in passes_on:
                inner = field.selected(run)
                parts.append(inner if passes_on else Selection({name: inner}))
        return union(parts)

    def _plan(
        self, executor: "Executor[Any]", object_type: GraphQLObjectType, grouped: GroupedFieldSet
    ) -> SelectionPlan:
        entries: list[tuple[str, FieldPlan | str]] = []
        for order, (key, details) in enumerate(grouped.items()):
            name = details[0].node.name.value
            definition = executor.schema.get_field(object_type, name)
            if definition is None:
                continue
            if name == TYPE_NAME:
                entries.append((key, object_type.name))
                continue
            shape = shape_of(definition.type, self._natives)
            figures = self._figures.setdefault(f"{object_type.name}.{name}", FieldMetrics())
            field = plan_field(key, order, object_type, definition, details, shape, figures, self._converter)
            entries.append((key, field))
        return SelectionPlan(entries)


class PlanCache:
    """The plans of one schema; the least recently used go first.

    Attributes:
        figures: sums over all runs by ``Type.field``.

    Args:
        schema: whose operations they are for; held weakly, since it holds them. Without one nothing is its.
        entries: the most operations kept.
    """

    def __init__(self, schema: GraphQLSchema | None = None, entries: int = 1_000) -> None:
        self._schema = weakref.ref(schema) if schema is not None else None
        self.figures: dict[str, FieldMetrics] = {}
        self._entries = entries
        self._kept: OrderedDict[tuple[int, type], _Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def __reduce__(self) -> tuple[Any, ...]:
        """Plans stay with their schema: a copy of it begins with none."""
        return PlanCache, ()

    def is_of(self, schema: GraphQLSchema) -> bool:
        """Whether these are the plans of a schema."""
        return self._schema is not None and self._schema() is schema

    def find(self, executor: "Executor[Any]", natives: Mapping[str, Native]) -> OperationPlan | None:
        """The plan for what an executor is to run; None where it cannot be planned.

        Raises:
            GraphQLError: a condition's value does not do.
        """
        key = (id(executor.operation), type(executor))
        kept = self._kept.get(key)
        if kept is None or not kept.is_of(executor):
            kept = self._kept[key] = _Kept(executor)
            if len(self._kept) > self._entries:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return kept.plan(executor, natives, self.figures)


class _Kept:
    """An operation, kept itself so that its identity means it, with its plans."""

    def __init__(self, executor: "Executor[Any]") -> None:
        self._operation = executor.operation
        self._fragments = tuple(executor.fragment_definitions.values())
        survey = _Survey(self._operation, self._fragments)
        self._conditions = sorted(survey.conditions)
        has_root = executor.schema.get_root_type(self._operation.operation) is not None
        self._plannable = survey.plannable and has_root
        self._plans: OrderedDict[tuple[Any, ...], OperationPlan] = OrderedDict()

    def is_of(self, executor: "Executor[Any]") -> bool:
        fragments = executor.fragment_definitions
        return (
            self._operation is executor.operation
            and len(fragments) == len(self._fragments)
            and all(map(is_, fragments.values(), self._fragments))
        )

    def plan(
        self, executor: "Executor[Any]", natives: Mapping[str, Native], figures: dict[str, FieldMetrics]
    ) -> OperationPlan | None:
        if not self._plannable:
            return None
        values = executor.variable_values.coerced
        key = tuple(map(values.get, self._conditions))
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = OperationPlan(executor, natives, figures)
            if len(self._plans) > MAX_VARIANTS:
                self._plans.popitem(last=False)
        return plan


class _Survey(Visitor):
    """Which variables decide what is selected, and whether anything asked for is not planned."""

    UNPLANNED = frozenset({"defer", "stream", "experimental_disableErrorPropagation"})
    CONDITIONS = frozenset({"skip", "include"})

    def __init__(self, operation: OperationDefinitionNode, fragments: Sequence[FragmentDefinitionNode]) -> None:
        super().__init__()
        self.conditions: set[str] = set()
        self.plannable = not any(fragment.variable_definitions for fragment in fragments)
        for node in (operation, *fragments):
            visit(node, self)

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        name = node.name.value
        if name in self.UNPLANNED:
            self.plannable = False
        elif name in self.CONDITIONS:
            for argument in node.arguments or ():
                if isinstance(argument.value, VariableNode):
                    self.conditions.add(argument.value.name.value)


def _together(fields: Sequence[FieldPlan]) -> list[list[FieldPlan]]:
    """Fields with the same values under several names, one call for each group."""
    groups: dict[Any, list[FieldPlan]] = {}
    for field in fields:
        key: Any = field.key
        if isinstance(field, BatchPlan):
            key = (field.declared, *(sorted(print_ast(argument) for argument in field.nodes[0].arguments or ())))
        groups.setdefault(key, []).append(field)
    return list(groups.values())
