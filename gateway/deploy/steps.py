"""Steps of a deployment: each is repeatable, and says what it would do or that it is done."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.errors import CommandError
from integrations.embedded.process import StartError
from integrations.errors import OutsideError
from integrations.progress import Progress
from migrations.run import MigrationError
from seeds import AlreadyInUse


class Finding(NamedTuple):
    """The state of what a step is to reach, found without a change.

    Args:
        done: whether the step has nothing to do.
        text: the evidence for it; otherwise what the step would do, behind "would".
    """

    done: bool
    text: str


@dataclass(frozen=True, slots=True)
class DeploymentStep:
    """One step.

    Args:
        name: one word, for ``--from``.
        purpose: what it does, behind "would".
        run: does it and returns a summary; repeatable.
        inspect: finds its state; None for a step that only reads, which runs each time.
    """

    name: str
    purpose: str
    run: Callable[[], Awaitable[str]]
    inspect: Callable[[], Awaitable[Finding]] | None = None


class StepRunner:
    """Runs steps in order; a step that is done says so.

    Args:
        progress: receives a line at the beginning and the end of a step.
        names: names of all steps, in order.
        first: name of the step to begin with; those before it are left out.
        dry_run: change nothing, and report what would happen. A step behind one that would change something is not
            inspected, since its state follows from that one.
    """

    def __init__(
        self, progress: Progress, names: Sequence[str], *, first: str | None = None, dry_run: bool = False
    ) -> None:
        self._progress = progress
        self._names = list(names)
        self._left_out = self._names[: self._names.index(first)] if first else []
        self._dry_run = dry_run
        self._would_change = False

    async def run(self, *steps: DeploymentStep) -> None:
        """Runs steps.

        Raises:
            CommandError: a step failed; the message names it. The steps before it are done.
        """
        for step in steps:
            label = f"{self._names.index(step.name) + 1}/{len(self._names)} {step.name}"
            if step.name in self._left_out:
                self._progress(f"{label}: left out")
            elif self._would_change:
                self._progress(f"{label}: would {step.purpose}")
            else:
                try:
                    await self._run(step, label)
                except (CommandError, StartError, OutsideError, MigrationError, AlreadyInUse) as error:
                    raise CommandError(f"Step {label} failed. {error}") from error

    async def _run(self, step: DeploymentStep, label: str) -> None:
        finding = await step.inspect() if step.inspect else None
        if finding is not None and finding.done:
            self._progress(f"{label}: done before: {finding.text}")
        elif finding is not None and self._dry_run:
            self._progress(f"{label}: would {finding.text}")
            self._would_change = True
        else:
            self._progress(f"{label} ...")
            self._progress(f"{label}: {await step.run()}")
