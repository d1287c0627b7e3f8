import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import httpx
import orjson
import pytest
from asgi_lifespan import LifespanManager
from graphql import ExecutionResult
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.http.admission import RequestLimiter
from gateway.http.auth import TokenVerifier
from gateway.http.graphql import GraphQLView
from gateway.http.graphql_request import GRAPHQL_JSON, JSON, negotiate
from gateway.http.graphql_response import response_of
from gateway.http.jwt import issue_token
from gateway.http.middleware import BodyLimit, PathDispatcher, RequestEdge
from gateway.http.persisted_queries import PersistedDocuments
from resolvers.actor import Role
from resolvers.installation import Stores
from resolvers.operation_uses import OperationUses
from resolvers.registered_operations import RegisteredOperations
from tests.toy import INSTALLATION, SIGNING_KEY, Library, toy_schema

SECRET = "s" * 32
MAX_BYTES = 10_000
SECONDS = 0.3


def page(request: Request) -> Response | None:
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        return HTMLResponse("<p>page</p>", headers={"Content-Security-Policy": "default-src 'self'"})
    return None


def application(library: Library) -> ASGIApp:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Any]]:
        yield {"stores": Stores(cast(Any, library), cast(Any, None), cast(Any, None))}

    schema = toy_schema()
    view = GraphQLView(
        schema,
        TokenVerifier(SECRET),
        INSTALLATION,
        signing_key=SIGNING_KEY,
        limiter=RequestLimiter(process=80, of_caller=48),
        persisted=PersistedDocuments(schema.documents, RegisteredOperations()),
        uses=OperationUses(schema.documents.signature),
        seconds=SECONDS,
        page=page,
    )

    async def length(request: Request) -> Response:
        return Response(str(len(await request.body())))

    others = Starlette(
        routes=[Route("/length", length, methods=["POST"])],
        middleware=[Middleware(BodyLimit, max_bytes=MAX_BYTES)],
        lifespan=lifespan,
    )
    others.router.redirect_slashes = False
    return RequestEdge(PathDispatcher({"/graphql": BodyLimit(view, MAX_BYTES)}, others))


@pytest.fixture(scope="module")
def library() -> Library:
    return Library.of(authors=3)


@pytest.fixture(scope="module")
async def app(library: Library) -> AsyncIterator[Any]:
    async with LifespanManager(application(library)) as manager:
        yield manager.app


@pytest.fixture(scope="module")
async def client(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    bearer = issue_token(SECRET, Role.AGENT, 1, timedelta(hours=1), subject="agent-7")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://gateway.test",
        headers={"Authorization": f"Bearer {bearer}", "Accept": GRAPHQL_JSON},
    ) as client:
        yield client


async def post(client: httpx.AsyncClient, content: str | bytes, **headers: str) -> httpx.Response:
    return await client.post("/graphql", content=content, headers={"Content-Type": JSON, **headers})


def code_of(response: httpx.Response) -> str:
    return str(response.json()["errors"][0]["extensions"]["code"])


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (GRAPHQL_JSON, GRAPHQL_JSON),
        (JSON, JSON),
        ("application/json, text/plain, */*", JSON),
        (f"{GRAPHQL_JSON}, application/json", GRAPHQL_JSON),
        (f"application/json, {GRAPHQL_JSON}; charset=utf-8", GRAPHQL_JSON),
        (f"{GRAPHQL_JSON};q=0.5, application/json;q=0.9", JSON),
        (f"{GRAPHQL_JSON};q=0, */*", JSON),
        (f"{GRAPHQL_JSON};q=0.9, */*", JSON),
        (f"{GRAPHQL_JSON}, */*;q=0.8", GRAPHQL_JSON),
        ("text/html,application/xhtml+xml,*/*;q=0.8", JSON),
        (f"Application/GraphQL-Response+JSON ;Q=1, {JSON};q=nonsense", GRAPHQL_JSON),
    ],
)
def test_the_media_type_is_the_one_liked_best(accept: str | None, media_type: str) -> None:
    assert negotiate(accept) == media_type


@pytest.mark.parametrize("accept", ["text/html", "", "nonsense", ";;,,", "*/*;q=0"])
async def test_who_accepts_neither_gets_406(client: httpx.AsyncClient, accept: str) -> None:
    response = await post(client, '{"query":"{health}"}', Accept=accept)
    assert response.status_code == 406
    assert code_of(response) == "NOT_ACCEPTABLE"


async def test_an_answer(client: httpx.AsyncClient) -> None:
    response = await post(client, '{"query":"query Health {health}","operationName":"Health","extensions":null}')
    assert response.status_code == 200
    assert response.json() == {"data": {"health": "ok"}}
    assert response.headers["content-type"] == f"{GRAPHQL_JSON}; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert (await post(client, '{"query":"query Health {health}","operationName":""}')).status_code == 200


@pytest.mark.parametrize(
    ("query", "variables", "code", "status"),
    [
        ("{", {}, "GRAPHQL_PARSE_FAILED", 400),
        ("{nowhere}", {}, "GRAPHQL_VALIDATION_FAILED", 400),
        ("{" + "a:health " * 200 + "}", {}, "LIMIT_EXCEEDED", 400),
        ("query($n:Int){echo(number:$n)}", {"n": 2**63}, "BAD_USER_INPUT", 400),
        ("query($n:Int){echo(number:$n)}", {"n": 2**70}, "BAD_USER_INPUT", 400),
        ("query($m:DateTime){echo(time:$m)}", {"m": "0000-01-01T00:00:00Z"}, "BAD_USER_INPUT", 400),
        ("query A{health} query B{health}", {}, "OPERATION_RESOLUTION_FAILED", 400),
        ("fragment f on Query{health}", {}, "OPERATION_RESOLUTION_FAILED", 400),
        ("{authors(first:-1){nodes{name}}}", {}, "BAD_USER_INPUT", 200),
        ("{authors(first:10000){nodes{name}}}", {}, "BAD_USER_INPUT", 200),
        ('{authors(after:"x"){nodes{name}}}', {}, "BAD_USER_INPUT", 200),
        ('{author(id:"x"){name}}', {}, "BAD_USER_INPUT", 200),
        ("{secret health}", {}, "FORBIDDEN", 200),
    ],
)
async def test_status_codes_of_well_formed_requests(
    client: httpx.AsyncClient, query: str, variables: dict[str, Any], code: str, status: int
) -> None:
    body = json.dumps({"query": query, "variables": variables})
    response = await post(client, body)
    assert response.status_code == status
    assert ("data" in response.json()) == (status == 200)
    assert code_of(response) == code
    legacy = await post(client, body, Accept=JSON)
    assert legacy.headers["content-type"] == f"{JSON}; charset=utf-8"
    assert legacy.status_code == 200
    assert legacy.json() == response.json()


MALFORMED: list[bytes] = [
    b"",
    b"5",
    b'"x"',
    b"null",
    b"true",
    b"[]",
    b'[{"query":"{health}"}]',
    b"{",
    b"{}",
    b'{"query":5}',
    b'{"query":null}',
    b'{"query":""}',
    b'{"query":["{health}"]}',
    b'{"qeury":"{health}"}',
    b'{"query":"{health}","variables":[7]}',
    b'{"query":"{health}","variables":"x"}',
    b'{"query":"{health}","extensions":[]}',
    b'{"query":"{health}","operationName":5}',
    b'{"query":"\xff"}',
    b'\xff\xfe{"query":"{health}"}',
    b'{"query":"\\ud800"}',
    b'{"query":"{health}","variables":{"a":"\\udfff"}}',
    b'{"query":"{health}","variables":{"a":NaN}}',
    b'{"query":"{health}","variables":{"a":1e999}}',
    b'{"query":"{health}","variables":{"a":' + b"[" * 2_000 + b"]" * 2_000 + b"}}",
]


@pytest.mark.parametrize("body", MALFORMED, ids=range(len(MALFORMED)))
@pytest.mark.parametrize("accept", [GRAPHQL_JSON, JSON])
async def test_a_malformed_request_is_400(client: httpx.AsyncClient, body: bytes, accept: str) -> None:
    response = await post(client, body, Accept=accept)
    assert response.status_code == 400
    assert code_of(response) == "BAD_REQUEST"
    assert "data" not in response.json()


@pytest.mark.parametrize("variables", [{"t": "a\0"}, {"t": [{"x": ["\0"]}]}, {"\0": 1}])
async def test_u0000_in_variables_is_refused(client: httpx.AsyncClient, variables: dict[str, Any]) -> None:
    query = "query($t:String){echo(text:$t)}"
    response = await post(client, json.dumps({"query": query, "variables": variables}))
    assert (response.status_code, code_of(response)) == (400, "BAD_USER_INPUT")
    response = await client.get("/graphql", params={"query": query, "variables": json.dumps(variables)})
    assert (response.status_code, code_of(response)) == (400, "BAD_USER_INPUT")


async def test_text_that_only_looks_like_u0000_is_not_refused(client: httpx.AsyncClient) -> None:
    body = json.dumps({"query": "query($t:String){echo(text:$t)}", "variables": {"t": "\\u0000 ñ 😀"}})
    assert (await post(client, body)).json() == {"data": {"echo": "\\u0000 ñ 😀"}}


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/graphql", "multipart/form-data; boundary=x", "application/json; charset=latin-1"],
)
async def test_other_content_is_415(client: httpx.AsyncClient, content_type: str) -> None:
    response = await post(client, '{"query":"{health}"}', **{"Content-Type": content_type})
    assert (response.status_code, code_of(response)) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_utf_8_may_be_named(client: httpx.AsyncClient) -> None:
    response = await post(client, '{"query":"{health}"}', **{"Content-Type": 'Application/JSON; charset="UTF-8"'})
    assert response.status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
async def test_other_methods_are_405(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/graphql")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


async def test_get_is_for_queries_only(client: httpx.AsyncClient, library: Library) -> None:
    params = {"query": "query A($t:String){echo(text:$t)}", "variables": '{"t":"x"}', "operationName": ""}
    assert (await client.get("/graphql", params=params)).json() == {"data": {"echo": "x"}}
    params = {"query": 'mutation{rename(id:"QXV0aG9yOjE",name:"x"){name}}'}
    response = await client.get("/graphql", params=params)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert code_of(response) == "METHOD_NOT_ALLOWED"
    assert library.authors[1].name == "Author 1"
    for malformed in ("", "?query=", "?query={health}&variables={", "?query={health}&variables=5"):
        assert (await client.get(f"/graphql{malformed}")).status_code == 400


async def test_a_browser_gets_the_page_without_a_credential(client: httpx.AsyncClient) -> None:
    headers = {"Accept": "text/html,*/*;q=0.8", "Authorization": ""}
    response = await client.get("/graphql", headers=headers)
    assert response.text == "<p>page</p>"
    assert response.headers["content-security-policy"] == "default-src 'self'"


async def test_a_slash_too_many_is_not_redirected(client: httpx.AsyncClient) -> None:
    response = await client.get("/graphql/", headers={"Host": "evil.example"})
    assert (response.status_code, code_of(response)) == (400, "BAD_REQUEST")
    assert "location" not in response.headers


async def test_a_bad_credential_is_401(client: httpx.AsyncClient) -> None:
    expired = issue_token(SECRET, Role.AGENT, 1, timedelta(minutes=-1))
    for authorization in ("Bearer nonsense", f"Bearer {expired}", "Basic YTpi"):
        response = await post(client, '{"query":"{health}"}', Authorization=authorization)
        assert (response.status_code, code_of(response)) == (401, "UNAUTHENTICATED")
        assert response.headers["www-authenticate"] == 'Bearer realm="graphql", error="invalid_token"'


async def test_without_a_credential_only_what_is_open_is_answered(app: Any) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.test") as anonymous:
        assert (await post(anonymous, '{"query":"{health}"}')).json() == {"data": {"health": "ok"}}
        response = await post(anonymous, '{"query":"{books{title}}"}')
        assert (response.status_code, code_of(response)) == (200, "UNAUTHENTICATED")


@pytest.mark.parametrize("path", ["/graphql", "/length"])
async def test_a_long_body_is_413(client: httpx.AsyncClient, path: str) -> None:
    async def chunks(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b" " * 1_000

    for content in (b" " * (MAX_BYTES + 1), chunks(11), chunks(10_000)):
        response = await client.post(path, content=content, headers={"Content-Type": JSON})
        assert (response.status_code, code_of(response)) == (413, "PAYLOAD_TOO_LARGE")
        assert response.headers["connection"] == "close"
    body = b'{"query":"{health}"}'
    longest = body + b" " * (MAX_BYTES - len(body))
    assert (await client.post(path, content=longest, headers={"Content-Type": JSON})).status_code == 200


async def test_a_wrong_content_length_does_not_open_the_gate(app: Any) -> None:
    for length in (b"10", b"-1", b"nonsense"):
        sent = await asgi(app, [b" " * 6_000, b" " * 6_000], [(b"content-length", length)])
        assert sent[0]["status"] == 413


async def asgi(
    app: Any, body: list[bytes], headers: list[tuple[bytes, bytes]], *, then: asyncio.Event | None = None
) -> list[Any]:
    """Sends a request in pieces and returns the ASGI messages of its response; ``then`` disconnects the client."""
    sent: list[Any] = []
    pieces = [
        {"type": "http.request", "body": piece, "more_body": index + 1 < len(body)} for index, piece in enumerate(body)
    ]

    async def receive() -> Any:
        if pieces:
            return pieces.pop(0)
        await (then or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    bearer = issue_token(SECRET, Role.AGENT, 1, timedelta(hours=1)).encode()
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"authorization", b"Bearer " + bearer), *headers],
    }
    await app(scope, receive, send)
    return sent


async def test_a_request_that_takes_too_long_is_504(client: httpx.AsyncClient, library: Library) -> None:
    response = await post(client, '{"query":"{sleep}"}')
    assert (response.status_code, code_of(response)) == (504, "DEADLINE_EXCEEDED")
    library.delay = 60
    try:
        response = await post(client, '{"query":"{books{author{name}}}"}')
        assert (response.status_code, code_of(response)) == (504, "DEADLINE_EXCEEDED")
    finally:
        library.delay = 0
    names = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}  # type: ignore[union-attr] # tasks have coroutines
    assert not [name for name in names if "dispatch" in name or "execute" in name]


async def test_a_client_that_leaves_stops_the_work(
    app: Any, library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gateway.access")
    left = asyncio.Event()
    library.asleep.clear()
    request = asyncio.create_task(asgi(app, [b'{"query":"{sleep}"}'], [], then=left))
    await asyncio.wait_for(library.asleep.wait(), 1)
    left.set()
    assert await asyncio.wait_for(request, SECONDS / 2) == []
    assert "status=499" in caplog.text
    half = asyncio.create_task(asgi(app, [], [], then=left))
    assert await asyncio.wait_for(half, 1) == []


async def test_the_request_id_is_taken_over_if_it_is_one(client: httpx.AsyncClient) -> None:
    async def answered(given: str) -> str:
        response = await post(client, '{"query":"{health}"}', **{"X-Request-ID": given})
        return response.headers["x-request-id"]

    assert await answered("0a1b2c3d-agent.console_7") == "0a1b2c3d-agent.console_7"
    for wrong in ("", "short", "with space in it", "x" * 65, "injected%0d%0a", "a,b,c,d,e"):
        assert len(await answered(wrong)) == 32
    assert await answered("") != await answered("")


async def test_one_line_in_the_access_log(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateway.access")
    body = {"query": "query Find($t:String){echo(text:$t)}", "variables": {"t": "Ana"}, "operationName": "Find"}
    await client.post("/graphql?name=Ana", json=body, headers={"X-Request-ID": "request-0001"})
    (line,) = caplog.messages
    assert line.startswith("POST /graphql status=200 ms=")
    assert line.endswith("actor=agent-7 operation=Find request=request-0001")
    assert "Ana" not in line


async def test_a_request_cannot_forge_lines_of_the_access_log(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gateway.access")
    await client.get("/a%0aPOST /forged status=200")
    await post(client, json.dumps({"query": "{health}", "operationName": "x\nPOST /forged"}))
    assert len(caplog.messages) == 2
    assert not any("\n" in message or " /forged" in message for message in caplog.messages)


async def test_a_long_answer_is_compressed_for_who_takes_it(client: httpx.AsyncClient) -> None:
    body = '{"query":"{__schema{types{name description}}}"}'
    compressed = await post(client, body, **{"Accept-Encoding": "br, gzip"})
    assert compressed.headers["content-encoding"] == "gzip"
    plain = await post(client, body, **{"Accept-Encoding": "br"})
    assert "content-encoding" not in plain.headers
    assert compressed.json() == plain.json()


async def test_security_headers(client: httpx.AsyncClient) -> None:
    for response in (await post(client, '{"query":"{health}"}'), await client.get("/nowhere"), await post(client, "5")):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in response.headers["content-security-policy"]


async def test_an_unexpected_failure_is_masked(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    response = await post(client, '{"query":"{crash}"}', **{"X-Request-ID": "request-0001"})
    assert response.status_code == 200
    assert response.json()["errors"][0]["extensions"] == {"code": "INTERNAL_ERROR", "requestId": "request-0001"}
    assert "hunter2" not in response.text
    assert "hunter2" in caplog.text
    caplog.clear()  # the error is logged on purpose


async def test_a_failure_outside_of_graphql_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    app = application(Library.of(authors=1))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.test") as client:
        response = await post(client, '{"query":"{health}"}')  # without a lifespan there are no stores
    assert (response.status_code, code_of(response)) == (500, "INTERNAL_ERROR")
    assert "stores" in caplog.text
    caplog.clear()  # the error is logged on purpose


def test_an_answer_that_is_no_json_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    answer = response_of(ExecutionResult({"a": object()}, None), GRAPHQL_JSON, "request-1")
    assert answer.status == 200
    assert orjson.loads(answer.body)["data"] is None
    assert orjson.loads(answer.body)["errors"][0]["extensions"] == {
        "code": "INTERNAL_ERROR",
        "requestId": "request-1",
    }
    assert "cannot be serialized" in caplog.text
    caplog.clear()  # the error is logged on purpose


async def test_websockets_are_refused(app: Any) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/graphql", "query_string": b"", "headers": [], "subprotocols": []}
    await app(scope, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4),
    max_leaves=10,
)
QUERIES = st.sampled_from(
    [
        "{health}",
        "query($v:String){echo(text:$v)}",
        "query($v:[[String!]!]){echo(texts:$v)}",
        "query($v:DateTime,$w:Int){echo(time:$v,number:$w)}",
        "query($v:Int,$w:String){authors(first:$v,after:$w){edges{cursor node{id}}}}",
        "query($v:ID!,$w:[ID!]!){author(id:$v){name} nodes(ids:$w){id}}",
        "mutation($v:ID!,$w:String!){rename(id:$v,name:$w){name}}",
    ]
)
QUESTIONS = st.fixed_dictionaries(
    {"query": QUERIES | JSON_VALUES, "variables": st.fixed_dictionaries({"v": JSON_VALUES, "w": JSON_VALUES})},
    optional={"operationName": JSON_VALUES, "extensions": JSON_VALUES},
)
BODIES = st.binary() | JSON_VALUES.map(json.dumps).map(str.encode) | QUESTIONS.map(json.dumps).map(str.encode)


@given(body=BODIES, content_type=st.sampled_from([JSON] * 9 + ["text/plain"]))
@settings(max_examples=300, deadline=None)
async def test_no_body_gives_500(client: httpx.AsyncClient, body: bytes, content_type: str) -> None:
    response = await post(client, body, **{"Content-Type": content_type})
    assert response.status_code in (200, 400, 413, 415)
    answer = response.json()
    assert "data" in answer or answer["errors"]
    for error in answer.get("errors", ()):
        assert error["extensions"]["code"] not in ("INTERNAL_ERROR", None)


@given(query=st.text(), variables=st.text(), accept=st.text(st.characters(codec="latin-1", exclude_categories=["Cc"])))
@settings(max_examples=100, deadline=None)
async def test_no_url_gives_500(client: httpx.AsyncClient, query: str, variables: str, accept: str) -> None:
    params = {
        name: text.encode(errors="replace").decode() for name, text in (("query", query), ("variables", variables))
    }
    response = await client.get("/graphql", params=params, headers={b"Accept": accept.encode("latin-1")})
    assert response.status_code in (200, 400, 405, 406)


@pytest.mark.parametrize("extensions", [{}, {"other": 1}, None, {"plan": False}])
async def test_a_request_without_text_and_hash_is_malformed(client: httpx.AsyncClient, extensions: Any) -> None:
    response = await post(client, json.dumps({"extensions": extensions}))
    assert (response.status_code, code_of(response)) == (400, "BAD_REQUEST")
