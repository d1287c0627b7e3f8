"""Batches and progress of long runs."""

import pytest

from integrations import progress
from integrations.batches import in_batches
from integrations.progress import ProgressTimer


@pytest.mark.parametrize(
    ("items", "size", "batches"),
    [([], 3, []), ([1, 2], 3, [[1, 2]]), ([1, 2, 3], 3, [[1, 2, 3]]), ([1, 2, 3, 4], 3, [[1, 2, 3], [4]])],
)
def test_batches_hold_every_item_once_and_in_order(items: list[int], size: int, batches: list[list[int]]) -> None:
    assert list(in_batches(items, size)) == batches


def test_a_report_is_due_once_in_an_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    timer = ProgressTimer(2.0)
    due = []
    for second in (101.0, 102.0, 103.0, 104.5, 105.0):
        now[0] = second
        due.append(timer.is_due())

    assert due == [False, True, False, True, False]
    assert timer.rate(50) == 10.0
