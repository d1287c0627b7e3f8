"""Routes of the GraphiQL page, with a handmade build; tests/browser runs the real build."""

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from graphql import parse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.http.graphiql import accepts_graphiql, graphiql_page, graphiql_routes
from schema.build import build_schema

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application with its build in `tmp_path`."""

    async def answer(request: Request) -> Response:
        return graphiql_page(tmp_path) if accepts_graphiql(request) else Response("an operation")

    app = Starlette(routes=[Route("/graphql", answer, methods=["GET", "POST"]), *graphiql_routes(tmp_path)])
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers={"Accept": "text/html"}) as it:
        yield it


def build(folder: Path) -> None:
    (folder / "assets").mkdir()
    (folder / "index.html").write_text("<title>Baggage graph</title>")
    (folder / "licenses.md").write_text("not for the web")
    (folder / "assets/page-1f2e.js").write_text("plain")
    (folder / "assets/page-1f2e.js.gz").write_bytes(gzip.compress(b"plain"))


async def test_a_browser_gets_the_page_with_a_strict_policy(browser: httpx.AsyncClient, tmp_path: Path) -> None:
    build(tmp_path)
    page = await browser.get("/graphql")

    policy = dict(directive.split(" ", 1) for directive in page.headers["Content-Security-Policy"].split("; "))
    assert (page.status_code, page.text) == (200, "<title>Baggage graph</title>")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Cache-Control"] == "no-cache"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert (policy["default-src"], policy["script-src"], policy["frame-ancestors"]) == ("'none'", "'self'", "'none'")


async def test_the_page_names_the_command_until_it_is_built(browser: httpx.AsyncClient, tmp_path: Path) -> None:
    missing = await browser.get("/graphql")
    asset = await browser.get("/graphql/static/assets/page-1f2e.js")
    build(tmp_path)
    present = await browser.get("/graphql")

    assert missing.status_code == 503
    assert "scripts/build_console.sh" in missing.text
    assert asset.status_code == 404
    assert present.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "accept"),
    [
        ("GET", "/graphql?query={health{status}}", "text/html"),
        ("GET", "/graphql", "*/*"),
        ("GET", "/graphql", "application/graphql-response+json"),
        ("POST", "/graphql", "text/html"),
    ],
)
async def test_operations_are_left_to_the_api(browser: httpx.AsyncClient, method: str, path: str, accept: str) -> None:
    assert (await browser.request(method, path, headers={"Accept": accept})).text == "an operation"


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_assets_are_cached_for_good_in_the_encoding_asked_for(
    browser: httpx.AsyncClient, tmp_path: Path, encoding: str
) -> None:
    build(tmp_path)
    asset = await browser.get("/graphql/static/assets/page-1f2e.js", headers={"Accept-Encoding": encoding})

    assert asset.text == "plain"
    assert asset.headers.get("Content-Encoding", "identity") == encoding
    assert asset.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert asset.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert asset.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("name", ["%2e%2e/index.html", "../licenses.md", "page-1f2e.js.gz", "other.js", "%00.js", ""])
async def test_nothing_but_assets_is_served(browser: httpx.AsyncClient, tmp_path: Path, name: str) -> None:
    build(tmp_path)
    assert (await browser.get(f"/graphql/static/assets/{name}")).status_code == 404


def test_every_example_is_valid_and_within_the_limits() -> None:
    """The tabs of a first visit are handwritten TypeScript, so no other test detects a renamed field."""
    source = (ROOT / "console/src/examples.ts").read_text()
    scenario = dict(re.findall(r'^  (\w+): "(.*)",$', source, re.MULTILINE))
    templates = re.findall(r"`(.+?)`", source, re.DOTALL)
    examples = [re.sub(r"\$\{SCENARIO\.(\w+)\}", lambda name: scenario[name[1]], template) for template in templates]
    documents = build_schema().documents

    assert len(examples) == 7
    for example in examples:
        assert documents.prepare(example, parse(example)).errors == ()


def test_the_lock_holds_no_addresses() -> None:
    lock = (ROOT / "console/package-lock.json").read_text()
    assert '"integrity"' in lock
    assert "http" not in lock, "run `npm run lock` in console/ instead of `npm install`"
