"""The variables of an operation as an executor takes them.

graphql-core's ``get_variable_values`` works out each variable's type anew for each request, which takes longer than
coercing the usual values. Here the types are known beforehand; whatever is not the usual case goes to graphql-core,
which alone words the errors.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from graphql import (
    GraphQLError,
    GraphQLID,
    GraphQLInputType,
    GraphQLSchema,
    GraphQLString,
    Undefined,
    VariableDefinitionNode,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_non_null_type,
)
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values
from graphql.utilities import coerce_input_value

# As graphql-core's execute: further errors of one request are not listed.
MAX_ERRORS = 50


class _Expected(NamedTuple):
    """One variable.

    Args:
        name: without the dollar.
        signature: graphql-core's.
        type: of its values.
        is_text: whether texts stay as they are.
        absent: stands for a value that may be left out; None where that is not the usual case.
    """

    name: str
    signature: Any
    type: GraphQLInputType
    is_text: bool
    absent: VariableValueSource | None


class Variables:
    """Coerces the variables of one operation.

    Args:
        schema: that the operation is for.
        definitions: of a valid operation.
    """

    __slots__ = ("_definitions", "_expected", "_schema")

    def __init__(self, schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode]) -> None:
        self._schema = schema
        self._definitions = definitions
        self._expected = [_expected(schema, definition) for definition in definitions]

    def values(self, given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        """The values for an executor, or why some of ``given`` cannot be used."""
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for expected in self._expected:
            if expected is None:
                return self._any_values(given)
            value = given.get(expected.name, Undefined)
            if value is Undefined:
                if expected.absent is None:
                    return self._any_values(given)
                sources[expected.name] = expected.absent
                continue
            result = value if expected.is_text and value.__class__ is str else coerce_input_value(value, expected.type)
            if result is Undefined:
                return self._any_values(given)
            sources[expected.name] = VariableValueSource(expected.signature, value)
            coerced[expected.name] = result
        return VariableValues(sources, coerced)

    def _any_values(self, given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        return get_variable_values(self._schema, self._definitions, dict(given), MAX_ERRORS)


def _expected(schema: GraphQLSchema, definition: VariableDefinitionNode) -> _Expected | None:
    """What is known of a variable beforehand; None for lists and input objects, whose values may be nested."""
    signature = get_variable_signature(schema, definition)
    if isinstance(signature, GraphQLError) or not is_leaf_type(get_nullable_type(signature.type)):
        return None
    may_be_absent = definition.default_value is None and not is_non_null_type(signature.type)
    return _Expected(
        signature.name,
        signature,
        signature.type,
        get_named_type(signature.type) in (GraphQLString, GraphQLID),
        VariableValueSource(signature) if may_be_absent else None,
    )
