"""Steps of a deployment: order, what is done already, dry runs, failures."""

import pytest

from gateway.deploy.steps import DeploymentStep, Finding, StepRunner
from gateway.errors import CommandError
from integrations.errors import Unavailable

NAMES = ("read", "done", "change", "last")


class Deployment:
    """Four steps that record what they do."""

    def __init__(self, error: Exception | None = None) -> None:
        self.ran: list[str] = []
        self.inspected: list[str] = []
        self.lines: list[str] = []
        self._error = error

    def steps(self) -> list[DeploymentStep]:
        return [
            DeploymentStep("read", "read", self._run("read")),
            DeploymentStep("done", "do it", self._run("done"), self._inspect("done", Finding(True, "as it should be"))),
            DeploymentStep(
                "change", "change it", self._run("change"), self._inspect("change", Finding(False, "change two things"))
            ),
            DeploymentStep("last", "finish", self._run("last"), self._inspect("last", Finding(False, "finish"))),
        ]

    async def run(self, **options: object) -> list[str]:
        await StepRunner(self.lines.append, NAMES, **options).run(*self.steps())  # type: ignore[arg-type]
        return self.lines

    def _run(self, name: str):
        async def run() -> str:
            self.ran.append(name)
            if self._error is not None:
                raise self._error
            return "finished"

        return run

    def _inspect(self, name: str, finding: Finding):
        async def inspect() -> Finding:
            self.inspected.append(name)
            return finding

        return inspect


async def test_a_step_that_is_done_is_not_repeated() -> None:
    deployment = Deployment()
    lines = await deployment.run()
    assert deployment.ran == ["read", "change", "last"]
    assert lines[:3] == ["1/4 read ...", "1/4 read: finished", "2/4 done: done before: as it should be"]


async def test_a_dry_run_reads_and_does_not_inspect_behind_a_change() -> None:
    deployment = Deployment()
    lines = await deployment.run(dry_run=True)
    assert deployment.ran == ["read"]
    assert deployment.inspected == ["done", "change"]
    assert lines[-2:] == ["3/4 change: would change two things", "4/4 last: would finish"]


async def test_a_run_begins_with_a_step() -> None:
    deployment = Deployment()
    lines = await deployment.run(first="change")
    assert deployment.ran == ["change", "last"]
    assert lines[:2] == ["1/4 read: left out", "2/4 done: left out"]


async def test_a_failure_names_the_step_and_ends_the_run() -> None:
    deployment = Deployment(Unavailable("records", "refused"))
    with pytest.raises(CommandError, match=r"^Step 1/4 read failed\. records: refused$"):
        await deployment.run()
    assert deployment.ran == ["read"]
