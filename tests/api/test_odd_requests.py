"""Odd paths, headers and queries: every route responds to them, and none is an internal error."""

from collections.abc import Sequence
from typing import Any, cast

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resolvers.actor import Role
from tests.gateway import Api, credential

ROUTES = [
    "/graphql",
    "/ingest/typeb",
    "/health",
    "/health/external",
    "/health/ready",
    "/metrics",
    "/pirs/1.pdf",
    "/callbacks/twilio/status",
    "/callbacks/sendgrid/events",
]
DIGITS = b"9" * 5_000
ODD_VALUES = [
    b"",
    b" ",
    b"\xf0\x9f\xa7\xb3" * 40,
    b"\xff\xfe\x00\x01",
    b"\x00",
    b"\x7f\x1b[31m",
    DIGITS,
    b"-" + DIGITS,
    b"1e999",
    b"\xc2\xb2",
    b"\xd9\xa1",
    b"http://[",
    b"http://[::1",
    b";;;,,,===",
    b"q=" + DIGITS,
    b"application/json;q=" + DIGITS,
    b"Bearer",
    b"Bearer " + b"\xf0\x9f\xa7\xb3",
    b"Bearer a.b.c",
    b"bytes=" + DIGITS + b"-",
    b"99999-99-99T99:99:99Z",
    b'"' * 50,
    b"charset=" + b"x" * 50,
    b"multipart/form-data; boundary=",
]
HEADERS = [
    b"accept",
    b"accept-encoding",
    b"accept-language",
    b"authorization",
    b"content-encoding",
    b"content-length",
    b"content-type",
    b"cookie",
    b"host",
    b"if-modified-since",
    b"last-event-id",
    b"origin",
    b"range",
    b"traceparent",
    b"x-forwarded-for",
    b"x-received-at",
    b"x-request-id",
    b"x-twilio-signature",
    b"x-twilio-email-event-webhook-signature",
    b"x-twilio-email-event-webhook-timestamp",
]
ODD_PATHS = [
    f"/pirs/{'9' * 5_000}.pdf",
    "/pirs/-1.pdf",
    "/pirs/\u0661.pdf",
    "/pirs/\u00b2.pdf",
    "/pirs/9223372036854775808.pdf",
    "/pirs/1.5.pdf",
    "/pirs/.pdf",
    "/pirs/\U0001f9f3.pdf",
    "/pirs/1.pdf\n",
    "/pirs/1\x00.pdf",
    "/\U0001f9f3",
    "//",
    "///graphql",
    "/graphql/\x00",
    "/graphql/static/assets/../../../pyproject.toml",
    "/graphql/static/assets/%00.js",
    "/graphql/static/assets/\x00.js",
    "/graphql/static/assets/" + "a" * 5_000 + ".js",
    "/health/\u202e",
    "/callbacks/twilio/" + "x" * 5_000,
    "*",
    "",
    "/" + "/" * 5_000,
]
ODD_QUERIES = [
    b"%",
    b"%zz&=&&==",
    b"query=%ff%fe",
    b"query=" + b"{" * 5_000,
    b"query={health{status}}&variables=%22&extensions=[",
    b"query={health{status}}&variables={}&operationName=%F0%9F%A7%B3",
    b"airline=" + DIGITS + b"&actor=a&role=&language=es&paper=A4&expires=1&signature=x",
    b"airline=1&actor=a&role=&language=ES&paper=A4&expires=" + DIGITS + b"&signature=x",
    b"airline=1&actor=a&role=&language=ES&paper=A4&expires=99999999999999999&signature=x",
    b"airline=1&actor=a&role=&language=ES&paper=A4&expires=4000000000&signature=%F0%9F%A7%B3",
    b"airline=1&actor=a%00&role=&language=ES&paper=A4&expires=4000000000&signature=" + b"0" * 64,
    b"\xff\xfe",
]


async def status_of(
    api: Api,
    path: str,
    *,
    method: str = "GET",
    headers: Sequence[tuple[bytes, bytes]] = (),
    query: bytes = b"",
    body: bytes = b"",
) -> int:
    """Status of the response to a request as a server passes it on, which a well-behaved client could not send."""
    app = cast(httpx.ASGITransport, api.client._transport).app
    sent: list[Any] = []
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Any:
        return next(messages, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(errors="replace"),
        "root_path": "",
        "query_string": query,
        "headers": list(headers),
        "client": ("192.0.2.1", 1),
        "server": ("gateway", 80),
    }
    await app(cast(Any, scope), receive, send)
    [start] = [message for message in sent if message["type"] == "http.response.start"]
    names = [name for name, _ in start["headers"]]
    assert names.count(b"x-request-id") == 1
    return int(start["status"])


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS", "BREW"])
@pytest.mark.parametrize("route", ROUTES)
async def test_odd_headers(api: Api, route: str, method: str) -> None:
    token = [(name.lower().encode(), value.encode()) for name, value in credential(Role.ADMIN).items()]
    for name in HEADERS:
        for value in ODD_VALUES:
            for known in ([], token):
                status = await status_of(api, route, method=method, headers=[*known, (name, value)], body=b"{}")
                assert status < 500, (name, value)


@pytest.mark.parametrize("path", ODD_PATHS)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_odd_paths(api: Api, path: str, method: str) -> None:
    assert await status_of(api, path, method=method) in {400, 401, 403, 404, 405, 406, 415}


@pytest.mark.parametrize("query", ODD_QUERIES)
@pytest.mark.parametrize("route", ROUTES)
async def test_odd_queries(api: Api, route: str, query: bytes) -> None:
    assert await status_of(api, route, query=query) < 500


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    route=st.sampled_from(ROUTES) | st.text(max_size=40).map(lambda text: f"/{text}"),
    method=st.sampled_from(["GET", "POST", "PUT"]),
    headers=st.lists(st.tuples(st.sampled_from(HEADERS), st.binary(max_size=60)), max_size=4),
    query=st.binary(max_size=60),
    body=st.binary(max_size=60),
)
async def test_any_bytes(
    api: Api, route: str, method: str, headers: list[tuple[bytes, bytes]], query: bytes, body: bytes
) -> None:
    path = route.encode(errors="replace").decode()
    assert await status_of(api, path, method=method, headers=headers, query=query, body=body) < 500


@pytest.mark.parametrize("route", [*ROUTES, "/health/live", "/health/database"])
async def test_a_slash_at_the_end_changes_nothing(api: Api, route: str) -> None:
    for method in ("GET", "POST"):
        for headers in ([], [(b"accept", b"text/html")]):
            plain = await status_of(api, route, method=method, headers=headers)
            assert await status_of(api, f"{route}/", method=method, headers=headers) == plain
    response = await api.client.post("/graphql/", json={"query": "{health{status}}"})
    assert (response.status_code, response.json()["data"]["health"]["status"]) == (200, "HEALTHY")
