"""Variables are coerced as graphql-core coerces them, however they are given."""

from typing import Any

import pytest
from graphql import OperationDefinitionNode, build_schema, parse
from graphql.execution.values import get_variable_values
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schema.runtime.variables import MAX_ERRORS, Variables

SCHEMA = build_schema("""
    scalar Anything
    enum Genre { NOVEL POEM }
    input Box { n: Int! = 1, inside: Box }
    type Query { x(id: ID, number: Float): Int }
""")
TYPES = ["String", "String!", "ID", "ID!", "Int", "Int!", "Float!", "Boolean", "Genre", "Genre!", "Anything"]
NESTED = ["[ID!]", "[[Int]!]!", "Box", "Box!", "[Box!]"]
UNKNOWN = ["Nothing"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4) | st.just("NOVEL"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["n", "inside"]), inner, max_size=2),
    max_leaves=4,
)
VARIABLE = st.tuples(
    st.sampled_from(TYPES * 3 + NESTED + UNKNOWN), st.sampled_from(["", "", "", " = null", ' = "x"', " = 5"])
)


@given(variables=st.lists(VARIABLE, min_size=1, max_size=3), values=st.lists(JSON, max_size=3))
@settings(max_examples=1_000, deadline=None)
@example(variables=[("String!", ""), ("Int", "")], values=["x"])
@example(variables=[("ID!", "")], values=[5])
@example(variables=[("String", "")], values=[None])
def test_values_are_those_of_graphql_core(variables: list[tuple[str, str]], values: list[Any]) -> None:
    definitions = ", ".join(f"$v{n}: {kind}{default}" for n, (kind, default) in enumerate(variables))
    operation = parse(f"query({definitions}) {{ x }}").definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    given_values = {f"v{n}": value for n, value in enumerate(values)}
    theirs = get_variable_values(SCHEMA, operation.variable_definitions or (), given_values, MAX_ERRORS)
    ours = Variables(SCHEMA, operation.variable_definitions or ()).values(given_values)
    if isinstance(theirs, list):
        assert isinstance(ours, list)
        assert [error.formatted for error in ours] == [error.formatted for error in theirs]
    else:
        assert not isinstance(ours, list)
        assert repr(ours.coerced) == repr(theirs.coerced)
        assert ours.sources.keys() == theirs.sources.keys()
        for name, source in theirs.sources.items():
            assert (ours.sources[name].value, ours.sources[name].signature.name) == (source.value, name)
            assert str(ours.sources[name].signature.type) == str(source.signature.type)


def test_usual_values_need_no_graphql_core(monkeypatch: pytest.MonkeyPatch) -> None:
    operation = parse("query($a: String!, $b: ID, $c: Int!, $d: Genre, $e: Boolean) { x }").definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    variables = Variables(SCHEMA, operation.variable_definitions or ())
    monkeypatch.setattr("schema.runtime.variables.get_variable_values", None)
    values = variables.values({"a": "x", "b": "y", "c": 5, "d": "POEM"})
    assert not isinstance(values, list)
    assert values.coerced == {"a": "x", "b": "y", "c": 5, "d": "POEM"}
