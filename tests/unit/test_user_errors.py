"""Mutations declared by ``command``: results, user errors and other errors."""

# As for schema.*: strawberry.field() is declared to return Any.
# mypy: allow-untyped-decorators
from typing import Any, Self

import pytest
import strawberry

from integrations.errors import Unavailable
from resolvers.actor import Role
from resolvers.context import Context
from resolvers.errors import BadInput, Forbidden, InvalidState, NotFound, VersionConflict
from schema.fields.commands import CommandInput, Payload, command
from schema.gateway_schema import GatewaySchema
from schema.runtime.permissions import allow
from tests.toy import Library, ask, codes_of, context_of

MUTATION = """
mutation($input: NumberInput!) {
  add(input: $input) { sum userErrors { code field message } clientMutationId }
}
"""
RAISED: dict[int, Exception] = {
    -1: NotFound("number", "number must exist"),
    -2: InvalidState("number", "number must be open"),
    -3: VersionConflict("version", "version must be the current one, 3"),
    -4: Forbidden(),
    -5: Unavailable("records", "test"),
    -6: ZeroDivisionError(),
}


@strawberry.input(description="A number.")
class NumberInput(CommandInput):
    number: int = strawberry.field(description="The number, 9 at most.")

    def arguments(self) -> tuple[int, str]:
        if self.number > 9:
            raise BadInput("number", "number must be at most 9")
        return self.number, "one"


@strawberry.type(description="A sum.")
class SumPayload(Payload):
    sum: int | None = strawberry.field(description="The sum.", default=None)

    @classmethod
    def of(cls, result: int) -> Self:
        return cls(sum=result)


async def add(_context: Context, number: int, word: str) -> int:
    if number in RAISED:
        raise RAISED[number]
    return number + len(word)


@strawberry.type
class Query:
    @strawberry.field(description="Nothing.", metadata=allow({Role.AGENT}))
    async def nothing(self) -> str:
        return ""


@strawberry.type
class Mutation:
    add = command(SumPayload, NumberInput, add, roles={Role.AGENT}, description="Adds.")


@pytest.fixture(scope="module")
def schema() -> GatewaySchema:
    return GatewaySchema(Query, Mutation)


async def payload(schema: GatewaySchema, number: int, **more: Any) -> dict[str, Any]:
    result = await ask(schema, MUTATION, context_of(Library.of(authors=1)), input={"number": number, **more})
    assert result.errors is None
    found: dict[str, Any] = (result.data or {})["add"]
    return found


async def test_a_command_returns_its_result(schema: GatewaySchema) -> None:
    assert await payload(schema, 4) == {"sum": 7, "userErrors": [], "clientMutationId": None}


@pytest.mark.parametrize(
    ("number", "code", "field", "message"),
    [
        (10, "BAD_USER_INPUT", "number", "number must be at most 9"),
        (-1, "NOT_FOUND", "number", "number must exist"),
        (-2, "INVALID_STATE", "number", "number must be open"),
        (-3, "VERSION_CONFLICT", "version", "version must be the current one, 3"),
    ],
)
async def test_a_rejection_of_any_function_is_a_user_error(
    schema: GatewaySchema, number: int, code: str, field: str, message: str
) -> None:
    rejected = await payload(schema, number, clientMutationId="abc")
    assert rejected == {
        "sum": None,
        "userErrors": [{"code": code, "field": field, "message": message}],
        "clientMutationId": "abc",
    }


@pytest.mark.parametrize(("number", "code"), [(-4, "FORBIDDEN"), (-5, "STORE_UNAVAILABLE"), (-6, "INTERNAL_ERROR")])
async def test_any_other_error_is_an_error_of_the_response(schema: GatewaySchema, number: int, code: str) -> None:
    result = await ask(schema, MUTATION, context_of(Library.of(authors=1)), input={"number": number})
    assert codes_of(result) == [code]


async def test_only_its_roles_may_use_a_command(schema: GatewaySchema) -> None:
    context = context_of(Library.of(authors=1), Role.ANALYST)
    assert codes_of(await ask(schema, MUTATION, context, input={"number": 4})) == ["FORBIDDEN"]


def test_the_argument_takes_over_the_description_of_its_input(schema: GatewaySchema) -> None:
    mutation = schema._schema.mutation_type
    assert mutation is not None
    assert mutation.fields["add"].args["input"].description == "A number."
