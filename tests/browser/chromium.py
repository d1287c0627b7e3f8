"""A page in headless Chromium, driven over its DevTools protocol: https://chromedevtools.github.io/devtools-protocol/."""

import asyncio
import itertools
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

# No sandbox, because tests may run as root; no background services, because they connect to other hosts.
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,900",
    "--remote-debugging-port=0",
]
INSTALLED = Path(__file__).parents[2] / ".tools" / "chromium" / "run"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", str(INSTALLED))
PATIENCE = 30.0  # seconds for each step, enough for a loaded machine


class Page:
    """One page and its workers. Records each requested address and each console error."""

    def __init__(self, connection: ClientConnection) -> None:
        self.requested: list[str] = []
        self.complaints: list[str] = []
        self._connection = connection
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._session: str | None = None

    async def open(self, url: str) -> None:
        """Show `url` in a new tab."""
        target = await self.send("Target.createTarget", url="about:blank")
        attached = await self.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        await self._watch(attached["sessionId"])
        await self.send("Page.navigate", url=url)

    async def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, or of the promise it makes; it must fit JSON."""
        answer = await self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait for a JavaScript expression to become true."""
        look = f"const look = () => ({expression}) ? resolve(true) : setTimeout(look, 50); look()"
        await self.evaluate(f"new Promise((resolve) => {{ {look} }})")

    async def press(self, key: str, code: int, *, ctrl: bool = False) -> None:
        """Press and release a key on the focused element, by its name and its Windows key code."""
        typed = "" if ctrl else {"Enter": "\r", " ": " "}.get(key, "")
        held: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 2 if ctrl else 0}
        await self.send("Input.dispatchKeyEvent", type="keyDown" if typed else "rawKeyDown", text=typed, **held)
        await self.send("Input.dispatchKeyEvent", type="keyUp", **held)

    async def send(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its result."""
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        addressee = {"sessionId": session or self._session} if session or self._session else {}
        await self._connection.send(json.dumps({"id": number, "method": method, "params": parameters, **addressee}))
        async with asyncio.timeout(PATIENCE):
            return await answer

    async def listen(self) -> None:
        """Receive results and events until the connection closes."""
        async with asyncio.TaskGroup() as group:
            async for text in self._connection:
                message = json.loads(text)
                if "id" not in message:
                    self._note(message["method"], message["params"], group)
                elif not (answer := self._answers.pop(message["id"])).done():
                    answer.set_result(message.get("result", message))

    def _note(self, method: str, event: dict[str, Any], group: asyncio.TaskGroup) -> None:
        if method == "Network.requestWillBeSent":
            self.requested.append(event["request"]["url"])
        elif method == "Runtime.exceptionThrown" or (
            method == "Runtime.consoleAPICalled" and event["type"] in ("error", "warning", "assert")
        ):
            self.complaints.append(json.dumps(event))
        elif method == "Log.entryAdded" and event["entry"]["level"] in ("error", "warning"):
            self.complaints.append(json.dumps(event["entry"]))
        elif method == "Target.attachedToTarget" and event["waitingForDebugger"]:
            group.create_task(self._watch(event["sessionId"]))

    async def _watch(self, session: str) -> None:
        for method in ("Network.enable", "Runtime.enable", "Log.enable"):
            await self.send(method, session)
        await self.send("Target.setAutoAttach", session, autoAttach=True, waitForDebuggerOnStart=True, flatten=True)
        await self.send("Runtime.runIfWaitingForDebugger", session)


def find_chromium() -> str:
    """The path of the system's Chromium, or of the one that scripts/test.sh installs."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        pytest.fail("Chromium is missing: scripts/test.sh installs it.")
    return found


@asynccontextmanager
async def chromium(profile: Path) -> AsyncIterator[Page]:
    """Start Chromium with `profile`, an empty folder, and yield an empty page."""
    process = await asyncio.create_subprocess_exec(
        find_chromium(), *FLAGS, f"--user-data-dir={profile}", stderr=asyncio.subprocess.DEVNULL
    )
    address = profile / "DevToolsActivePort"
    try:
        async with asyncio.timeout(PATIENCE):
            while not (address.exists() and "\n" in address.read_text()):  # noqa: ASYNC110 Chromium sends no signal
                await asyncio.sleep(0.05)
        port, path = address.read_text().split("\n")[:2]
        async with connect(f"ws://127.0.0.1:{port}{path}", max_size=None, proxy=None) as connection:
            page = Page(connection)
            listening = asyncio.create_task(page.listen())
            try:
                yield page
            finally:
                listening.cancel()
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
