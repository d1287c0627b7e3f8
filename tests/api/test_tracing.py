"""One trace from a request to the partner's call and to the graph."""

from functools import partial

import httpx
from asgi_lifespan import LifespanManager

import seeds
from gateway.app import create_app
from gateway.config import Settings
from gateway.http.observation import operation_name
from gateway.initialise import operator
from gateway.lifespan import now
from gateway.workers import workers
from resolvers.actor import Role
from resolvers.installation import Stores
from schema.runtime.executors import ExecutorName
from tests.executor import chosen, product_schema
from tests.faults.processes import eventually
from tests.gateway import Api, credential
from tests.spans import Recorder
from tests.world import open_stores

CREATE_PIR = """mutation OpenFile($input: CreatePirInput!) { createPir(input: $input) { userErrors { message } } }"""
ON_HAND = {"kind": "ON_HAND", "station": "PTY", "storageLocation": "BRS 1", "bags": [{"description": "BK22XXX"}]}
RECORD = "mutation Scan($input: RecordScansInput!) { recordScans(input: $input) { results { outcome } } }"
SCAN = {"tag": "0230999881", "kind": "ACCEPTED", "at": "2025-07-01T12:00:00Z", "airport": "PTY"}
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_a_trace_leads_from_the_request_to_the_partner_and_the_graph(mocked: Settings) -> None:
    recorder = Recorder()
    async with open_stores(mocked) as stores:
        await seeds.seed(operator(mocked, stores), bags=10, exceptions=0, now=now(), progress=lambda _: None)
    app = create_app(
        mocked, background=partial(workers, mocked), build_schema=product_schema, open_tracer=recorder.open
    )
    headers = {**credential(Role.AGENT), "traceparent": CALLER}
    async with (
        LifespanManager(app) as manager,
        httpx.AsyncClient(transport=httpx.ASGITransport(manager.app), base_url="http://gateway") as client,
    ):
        for name, query, given in (("OpenFile", CREATE_PIR, ON_HAND), ("Scan", RECORD, {"scans": [SCAN]})):
            body = {"query": query, "operationName": name, "variables": {"input": given}}
            response = await client.post("/graphql", json=body, headers=headers)
            assert "errors" not in response.json(), response.text

        async def handled() -> bool:
            return all(recorder.named(name) for name in ("dispatch CREATE", "project"))

        await eventually(handled)

    assert {one.context.trace_id for one in recorder.spans if one.context} == {0x0AF7651916CD43DD8448EB211C80319C}
    # The other executor has no stages.
    staged = chosen() is ExecutorName.BREADTH_FIRST
    request = ["remote", "graphql OpenFile", *(["Mutation.createPir"] if staged else [])]
    scan = ["remote", "graphql Scan", *(["Mutation.recordScans"] if staged else [])]
    (effect,) = recorder.named("INSERT_EFFECT")
    assert recorder.path(effect) == [*request, "INSERT_EFFECT"]
    assert [recorder.path(one) for one in recorder.named("dispatch CREATE")] == [[*request, "dispatch CREATE"]]
    calls = [recorder.path(one) for one in recorder.named("worldtracer POST")]
    assert [*request, "dispatch CREATE", "worldtracer POST"] in calls
    (recorded,) = {tuple(recorder.path(one)) for one in recorder.named("END_SEND")}
    assert recorded == (*request, "dispatch CREATE", "END_SEND")
    assert [*scan, "ENQUEUE_BAG_CHANGES"] in [recorder.path(one) for one in recorder.named("ENQUEUE_BAG_CHANGES")]
    writes = [one for one in recorder.spans if (one.attributes or {}).get("db.system.name") == "neo4j"]
    assert {tuple(recorder.path(one)[:-1]) for one in writes} == {(*scan, "project")}


async def test_without_a_tracer_rows_have_no_trace(api: Api, stores: Stores) -> None:
    """Given tracing is off, when a request with a trace changes a record, then no row carries a trace."""
    body = {"query": CREATE_PIR, "variables": {"input": ON_HAND}}
    response = await api.client.post("/graphql", json=body, headers={**credential(Role.AGENT), "traceparent": CALLER})
    assert response.json() == {"data": {"createPir": {"userErrors": []}}}
    newest = "SELECT traceparent, action FROM effects ORDER BY id DESC LIMIT 1"
    row = await stores.postgres.fetchrow(newest, name="TEST")
    assert row is not None
    assert tuple(row) == (None, "CREATE")


def test_an_operation_without_a_valid_name_is_unnamed() -> None:
    assert [operation_name(name) for name in (None, "", "BagPage", "two words", "n" * 65)] == [
        *("-", "-", "BagPage", "-", "-")
    ]
