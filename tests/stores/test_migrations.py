"""Migrations on a real PostgreSQL: once, in order, by one process at a time, all or nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from integrations.records.effects import Service
from integrations.records.passengers import name_query, name_words, search_name
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.postgres import passengers
from integrations.stores.postgres.effects import is_opted_out
from integrations.stores.postgres.manager import PostgresManager
from migrations import MigrationError, load_graph_schema, migrate
from migrations.run import VERSIONED, graph_schema_names, missing_graph_schema, pending_migrations
from tests.conftest import Neo4jCredentials


def quiet(_: str) -> None:
    """Discards progress."""


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[PostgresManager]:
    """Manager of an empty database."""
    manager = PostgresManager(postgres_url, 0, 4)
    await manager.connect()
    await manager.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    yield manager
    await manager.disconnect()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folder of two files: a table, and a row in it."""
    (tmp_path / "001_table.sql").write_text("CREATE TABLE bag (id integer); -- first\nCREATE INDEX ON bag (id);")
    (tmp_path / "002_row.sql").write_text("INSERT INTO bag VALUES (230);")
    return tmp_path


async def test_the_real_files_apply_to_an_empty_database_once(postgres: PostgresManager) -> None:
    progress: list[str] = []
    names = await migrate(postgres, progress.append)
    assert names == sorted(names)
    assert names[0] == "001_initial_schema.sql"
    assert progress == [f"applying {name}" for name in names]
    assert await postgres.fetchval("SELECT designator FROM airlines") == "CM"
    assert await migrate(postgres, progress.append) == []


# Events of a month before the log was partitioned by month, and of a later one.
EVENTS = """
INSERT INTO events (id, airline_id, tag, kind, rank, at, received_at, airport, giver, holder, method)
SELECT gen_random_uuid(), 1, '0230456781', 'ACCEPTED', 2, at, at, 'PTY', 'PASSENGER', 'CM', 'LASER'
FROM unnest($1::timestamptz[]) AS at
"""
# The partition of each event, with the columns after the migration; the partition is read under the same names.
CUSTODY = "SELECT tableoid::regclass::text AS name, released_by, custodian FROM events ORDER BY at"


async def test_custodians_are_renamed_in_every_partition_and_in_new_ones(
    postgres: PostgresManager, tmp_path: Path
) -> None:
    """Given events in two partitions, when the columns are renamed, then values stay and what reads events works."""
    for path in sorted(VERSIONED.glob("*.sql")):
        if path.name < "012":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    await migrate(postgres, quiet, tmp_path)
    times = [datetime(2024, 11, 23, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)]
    await postgres.execute("SELECT ensure_event_partitions($1::date[])", times)
    await postgres.execute(EVENTS, times)

    assert (await migrate(postgres, quiet))[0] == "012_custodians.sql"

    await postgres.execute("SELECT ensure_event_partitions(ARRAY['2027-01-01'::date])")
    rows = [tuple(row) for row in await postgres.fetch(CUSTODY)]
    assert rows == [(name, "PASSENGER", "CM") for name in ("events_before_2025", "events_2026_11")]
    for name in ("events_before_2025", "events_2026_11", "events_2027_01"):
        await postgres.fetch(f"SELECT released_by, custodian FROM {name}")
    assert await postgres.fetch("SELECT * FROM inventory(1, ARRAY[1]::bigint[], now())") == []
    assert await postgres.fetch("SELECT * FROM transfers") == []
    left = "SELECT count(*) FROM information_schema.columns WHERE column_name IN ('holder', 'giver')"
    assert await postgres.fetchval(left) == 0


OPT_OUT = "INSERT INTO opt_outs (airline_id, service, recipient, at) VALUES (1, $1, $2, now() - interval '1 hour')"
OPT_IN = "DELETE FROM opt_outs WHERE recipient = $1"


async def test_opt_outs_are_kept_and_those_of_earlier_versions_still_count(
    postgres: PostgresManager, tmp_path: Path
) -> None:
    """Given opt-outs before the migration, and a process of an earlier version that writes after it, both count."""
    for path in sorted(VERSIONED.glob("*.sql")):
        if path.name < "017":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    await migrate(postgres, quiet, tmp_path)
    await postgres.execute(OPT_OUT, "EMAIL", "Maria@Example.org")
    await postgres.execute(OPT_OUT, "SMS", "+12025550141")
    await migrate(postgres, quiet)
    await postgres.execute(OPT_OUT, "SMS", "+12025550142")
    await postgres.execute(OPT_IN, "+12025550141")

    found = [
        await is_opted_out(postgres, 1, service, recipient)
        for service, recipient in (
            (Service.EMAIL, "maria@example.ORG"),
            (Service.SMS, "+12025550142"),
            (Service.SMS, "+12025550141"),
        )
    ]
    assert found == [True, True, False]


NAMED = """
INSERT INTO passengers (airline_id, surname, given_names, search_name, language)
SELECT 1, surname, given_names, search_name, 'ES' FROM unnest($1::text[], $2::text[], $3::text[])
AS new(surname, given_names, search_name)
"""
RENAMED = "UPDATE passengers SET surname = $1, given_names = $2, search_name = $3 WHERE surname = $4"
# Names with the keys that the version before wrote.
BEFORE = [
    ("de la Cruz", "José María", "DELACRUZ/JOSEMARIA"),
    ("GARCIA-MARQUEZ", "", "GARCIAMARQUZ/"),
    ("Ødegård-Straße", "Åse", "ODEGARDSTRASSE/ASE"),
    ("OEDEGAARD", "AASE", "ODEGAARD/AASE"),
    ("Мусоргский", "Модест", "MUSORGSKIY/MODEST"),
    ("x" * 300 + " y", "", "X" * 300 + "Y/"),
    ("'", "", "/"),
]


async def test_names_of_before_are_found_by_their_words(postgres: PostgresManager, tmp_path: Path) -> None:
    """Given rows before the migration and from a process of an earlier version, then a search finds them by words."""
    for path in sorted(VERSIONED.glob("*.sql")):
        if path.name < "020":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    await migrate(postgres, quiet, tmp_path)
    await postgres.execute(NAMED, *zip(*BEFORE, strict=True))
    await migrate(postgres, quiet)
    await postgres.execute(NAMED, ["Lopez dos Santos"], ["Ana"], ["LOPEZDOSSANTOS/ANA"])

    async def found(text: str) -> list[str]:
        query = name_query(text)
        assert query is not None
        return [one.surname for one in await passengers.by_name(postgres, 1, query, 10)]

    for text, surname in {
        "la cruz": "de la Cruz",
        "Maria Cruz": "de la Cruz",
        "márquez": "GARCIA-MARQUEZ",
        "Strasse, Aase": "Ødegård-Straße",
        "мусоргский модест": "Мусоргский",
        "dos santos": "Lopez dos Santos",
        "xxxx": "x" * 300 + " y",
    }.items():
        assert await found(text) == [surname], text
    assert sorted(await found("Oedegaard")) == ["OEDEGAARD", "Ødegård-Straße"]


async def test_a_name_that_an_earlier_version_changes_is_found_by_its_new_words(postgres: PostgresManager) -> None:
    await migrate(postgres, quiet)
    (ids,) = await passengers.reserve_ids(postgres, 1)
    keys = search_name("Lopez", "A"), name_words("Lopez", "A")
    await passengers.insert(postgres, 1, [passengers.NewPassenger(ids[0], None, "Lopez", "A", "", *keys)])
    await postgres.execute(RENAMED, "Lopez Cruz", "Ana", "LOPEZCRUZ/ANA", "Lopez")
    for text in ("cruz", "Ana Lopez"):
        query = name_query(text)
        assert query is not None
        assert [one.surname for one in await passengers.by_name(postgres, 1, query, 10)] == ["Lopez Cruz"]


async def test_a_new_file_is_applied_to_a_database_with_history(postgres: PostgresManager, folder: Path) -> None:
    await migrate(postgres, quiet, folder)
    (folder / "003_more.sql").write_text("INSERT INTO bag VALUES (231)")
    assert await migrate(postgres, quiet, folder) == ["003_more.sql"]
    assert await postgres.fetchval("SELECT count(*) FROM bag") == 2


async def test_pending_files_are_found_without_a_change(postgres: PostgresManager, folder: Path) -> None:
    assert await pending_migrations(postgres, folder) == ["001_table.sql", "002_row.sql"]
    assert await postgres.fetchval("SELECT to_regclass('schema_migrations')") is None
    await migrate(postgres, quiet, folder)
    (folder / "003_more.sql").write_text("SELECT 1")
    assert await pending_migrations(postgres, folder) == ["003_more.sql"]
    (folder / "001_table.sql").write_text("SELECT 2")
    with pytest.raises(MigrationError, match=r"001_table\.sql was changed"):
        await pending_migrations(postgres, folder)


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
async def test_a_history_that_does_not_match_the_files_is_rejected_by_name(
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
        "ALTER TABLE schema_migrations ADD CHECK (name <> '002_row.sql')",  # fails after the file, on its history row
    ],
)
async def test_a_failing_file_leaves_nothing_half_done(postgres: PostgresManager, folder: Path, failure: str) -> None:
    (folder / "002_row.sql").write_text(f"INSERT INTO bag VALUES (230); {failure}")
    with pytest.raises(MigrationError, match=r"002_row\.sql failed and was rolled back"):
        await migrate(postgres, quiet, folder)
    assert await postgres.fetchval("SELECT count(*) FROM bag") == 0
    (folder / "002_row.sql").write_text("INSERT INTO bag VALUES (230)")
    assert await migrate(postgres, quiet, folder) == ["002_row.sql"]


async def test_the_graph_schema_loads_twice(neo4j_credentials: Neo4jCredentials) -> None:
    graph = Neo4jManager(*neo4j_credentials)
    await graph.connect()
    try:
        assert await missing_graph_schema(graph) == graph_schema_names()
        assert await load_graph_schema(graph) == await load_graph_schema(graph)
        assert await missing_graph_schema(graph) == []
        await graph.execute_write("DROP CONSTRAINT bag_id")
        await graph.execute_write("DROP INDEX event_place_at")
        assert await missing_graph_schema(graph) == ["bag_id", "event_place_at"]
        await load_graph_schema(graph)
        constraints = await graph.execute_read("SHOW CONSTRAINTS YIELD name RETURN collect(name) AS names")
        assert {"bag_id", "event_id", "flight_id"} <= set(constraints[0]["names"])
    finally:
        await graph.disconnect()
