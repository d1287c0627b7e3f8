"""``python -m benchmarks.bank crash`` in short: each of the product's processes and stores is killed once."""

import pytest

from benchmarks.bank.bed import Bed
from benchmarks.bank.crash import crash

# The projector is killed first: its lanes are free 24 s later, whatever else happens meanwhile.
SEED = 13

pytestmark = pytest.mark.long


async def test_nothing_is_lost_while_everything_is_killed(bed: Bed) -> None:
    figures, good = await crash(bed, kills=5, seconds=6.0, seed=SEED, say=print)
    assert good, figures
    assert figures["killed"] == "cache 1, database 1, gateway 1, graph 1, projector 1"
