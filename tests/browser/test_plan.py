"""The tab that draws execution plans, in a real browser: with the real gateway, and with unusual plans."""

import asyncio
import json
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from graphql import build_schema, graphql
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.app import create_app
from gateway.http.graphiql import accepts_graphiql, graphiql_page, graphiql_routes
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.redis import EmbeddedRedis
from integrations.timings import Timings
from resolvers.actor import Role
from schema.runtime.tracing import MAX_STAGES, Trace
from tests.browser.chromium import Page, chromium
from tests.conftest import Neo4jCredentials, make_database
from tests.gateway import credential, settings_for
from tests.world import DELIVERED, World, open_stores

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "gateway/static/graphiql"
SCHEMA = build_schema("type Query { greeting: String }")
LONG = "anAliasThatIsLongerThanThePaneIsWideAndHoldsNoPlaceToBreakIt"
# One line, because the editor indents text after a line break.
QUERY = (
    f'query Typed {{ bag(by: {{tag: "{DELIVERED}"}}) {{ passenger {{ surname }} fellows(first: 5) {{ total }} }} '
    'routes(from: "PTY", to: "GRU") { source options { minutes } } }'
)
# The cells of each row by position; the field is a line below the path.
ROWS = """[...document.querySelectorAll('.plan-stages tbody tr')].map((row) => ({
    path: row.querySelector('button').textContent,
    field: row.querySelector('.plan-field').textContent,
    level: Number(row.cells[1].textContent),
    kind: row.cells[2].textContent,
    counts: row.cells[3].textContent,
    calls: [...row.querySelectorAll('li')].map((call) => call.textContent.split(' ').slice(0, 2)),
}))"""


@pytest.fixture(scope="module")
async def gateway(
    embedded_postgres: EmbeddedPostgres,
    embedded_redis: EmbeddedRedis,
    embedded_neo4j: EmbeddedNeo4j,
    migrated_template: str,
) -> ASGIApp:
    """The application with the test data and GraphiQL."""
    url = await make_database(embedded_postgres, "browser_test", migrated_template)
    access = Neo4jCredentials(embedded_neo4j.uri, embedded_neo4j.user, embedded_neo4j.password)
    settings = settings_for(url, embedded_redis.url, access).model_copy(update={"graphiql": True})
    async with open_stores(settings) as stores:
        world = await World.make(stores)
        await world.rebuild_graph()
    return create_app(settings)


@asynccontextmanager
async def open_tab(app: ASGIApp, profile: Path, token: str) -> AsyncIterator[Page]:
    """The tab on a first visit to an application on a separate server."""
    subprocess.run([ROOT / "scripts/build_console.sh", sys.executable], check=True)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        async with chromium(profile) as page:
            await visit(page, f"http://127.0.0.1:{listener.getsockname()[1]}/graphql#token={token}")
            yield page
    finally:
        server.should_exit = True
        await serving


async def visit(page: Page, address: str) -> None:
    """Open the page in a new browser tab, and select its plan tab."""
    await page.open(address)
    await page.until("document.querySelector('.graphiql-query-editor textarea') !== null")
    await page.evaluate("document.querySelector('[aria-label=\"Show Execution plan\"]').click()")
    await page.until("document.querySelector('.plan') !== null")


async def run(page: Page, query: str | None = None) -> None:
    """Run the current operation, or ``query`` in a new tab, by keyboard."""
    if query is not None:
        await page.evaluate("document.querySelector('.graphiql-tab-add').click()")
    await page.evaluate("document.querySelector('.graphiql-query-editor textarea').focus()")
    if query is not None:
        await page.send("Input.insertText", text=query)
        # GraphiQL reads the operation's name with a delay, and until then sends the previous tab's name.
        await page.until("document.querySelector('.graphiql-tab-active').textContent.startsWith('Typed')")
    await page.press("Enter", 13, ctrl=True)


async def says(page: Page, text: str) -> None:
    """Wait until the tab's status contains a text."""
    await page.until(f"document.querySelector('.plan [role=status]').textContent.includes({json.dumps(text)})")


async def switch(page: Page) -> None:
    """Turn the switch by keyboard."""
    await page.evaluate("document.querySelector('.plan [role=switch]').focus()")
    await page.press(" ", 32)


def token_of(role: Role) -> str:
    return credential(role)["Authorization"].removeprefix("Bearer ")


async def test_an_administrator_sees_the_plan_of_a_run(gateway: ASGIApp, tmp_path: Path) -> None:
    async with open_tab(gateway, tmp_path, token_of(Role.ADMIN)) as page:
        await says(page, "No operation has run yet.")
        await run(page, QUERY)
        await says(page, "Typed, ")
        await says(page, "run without its plan.")
        await switch(page)
        await run(page)
        await says(page, " ms in all, ")
        rows = await page.evaluate(ROWS)
        asked = {"query": QUERY, "extensions": {"plan": True}}
        headers = {"Content-Type": "application/json", **credential(Role.ADMIN)}
        request = json.dumps({"method": "POST", "headers": headers, "body": json.dumps(asked)})
        extensions = (await page.evaluate(f"fetch('/graphql', {request}).then((answer) => answer.json())"))[
            "extensions"
        ]
        stores = await page.evaluate(
            "[...document.querySelectorAll('.plan-stores tbody tr')].map((row) => [0, 1, 3].map((cell) => "
            "row.cells[cell].textContent))"
        )

    stages = extensions["plan"]["stages"]
    drawn = [
        {
            "path": ".".join(stage["path"]),
            "field": stage["field"],
            "level": len(stage["path"]),
            "kind": stage["kind"],
            "counts": f"{stage['parents']} → {stage['rows']}",
            "calls": [[call["store"], call["name"]] for call in stage["calls"]],
        }
        for stage in stages
    ]
    assert sorted(rows, key=json.dumps) == sorted(drawn, key=json.dumps)
    assert {row["path"] for row in rows} >= {"bag", "bag.fellows", "routes"}
    trips = Counter((call["store"], len(stage["path"])) for stage in stages for call in stage["calls"])
    assert {store: (int(calls), levels) for store, calls, levels in stores} == {
        store: (
            sums["calls"],
            ", ".join(f"L{level}:\u00a0{trips[store, level]}" for level in range(9) if trips[store, level]),
        )
        for store, sums in extensions["plan"]["stores"].items()
    }
    assert {store for store, _ in trips} == {"records", "graph", "cache"}
    assert page.complaints == []


async def test_other_roles_see_the_restriction_and_can_run_without_a_plan(gateway: ASGIApp, tmp_path: Path) -> None:
    async with open_tab(gateway, tmp_path, token_of(Role.AGENT)) as page:
        await switch(page)
        await run(page, QUERY)
        await says(page, "Only administrators may request the plan")
        await page.evaluate("document.querySelector('.plan-button').focus()")
        await page.press("Enter", 13)
        await says(page, "run without its plan.")
        await page.until("document.querySelector('.graphiql-response').textContent.includes('González')")
        assert await page.evaluate("document.querySelector('.plan [role=switch]').checked") is False


def _plan() -> dict[str, Any]:
    """A plan with more than ``MAX_STAGES`` stages, each with rows, a null, an error and a round trip."""
    trace, timings = Trace(), Timings("records", slow_seconds=1)
    for number in range(MAX_STAGES + 5):
        stage = trace.start_field(("all", f"{LONG}{number}"), f"Query.{LONG}", "batch", 3)
        with stage.waiting():
            timings.add(f"STATEMENT_{number}", 0.001)
        stage.resolved([[1, 2], None, ValueError("Not here.")])
        stage.completed()
    return trace.as_dict()


async def test_a_thousand_stages_with_long_names_do_not_freeze_it(tmp_path: Path) -> None:
    sent: list[dict[str, Any]] = []

    async def answer(request: Request) -> Response:
        if accepts_graphiql(request):
            return graphiql_page(BUILT)
        sent.append(await request.json())
        result = (await graphql(SCHEMA, sent[-1]["query"], {"greeting": "hello"})).formatted
        return JSONResponse({**result, "extensions": {"plan": _plan()}} if "extensions" in sent[-1] else result)

    app = Starlette(routes=[Route("/graphql", answer, methods=["GET", "POST"]), *graphiql_routes(BUILT)])
    async with open_tab(app, tmp_path, "a.b.c") as page:
        await switch(page)
        await run(page, "query Typed { greeting }")
        await says(page, "1,005 stages, 1,000 round trips")
        first = await page.evaluate(ROWS)
        await page.evaluate("document.querySelector('.plan-stages .plan-button').focus()")
        await page.press("Enter", 13)
        await page.until(f"document.querySelectorAll('.plan-stages tbody tr').length === {MAX_STAGES}")
        focused = await page.evaluate("document.activeElement.getAttribute('aria-label')")
        await page.press("Tab", 9)
        await page.press("ArrowDown", 40)
        details = await page.evaluate(
            "document.getElementById(document.activeElement.getAttribute('aria-describedby')).textContent"
        )
        text = await page.evaluate("document.querySelector('.plan').textContent")
        headers = await page.evaluate("[...document.querySelectorAll('.plan-stages th[scope=col]')].length")
        overflows = (
            "[...document.querySelectorAll('.plan, .plan-stages')].some((it) => it.scrollWidth > it.clientWidth)"
        )
        wide = []
        for width in (390, 1400, 4200):
            await page.send(
                "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 500
            )
            wide.append(await page.evaluate(overflows))
        await visit(page, await page.evaluate("location.href"))
        # The first example does not match the schema: its errors show that the schema is loaded.
        await page.until("document.querySelector('.graphiql-query-editor .squiggly-error') !== null")
        remembered = await page.evaluate("document.querySelector('.plan [role=switch]').checked")

    assert len(first) == 100
    assert first[0]["counts"] == "3 → 2"
    assert focused == "Stages"
    assert f"all.{LONG}1Query." in details.replace(" ", "")
    assert "3 parents, 2 rows, 1 null, 1 error" in details
    assert "5 stages after these not shown." in text
    assert headers == 7
    assert wide == [False, False, False]
    assert remembered is True
    assert ["extensions" in question for question in sent] == [False, True, False]
    assert page.complaints == []
