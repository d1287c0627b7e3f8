"""Plans: everything about an operation that can be decided before it runs, decided once.

A plan belongs to one schema and one operation of one document, with the values of the variables that ``@skip`` and
``@include`` depend on. Nothing in it depends on the caller. The selection of a type is planned when a value of that
type is first completed.
"""

import weakref
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from operator import is_
from typing import Any

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
    visit,
)
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet, collect_fields, collect_subfields
from graphql.execution.executor import Executor
from strawberry.schema.schema_converter import GraphQLCoreConverter

from resolvers.selection import Selected, Selection
from schema.execution.completion import NativeScalar, completer_for
from schema.execution.field_plans import FieldPlan, merge_selections, plan_field
from schema.execution.instrumentation import FieldMetrics
from schema.execution.interfaces import OperationRun
from schema.execution.selection_plan import SelectionPlan

MAX_OPERATIONS = 1_000
MAX_VARIANTS = 32
TYPE_NAME = "__typename"


class OperationPlan:
    """One operation with one set of conditions.

    Attributes:
        root: the root selection.
        root_fields: the same field by field, for serial execution.
    """

    def __init__(
        self,
        executor: "Executor[Any]",
        native_scalars: Mapping[str, NativeScalar],
        metrics: dict[str, FieldMetrics],
    ) -> None:
        strawberry_schema = getattr(executor.schema, "_strawberry_schema", None)
        self._converter: GraphQLCoreConverter | None = getattr(strawberry_schema, "schema_converter", None)
        self._native_scalars = native_scalars
        self._metrics = metrics
        # By the identity of lists that the plans of the parent fields hold.
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
        self.root_fields = self.root.split()

    def selection(
        self, executor: "Executor[Any]", object_type: GraphQLObjectType, details: FieldDetailsList
    ) -> SelectionPlan:
        """Plan the fields that are selected of an object type.

        Raises:
            GraphQLError: the value of a condition is invalid.
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

    def selected(self, run: OperationRun, named_type: GraphQLNamedType, details: FieldDetailsList) -> Selected:
        """The fields that are selected of a type by Python names; None where they depend on the runtime type.

        A type whose class has ``passes_on`` only wraps others, as a connection does: then theirs are returned.
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
            return None  # raised again when the values are completed
        for _, field in entries:
            if isinstance(field, str):
                continue
            declared = field.definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
            name = declared.python_name if declared is not None else field.name
            if not passes_on or name in passes_on:
                inner = field.selected(run)
                parts.append(inner if passes_on else Selection({name: inner}))
        return merge_selections(parts)

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
            completer = completer_for(definition.type, self._native_scalars)
            metrics = self._metrics.setdefault(f"{object_type.name}.{name}", FieldMetrics())
            field = plan_field(key, order, object_type, definition, details, completer, metrics, self._converter)
            entries.append((key, field))
        return SelectionPlan(entries)


class PlanCache:
    """The plans of one schema; the least recently used are evicted first.

    Attributes:
        metrics: sums over all runs by ``Type.field``.

    Args:
        schema: the schema of the operations, referenced weakly because it refers to its plans; None for an empty cache
            that belongs to no schema.
        max_operations: maximum number of operations in the cache.
    """

    def __init__(self, schema: GraphQLSchema | None = None, max_operations: int = MAX_OPERATIONS) -> None:
        self._schema = weakref.ref(schema) if schema is not None else None
        self.metrics: dict[str, FieldMetrics] = {}
        self._max_operations = max_operations
        self._operations: OrderedDict[tuple[int, type], _CachedOperation] = OrderedDict()

    def __len__(self) -> int:
        return len(self._operations)

    def __reduce__(self) -> tuple[Any, ...]:
        """Plans are not copied with their schema."""
        return PlanCache, ()

    def is_of(self, schema: GraphQLSchema) -> bool:
        """Whether these are the plans of a schema."""
        return self._schema is not None and self._schema() is schema

    def find(self, executor: "Executor[Any]", native_scalars: Mapping[str, NativeScalar]) -> OperationPlan | None:
        """The plan for an executor's operation, created if absent; None if the operation cannot be planned.

        Raises:
            GraphQLError: the value of a condition is invalid.
        """
        key = (id(executor.operation), type(executor))
        cached = self._operations.get(key)
        if cached is None or not cached.is_of(executor):
            cached = self._operations[key] = _CachedOperation(executor)
            if len(self._operations) > self._max_operations:
                self._operations.popitem(last=False)
        else:
            self._operations.move_to_end(key)
        return cached.plan(executor, native_scalars, self.metrics)


class _CachedOperation:
    """An operation with its plans; holds the operation, so that its identity stays unique."""

    def __init__(self, executor: "Executor[Any]") -> None:
        self._operation = executor.operation
        self._fragments = tuple(executor.fragment_definitions.values())
        directives = _DirectiveVisitor(self._operation, self._fragments)
        self._conditions = sorted(directives.conditions)
        has_root = executor.schema.get_root_type(self._operation.operation) is not None
        self._plannable = directives.plannable and has_root
        self._plans: OrderedDict[tuple[Any, ...], OperationPlan] = OrderedDict()

    def is_of(self, executor: "Executor[Any]") -> bool:
        fragments = executor.fragment_definitions
        return (
            self._operation is executor.operation
            and len(fragments) == len(self._fragments)
            and all(map(is_, fragments.values(), self._fragments))
        )

    def plan(
        self,
        executor: "Executor[Any]",
        native_scalars: Mapping[str, NativeScalar],
        metrics: dict[str, FieldMetrics],
    ) -> OperationPlan | None:
        if not self._plannable:
            return None
        values = executor.variable_values.coerced
        key = tuple(map(values.get, self._conditions))
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = OperationPlan(executor, native_scalars, metrics)
            if len(self._plans) > MAX_VARIANTS:
                self._plans.popitem(last=False)
        return plan


class _DirectiveVisitor(Visitor):
    """Finds the variables that fields are selected by, and directives that cannot be planned."""

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
