"""Short run of ``python -m benchmarks.bank fuzz``: each mutated message is read right, or is a dead letter."""

import httpx
import pytest

from benchmarks.bank.fuzz import fuzz
from benchmarks.bank.fuzzing import DAMAGING, ENCODINGS, KEEPING, cases
from benchmarks.bank.records import write_flights
from benchmarks.bank.writing import Bank
from gateway.config import Settings
from resolvers.actor import Role
from tests.gateway import credential, serving
from tests.ingestion.test_free_day import LAST_DAY
from tests.world import OURS, open_stores

CASES = 200
SEED = 1


@pytest.fixture(scope="module")
async def settings(settings: Settings) -> Settings:
    """Settings with a database that holds the flights of a day."""
    async with open_stores(settings) as stores:
        await write_flights(stores.postgres, OURS, [Bank(LAST_DAY, 1, 1).day])
    return settings


async def test_mutated_messages_are_read_right_or_dead_letters(settings: Settings) -> None:
    async with serving(settings) as api:
        sender, asker = (
            httpx.AsyncClient(
                transport=api.client._transport, base_url="http://gateway", headers=credential(role), timeout=30.0
            )
            for role in (Role.SERVICE, Role.AGENT)
        )
        async with sender, asker:
            report = await fuzz(sender, asker, list(cases(CASES, SEED)))
    assert report.agrees, report.text()
    assert report.read > CASES / 2


def test_the_cases_use_every_mutation() -> None:
    used = {name for case in cases(2_000, SEED) for name in case.mutations}
    assert used == KEEPING.keys() | DAMAGING.keys() | ENCODINGS.keys()
