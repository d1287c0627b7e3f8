"""The drill of a restore as in docs/PRODUCTION_SETUP.md: PostgreSQL to a point in time, then graph, ids and effects."""

import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from neo4j import AsyncGraphDatabase

from gateway.config import Settings
from gateway.graph_commands import check_graph, rebuild_graph
from integrations.embedded.postgres import ROLE, EmbeddedPostgres
from migrations.run import load_graph_schema, migrate
from resolvers.actor import Role
from resolvers.installation import Stores
from tests.conftest import Neo4jCredentials
from tests.faults.processes import eventually
from tests.gateway import Api, serving, settings_for
from tests.world import OURS, open_stores, our_day, project_changes

pytestmark = pytest.mark.long

GUIDE = (Path(__file__).parents[2] / "docs" / "PRODUCTION_SETUP.md").read_text()
CREATE = "mutation($input: CreatePirInput!) { createPir(input: $input) { pir { id } userErrors { code message } } }"
RECORD = """
    mutation($input: RecordScansInput!) { recordScans(input: $input) {
      userErrors { code } results { outcome eventId bag { id } } } }
"""
KEPT, LOST = "0125200001", "0125200002"
TAGS = "SELECT number FROM bag_tags WHERE number IN ('0125200001', '0125200002') ORDER BY number"
IDS = "SELECT max(id) FROM bags UNION ALL SELECT max(id) FROM pirs UNION ALL SELECT max(id) FROM effects"
WAITING = "SELECT id FROM effects WHERE state IN ('PENDING', 'SENDING', 'UNSETTLED')"


class ArchivingPostgres(EmbeddedPostgres):
    """A server that archives its log, and whose role may make base backups."""

    @property
    def archive(self) -> Path:
        return self._data.parent / "archive"

    @property
    def backup(self) -> Path:
        return self._data.parent / "backup"

    async def _initialise(self) -> None:
        await super()._initialise()
        statement = f"ALTER ROLE {ROLE} REPLICATION;\n"
        await self._run("postgres", "--single", "-D", str(self._data), "postgres", text=statement)
        for folder in (self.archive, self.backup):
            folder.mkdir()
            if account := self._account():
                os.chown(folder, *account)
        self._settings = {
            **self._settings,
            "archive_mode": "on",
            "archive_command": f"test ! -f {self.archive}/%f && cp %p {self.archive}/%f",
        }

    async def make_base_backup(self) -> None:
        """The backup of every night."""
        await self._run(
            "pg_basebackup",
            *(f"--dbname={self.url}", f"--pgdata={self.backup}", "--checkpoint=fast", "--wal-method=stream"),
        )

    async def restore(self, target_time: str) -> None:
        """Replaces the data by those of a point in time."""
        await self.stop()
        shutil.rmtree(self._data)
        self.backup.rename(self._data)
        self._data.chmod(0o700)
        with (self._data / "postgresql.auto.conf").open("a") as file:
            file.write(f"restore_command = 'cp {self.archive}/%f %p'\n")
            file.write(f"recovery_target_time = '{target_time}'\n")
            file.write("recovery_target_action = 'promote'\n")
        recovery = self._data / "recovery.signal"
        recovery.touch()
        if account := self._account():
            os.chown(recovery, *account)
        await self.start()

        async def promoted() -> bool:
            connection = await asyncpg.connect(self.url)
            try:
                return not await connection.fetchval("SELECT pg_is_in_recovery()")
            finally:
                await connection.close()

        await eventually(promoted, 30)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ArchivingPostgres]:
    server = ArchivingPostgres(tmp_path / "postgres", durable=True)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def settings(server: ArchivingPostgres, redis_url: str, neo4j_credentials: Neo4jCredentials) -> Settings:
    return settings_for(server.url, redis_url, neo4j_credentials)


async def scan(api: Api, tag: str) -> None:
    """Records a scan of a new tag."""
    scans = [{"tag": tag, "kind": "SORTED", "at": "2025-07-01T16:00:00Z", "airport": "PTY", "place": "SORTER1"}]
    recorded = (await api.ask(RECORD, Role.SERVICE, input={"scans": scans}))["recordScans"]
    assert [result["outcome"] for result in recorded["results"]] == ["RECORDED"]


async def open_pir(api: Api, bag: str, key: str) -> str:
    """Opens a PIR under an idempotency key; returns its id."""
    fields = {"kind": "DELAYED", "bags": [{"by": {"id": bag}}], "station": "PTY", "idempotencyKey": key}
    created = (await api.ask(CREATE, input=fields))["createPir"]
    assert created["userErrors"] == []
    return str(created["pir"]["id"])


def from_the_guide(language: str) -> str:
    """The statements in this language of the guide that run after a restore."""
    section = GUIDE.partition("## Backup and restore")[2]
    [statements] = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    return str(statements)


async def run_statements(server: EmbeddedPostgres, statements: str) -> None:
    connection = await asyncpg.connect(server.url)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


async def empty_graph(settings: Settings) -> None:
    auth = (settings.neo4j_user, settings.neo4j_password.get_secret_value())
    async with AsyncGraphDatabase.driver(settings.neo4j_uri, auth=auth) as driver, driver.session() as session:
        await (await session.run(from_the_guide("cypher"))).consume()


async def numbers(stores: Stores, query: str) -> list[Any]:
    return [row[0] for row in await stores.postgres.fetch(query)]


async def test_a_restore_to_a_point_in_time(server: ArchivingPostgres, settings: Settings) -> None:
    """Given a base backup and the archived log, then everything agrees with the records of that time."""
    async with open_stores(settings) as stores, serving(settings) as api:
        await migrate(stores.postgres, print)
        await load_graph_schema(stores.neo4j)
        ours = await our_day(stores)
        await server.make_base_backup()
        kept = await open_pir(api, ours.id("Bag", "delivered"), "key-before-the-time")
        await scan(api, KEPT)
        # The effects of the kept PIR are sent after the time: the restored records do not know it.
        time = (await stores.postgres.fetchval("SELECT clock_timestamp()")).isoformat()
        await stores.postgres.execute("UPDATE effects SET state = 'ACCEPTED', settled_at = now()")
        await scan(api, LOST)
        lost = await open_pir(api, ours.id("Bag", "loaded"), "key-after-the-time")
        used = await numbers(stores, IDS)
        await project_changes(stores)
        assert await check_graph(stores, OURS, print) == 0

    await server.restore(time)

    async with open_stores(settings) as stores, serving(settings) as api:
        assert await migrate(stores.postgres, print) == [], "the migrations are known"
        assert await numbers(stores, TAGS) == [KEPT]
        assert await check_graph(stores, OURS, print) == 1, "the graph is of a later time"
        await empty_graph(settings)
        assert await rebuild_graph(stores, OURS, print) == 0
        await project_changes(stores)
        assert await check_graph(stores, OURS, print) == 0

        assert await numbers(stores, WAITING), "they would be sent again"
        await run_statements(server, from_the_guide("sql"))
        assert await numbers(stores, WAITING) == []
        assert set(await numbers(stores, "SELECT reason FROM effects")) == {"OUTCOME_UNKNOWN"}

        assert await open_pir(api, ours.id("Bag", "delivered"), "key-before-the-time") == kept, "it is replayed"
        again = await open_pir(api, ours.id("Bag", "loaded"), "key-after-the-time")
        assert again not in (kept, lost), "the key is lost, so another PIR is opened"
        await scan(api, LOST)
        assert all(new > last for new, last in zip(await numbers(stores, IDS), used, strict=True)), "ids of lost rows"
        await project_changes(stores)
        assert await numbers(stores, TAGS) == [KEPT, LOST]
        assert await check_graph(stores, OURS, print) == 0
