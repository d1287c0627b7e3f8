"""The command line: ``python -m tests.conformance graphql-core`` or ``strawberry``."""

# A command line prints.
# ruff: noqa: T201

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.suites import SUITES, FetchError, environment

HERE = Path(__file__).parent
FINISHED = (0, 1)  # pytest's exit codes of complete runs: all passed, some failed


@dataclass(frozen=True, slots=True)
class Answers:
    """Outcomes by test on one executor, and the numbers of operations."""

    outcomes: Mapping[str, str]
    counts: Mapping[str, int]

    def of(self, outcome: str) -> set[str]:
        """The tests with this outcome."""
        return {test for test, ended in self.outcomes.items() if ended == outcome}


class Unfinished(Exception):
    """pytest did not complete its run."""


def main(arguments: Sequence[str]) -> int:
    """Runs one suite; returns 1 if a test fails that is not accepted, or if the list of accepted tests is wrong."""
    parsed, others = parser().parse_known_args(arguments)
    suite = SUITES[parsed.suite]
    try:
        root, described = suite.fetch(parsed.source)
        tests = [path for path in suite.paths if (root / path).exists()]
        command = [str(environment()), "-m", "pytest", "-p", "swapped_executor", "--suite", suite.name]
        command += ["-p", "no:cacheprovider", "--quiet", "--timeout=30", *others, *tests]
        if parsed.k:
            command += ["-k", parsed.k]
        # Tests of another version than the installed one may fail on the stock executor too; they do not count.
        stock = answers([*command, "--executor", "stock"], root, shown=parsed.executor == "stock")
        print(
            f"\n{described}, stock executor: {len(stock.of('passed'))} passed, {len(stock.of('failed'))} failed",
            flush=True,
        )
        if parsed.executor == "stock":
            return 1 if stock.of("failed") else 0
        tested = answers([*command, "--executor", "breadth-first"], root, shown=True)
    except (FetchError, Unfinished) as error:
        print(error, file=sys.stderr)
        return 1
    listed = tomllib.loads((HERE / "accepted.toml").read_text()).get(suite.name, [])
    accepted = {test for group in listed for test in group["tests"]}
    return judge(described, stock, tested, accepted, whole=not (parsed.k or others))


def parser() -> argparse.ArgumentParser:
    """Parser of the command line. Unknown options are passed to pytest."""
    made = argparse.ArgumentParser(
        prog="python -m tests.conformance",
        description="Runs another project's tests on this project's executor; further options go to pytest.",
        allow_abbrev=False,
    )
    made.add_argument("suite", choices=SUITES)
    made.add_argument("--source", help="a clone of Strawberry's repository; cloned if absent")
    made.add_argument("--executor", choices=["stock", "breadth-first"], default="breadth-first")
    made.add_argument("-k", help="run only matching tests, as in pytest")
    return made


def answers(command: Sequence[str], root: Path, *, shown: bool) -> Answers:
    """Runs the tests.

    Raises:
        Unfinished: A module could not be imported, an option was wrong, or pytest crashed.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "outcomes.json"
        # The root of the tests precedes this project: both have a package named ``tests``.
        path = os.pathsep.join([str(HERE / "inside"), str(root), str(HERE.parents[1])])
        done = subprocess.run(
            [*command, "--outcomes", str(file)],
            cwd=root,
            env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=None if shown else subprocess.PIPE,
            stderr=None if shown else subprocess.STDOUT,
            check=False,
        )
        if done.returncode not in FINISHED:
            raise Unfinished((done.stdout or b"").decode(errors="replace") + f"pytest ended with {done.returncode}")
        return Answers(**json.loads(file.read_text()))


def judge(described: str, stock: Answers, tested: Answers, accepted: Set[str], *, whole: bool) -> int:
    """Prints the result and returns the exit code."""
    failed = tested.of("failed") - stock.of("failed")
    wrong = failed - accepted
    passing = tested.of("passed") & accepted
    unknown = accepted - tested.outcomes.keys() if whole else set()
    lost = stock.of("passed") - tested.outcomes.keys()
    for tests, what in ((wrong, "FAILED"), (passing, "accepted, but passes"), (unknown, "accepted, but missing")):
        for test in sorted(tests):
            print(f"{what}: {test}")
    operations, fallen = tested.counts["operations"], tested.counts["fallen back"]
    print(
        f"{described}: {len(tested.of('passed'))} passed, {len(failed) - len(wrong)} accepted, {len(wrong)} failed; "
        f"{len(tested.of('failed') & stock.of('failed'))} fail on the stock executor too; {len(lost)} did not run\n"
        f"operations: {operations - fallen} breadth-first, {fallen} handed to the stock executor"
    )
    return 1 if wrong or passing or unknown or lost else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
