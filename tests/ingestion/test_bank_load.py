"""``python -m benchmarks.bank load`` in short: whether it is right, not whether it is fast."""

import pytest

from benchmarks.bank.bed import Bed
from benchmarks.bank.load import load

pytestmark = pytest.mark.long


async def test_a_steady_rate_is_taken_and_recounted(bed: Bed) -> None:
    figures, _ = await load(bed, rate=250.0, seconds=8.0, warm=3.0, say=print)
    agreed = "300 bags compared: 0 differ, 0 are not there, 0 behind in the graph; 0 bags are not of this text"
    assert figures["recount"] == agreed
    assert figures["graph check"] == "clean"
