import asyncio
from time import monotonic

import pytest

from integrations.deadline import deadline, expired, remaining
from integrations.errors import DeadlineExceeded


def test_without_a_deadline_a_call_takes_its_own_time() -> None:
    assert remaining(5.0) == 5.0
    assert not expired()


def test_a_call_gets_what_is_left_of_the_request() -> None:
    with deadline(1.0):
        assert 0.5 < remaining(5.0) <= 1.0
        assert remaining(0.2) == 0.2
    assert remaining(5.0) == 5.0


def test_an_inner_deadline_cannot_outlive_an_outer_one() -> None:
    with deadline(1.0), deadline(60.0):
        assert remaining(5.0) <= 1.0


def test_without_time_left_the_error_comes_before_the_call_and_names_the_store() -> None:
    with deadline(-1.0):
        assert expired()
        with pytest.raises(DeadlineExceeded) as caught:
            remaining(5.0, "graph")
    assert caught.value.extensions["code"] == "DEADLINE_EXCEEDED"
    assert caught.value.extensions["store"] == "graph"


async def test_tasks_of_a_request_share_its_deadline() -> None:
    async def left() -> float:
        return remaining(5.0)

    started = monotonic()
    with deadline(1.0):
        both = await asyncio.gather(left(), asyncio.create_task(left()))
    assert monotonic() - started < 1.0
    assert max(both) <= 1.0
