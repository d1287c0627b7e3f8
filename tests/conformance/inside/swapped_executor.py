"""A pytest plugin: tests of another project run on another executor, unchanged.

Only how an executor is obtained is adapted: the class that graphql-core's functions and Strawberry's ``Schema`` take
where none is given. The outcome of each test and how the operations were executed go to a file.
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
    """What the runner says."""
    group = parser.getgroup("conformance")
    group.addoption("--suite", choices=["graphql-core", "strawberry"])
    group.addoption("--executor", choices=["stock", "breadth-first"])
    group.addoption("--outcomes", type=Path)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Gives Strawberry's tests up to 0.324 what they ask for in a later Strawberry: which graphql-core they run on."""
    if not hasattr(strawberry.utils, "IS_GQL_32"):
        strawberry.utils.IS_GQL_32 = False  # type: ignore[attr-defined]


def pytest_configure(config: pytest.Config) -> None:
    """Swaps the executor before any test module is imported."""
    recorder = Recorder(config.getoption("--outcomes"))
    config.pluginmanager.register(recorder)
    if config.getoption("--executor") == "stock":
        return
    executor = counted(recorder.counts)
    if config.getoption("--suite") == "strawberry":
        importlib.import_module("strawberry.schema.schema").StrawberryGraphQLCoreExecutionContext = executor  # type: ignore[attr-defined]
        return
    # Strawberry gives resolvers plain variables, graphql-core's tests expect its own.
    executor.build_resolve_info = IncrementalExecutor.build_resolve_info
    # By this name the package has the function; the module is found by import only.
    execute: Any = importlib.import_module("graphql.execution.execute")
    execute.IncrementalExecutor = execute.ExecutorThrowingOnIncremental = executor


def counted(counts: Counter[str]) -> Any:
    """The executor under test, counting what it executes."""
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
    """Writes down how each test ended: a test fails with any of its phases."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._outcomes: dict[str, str] = {}
        self.counts: Counter[str] = Counter({OPERATIONS: 0, FALLEN_BACK: 0})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A phase of a test is over."""
        if report.when == "call" or not report.passed:
            earlier = self._outcomes.get(report.nodeid)
            self._outcomes[report.nodeid] = "failed" if "failed" in (earlier, report.outcome) else report.outcome

    def pytest_sessionfinish(self) -> None:
        """The run is over."""
        self._file.write_text(json.dumps({"outcomes": self._outcomes, "counts": self.counts}))
