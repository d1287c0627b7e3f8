"""Generated operations over the whole schema: none fails internally, and no error exposes internals."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import schemathesis
from graphql import get_introspection_query, graphql_sync
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode
from schemathesis.graphql import nodes

from resolvers.actor import Role
from schema.build import build_schema
from schema.fields.node import join
from tests.api.test_bad_input import DRIVERS_WORDS
from tests.gateway import Api
from tests.world import DELIVERED, OURS, RUSH, Builder, World

SCHEMA = build_schema()._schema
WORDS = ["PTY", "MIA", "CM758", "GONZALEZ", "F7K2QX", "GRUCM12345", "CM456781", DELIVERED, RUSH, "", "0000000000"]
MOMENTS = ["2025-07-01T12:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "x"]
DAYS = ["2025-07-01", "0001-01-01", "9999-12-31", "2025-02-30", ""]
# Codes of internal faults and failed statements.
NEVER = {"INTERNAL_ERROR", "STORE_REFUSED", "STORE_ERROR", "STORE_UNAVAILABLE", "DEADLINE_EXCEEDED"}

Cases = Callable[[str, str, GenerationMode], st.SearchStrategy[Any]]


@pytest.fixture(scope="module")
async def airline(world: World) -> Builder:
    """The airline that the generated mutations change."""
    return await world.another_airline()


@pytest.fixture(scope="module")
def cases(world: World, airline: Builder) -> Cases:
    """Strategies for operations on a root field, with values that often exist in the test data."""
    named = (("Bag", "missed"), ("Passenger", "gonzalez"), ("Pir", "GRUCM12345"), ("Flight", "CM335"))
    ids = [world.ours.id(kind, name) for kind, name in named]
    ids += [airline.id("Flight", "CM758"), join("Airport", "PTY"), join("Bag", 2**63)]
    text = st.text(st.characters(codec="utf-8"), max_size=20)
    values = {
        "ID": st.sampled_from(ids) | text,
        "String": st.sampled_from(WORDS) | text,
        "DateTime": st.sampled_from(MOMENTS) | st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
        "Date": st.sampled_from(DAYS) | st.dates().map(str),
    }
    for name, strategy in values.items():
        schemathesis.graphql.scalar(name, strategy.map(nodes.String))
    introspection: Any = graphql_sync(SCHEMA, get_introspection_query()).data
    loaded = schemathesis.graphql.from_dict(introspection)
    # Building a strategy costs more than drawing from it.
    return cache(lambda root, field, mode: loaded[root][field].as_strategy(generation_mode=mode))


def operations(*roots: str) -> list[tuple[str, str]]:
    types: Any = SCHEMA.type_map
    return [(root, field) for root in roots for field in types[root].fields]


async def ask(api: Api, airline: Builder, root: str, query: str) -> None:
    airline_id = OURS if root == "Query" else airline.airline_id
    response = await api.send(query, Role.ADMIN, airline_id)
    answer = response.json()
    errors = answer.get("errors", [])

    assert response.status_code in (200, 400), query
    assert {error["extensions"]["code"] for error in errors}.isdisjoint(NEVER), query
    # A validation error quotes the query, into which the generator puts words of the code.
    leaked = {word.lower() for word in DRIVERS_WORDS.findall(json.dumps(errors))}
    assert {word for word in leaked if word not in query.lower()} == set(), query


EXAMPLES = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@pytest.mark.parametrize(("root", "field"), operations("Query", "Mutation"))
@EXAMPLES
@given(data=st.data())
async def test_valid_questions(api: Api, airline: Builder, cases: Cases, root: str, field: str, data: Any) -> None:
    case = data.draw(cases(root, field, GenerationMode.POSITIVE))
    await ask(api, airline, root, case.body)


@pytest.mark.parametrize(("root", "field"), operations("Query", "Mutation"))
@EXAMPLES
@given(data=st.data())
async def test_questions_that_are_wrong_somewhere(
    api: Api, airline: Builder, cases: Cases, root: str, field: str, data: Any
) -> None:
    case = data.draw(cases(root, field, GenerationMode.NEGATIVE))
    await ask(api, airline, root, case.body)
