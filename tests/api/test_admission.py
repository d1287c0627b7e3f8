"""Requests beyond the limits of concurrency are rejected at once, in the style of all errors, over each transport."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import httpx
import pytest
from asgi_lifespan import LifespanManager
from starlette.applications import Starlette

from gateway.http.admission import RequestLimiter
from gateway.http.auth import TokenVerifier
from gateway.http.graphql import GraphQLView
from gateway.http.jwt import issue_token
from gateway.http.middleware import BodyLimit, PathDispatcher, RequestEdge
from gateway.http.persisted_queries import PersistedDocuments
from resolvers.actor import Actor, Role
from resolvers.installation import Stores
from resolvers.operation_uses import OperationUses
from resolvers.registered_operations import RegisteredOperations
from schema.gateway_schema import GatewaySchema
from schema.runtime.operations import RequestClass
from tests.gateway import SECRET
from tests.toy import Library, toy_schema
from tests.world import INSTALLATION, SIGNING_KEY

QUERY = "{ __typename }"
MUTATION = "mutation { __typename }"
PROCESS, OF_CALLER = 16, 4
CALLER = "agent-7"


@dataclass(frozen=True)
class Edge:
    """A gateway, its limiter and its schema."""

    client: httpx.AsyncClient
    limiter: RequestLimiter
    schema: GatewaySchema

    async def post(self, query: str) -> httpx.Response:
        return await self.client.post("/graphql", json={"query": query})


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    schema, limiter = toy_schema(), RequestLimiter(PROCESS, OF_CALLER)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Any]]:
        yield {"stores": Stores(cast(Any, Library.of(authors=1)), cast(Any, None), cast(Any, None))}

    view = GraphQLView(
        schema,
        TokenVerifier(SECRET),
        INSTALLATION,
        signing_key=SIGNING_KEY,
        limiter=limiter,
        persisted=PersistedDocuments(schema.documents, RegisteredOperations()),
        uses=OperationUses(schema.documents.signature),
    )
    app = RequestEdge(PathDispatcher({"/graphql": BodyLimit(view)}, Starlette(lifespan=lifespan)))
    token = issue_token(SECRET, Role.AGENT, 1, timedelta(hours=1), subject=CALLER)
    async with (
        LifespanManager(app) as manager,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(manager.app),
            base_url="http://gateway.test",
            headers={"Authorization": f"Bearer {token}"},
        ) as client,
    ):
        yield Edge(client, limiter, schema)


def take(edge: Edge, stack: ExitStack, places: int, kind: RequestClass, caller: str | None = None) -> None:
    """Holds places, each for another caller unless one is named."""
    for number in range(places):
        actor = Actor(caller or f"other-{number}", Role.AGENT, 1)
        stack.enter_context(edge.limiter.place(actor, "192.0.2.1", kind))


def error_of(response: httpx.Response) -> dict[str, Any]:
    """The extensions of the only error of a rejection that says when to retry."""
    assert response.headers["Retry-After"] == "1"
    (error,) = response.json()["errors"]
    assert error["extensions"].pop("retryAfterSeconds") == 1
    extensions: dict[str, Any] = error["extensions"]
    return extensions


async def test_a_full_process_rejects_reads_before_their_document_is_parsed(edge: Edge) -> None:
    with ExitStack() as stack:
        take(edge, stack, PROCESS * 3 // 4, RequestClass.READ)
        response = await edge.post(QUERY)
        assert (response.status_code, error_of(response)) == (503, {"code": "OVERLOADED"})
        assert len(edge.schema.documents) == 0
        assert (await edge.post(MUTATION)).status_code == 200, "a mutation finds a place"
        take(edge, stack, PROCESS // 4, RequestClass.MUTATION)
        response = await edge.post(MUTATION)
        assert (response.status_code, error_of(response)) == (503, {"code": "OVERLOADED"})
    assert (await edge.post(QUERY)).status_code == 200
    assert (edge.limiter.running, edge.limiter.bodies) == (0, 0)


async def test_a_caller_at_its_limit_is_rejected_and_others_are_served(edge: Edge) -> None:
    with ExitStack() as stack:
        take(edge, stack, OF_CALLER, RequestClass.READ, CALLER)
        response = await edge.post(QUERY)
        assert (response.status_code, error_of(response)) == (429, {"code": "TOO_MANY_REQUESTS"})
        token = issue_token(SECRET, Role.AGENT, 1, timedelta(hours=1), subject="agent-8")
        edge.client.headers["Authorization"] = f"Bearer {token}"
        assert (await edge.post(QUERY)).status_code == 200


async def test_a_mutation_is_known_by_the_operation_that_runs(edge: Edge) -> None:
    """A document that begins with a mutation, once it is known, takes the place of the query that it runs."""
    both = "mutation One { __typename } query Other { __typename }"
    request = {"query": both, "operationName": "Other"}
    assert (await edge.client.post("/graphql", json=request)).status_code == 200
    with ExitStack() as stack:
        take(edge, stack, PROCESS * 3 // 4, RequestClass.READ)
        assert (await edge.client.post("/graphql", json=request)).status_code == 503
        request["operationName"] = "One"
        assert (await edge.client.post("/graphql", json=request)).status_code == 200


async def test_a_rejection_is_counted_and_not_logged_line_by_line(edge: Edge, caplog: pytest.LogCaptureFixture) -> None:
    with ExitStack() as stack, caplog.at_level("INFO"):
        take(edge, stack, PROCESS * 3 // 4, RequestClass.READ)
        for _ in range(10):
            assert (await edge.post(QUERY)).status_code == 503
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("gateway")]
    assert lines == ["rejected requests: 1, the last one with OVERLOADED"]
    assert edge.limiter.rejected.total() == 10
