"""Migrations on a real PostgreSQL: once, in order, by one process at a time, all or nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.postgres.manager import PostgresManager
from migrations import MigrationError, load_graph_schema, migrate
from tests.conftest import Neo4jCredentials


def quiet(_: str) -> None:
    """Nobody listens."""


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[PostgresManager]:
    """A manager over a database that holds nothing."""
    manager = PostgresManager(postgres_url, 0, 4)
    await manager.connect()
    await manager.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    yield manager
    await manager.disconnect()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files: a table, and a row in it."""
    (tmp_path / "001_table.sql").write_text("CREATE TABLE bag (id integer); -- first\nCREATE INDEX ON bag (id);")
    (tmp_path / "002_row.sql").write_text("INSERT INTO bag VALUES (230);")
    return tmp_path


async def test_the_real_files_apply_to_an_empty_database_once(postgres: PostgresManager) -> None:
    said: list[str] = []
    names = await migrate(postgres, said.append)
    assert names == sorted(names)
    assert names[0] == "001_initial_schema.sql"
    assert said == [f"applying {name}" for name in names]
    assert await postgres.fetchval("SELECT designator FROM airlines") == "CM"
    assert await migrate(postgres, said.append) == []


async def test_a_new_file_is_applied_to_a_database_with_history(postgres: PostgresManager, folder: Path) -> None:
    await migrate(postgres, quiet, folder)
    (folder / "003_more.sql").write_text("INSERT INTO bag VALUES (231)")
    assert await migrate(postgres, quiet, folder) == ["003_more.sql"]
    assert await postgres.fetchval("SELECT count(*) FROM bag") == 2


async def test_two_processes_at_once_apply_each_file_once(postgres: PostgresManager, folder: Path) -> None:
    (folder / "001_table.sql").write_text("CREATE TABLE bag (id integer); SELECT pg_sleep(0.3)")
    first, second = await asyncio.gather(migrate(postgres, quiet, folder), migrate(postgres, quiet, folder))
    assert sorted(first + second) == ["001_table.sql", "002_row.sql"]
    assert [] in (first, second)
    assert await postgres.fetchval("SELECT count(*) FROM bag") == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "001_table.sql").write_text("SELECT 1"), "001_table.sql was changed"),
        (lambda folder: (folder / "001_table.sql").unlink(), "001_table.sql was applied .* not among the files"),
        (lambda folder: (folder / "000_late.sql").write_text("SELECT 1"), "000_late.sql comes before 002_row.sql"),
    ],
)
async def test_a_history_that_does_not_fit_is_refused_by_name(
    postgres: PostgresManager, folder: Path, change: Callable[[Path], object], message: str
) -> None:
    await migrate(postgres, quiet, folder)
    change(folder)
    (folder / "003_more.sql").write_text("INSERT INTO bag VALUES (231)")
    with pytest.raises(MigrationError, match=message):
        await migrate(postgres, quiet, folder)
    assert await postgres.fetchval("SELECT count(*) FROM bag") == 1


@pytest.mark.parametrize(
    "failure",
    [
        "INSERT INTO bag VALUES (1 / 0)",
        "ALTER TABLE schema_migrations ADD CHECK (name <> '002_row.sql')",  # fails after the file, when it is noted
    ],
)
async def test_a_failing_file_leaves_nothing_half_done(postgres: PostgresManager, folder: Path, failure: str) -> None:
    (folder / "002_row.sql").write_text(f"INSERT INTO bag VALUES (230); {failure}")
    with pytest.raises(MigrationError, match=r"002_row\.sql failed and left nothing behind"):
        await migrate(postgres, quiet, folder)
    assert await postgres.fetchval("SELECT count(*) FROM bag") == 0
    (folder / "002_row.sql").write_text("INSERT INTO bag VALUES (230)")
    assert await migrate(postgres, quiet, folder) == ["002_row.sql"]


async def test_the_graph_schema_loads_twice(neo4j_credentials: Neo4jCredentials) -> None:
    graph = Neo4jManager(*neo4j_credentials)
    await graph.connect()
    try:
        assert await load_graph_schema(graph) == await load_graph_schema(graph)
        constraints = await graph.execute_read("SHOW CONSTRAINTS YIELD name RETURN collect(name) AS names")
        assert {"bag_id", "event_id", "flight_id"} <= set(constraints[0]["names"])
    finally:
        await graph.disconnect()
