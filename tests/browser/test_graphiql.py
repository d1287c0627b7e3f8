"""The built page in a real browser. Set SCREENSHOT=file.png to see the page."""

import asyncio
import base64
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import uvicorn
from graphql import build_schema, graphql
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from gateway.http.graphiql import accepts_graphiql, graphiql_page, graphiql_routes
from tests.browser.chromium import chromium

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "gateway/static/graphiql"
SCHEMA = build_schema("type Query { greeting: String } type Subscription { greeting: String }")
EVENTS = (
    ":\n\n",
    'event: next\nid: 1\ndata: {"data":{"greeting":"first"}}\n\nevent: next\nda',
    'ta: {"data":{"greeting":"second"}}\n\nevent: complete\ndata:\n\n',
)


async def _answer(request: Request) -> Response:
    if accepts_graphiql(request):
        return graphiql_page(BUILT)
    if request.headers["accept"] == "text/event-stream":
        return StreamingResponse(_events(), media_type="text/event-stream")
    sent = await request.json()
    greeting = f"{request.headers.get('authorization')} {request.headers.get('accept')}"
    result = await graphql(SCHEMA, sent["query"], {"greeting": greeting})
    return JSONResponse(result.formatted, media_type="application/graphql-response+json")


async def _events() -> AsyncIterator[str]:
    """The events, split at places other than their ends."""
    for part in EVENTS:
        yield part
        await asyncio.sleep(0.1)


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """GraphiQL with a schema that has one field, which returns the request's headers."""
    subprocess.run([ROOT / "scripts/build_console.sh", sys.executable], check=True)
    routes = [Route("/graphql", _answer, methods=["GET", "POST"]), *graphiql_routes(BUILT)]
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="warning", ws="none", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await serving


async def test_graphiql_runs_an_operation_and_asks_no_other_origin(address: str, tmp_path: Path) -> None:
    examples = re.findall(r"^query (\w+)", (ROOT / "console/src/examples.ts").read_text(), re.MULTILINE)

    async with chromium(tmp_path) as page:
        await page.open(f"{address}/graphql#token=a.b.c")
        # The first example selects fields that this schema lacks: the GraphQL worker marks them as errors.
        await page.until("document.querySelector('.graphiql-query-editor .squiggly-error') !== null")
        tabs = await page.evaluate("[...document.querySelectorAll('.graphiql-tab-button')].map((tab) => tab.title)")
        # The operation is typed and run by keyboard in a new tab.
        await page.evaluate("document.querySelector('.graphiql-tab-add').click()")
        await page.evaluate("document.querySelector('.graphiql-query-editor textarea').focus()")
        await page.send("Input.insertText", text="{ greeting }")
        await page.send("Input.dispatchKeyEvent", type="rawKeyDown", key="Enter", windowsVirtualKeyCode=13, modifiers=2)
        await page.until("document.querySelector('.graphiql-response').textContent.includes('a.b.c')")
        answer = await page.evaluate("document.querySelector('.graphiql-response').textContent")
        token_kept = await page.evaluate(
            "[sessionStorage, localStorage].map((s) => JSON.stringify(s).includes('a.b.c'))"
        )
        shown = await page.evaluate("location.href")
        if "SCREENSHOT" in os.environ:
            shot = await page.send("Page.captureScreenshot")
            Path(os.environ["SCREENSHOT"]).write_bytes(base64.b64decode(shot["data"]))

    assert tabs == examples
    assert "Bearer a.b.c application/graphql-response+json, application/json" in " ".join(answer.split())
    assert token_kept == [True, False]
    assert shown == f"{address}/graphql"
    asked = [urlsplit(url) for url in page.requested if not url.startswith("data:")]
    assert {f"{url.scheme}://{url.netloc}" for url in asked} == {address}
    for worker in ("editor", "graphql", "json"):
        assert any(f"{worker}.worker" in url.path for url in asked)
    assert page.complaints == []


async def test_graphiql_shows_the_results_of_a_subscription(address: str, tmp_path: Path) -> None:
    async with chromium(tmp_path) as page:
        await page.open(f"{address}/graphql#token=a.b.c")
        await page.until("document.querySelector('.graphiql-query-editor .squiggly-error') !== null")
        await page.evaluate("document.querySelector('.graphiql-tab-add').click()")
        await page.evaluate("document.querySelector('.graphiql-query-editor textarea').focus()")
        await page.send("Input.insertText", text="subscription { greeting }")
        await page.send("Input.dispatchKeyEvent", type="rawKeyDown", key="Enter", windowsVirtualKeyCode=13, modifiers=2)
        await page.until("document.querySelector('.graphiql-response').textContent.includes('second')")
        # The subscription has ended: the button runs the operation again instead of stopping it.
        await page.until("document.querySelector('.graphiql-execute-button').ariaLabel.startsWith('Execute')")
    assert page.complaints == []
