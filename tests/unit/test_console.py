import asyncio
import re
import time

import pytest

from gateway import console


def test_a_line_stands_behind_the_seconds_since_the_setup_began(capsys: pytest.CaptureFixture[str]) -> None:
    console.console({"SETUP_BEGAN": str(time.time() - 60)})("ready")
    console.console({})("ready")
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["60.0", "s", "ready"],
        ["0.0", "s", "ready"],
    ]


async def test_a_step_is_reported_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "REPORT_SECONDS", 0.001)
    said: list[str] = []
    reported = asyncio.Event()

    def say(text: str) -> None:
        said.append(text)
        if len(said) == 3:
            reported.set()

    async with console.step(say, "loading"):
        await reported.wait()
    said_within = len(said)
    await asyncio.sleep(0.01)
    assert len(said) == said_within
    assert said[0] == "loading ..."
    assert all(re.fullmatch(r"loading: \d+ s so far", line) for line in said[1:])
