"""Arguments of fields: coerced as graphql-core does, and converted to what Strawberry passes to functions."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from graphql import (
    ArgumentNode,
    FieldNode,
    GraphQLField,
    GraphQLInputType,
    VariableNode,
    Visitor,
    get_nullable_type,
    is_scalar_type,
    visit,
)
from graphql.execution.executor import Executor
from graphql.execution.values import get_argument_values
from strawberry.relay.types import GlobalID
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import StrawberryArgument, convert_arguments
from strawberry.types.base import StrawberryMaybe, StrawberryOptional
from strawberry.types.field import StrawberryField

from schema.execution.info import ResolveInfo

IMMUTABLE = (str, int, float, bool, type(None), Enum)
NO_ARGUMENTS: Mapping[str, Any] = {}


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
        self._variables = _whole_variables(definition, node)
        # The coerced arguments that are no variables, where every variable is a whole argument.
        self._others: Mapping[str, Any] | None = None
        with_variables = [argument for argument in node.arguments or () if _contains_variable(argument)]
        self.has_variables = bool(with_variables)
        self._has_nested_variables = len(with_variables) > len(self._variables)
        self.constants: Mapping[str, Any] | None = None

    def coerced(self, executor: "Executor[Any]") -> Mapping[str, Any]:
        """The coerced arguments; immutable ones without variables are coerced once.

        Variables have been coerced before the run: one that is a whole argument and not null is that argument's value.

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
            given = {name: variables.get(variable) for name, variable in self._variables.items()}
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
        unchanged = all(name in types and _is_scalar(types[name], argument) for name, argument in named)
        self._names = [(name, argument.python_name) for name, argument in named] if unchanged else None

    def convert(self, given: Mapping[str, Any], info: ResolveInfo) -> dict[str, Any]:
        """The keyword arguments of a call; ``info`` is passed to input types that need it."""
        if self._names is not None:
            return {python_name: given[name] for name, python_name in self._names if name in given}
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


def _is_scalar(graphql_type: GraphQLInputType, argument: StrawberryArgument) -> bool:
    """Whether Strawberry passes the coerced value itself: not a list, enum, input object or wrapper."""
    declared = argument.type
    if type(declared) is StrawberryOptional:
        declared = declared.of_type
    return (
        is_scalar_type(get_nullable_type(graphql_type))
        and declared is not GlobalID
        and not isinstance(declared, StrawberryMaybe)
    )


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


def _whole_variables(definition: GraphQLField, node: FieldNode) -> Mapping[str, str]:
    """The names of variables that are whole arguments, by the arguments' Python names."""
    return {
        definition.args[argument.name.value].out_name or argument.name.value: argument.value.name.value
        for argument in node.arguments or ()
        if isinstance(argument.value, VariableNode)
    }
