"""Arguments that contain variables: the executor passes what graphql-core and Strawberry pass, in each request."""

# As for schema.*: strawberry.field() is declared to return Any.
# mypy: allow-untyped-decorators

from typing import Any

import pytest
import strawberry
from graphql import ExecutionResult, execute, parse
from graphql.execution import Executor

from schema.execution import BreadthFirstExecutor
from tests.execution.world import Chain, Point, Way


@strawberry.type(description="Q.")
class Query:
    @strawberry.field(description="Its arguments.")
    def echo(self, point: Point | None = None, way: Way | None = None) -> str:
        return repr((point, way))

    @strawberry.field(description="Its argument.")
    def follow(self, chain: Chain | None = None) -> str:
        return repr(chain)


SCHEMA = strawberry.Schema(Query)._schema


@pytest.mark.parametrize(
    ("document", "requests"),
    [
        ("query($r:Int!){echo(point:{rank:$r})}", [{"r": 1}, {"r": 2}, {"r": None}]),
        ("query($r:Int=5){echo(point:{rank:$r})}", [{}, {"r": 1}, {"r": None}]),
        (
            "query($r:Int!,$t:String){echo(point:{rank:$r,text:$t})}",
            [{"r": 1, "t": "x"}, {"r": 2}, {"r": 3, "t": None}],
        ),
        ("query($t:String){echo(point:{rank:1,text:$t})}", [{"t": "x"}, {}, {"t": None}]),
        ("query($t:String!){echo(point:{rank:1,text:$t},way:{to:{rank:2}})}", [{"t": "x"}, {"t": "y"}]),
        ("query($r:Int!){echo(way:{to:{rank:$r},via:{rank:$r}})}", [{"r": 1}, {"r": 2}]),
        ("query($r:Int!,$n:String!){echo(way:{to:{rank:$r},name:$n})}", [{"r": 1, "n": "x"}, {"r": 2, "n": "y"}]),
        ("query($p:Point){echo(point:$p)}", [{"p": {"rank": 1}}, {"p": {"rank": 2, "text": None}}, {"p": None}, {}]),
        ("query($p:Point!){echo(way:{to:$p})}", [{"p": {"rank": 1}}, {"p": {}}, {"p": {"rank": "x"}}]),
        ("query($r:Int!){follow(chain:{rank:$r,link:{rank:$r}})}", [{"r": 1}, {"r": 2}]),
    ],
)
def test_variables_in_input_objects(document: str, requests: list[dict[str, Any]]) -> None:
    parsed = parse(document)

    def answer(executor: type[Executor[Any]], variables: dict[str, Any]) -> tuple[Any, list[str]]:
        result = execute(SCHEMA, parsed, variable_values=variables, executor_class=executor)
        assert isinstance(result, ExecutionResult)
        return result.data, [error.message for error in result.errors or ()]

    for variables in (*requests, *requests):
        assert answer(BreadthFirstExecutor, variables) == answer(Executor, variables)
