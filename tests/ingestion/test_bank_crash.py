"""Short run of ``python -m benchmarks.bank crash``: each process and each store is killed once."""

import pytest

from benchmarks.bank.crash import crash
from benchmarks.bank.installation import BankInstallation

# With this seed the projector is killed first: its lanes are free 24 s later, so that the other kills run meanwhile.
SEED = 13

pytestmark = pytest.mark.long


async def test_nothing_is_lost_while_everything_is_killed(installation: BankInstallation) -> None:
    figures, correct = await crash(installation, kills=5, seconds=6.0, seed=SEED, progress=print)
    assert correct, figures
    assert figures["killed"] == "cache 1, database 1, gateway 1, graph 1, projector 1"
