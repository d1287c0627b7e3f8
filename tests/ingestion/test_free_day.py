"""A small day whose senders use every freedom: the recount agrees with what GraphQL returns."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from random import Random

import pytest

from benchmarks.bank.compare import GatewayClient
from benchmarks.bank.freedoms import ALL
from benchmarks.bank.receipt import Receipt, requests
from benchmarks.bank.records import write_flights
from benchmarks.bank.recount import ExpectedBag, recount_of
from benchmarks.bank.sending import post
from benchmarks.bank.writing import Bank
from gateway.config import Settings
from migrations.run import load_graph_schema
from resolvers.actor import Role
from resolvers.installation import Stores
from tests.gateway import credential, serving
from tests.world import OURS, open_stores, project_changes

LAST_DAY = date(2026, 11, 15)
BAGS = 75


@pytest.fixture(scope="module")
def banks() -> list[Bank]:
    """A day for each way of receipt: days share no tags."""
    return [Bank(LAST_DAY - timedelta(days=age), 1, BAGS, ALL) for age in reversed(range(len(Receipt)))]


@pytest.fixture(scope="module")
async def stores(settings: Settings, banks: list[Bank]) -> AsyncIterator[Stores]:
    async with open_stores(settings) as opened:
        await load_graph_schema(opened.neo4j)
        await write_flights(opened.postgres, OURS, [bank.day for bank in banks])
        yield opened


async def test_every_bag_agrees_however_a_day_is_received(
    settings: Settings, stores: Stores, banks: list[Bank]
) -> None:
    """Given days in order, shuffled, doubled and with receipt times, then each bag is as expected in both stores."""
    expected: list[ExpectedBag] = []
    wrong: list[str] = []
    async with serving(settings) as api:
        for receipt, bank in zip(Receipt, banks, strict=True):
            _, arrivals = bank.arrivals()
            sent = requests(arrivals, receipt, bank.day.received_at, Random(1))
            recount = recount_of(sent, bank.departed())
            expected += recount.bags()
            api.client.headers.update(credential(Role.SERVICE))
            counts = [await post(api.client, request) for request in sent]
            dead = sum(one["deadLetters"] for one in counts)
            if dead not in recount.reader.tally.dead_letters:
                wrong.append(f"{receipt}: {dead} dead letters, expected {recount.reader.tally.dead_letters}")
        await project_changes(stores)
        api.client.headers.update(credential(Role.AGENT))
        comparison = await GatewayClient(api.client).compare(expected)
    assert not wrong, "\n".join([*wrong, comparison.text()])
    assert comparison.agrees, comparison.text()
    assert (comparison.bags, comparison.others) == (len(expected), 0)
