"""A small day of the hub, taken in as Type B text: the recount agrees bag for bag with what GraphQL answers."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest

from benchmarks.bank.compare import Gateway
from benchmarks.bank.records import write_flights
from benchmarks.bank.recount import recounted
from benchmarks.bank.sending import PATH, Text
from benchmarks.bank.writing import Bank
from gateway.config import Settings
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.redis import EmbeddedRedis
from migrations.run import load_graph_schema
from resolvers.actor import Role
from resolvers.installation import Stores
from tests.conftest import Neo4jCredentials, make_database
from tests.gateway import credential, serving, settings_for
from tests.world import OURS, open_stores, tell_graph

DAY = date(2026, 11, 15)
BAGS = 300


@pytest.fixture(scope="module")
async def settings(
    embedded_postgres: EmbeddedPostgres,
    embedded_redis: EmbeddedRedis,
    neo4j_credentials: Neo4jCredentials,
    migrated_template: str,
) -> Settings:
    url = await make_database(embedded_postgres, "bank_test", migrated_template)
    return settings_for(url, embedded_redis.url, neo4j_credentials)


@pytest.fixture(scope="module")
async def stores(settings: Settings) -> AsyncIterator[Stores]:
    async with open_stores(settings) as opened:
        await load_graph_schema(opened.neo4j)
        yield opened


async def chunks(file: Path) -> AsyncIterator[bytes]:
    """The text as it may come over the wire: cut anywhere."""
    with file.open("rb") as text:
        while chunk := text.read(10_000):
            yield chunk


async def test_the_recount_agrees_bag_for_bag(settings: Settings, stores: Stores, tmp_path: Path) -> None:
    """Given a day of 300 bags in disorder, when it is sent twice, then each bag is as the text says, in both stores."""
    file = tmp_path / "day.txt"
    bank = Bank(DAY, 1, BAGS)
    told = bank.write(file)
    await write_flights(stores.postgres, OURS, [bank.day])
    headers = {**credential(Role.SERVICE), "Content-Type": "text/plain"}
    headers["X-Received-At"] = Text.of(file).told_at.isoformat()
    async with serving(settings) as api:
        first = await api.client.post(PATH, content=chunks(file), headers=headers)
        assert first.json()["deadLetters"] == told.broken
        # Scans of tags that could not be read are events of no bag.
        assert told.events <= first.json()["events"] <= told.events * 1.01
        again = await api.client.post(PATH, content=chunks(file), headers=headers)
        assert (again.json()["messages"], again.json()["events"]) == (0, 0)
        await tell_graph(stores)
        answers = list(recounted(file).answers())
        api.client.headers.update(credential(Role.ANALYST))
        gateway = Gateway(api.client)
        found = await gateway.compare(answers)
        assert found.agrees, found.text()
        assert (found.bags, found.others) == (len(answers), 0)
        assert await gateway.not_found(answers) == []
