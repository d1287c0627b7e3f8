"""Neo4jManager on a real server."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from time import monotonic

import pytest
from neo4j import GraphDatabase
from neo4j.exceptions import Neo4jError

from integrations.deadline import deadline
from integrations.errors import Conflict, DeadlineExceeded, Refused, Unavailable
from integrations.stores.neo4j.manager import Neo4jManager
from tests.conftest import Neo4jCredentials

SLOW = "UNWIND range(1, 1000000000) AS number RETURN sum(number)"
UNDER_WAY = "SHOW TRANSACTIONS YIELD metaData WHERE metaData.name = $name RETURN metaData.name AS name"


@pytest.fixture
async def neo4j(neo4j_credentials: Neo4jCredentials) -> AsyncIterator[Neo4jManager]:
    manager = Neo4jManager(*neo4j_credentials, timeout=20.0)
    await manager.connect()
    await manager.execute_write("MATCH (n:Note) DETACH DELETE n")
    yield manager
    await manager.disconnect()


async def test_rows_are_maps_of_plain_values(neo4j: Neo4jManager) -> None:
    rows = await neo4j.execute_read(
        "UNWIND [1, 2] AS n RETURN n, 'text' AS t, [n, null] AS list, {deep: {n: n}} AS map, 1.5 AS f", name="ROWS"
    )
    assert rows == [{"n": n, "t": "text", "list": [n, None], "map": {"deep": {"n": n}}, "f": 1.5} for n in (1, 2)]
    assert neo4j.get_statement_stats()["ROWS"]["calls"] == 1
    assert await neo4j.execute_read("UNWIND [] AS n RETURN n") == []


async def test_times_are_pythons_own(neo4j: Neo4jManager) -> None:
    panama = datetime(2026, 1, 1, 8, 0, tzinfo=timezone(timedelta(hours=-5)))
    [row] = await neo4j.execute_read(
        """
        RETURN $at AS at, datetime('2026-01-01T08:00:00[America/Panama]') AS named, [datetime($at)] AS inside,
               date('2026-01-01') AS day, localdatetime('2026-01-01T08:00:00') AS local
        """,
        {"at": panama},
    )
    assert row["at"] == row["named"] == row["inside"][0] == panama
    assert all(type(value) is datetime for value in (row["at"], row["named"], row["local"]))
    assert row["at"].tzinfo is row["named"].tzinfo is UTC
    assert (row["day"], type(row["day"])) == (date(2026, 1, 1), date)
    assert row["local"] == datetime(2026, 1, 1, 8, 0)  # noqa: DTZ001 - a local time has no zone


async def test_what_is_written_is_read(neo4j: Neo4jManager) -> None:
    rows = await neo4j.execute_write("CREATE (n:Note {id: $id})-[r:OF {seq: 1}]->(n) RETURN n, r", {"id": 1})
    assert rows == [{"n": {"id": 1}, "r": {"seq": 1}}]
    assert await neo4j.execute_read("MATCH (n:Note) RETURN n.id AS id") == [{"id": 1}]


async def test_a_read_writes_nothing(neo4j: Neo4jManager) -> None:
    with pytest.raises(Refused):
        await neo4j.execute_read("CREATE (n:Note {id: 1})")
    assert await neo4j.execute_read("MATCH (n:Note) RETURN n") == []


async def test_several_statements_happen_together_or_not_at_all(neo4j: Neo4jManager) -> None:
    create = "CREATE (n:Note {id: $id}) RETURN n.id AS id"
    rows = await neo4j.execute_write_many([(create, {"id": 1}, "FIRST"), (create, {"id": 2}, "SECOND")])
    assert rows == [[{"id": 1}], [{"id": 2}]]
    with pytest.raises(Refused):
        await neo4j.execute_write_many([(create, {"id": 3}, "FIRST"), ("RETURN 1 / 0", None, "SECOND")])
    assert await neo4j.execute_read("MATCH (n:Note) RETURN count(n) AS notes") == [{"notes": 2}]
    assert await neo4j.execute_write_many([]) == []


async def test_a_uniqueness_constraint_is_a_conflict(neo4j: Neo4jManager) -> None:
    await neo4j.execute_write("CREATE CONSTRAINT note IF NOT EXISTS FOR (n:Note) REQUIRE n.id IS UNIQUE")
    await neo4j.execute_write("CREATE (:Note {id: 'secret'})")
    with pytest.raises(Conflict, match="CREATE_NOTE") as caught:
        await neo4j.execute_write("CREATE (:Note {id: $id})", {"id": "secret"}, name="CREATE_NOTE")
    assert "secret" not in str(caught.value)
    await neo4j.execute_write("DROP CONSTRAINT note")


@pytest.mark.parametrize(
    ("cypher", "reason"),
    [("RETURN nothing", "nothing"), ("RETURN $missing", "Parameter"), ("RETURN 'secret' + 1 / 0", "")],
)
async def test_a_wrong_statement_is_rejected(neo4j: Neo4jManager, cypher: str, reason: str) -> None:
    with pytest.raises(Refused, match=f"THE_NAME.*{reason}") as caught:
        await neo4j.execute_read(cypher, name="THE_NAME")
    assert "secret" not in str(caught.value)
    assert await neo4j.execute_read("RETURN 1 AS one") == [{"one": 1}]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("Neo.DatabaseError.Transaction.TransactionStartFailed", Unavailable),
        ("Neo.DatabaseError.Transaction.TransactionLogError", Unavailable),
        ("Neo.DatabaseError.General.UnknownError", Unavailable),
        ("Neo.DatabaseError.Statement.ExecutionFailed", Refused),
        ("Neo.ClientError.General.WriteOnReadOnlyAccessDatabase", Unavailable),
        ("Neo.ClientError.General.ForbiddenOnReadOnlyDatabase", Unavailable),
        ("Neo.ClientError.Cluster.NotALeader", Unavailable),
        ("Neo.ClientError.Statement.TypeError", Refused),
    ],
)
async def test_a_server_that_failed_is_unavailable(code: str, kind: type[Exception]) -> None:
    """A server without disk fails each transaction, and one that is read-only each write: a retry may succeed."""
    error = Neo4jError._hydrate_neo4j(code=code, message="...")
    translated = Neo4jManager("bolt://127.0.0.1:1", "neo4j", "-")._translate(error, "TEST")
    assert type(translated) is kind
    assert code in translated.reason


async def test_deadlocked_writers_all_succeed(neo4j: Neo4jManager) -> None:
    await neo4j.execute_write("CREATE (:Note {id: 1, n: 0}), (:Note {id: 2, n: 0})")
    count = "MATCH (n:Note {id: $id}) SET n.n = n.n + 1"

    async def write(first: int, second: int) -> None:
        for _ in range(20):
            await neo4j.execute_write_many([(count, {"id": first}, None), (count, {"id": second}, None)])

    await asyncio.gather(write(1, 2), write(2, 1), write(1, 2), write(2, 1))
    assert await neo4j.execute_read("MATCH (n:Note) RETURN collect(n.n) AS counts") == [{"counts": [80, 80]}]


async def test_a_late_response_is_not_awaited_and_ends_on_the_server_too(neo4j: Neo4jManager) -> None:
    started = monotonic()
    with pytest.raises(Unavailable, match="NAP: no response in time"):
        await neo4j.execute_read(SLOW, name="NAP", timeout=0.5)
    assert monotonic() - started < 3.0
    async with asyncio.timeout(10):
        while await neo4j.execute_read(UNDER_WAY, {"name": "NAP"}):
            pass


async def test_the_server_sees_the_name(neo4j: Neo4jManager) -> None:
    nap = asyncio.create_task(neo4j.execute_read(SLOW, name="A_NAMED_STATEMENT"))
    async with asyncio.timeout(10):
        while not await neo4j.execute_read(UNDER_WAY, {"name": "A_NAMED_STATEMENT"}):
            pass
    nap.cancel()
    await asyncio.wait([nap])
    assert nap.cancelled()
    assert await neo4j.execute_read("RETURN 1 AS one") == [{"one": 1}]


async def test_the_request_deadline_bounds_every_call(neo4j: Neo4jManager) -> None:
    with deadline(0.3):
        with pytest.raises(DeadlineExceeded):
            await neo4j.execute_read(SLOW)
        with pytest.raises(DeadlineExceeded, match="before the call"):
            await neo4j.execute_write("RETURN 1")


async def test_the_pool_holds_at_most_ten_connections(neo4j: Neo4jManager) -> None:
    await asyncio.gather(*(neo4j.execute_read("UNWIND range(1, 100000) AS n RETURN sum(n)") for _ in range(40)))
    [row] = await neo4j.execute_read(
        "CALL dbms.listConnections() YIELD userAgent WHERE userAgent = 'baggage-gateway' RETURN count(*) AS connections"
    )
    assert 2 <= row["connections"] <= 11, "ten and that of the probe"


def end_connections_unseen(access: Neo4jCredentials) -> int:
    """End the manager's connections on the server by a blocking client, so that the event loop cannot notice yet."""
    with GraphDatabase.driver(access.uri, auth=(access.user, access.password)) as other:
        result = other.execute_query(
            """
            CALL dbms.listConnections() YIELD connectionId, userAgent WHERE userAgent = 'baggage-gateway'
            WITH collect(connectionId) AS ids CALL dbms.killConnections(ids) YIELD connectionId
            RETURN count(*) AS ended
            """
        )
        return int(result.records[0]["ended"])


async def test_a_statement_on_a_dead_connection_is_sent_again(
    neo4j: Neo4jManager, neo4j_credentials: Neo4jCredentials
) -> None:
    await asyncio.gather(*(neo4j.execute_read("UNWIND range(1, 10000) AS n RETURN sum(n)") for _ in range(5)))
    assert end_connections_unseen(neo4j_credentials) >= 3
    assert await neo4j.execute_read("RETURN 1 AS one") == [{"one": 1}]
    assert end_connections_unseen(neo4j_credentials) >= 1
    assert await neo4j.execute_write("CREATE (n:Note {id: 1}) RETURN n.id AS id") == [{"id": 1}]


async def test_a_schema_is_loaded_and_loaded_again(neo4j: Neo4jManager, tmp_path: Path) -> None:
    (tmp_path / "001.cypher").write_text(
        "// keys; of notes\nCREATE CONSTRAINT note_id IF NOT EXISTS FOR (n:Note) REQUIRE n.id IS UNIQUE;\n"
    )
    (tmp_path / "002.cypher").write_text(
        "CREATE INDEX note_at IF NOT EXISTS FOR (n:Note) ON (n.at); MERGE (:Note {id: 0});"
    )
    assert await neo4j.load_schema(tmp_path) == 3
    assert await neo4j.load_schema(str(tmp_path)) == 3
    [row] = await neo4j.execute_read(
        "SHOW INDEXES YIELD name, state WHERE name STARTS WITH 'note' RETURN collect(state) AS s"
    )
    assert row == {"s": ["ONLINE", "ONLINE"]}
    (tmp_path / "003.cypher").write_text("RETURN 1;\nCREATE NONSENSE;")
    with pytest.raises(Refused, match=r"003\.cypher:2"):
        await neo4j.load_schema(tmp_path / "003.cypher")
    await neo4j.execute_write_many([("DROP CONSTRAINT note_id", None, None), ("DROP INDEX note_at", None, None)])


async def test_health_reports_version_and_edition(neo4j: Neo4jManager) -> None:
    health = await neo4j.health_check()
    assert health["status"] == "healthy"
    assert health["version"].startswith("5.26.")
    assert health["edition"] == "community"


async def test_a_wrong_password_is_reported(neo4j_credentials: Neo4jCredentials) -> None:
    manager = Neo4jManager(neo4j_credentials.uri, neo4j_credentials.user, "wrong")
    await manager.connect()
    with pytest.raises(Unavailable):
        await manager.execute_read("RETURN 1")
    assert "Unauthorized" in (await manager.health_check())["error"]
    await manager.disconnect()
