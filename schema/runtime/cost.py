"""Cost of a document: the number of objects that its response may hold, page by page.

Selections are unfolded and merged as an executor does, so a document must first pass ``schema.runtime.limits``. A
length that depends on a variable stays open in the measure and is filled in for each request.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_introspection_query,
    get_named_type,
    get_nullable_type,
    is_list_type,
    parse,
)

from schema.runtime.limits import INTROSPECTION, LimitExceeded, Limits, fragments_of

PAGE_ARGUMENTS = ("first", "last", "limit")
NO_VARIABLES: tuple[str, ...] = ()
COMPOSITE = (GraphQLObjectType, GraphQLInterfaceType, GraphQLUnionType)


@dataclass(frozen=True, slots=True)
class Cost:
    """Number of objects that a selection may return: the object and the objects below it, times the list's length.

    Args:
        length: known length of the list; 1 without a list.
        variables: names of the variables that may make the list longer.
        own: objects of each entry that no variable multiplies: 1 for an object, 0 for a connection, which only holds
            others, and the objects below whose number is known.
        below: costs of the selections below that depend on variables.
    """

    length: int
    variables: tuple[str, ...]
    own: int
    below: "tuple[Cost, ...]"

    def total(self, limits: Limits, given: Mapping[str, Any]) -> int:
        """Number of objects with the variables of a request, as the client sent them."""
        length = self.length
        for name in self.variables:
            length = max(length, _length(given.get(name), limits))
        return length * (self.own + sum(cost.total(limits, given) for cost in self.below))

    @classmethod
    def of(cls, length: int, variables: tuple[str, ...], own: int, below: "Iterable[Cost]", limits: Limits) -> "Cost":
        """A cost with everything that does not depend on variables summed up."""
        open_costs = []
        for cost in below:
            if cost.variables or cost.below:
                open_costs.append(cost)
            else:
                own += cost.total(limits, {})
        return cls(length, variables, own, tuple(open_costs))


@dataclass(frozen=True, slots=True)
class Measure:
    """Costs of a document.

    Args:
        costs: costs of the operations, by name; None names the anonymous one.
        introspection: cost of all introspection fields together.
    """

    costs: Mapping[str | None, Cost]
    introspection: int


class CostMeter:
    """Measures documents of one schema and checks their cost."""

    def __init__(self, schema: GraphQLSchema, limits: Limits) -> None:
        self._schema = schema
        self._limits = limits
        # Tools query the whole schema, some with more than the standard introspection query.
        self._introspection = (
            2 * _CostMeasurement(schema, limits, parse(get_introspection_query())).measure().introspection
        )

    def measure(self, document: DocumentNode) -> Measure:
        """Measures a document that has passed ``check_extent``.

        Raises:
            LimitExceeded: too many root fields, fields to merge or introspection fields.
        """
        measure = _CostMeasurement(self._schema, self._limits, document).measure()
        if measure.introspection > self._introspection:
            raise LimitExceeded("The document selects too many introspection fields: query the schema in parts")
        return measure

    def open_cost(self, cost: Cost) -> Cost | None:
        """The cost, if it must be checked for each request; None if it is within the limits for all variables."""
        depends = bool(cost.variables or cost.below)
        return cost if depends or cost.total(self._limits, {}) > self._limits.cost else None

    def objects(self, cost: Cost, variables: Mapping[str, Any]) -> int:
        """Number of objects that the response to one request may hold."""
        return cost.total(self._limits, variables)

    def check(self, cost: Cost, variables: Mapping[str, Any]) -> None:
        """Checks the cost of one request.

        Raises:
            LimitExceeded: the response may hold too many objects.
        """
        total = cost.total(self._limits, variables)
        if total > self._limits.cost:
            raise LimitExceeded(
                f"The response may hold at most {self._limits.cost} objects, not {total}: request shorter pages"
            )


class _CostMeasurement:
    def __init__(self, schema: GraphQLSchema, limits: Limits, document: DocumentNode) -> None:
        self._schema = schema
        self._limits = limits
        self._document = document
        self._fragments = fragments_of(document)
        self._unreached = set(self._fragments)
        self._merges = 0
        self._introspection = 0

    def measure(self) -> Measure:
        costs = {}
        for node in self._document.definitions:
            if isinstance(node, OperationDefinitionNode):
                costs[node.name.value if node.name else None] = self._operation(node)
        # Validation rejects unused fragments, but only after it has compared their fields.
        while self._unreached:
            fragment = self._fragments[self._unreached.pop()]
            parent = self._schema.type_map.get(fragment.type_condition.name.value)
            self._below(parent, [fragment.selection_set], {}, paged=False)
        return Measure(costs, self._introspection)

    def _operation(self, node: OperationDefinitionNode) -> Cost:
        root = self._schema.get_root_type(node.operation)
        fields = len(self._groups(root, [node.selection_set]))
        if fields > self._limits.root_fields:
            raise LimitExceeded(
                f"An operation may have at most {self._limits.root_fields} root fields, not {fields}", node
            )
        defaults = {
            variable.variable.name.value: variable.default_value
            for variable in node.variable_definitions or ()
            if variable.default_value
        }
        return self._summed(1, (), 0, self._below(root, [node.selection_set], defaults, paged=False))

    def _summed(self, length: int, variables: tuple[str, ...], own: int, below: Iterable[Cost]) -> Cost:
        return Cost.of(length, variables, own, below, self._limits)

    def _below(
        self, parent: Any, selection_sets: list[SelectionSetNode], defaults: Mapping[str, ValueNode], *, paged: bool
    ) -> tuple[Cost, ...]:
        """Costs of merged selections.

        Args:
            paged: whether the lists among them are counted already, as the entries of a connection are.
        """
        costs = []
        for (owner, _), nodes in self._groups(parent, selection_sets).items():
            self._merges += len(nodes) * (len(nodes) - 1) // 2
            if self._merges > self._limits.merges:
                raise LimitExceeded("Too many fields share a response name: select each field once", nodes[0])
            deeper = [node.selection_set for node in nodes if node.selection_set]
            if deeper:
                costs.append(self._cost(owner, nodes[0], deeper, defaults, paged=paged))
        return tuple(cost for cost in costs if cost)

    def _cost(
        self,
        owner: Any,
        node: FieldNode,
        deeper: list[SelectionSetNode],
        defaults: Mapping[str, ValueNode],
        *,
        paged: bool,
    ) -> Cost | None:
        name = node.name.value
        definition = self._schema.get_field(owner, name) if isinstance(owner, COMPOSITE) else None
        if definition is None:  # validation rejects it
            self._below(None, deeper, defaults, paged=False)
            return None
        is_list = is_list_type(get_nullable_type(definition.type))
        is_page = any(argument in definition.args for argument in PAGE_ARGUMENTS)
        holds_page = is_page and not is_list
        below = self._below(get_named_type(definition.type), deeper, defaults, paged=holds_page)
        if name in INTROSPECTION:
            self._introspection += self._summed(1, (), 1, below).total(self._limits, {})
            return None
        length, variables = 1, NO_VARIABLES
        if is_page:
            length, variables = self._given(node, PAGE_ARGUMENTS, defaults)
            length = length if length or variables else self._limits.page
        elif is_list and not paged:
            lists = [key for key, value in definition.args.items() if is_list_type(get_nullable_type(value.type))]
            length, variables = self._given(node, lists, defaults)
            length = max(length, self._assumed(owner, name))
        return self._summed(length, variables, int(not holds_page), below)

    def _given(
        self, node: FieldNode, names: Collection[str], defaults: Mapping[str, ValueNode]
    ) -> tuple[int, tuple[str, ...]]:
        """The length that page arguments give as literals, and the variables among them."""
        length, variables = 0, []
        for argument in node.arguments or ():
            if argument.name.value not in names:
                continue
            value: ValueNode | None = argument.value
            if isinstance(value, VariableNode):
                variables.append(value.name.value)
                value = defaults.get(value.name.value)
            if isinstance(value, IntValueNode):
                length = max(length, _length(int(value.value), self._limits))
            elif isinstance(value, ListValueNode):
                length = max(length, len(value.values))
        return length, tuple(variables)

    def _assumed(self, owner: Any, name: str) -> int:
        return len(self._schema.type_map) if (owner.name, name) == ("__Schema", "types") else self._limits.list

    def _groups(
        self, parent: Any, selection_sets: Iterable[SelectionSetNode]
    ) -> dict[tuple[Any, str], list[FieldNode]]:
        """The selected fields by owning type and response name."""
        groups: dict[tuple[Any, str], list[FieldNode]] = {}
        for selection_set in selection_sets:
            for owner, node in self._fields(parent, selection_set):
                groups.setdefault((owner, (node.alias or node.name).value), []).append(node)
        return groups

    def _fields(self, parent: Any, selection_set: SelectionSetNode) -> Iterator[tuple[Any, FieldNode]]:
        for node in selection_set.selections:
            if isinstance(node, FieldNode):
                yield parent, node
                continue
            target: Any = node
            if isinstance(node, FragmentSpreadNode):
                self._unreached.discard(node.name.value)
                target = self._fragments.get(node.name.value)
            if target is not None:
                condition = target.type_condition
                owner = self._schema.type_map.get(condition.name.value) if condition else parent
                yield from self._fields(owner, target.selection_set)


def _length(value: object, limits: Limits) -> int:
    """The length that the value of a variable gives; coercion rejects a value that is none."""
    if isinstance(value, int):
        return min(max(value, 0), limits.largest_page)
    return len(value) if isinstance(value, list) else limits.page
