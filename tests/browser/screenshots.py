"""Screenshots of the demo guide, taken of the running demo: ``python -m tests.browser.screenshots``.

They show the demo of this checkout as ``docs/COPA_DEMO_GUIDE.md`` starts it, right after ``scripts/reset_demo.sh``, and
replace those in ``docs/images``.
"""

import asyncio
import base64
import json
import os
import signal
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway.demo.address import demo_port
from gateway.demo.keys import FOLDER, demo_secrets
from gateway.http.jwt import issue_token
from resolvers.actor import Role
from tests.browser.chromium import Page, chromium

IMAGES = Path(__file__).parents[2] / "docs" / "images"
# GraphiQL reads the operation's name this long after a tab is opened, and until then sends the previous tab's name.
DELAY_SECONDS = 1.0
LIVE_BAG = (
    'subscription LiveBag { bagUpdated(by: {tag: "CM456785"}) '
    "{ at bag { printedTag state airport pir { reference status } } events { kind airport } } }"
)
GRAPH_AWAY = (
    'query GraphAway { bag(by: {tag: "CM456782"}) { printedTag state '
    "journey { source custodian { name } } fellows { total } } }"
)


async def take_all() -> None:
    """Takes every screenshot; the last ones change the demo's data."""
    port = demo_port(os.environ)
    token = issue_token(demo_secrets()["JWT_SECRET"], Role.SUPERVISOR, 1, timedelta(hours=1))
    with tempfile.TemporaryDirectory() as profile:
        async with chromium(Path(profile)) as page:
            await page.open(f"http://127.0.0.1:{port}/graphql#token={token}")
            await page.until("document.querySelectorAll('.graphiql-tab-button').length > 5")
            await _example(page, "BagJourney", "CM335", "graphiql.png")
            await _example(page, "WorkList", "dueAt", "work_list.png")
            await _graph_away(page)
            await _live_bag(page, port)
            await page.open(f"{os.environ['SENDGRID_MOCK_ENDPOINT']}/_mock/outbox")
            await page.until("document.querySelector('iframe') !== null")
            await asyncio.sleep(DELAY_SECONDS)  # the email is in a frame of another origin, which scripts cannot see
            box = await page.evaluate("document.querySelector('iframe').getBoundingClientRect().toJSON()")
            await _save(page, "messages.png", clip={**box, "scale": 1}, captureBeyondViewport=True)


async def _example(page: Page, name: str, result: str, file: str) -> None:
    """A tab of the first visit, run."""
    await page.evaluate(f"document.querySelector('.graphiql-tab-button[title={json.dumps(name)}]').click()")
    await asyncio.sleep(DELAY_SECONDS)
    await _run(page, result)
    await _save(page, file)


async def _typed(page: Page, name: str, text: str) -> None:
    """A new tab with an operation, formatted."""
    await page.evaluate("document.querySelector('.graphiql-tab-add').click()")
    await page.until("document.querySelector('.graphiql-query-editor textarea') !== null")
    await page.evaluate("document.querySelector('.graphiql-query-editor textarea').focus()")
    await page.send("Input.insertText", text=text)
    await page.until(f"document.querySelector('.graphiql-tab-active').textContent.startsWith({json.dumps(name)})")
    await page.evaluate("document.querySelector('[aria-label^=\"Prettify\"]').click()")


async def _graph_away(page: Page) -> None:
    """A query while Neo4j is frozen."""
    process = int((FOLDER / "neo4j" / "run" / "neo4j.pid").read_text())
    await _typed(page, "GraphAway", GRAPH_AWAY)
    os.kill(process, signal.SIGSTOP)
    try:
        await _run(page, "STORE_UNAVAILABLE")
        await _save(page, "graph_away.png")
    finally:
        os.kill(process, signal.SIGCONT)


async def _live_bag(page: Page, port: int) -> None:
    """A subscription during the walkthrough."""
    await _typed(page, "LiveBag", LIVE_BAG)
    await _run(page, "bagUpdated")
    walkthrough = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "walkthrough", "--url", f"http://127.0.0.1:{port}"),
        stdout=asyncio.subprocess.DEVNULL,
    )
    await page.until("document.querySelector('.graphiql-response').textContent.includes('OUT_FOR_DELIVERY')")
    await _save(page, "live_bag.png")
    if await walkthrough.wait():
        raise SystemExit("The walkthrough failed.")


async def _run(page: Page, result: str) -> None:
    """Runs the operation of the tab by keyboard, and waits for a text in its response."""
    await page.until("document.querySelector('.graphiql-query-editor textarea') !== null")
    await page.evaluate("document.querySelector('.graphiql-query-editor textarea').focus()")
    await page.press("Enter", 13, ctrl=True)
    await page.until(f"document.querySelector('.graphiql-response').textContent.includes({json.dumps(result)})")


async def _save(page: Page, file: str, **part: Any) -> None:
    shot = await page.send("Page.captureScreenshot", **part)
    (IMAGES / file).write_bytes(base64.b64decode(shot["data"]))
    sys.stdout.write(f"docs/images/{file}\n")


if __name__ == "__main__":
    asyncio.run(take_all())
