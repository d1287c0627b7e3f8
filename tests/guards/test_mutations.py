"""Mutations have one shape: one input, one payload, declared by ``schema.fields.commands.command``."""

from typing import Any

from graphql import GraphQLField, get_named_type

from schema.build import build_schema
from schema.fields import commands
from schema.runtime.permissions import DEFINITION


def mutations() -> dict[str, GraphQLField]:
    mutation = build_schema()._schema.mutation_type
    assert mutation is not None
    return dict(mutation.fields)


def fields_of(graphql_type: Any) -> dict[str, Any]:
    fields: dict[str, Any] = get_named_type(graphql_type).fields
    return fields


def test_every_mutation_is_declared_as_a_command() -> None:
    shape = f"{commands.command.__qualname__}.<locals>.resolve"
    found = {
        name: field.extensions[DEFINITION].base_resolver.wrapped_func.__qualname__
        for name, field in mutations().items()
    }
    assert len(found) > 20
    assert found == dict.fromkeys(found, shape)


def test_every_mutation_takes_one_input_and_returns_its_id_and_user_errors() -> None:
    for name, field in mutations().items():
        assert list(field.args) == ["input"], name
        assert str(fields_of(field.args["input"].type)["clientMutationId"].type) == "String", name
        payload = {part: str(one.type) for part, one in fields_of(field.type).items()}
        assert payload.items() >= {"userErrors": "[UserError!]!", "clientMutationId": "String"}.items(), name
