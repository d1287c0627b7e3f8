"""Arguments of fields: coerced as graphql-core does, and converted to what Strawberry passes to functions."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING
from enum import Enum
from typing import Any

from graphql import (
    ArgumentNode,
    FieldNode,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputType,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    Visitor,
    get_nullable_type,
    is_input_object_type,
    is_non_null_type,
    is_scalar_type,
    visit,
)
from graphql.execution.executor import Executor
from graphql.execution.values import get_argument_values
from strawberry.relay.types import GlobalID
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_arguments
from strawberry.types.base import (
    StrawberryMaybe,
    StrawberryOptional,
    WithStrawberryObjectDefinition,
    has_object_definition,
)
from strawberry.types.field import StrawberryField

from schema.execution.info import ResolveInfo

IMMUTABLE = (str, int, float, bool, type(None), Enum)
NO_ARGUMENTS: Mapping[str, Any] = {}

# Reads an argument off the coerced variables; None if one of its variables is absent or null.
ReadVariables = Callable[[Mapping[str, Any]], Any]
# Converts a coerced value to the one that Strawberry passes to functions.
Convert = Callable[[Any], Any]


class FieldArguments:
    """The arguments of a field in a document.

    Attributes:
        constants: the coerced arguments if they are the same in every run and immutable; None until they are known.
        has_variables: whether an argument contains a variable.

    Args:
        definition: the schema's.
        node: the field in the document.
    """

    def __init__(self, definition: GraphQLField, node: FieldNode) -> None:
        self._definition = definition
        self._node = node
        self._variables = _variable_arguments(definition, node)
        # The other coerced arguments, where these contain no variable.
        self._others: Mapping[str, Any] | None = None
        with_variables = [argument for argument in node.arguments or () if _contains_variable(argument)]
        self.has_variables = bool(with_variables)
        self._has_nested_variables = len(with_variables) > len(self._variables)
        self.constants: Mapping[str, Any] | None = None

    def coerced(self, executor: "Executor[Any]") -> Mapping[str, Any]:
        """The coerced arguments; immutable ones without variables are coerced once.

        Variables have been coerced before the run: an argument that consists of them, none of them null, is not
        coerced again.

        Raises:
            GraphQLError: a value is invalid.
        """
        if self.constants is not None:
            return self.constants
        definition, node = self._definition, self._node
        if not definition.args and not node.arguments:
            self.constants = NO_ARGUMENTS
            return NO_ARGUMENTS
        variables = executor.variable_values.coerced
        if self._others is not None:
            given = {name: read(variables) for name, read in self._variables.items()}
            if None not in given.values():
                return {**self._others, **given}
        arguments = get_argument_values(definition, node, executor.variable_values, None, executor.hide_suggestions)
        others = {name: value for name, value in arguments.items() if name not in self._variables}
        if are_immutable(others):
            if not self.has_variables:
                self.constants = arguments
            elif not self._has_nested_variables:
                self._others = others
        return arguments


class ArgumentConverter:
    """Converts arguments as graphql-core coerces them to those that Strawberry passes to functions.

    Args:
        definition: the schema's field.
        declared: Strawberry's field.
        converter: of the Strawberry schema.
    """

    def __init__(self, definition: GraphQLField, declared: StrawberryField, converter: GraphQLCoreConverter) -> None:
        self._declared = declared
        self._converter = converter
        name_of = converter.config.name_converter.from_argument
        named = [(name_of(argument), argument) for argument in declared.arguments]
        types = {name: argument.type for name, argument in definition.args.items()}
        converts = [
            (name, argument.python_name, name in types and _convert_of(types[name], argument.type, converter))
            for name, argument in named
        ]
        self._known = [(name, python_name, convert) for name, python_name, convert in converts if convert]
        self._knows_all = len(self._known) == len(converts)

    def convert(self, given: Mapping[str, Any], info: ResolveInfo) -> dict[str, Any]:
        """The keyword arguments of a call; ``info`` is passed to input types that need it."""
        if self._knows_all:
            return {python_name: convert(given[name]) for name, python_name, convert in self._known if name in given}
        return convert_arguments(
            dict(given),
            self._declared.arguments,
            scalar_registry=self._converter.scalar_registry,
            config=self._converter.config,
            info=self.info(info),
        )

    def info(self, info: ResolveInfo) -> Any:
        """Strawberry's info of a call."""
        created: Any = self._converter.config.info_class
        return created(_raw_info=info, _field=self._declared)


def are_immutable(arguments: Mapping[str, Any]) -> bool:
    """Whether the values can be passed to several calls."""
    return all(isinstance(value, IMMUTABLE) for value in arguments.values())


def _convert_of(
    graphql_type: GraphQLInputType, declared: Any, converter: GraphQLCoreConverter, outer: tuple[type, ...] = ()
) -> Convert | None:
    """Strawberry's conversion of an argument, looked up once; None if Strawberry has to convert each value itself.

    A scalar is passed unchanged, and an input object becomes an instance of its class. Strawberry's own function looks
    up names and types for each value, which took 8 % of the CPU of a request for one bag.

    Args:
        outer: the input types around this one; a recursive type is left to Strawberry.
    """
    if type(declared) is StrawberryOptional:
        declared = declared.of_type
    named = get_nullable_type(graphql_type)
    if is_scalar_type(named) and declared is not GlobalID and not isinstance(declared, StrawberryMaybe):
        return _unchanged
    if is_input_object_type(named) and has_object_definition(declared) and declared not in outer:
        return _construction_of(named.fields, declared, converter, (*outer, declared))
    return None


def _unchanged(value: Any) -> Any:
    return value


def _construction_of(
    inputs: Mapping[str, GraphQLInputField],
    declared: type[WithStrawberryObjectDefinition],
    converter: GraphQLCoreConverter,
    outer: tuple[type, ...],
) -> Convert | None:
    definition = declared.__strawberry_definition__
    if definition.from_input is not None:
        return None
    name_of = converter.config.name_converter.from_field
    fields: list[tuple[str, str, Convert]] = []
    for field in definition.fields:
        name = name_of(field)
        convert = _convert_of(inputs[name].type, field.resolve_type(type_definition=definition), converter, outer)
        if convert is None:
            return None
        fields.append((name, field.python_name, convert))
    absent = {
        field.python_name: None
        for field in definition.fields
        if field.default_value is MISSING and field.default_factory is MISSING
    }

    def construct(value: Mapping[str, Any] | None) -> Any:
        if value is None:
            return None
        given = {python_name: convert(value[name]) for name, python_name, convert in fields if name in value}
        return declared(**{**absent, **given})

    return construct


class _VariableFinder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def enter_variable(self, *_: Any) -> None:
        self.found = True


def _contains_variable(node: ArgumentNode) -> bool:
    finder = _VariableFinder()
    visit(node, finder)
    return finder.found


def _variable_arguments(definition: GraphQLField, node: FieldNode) -> Mapping[str, ReadVariables]:
    """The arguments that consist of variables, by their Python names."""
    found = {}
    for argument in node.arguments or ():
        declared = definition.args[argument.name.value]
        read = _variables_of(argument.value, declared.type)
        if read is not None:
            found[declared.out_name or argument.name.value] = read
    return found


def _variables_of(node: ValueNode, graphql_type: GraphQLInputType) -> ReadVariables | None:
    """Reads a value that is a variable, or an input object of such values; None for any other value."""
    if isinstance(node, VariableNode):
        name = node.name.value
        return lambda variables: variables.get(name)
    object_type = get_nullable_type(graphql_type)
    if not isinstance(node, ObjectValueNode) or not is_input_object_type(object_type):
        return None
    nodes = {field.name.value: field.value for field in node.fields}
    parts: dict[str, ReadVariables] = {}
    for name, field in object_type.fields.items():
        if name in nodes:
            read = _variables_of(nodes.pop(name), field.type)
            if read is None:
                return None
            parts[field.out_name or name] = read
        elif is_non_null_type(field.type) or field.default is not None or field.default_value is not Undefined:
            return None
    if nodes:
        return None

    def read_object(variables: Mapping[str, Any]) -> Any:
        values = {name: part(variables) for name, part in parts.items()}
        return None if None in values.values() else object_type.out_type(values)

    return read_object
