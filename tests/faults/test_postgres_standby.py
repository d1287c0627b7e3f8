"""A streaming standby: it answers analysts with the age of its data, and takes over from a lost primary."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from gateway.config import Settings
from integrations.errors import OutsideError, Unavailable
from integrations.records.analytics import Age
from integrations.stores.postgres import analytics
from integrations.stores.postgres.manager import PostgresManager
from migrations.run import migrate
from tests.conftest import Neo4jCredentials
from tests.faults.processes import eventually, frozen, healthy
from tests.gateway import Api, serving, settings_for
from tests.postgres_pair import PrimaryPostgres, StandbyPostgres, running_pair
from tests.world import open_stores, our_day

pytestmark = pytest.mark.long

Pair = tuple[PrimaryPostgres, StandbyPostgres]
REPORT = """
    { mishandled(from: "2025-06-30", to: "2025-07-31", by: WEEK) { age { asOf fromReplica } rows { key bags } } }
"""
ADD = "INSERT INTO written (number) VALUES ($1)"


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with running_pair(tmp_path) as pair:
        yield pair


def both(pair: Pair) -> str:
    """The URL that names both servers."""
    primary, standby = pair
    return primary.url.replace(f":{primary.port}/", f":{primary.port},127.0.0.1:{standby.port}/")


async def report(api: Api) -> tuple[dict[str, Any], int]:
    """Age and number of bags of the analysts' report."""
    [found] = (await api.ask(REPORT)).values()
    return found["age"], sum(row["bags"] for row in found["rows"])


async def test_a_standby_answers_analysts_with_the_age_of_its_data(
    pair: Pair, redis_url: str, neo4j_credentials: Neo4jCredentials
) -> None:
    primary, standby = pair
    plain = settings_for(primary.url, redis_url, neo4j_credentials).model_dump(exclude_unset=True)
    settings = Settings(**{**plain, "postgres_replica_url": standby.url})
    async with open_stores(settings) as stores, serving(settings) as api:
        await migrate(stores.postgres, print)
        build = await our_day(stores)

        async def current() -> bool:
            age, bags = await report(api)
            return bool(age["fromReplica"] and bags)

        await eventually(current)
        age, bags = await report(api)
        assert datetime.now(UTC) - datetime.fromisoformat(age["asOf"]) < timedelta(seconds=5)

        # It falls behind: the report is that of the past, and says so.
        await standby.delay(hours=5)
        await asyncio.sleep(0.5)
        written_at = datetime.now(UTC)
        await build.stores.postgres.execute("UPDATE bags SET deleted = true", name="DELETE")

        async def behind() -> bool:
            age, _ = await report(api)
            return datetime.fromisoformat(age["asOf"]) < written_at

        await eventually(behind)
        assert (await report(api))[1] == bags
        await standby.delay(hours=0)

        async def caught_up() -> bool:
            return (await report(api))[1] == 0

        await eventually(caught_up)

        # It is away: the primary answers.
        await standby.stop()

        async def from_primary() -> bool:
            response = await api.send(REPORT)
            return "errors" not in response.json() and not (await report(api))[0]["fromReplica"]

        await eventually(from_primary)
        await standby.start()

        async def from_replica() -> bool:
            return bool((await report(api))[0]["fromReplica"])

        await eventually(from_replica)


async def test_a_standby_without_its_primary_knows_that_its_data_are_old(pair: Pair) -> None:
    primary, standby = pair
    manager = PostgresManager(primary.url, replica_url=standby.url)
    await manager.connect()
    await make_table(manager, standby)
    await primary.kill()

    async def known() -> Age | None:
        found = await analytics.age(manager.analytics)
        return found if datetime.now(UTC) - found.as_of > timedelta(seconds=1) else None

    await eventually(known)
    stale = await known()
    await asyncio.sleep(1.0)
    assert await known() == stale, "it does not become younger"
    await manager.disconnect()


async def make_table(manager: PostgresManager, standby: StandbyPostgres) -> None:
    """Makes a table with the number 1, and waits until the standby has it: streaming is asynchronous."""
    await manager.execute("CREATE TABLE written (number int)")
    await manager.execute(ADD, 1)
    follower = PostgresManager(standby.url, is_replica=True)
    await follower.connect()

    async def arrived() -> bool:
        with suppress(OutsideError):
            return bool(await follower.fetchval("SELECT number FROM written"))
        return False

    await eventually(arrived)
    await follower.disconnect()


async def until_written(manager: PostgresManager) -> None:
    """Writes until a write succeeds."""

    async def written() -> bool:
        try:
            await manager.execute(ADD, 0, name="ADD")
        except Unavailable:
            return False
        return True

    await eventually(written, 20)


async def test_analysts_of_a_standby_that_restarted_alone_see_the_time_of_its_checkpoint(pair: Pair) -> None:
    """Given a standby that has replayed nothing since its start, then its data have an age nevertheless."""
    primary, standby = pair
    manager = PostgresManager(primary.url, replica_url=standby.url)
    await manager.connect()
    await make_table(manager, standby)
    await primary.kill()
    await standby.stop()
    stopped = datetime.now(UTC)
    await standby.start()

    async def known() -> Age | None:
        with suppress(Unavailable):
            return await analytics.age(manager.analytics)
        return None

    await eventually(known)
    found = await known()
    assert found is not None
    assert stopped - timedelta(minutes=5) < found.as_of < stopped
    await manager.disconnect()


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_writes_go_on_after_the_standby_is_promoted(pair: Pair, how: str) -> None:
    """Given a URL with both servers, then the promoted one is found, also where the former primary hangs."""
    primary, standby = pair
    manager = PostgresManager(both(pair))
    await manager.connect()
    await make_table(manager, standby)
    with frozen(primary) if how == "frozen" else nullcontext():
        if how == "killed":
            await primary.kill()
        with pytest.raises(Unavailable):
            await manager.execute(ADD, 2)
        started = monotonic()
        await standby.promote()
        await until_written(manager)
        assert monotonic() - started < 8
    assert await healthy(manager)
    assert await manager.fetchval("SELECT count(*) FROM written WHERE number = 1") == 1
    await manager.disconnect()


async def test_a_standby_alone_is_no_primary(pair: Pair) -> None:
    """Given a lost primary whose standby is not promoted, then writes are unavailable and nothing is half done."""
    primary, _ = pair
    manager = PostgresManager(both(pair))
    await manager.connect()
    await primary.kill()

    async def down() -> bool:
        with suppress(OutsideError):
            await manager.fetchval("SELECT 1")
        return not manager.is_up

    await eventually(down)
    with pytest.raises(Unavailable):
        await manager.fetchval("SELECT 1")
    await primary.start()
    await eventually(lambda: healthy(manager))
    await manager.disconnect()
