"""Short run of ``python -m benchmarks.bank load``, which checks the result, not the speed."""

import pytest

from benchmarks.bank.installation import BankInstallation
from benchmarks.bank.load import load
from tests.ingestion.conftest import BAGS

pytestmark = pytest.mark.long


async def test_events_at_a_steady_rate_are_stored_and_recounted(installation: BankInstallation) -> None:
    figures, _ = await load(installation, rate=250.0, seconds=8.0, warm_seconds=3.0, progress=print)
    agreed = " bags compared: 0 differ, 0 are missing, 0 behind in the graph; 0 bags are not of this text"
    assert figures["recount"].endswith(agreed)
    assert int(figures["recount"].removesuffix(agreed)) >= BAGS
    assert figures["graph check"] == "clean"
