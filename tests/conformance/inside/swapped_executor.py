"""A pytest plugin that runs another project's unchanged tests on another executor.

It replaces the default executor class of graphql-core's functions and of Strawberry's ``Schema``. It writes the outcome
of each test and the numbers of executed operations to a file.
"""

import importlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import strawberry.utils
from graphql.execution.incremental import IncrementalExecutor

OPERATIONS, FALLEN_BACK = "operations", "fallen back"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options of the runner."""
    group = parser.getgroup("conformance")
    group.addoption("--suite", choices=["graphql-core", "strawberry"])
    group.addoption("--executor", choices=["stock", "breadth-first"])
    group.addoption("--outcomes", type=Path)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Adds a constant that tests of Strawberry up to 0.324 expect and later releases lack."""
    if not hasattr(strawberry.utils, "IS_GQL_32"):
        strawberry.utils.IS_GQL_32 = False  # type: ignore[attr-defined]


def pytest_configure(config: pytest.Config) -> None:
    """Replaces the executor before any test module is imported."""
    recorder = Recorder(config.getoption("--outcomes"))
    config.pluginmanager.register(recorder)
    if config.getoption("--executor") == "stock":
        return
    executor = counted(recorder.counts)
    if config.getoption("--suite") == "strawberry":
        importlib.import_module("strawberry.schema.schema").StrawberryGraphQLCoreExecutionContext = executor  # type: ignore[attr-defined]
        return
    # graphql-core's tests expect graphql-core's variable values; Strawberry passes plain ones to resolvers.
    executor.build_resolve_info = IncrementalExecutor.build_resolve_info
    # The package's attribute of this name is the function; only an import finds the module.
    execute: Any = importlib.import_module("graphql.execution.execute")
    execute.IncrementalExecutor = execute.ExecutorThrowingOnIncremental = executor


def counted(counts: Counter[str]) -> Any:
    """The executor under test, which counts the operations."""
    from schema.execution import BreadthFirstExecutor

    class CountedExecutor(BreadthFirstExecutor):
        def execute_operation(self, serially: bool | None = None) -> Any:
            counts[OPERATIONS] += 1
            return super().execute_operation(serially)

        def _fall_back(self, serially: bool | None) -> Any:
            counts[FALLEN_BACK] += 1
            return super()._fall_back(serially)

    return CountedExecutor


class Recorder:
    """Records the outcome of each test. A test fails if any of its phases fails."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._outcomes: dict[str, str] = {}
        self.counts: Counter[str] = Counter({OPERATIONS: 0, FALLEN_BACK: 0})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Records the outcome of a phase."""
        if report.when == "call" or not report.passed:
            earlier = self._outcomes.get(report.nodeid)
            self._outcomes[report.nodeid] = "failed" if "failed" in (earlier, report.outcome) else report.outcome

    def pytest_sessionfinish(self) -> None:
        """Writes the outcomes to the file."""
        self._file.write_text(json.dumps({"outcomes": self._outcomes, "counts": self.counts}))
