"""The SDL in the repository is the schema's, and the schema explains itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    is_introspection_type,
    is_non_null_type,
    is_specified_scalar_type,
)

from schema.build import build_schema

SDL = Path(__file__).parents[2] / "schema" / "schema.graphql"


def test_the_sdl_is_fresh() -> None:
    assert SDL.read_text().strip() == build_schema().as_str().strip(), "run `python -m gateway sdl`"


def parts() -> Iterator[tuple[str, Any]]:
    """Everything that can have a description, with its name."""
    for name, graphql_type in build_schema()._schema.type_map.items():
        if is_introspection_type(graphql_type) or is_specified_scalar_type(graphql_type):
            continue
        yield name, graphql_type
        if isinstance(graphql_type, GraphQLEnumType):
            yield from ((f"{name}.{value}", member) for value, member in graphql_type.values.items())
        if isinstance(graphql_type, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for field_name, field in graphql_type.fields.items():
                yield f"{name}.{field_name}", field
                arguments: dict[str, Any] = getattr(field, "args", {})
                yield from ((f"{name}.{field_name}({argument})", one) for argument, one in arguments.items())


def test_everything_has_a_description() -> None:
    found = dict(parts())
    assert len(found) > 300
    assert [name for name, part in found.items() if not (part.description or "").strip()] == []


def test_descriptions_are_sentences() -> None:
    assert [name for name, part in parts() if not part.description.rstrip().endswith((".", ")"))] == []


def test_custom_scalars_name_their_specification() -> None:
    types = build_schema()._schema.type_map.values()
    custom = [one for one in types if isinstance(one, GraphQLScalarType) and not is_specified_scalar_type(one)]
    assert sorted(one.name for one in custom) == ["Date", "DateTime", "Decimal"]
    assert [one.name for one in custom if not (one.specified_by_url or "").startswith("https://www.")] == []


def output_fields() -> Iterator[tuple[str, GraphQLField]]:
    """Fields of object types and interfaces, with their names."""
    for name, graphql_type in build_schema()._schema.type_map.items():
        if isinstance(graphql_type, GraphQLObjectType | GraphQLInterfaceType) and not is_introspection_type(
            graphql_type
        ):
            yield from ((f"{name}.{field_name}", field) for field_name, field in graphql_type.fields.items())


def test_nullable_fields_say_when_they_are_null() -> None:
    nullable = {name: field for name, field in output_fields() if not is_non_null_type(field.type)}
    assert len(nullable) > 100
    assert [name for name, field in nullable.items() if "null" not in (field.description or "").lower()] == []
