"""Both executors answer the same; ``python -m tests.execution`` asks far more."""

import gc
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
# What fails is made smaller by leaving out parts of the document, which is quicker and ends with less.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)


@pytest.fixture(scope="module")
async def real_rows(postgres_url: str) -> Sequence[Any]:
    return await rows(postgres_url)


@pytest.fixture(scope="module")
def bench(real_rows: Sequence[Any]) -> Bench:
    return Bench(BreadthFirstExecutor, real_rows)


@pytest.fixture
def _collected() -> Iterator[None]:
    """Coroutines of executions that broke off are collected here, not in a test that has nothing to do with them."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        gc.collect()


@pytest.mark.usefixtures("_collected")
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)
@given(chance=st.randoms(use_true_random=False))
async def test_both_executors_answer_the_same(bench: Bench, chance: Random) -> None:
    case = bench.case(chance, 12)

    if await bench.differences(case):
        pytest.fail(await explained(bench, case))


def test_the_operations_are_valid(bench: Bench) -> None:
    for number in range(200):
        case = bench.case(Random(number), 30)
        assert validate(bench.schema, parse(case.operation.text)) == [], case
