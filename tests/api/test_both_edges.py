"""The gateway's view and Strawberry's return equal responses: same document cache, executor and limits."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, NamedTuple, cast

import httpx
import orjson
import pytest
from asgi_lifespan import LifespanManager
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL

from gateway.http.admission import RequestLimiter
from gateway.http.auth import TokenVerifier
from gateway.http.graphql import GraphQLView
from gateway.http.jwt import issue_token
from gateway.http.middleware import BodyLimit, PathDispatcher, RequestEdge
from gateway.http.persisted_queries import PersistedDocuments
from resolvers.actor import Role
from resolvers.context import Context
from resolvers.installation import Stores
from resolvers.operation_uses import OperationUses
from resolvers.registered_operations import RegisteredOperations
from schema.gateway_schema import GatewaySchema
from tests.toy import INSTALLATION, SIGNING_KEY, START, Library, context_of, toy_schema

SECRET = "s" * 32
MANY = "{" + " ".join(f"a{n}:books{{title}}" for n in range(21)) + "}"
INTROSPECTION = "{__schema{queryType{name fields{name args{name defaultValue}}} directives{name}}}"


class Case(NamedTuple):
    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    role: Role = Role.AGENT


ALIKE = [
    Case("{health}"),
    Case("{health", {}),
    Case("{nowhere} fragment unused on Query{health}"),
    Case(MANY),
    Case("{a:health " * 2 + "}" * 2),
    Case("query($n:Int){authors(first:$n){nodes{name books(first:$n){nodes{title}}}}}", {"n": 200}),
    Case("query($n:Int){authors(first:$n){nodes{name books(first:$n){nodes{title}}}}}", {"n": 2}),
    Case("query($n:Int!=2){authors(first:$n){nodes{name}}}"),
    Case("query($n:Int!=2){authors(first:$n){nodes{name}}}", {"n": None}),
    Case("query($t:String){echo(text:$t)}", {"t": "x", "unknown": 1}),
    Case("query($t:String!){echo(text:$t)}", {}),
    Case("query($t:String!){echo(text:$t)}", {"t": 5}),
    Case("query($t:String,$n:Int){echo(text:$t,number:$n)}", {"t": {"a": 1}, "n": 2**40}),
    Case("query($v:[[String!]!]){echo(texts:$v,text:null)}", {"v": [["a"], "b"]}),
    Case("query($m:DateTime){echo(time:$m)}", {"m": "2026-01-01T00:00:00+02:00"}),
    Case("query($m:DateTime){echo(time:$m)}", {"m": "yesterday"}),
    Case('query($g:Genre){echo(genre:$g,text:"x")}', {"g": "NOVEL"}),
    Case("query($i:ID!){author(id:$i){name id}}", {"i": "QXV0aG9yOjE"}),
    Case("query($i:ID!){author(id:$i){name id}}", {"i": 7}),
    Case("query($b:Boolean!){health @include(if:$b) books @skip(if:$b){title}}", {"b": True}),
    Case("{authors(first:2){edges{cursor node{id name born mood salary broken titles}} pageInfo{hasNextPage}}}"),
    Case("{crash overflow secret health}"),
    Case("{secret}", role=Role.ADMIN),
    Case("{books{title author{name ...names}}} fragment names on Author{name friends{name}}"),
    Case('query A{health} query B{echo(text:"b")}', operation_name="B"),
    Case("query A{health} query B{health}"),
    Case('mutation{rename(id:"QXV0aG9yOjI",name:"Ana"){name}}'),
    Case('mutation{rename(id:"QXV0aG9yOjk5",name:"Ana"){name}}'),
    Case(INTROSPECTION),
    Case("{__typename}"),
]
# Strawberry's view rejects these before execution, with plain text instead of a GraphQL response.
NO_OPERATION = [Case("query A{health}", operation_name="B"), Case("fragment f on Query{health}")]


class StrawberrysView(GraphQL[Context, None]):
    """Strawberry's own ASGI view, with the same context as the gateway's."""

    def __init__(self, schema: GatewaySchema, contexts: Callable[[Role], Context]) -> None:
        super().__init__(schema)
        self._contexts = contexts

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        return self._contexts(Role(request.headers["x-role"]))

    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)


class Edges(NamedTuple):
    ours: httpx.AsyncClient
    strawberrys: httpx.AsyncClient
    schema: GatewaySchema
    library: Library


@pytest.fixture
async def edges() -> AsyncIterator[Edges]:
    schema, library = toy_schema(), Library.of(authors=3)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Any]]:
        yield {"stores": Stores(cast(Any, library), cast(Any, None), cast(Any, None))}

    view = GraphQLView(
        schema,
        TokenVerifier(SECRET),
        INSTALLATION,
        signing_key=SIGNING_KEY,
        limiter=RequestLimiter(process=80, of_caller=48),
        persisted=PersistedDocuments(schema.documents, RegisteredOperations()),
        uses=OperationUses(schema.documents.signature),
        now=lambda: START,
    )
    app = RequestEdge(PathDispatcher({"/graphql": BodyLimit(view)}, Starlette(lifespan=lifespan)))
    other = StrawberrysView(schema, lambda role: context_of(library, role))
    async with LifespanManager(app) as manager:
        yield Edges(_client(manager.app), _client(other), schema, library)


def _client(app: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(
        transport=transport, base_url="http://gateway.test", headers={"Accept": "application/json"}
    )


def _body(case: Case) -> dict[str, Any]:
    return {"query": case.query, "variables": case.variables, "operationName": case.operation_name}


def _headers(case: Case) -> dict[str, str]:
    bearer = issue_token(SECRET, case.role, 1, timedelta(hours=1))
    return {"Authorization": f"Bearer {bearer}", "X-Role": case.role, "X-Request-ID": "request-1"}


def _data_and_errors(answer: dict[str, Any]) -> tuple[Any, Any]:
    return answer.get("data"), answer.get("errors") or []


@pytest.mark.parametrize("case", ALIKE, ids=range(len(ALIKE)))
async def test_both_edges_answer_alike(edges: Edges, case: Case, caplog: pytest.LogCaptureFixture) -> None:
    ours = await edges.ours.post("/graphql", json=_body(case), headers=_headers(case))
    theirs = await edges.strawberrys.post("/", json=_body(case), headers=_headers(case))
    assert ours.status_code == theirs.status_code == 200
    assert _data_and_errors(ours.json()) == _data_and_errors(theirs.json())
    assert edges.schema.documents.misses <= 2  # the second request hits the cache unless the document does not parse
    caplog.clear()  # some fields fail on purpose


@pytest.mark.parametrize("case", NO_OPERATION)
async def test_both_edges_look_for_the_operation_alike(edges: Edges, case: Case) -> None:
    ours = await edges.ours.post("/graphql", json=_body(case), headers=_headers(case))
    theirs = await edges.strawberrys.post("/", json=_body(case), headers=_headers(case))
    assert theirs.status_code == 400
    assert [error["message"] for error in ours.json()["errors"]] == [theirs.text]


async def test_both_edges_refuse_mutations_by_get(edges: Edges) -> None:
    params = {"query": 'mutation{rename(id:"QXV0aG9yOjI",name:"Ana"){name}}'}
    headers = _headers(Case(""))
    answers = [await edges.ours.get("/graphql", params=params, headers=headers)]
    answers.append(await edges.strawberrys.get("/", params=params, headers=headers))
    assert [answer.status_code for answer in answers] == [405, 400]
    assert [answers[0].json()["errors"][0]["message"]] == [answers[1].text]
    assert edges.library.authors[2].name == "Author 2"


@pytest.mark.parametrize("case", ALIKE, ids=range(len(ALIKE)))
async def test_answer_and_execute_are_alike(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    library, schema = Library.of(authors=3), toy_schema()
    theirs = await schema.execute(
        case.query,
        variable_values=case.variables,
        context_value=context_of(library, case.role),
        operation_name=case.operation_name,
    )
    ours = await schema.run_operation(
        case.query, context_of(library, case.role), variables=case.variables, operation_name=case.operation_name
    )
    # Timestamps and dates stay Python objects, which orjson serialises.
    assert orjson.dumps(ours.data) == orjson.dumps(theirs.data)
    assert [e.formatted for e in ours.errors or ()] == [e.formatted for e in theirs.errors or ()]
    caplog.clear()  # some fields fail on purpose
