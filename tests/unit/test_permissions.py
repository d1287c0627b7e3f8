# As for schema.*: strawberry.field() is declared to return Any.
# mypy: allow-untyped-decorators
from typing import Any

import pytest
import strawberry

from resolvers.actor import Role
from schema.gateway_schema import GatewaySchema
from schema.runtime.permissions import allow
from tests.toy import Library, ask, codes_of, context_of, toy_schema


@pytest.fixture(scope="module")
def schema() -> GatewaySchema:
    return toy_schema()


@strawberry.type
class Careless:
    @strawberry.field(description="Says who may ask.", metadata=allow({Role.AGENT}))
    async def guarded(self) -> str:
        return ""

    @strawberry.field(description="Does not.")
    async def first_open(self) -> str:
        return ""

    second_open: str = strawberry.field(description="Does not.")


def test_a_root_field_without_roles_is_rejected_at_build() -> None:
    with pytest.raises(ValueError, match=r"Careless.firstOpen, Careless.secondOpen"):
        GatewaySchema(Careless)


def test_allow_needs_at_least_one_role() -> None:
    with pytest.raises(ValueError, match="at least one role"):
        allow(set())


@pytest.mark.parametrize(
    ("role", "field", "code"),
    [
        (None, "health", None),
        (None, "__typename", None),
        (None, "__schema{queryType{name}}", None),
        (None, "crash", "UNAUTHENTICATED"),
        (None, "secret", "UNAUTHENTICATED"),
        (Role.AGENT, "secret", "FORBIDDEN"),
        (Role.ADMIN, "secret", None),
    ],
)
async def test_roots_are_open_to_their_roles_only(
    schema: GatewaySchema, role: Role | None, field: str, code: str | None
) -> None:
    result = await ask(schema, f"{{{field}}}", context_of(Library.of(authors=1), role))
    assert codes_of(result) == ([code] if code else [])


async def test_mutations_are_guarded(schema: GatewaySchema) -> None:
    library = Library.of(authors=1)
    text = 'mutation{rename(id:"QXV0aG9yOjE",name:"x"){name}}'
    for role, code in ((None, "UNAUTHENTICATED"), (Role.ANALYST, "FORBIDDEN")):
        assert codes_of(await ask(schema, text, context_of(library, role))) == [code]
    assert library.authors[1].name == "Author 1"
    assert (await ask(schema, text, context_of(library, Role.AGENT))).errors is None


def test_every_root_field_of_the_toy_needs_a_credential(schema: GatewaySchema) -> None:
    roots: list[Any] = [schema._schema.query_type, schema._schema.mutation_type]
    for root in roots:
        for name, field in root.fields.items():
            open_to_all = name == "health"
            assert (field.resolve.__name__ == "resolve_if_allowed") is not open_to_all
