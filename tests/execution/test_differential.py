"""Both executors return the same responses; ``python -m tests.execution`` compares far more cases."""

import gc
import sys
import warnings
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import pytest
from graphql import parse, validate
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from schema.execution import BreadthFirstExecutor
from tests.execution.comparison import Bench
from tests.execution.reduction import explained
from tests.execution.world import rows

EXAMPLES = 500
# Hypothesis does not shrink: removing parts of the document is faster and yields smaller cases.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)


@pytest.fixture(scope="module")
async def real_rows(postgres_url: str) -> Sequence[Any]:
    return await rows(postgres_url)


@pytest.fixture(scope="module")
def bench(real_rows: Sequence[Any]) -> Bench:
    return Bench(BreadthFirstExecutor, real_rows)


@pytest.fixture
def _collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Collects coroutines and futures of aborted executions here, so that none is reported in an unrelated test.

    What is collected deep in the recursion of a case is dropped: there pytest fails to process it.
    """
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        gc.collect()


@pytest.mark.usefixtures("_collected")
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)
@given(chance=st.randoms(use_true_random=False))
async def test_both_executors_return_the_same_response(bench: Bench, chance: Random) -> None:
    case = bench.case(chance, 12)

    if await bench.differences(case):
        pytest.fail(await explained(bench, case))


def test_the_operations_are_valid(bench: Bench) -> None:
    for number in range(200):
        case = bench.case(Random(number), 30)
        assert validate(bench.schema, parse(case.operation.text)) == [], case
