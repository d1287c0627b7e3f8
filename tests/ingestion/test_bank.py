"""A small day of the hub as Type B text: the recount agrees bag for bag with what GraphQL returns."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest

from benchmarks.bank.compare import GatewayClient
from benchmarks.bank.records import write_flights
from benchmarks.bank.recount import recounted
from benchmarks.bank.sending import PATH, DayText
from benchmarks.bank.writing import Bank
from gateway.config import Settings
from migrations.run import load_graph_schema
from resolvers.actor import Role
from resolvers.installation import Stores
from tests.gateway import credential, serving
from tests.world import OURS, open_stores, project_changes

DAY = date(2026, 11, 15)
BAGS = 300


@pytest.fixture(scope="module")
async def stores(settings: Settings) -> AsyncIterator[Stores]:
    async with open_stores(settings) as opened:
        await load_graph_schema(opened.neo4j)
        yield opened


async def chunks(file: Path) -> AsyncIterator[bytes]:
    """The text in chunks that are cut anywhere, as on the wire."""
    with file.open("rb") as text:
        while chunk := text.read(10_000):
            yield chunk


async def test_the_recount_agrees_bag_for_bag(settings: Settings, stores: Stores, tmp_path: Path) -> None:
    """Given a day of 300 bags out of order, when it is sent twice, then each bag is as expected in both stores."""
    file = tmp_path / "day.txt"
    bank = Bank(DAY, 1, BAGS)
    written = bank.write(file)
    await write_flights(stores.postgres, OURS, [bank.day])
    headers = {**credential(Role.SERVICE), "Content-Type": "text/plain"}
    headers["X-Received-At"] = DayText.of(file).received_at.isoformat()
    async with serving(settings) as api:
        first = await api.client.post(PATH, content=chunks(file), headers=headers)
        assert first.json()["deadLetters"] == written.broken
        # Scans of unreadable tags are events without a bag.
        assert written.events <= first.json()["events"] <= written.events * 1.01
        repeated = await api.client.post(PATH, content=chunks(file), headers=headers)
        assert (repeated.json()["messages"], repeated.json()["events"]) == (0, 0)
        await project_changes(stores)
        expected = list(recounted(file).bags())
        api.client.headers.update(credential(Role.AGENT))
        gateway = GatewayClient(api.client)
        comparison = await gateway.compare(expected)
        assert comparison.agrees, comparison.text()
        assert (comparison.bags, comparison.others) == (len(expected), 0)
        assert await gateway.not_found(expected) == []
