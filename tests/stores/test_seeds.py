"""Seeding and reset of a real database. The seeding is reproducible and uses the pipeline of live messages."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.embedded.postgres import EmbeddedPostgres
from integrations.errors import Unavailable
from integrations.messages.split_input import InputPiece
from integrations.records.bags import BagState, TagRole
from integrations.records.events import EventKind, Scan
from integrations.records.journeys import BagStatus
from integrations.records.outbox import Consumer
from integrations.records.tags import parse_tag
from integrations.stores.neo4j import projections
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.postgres import bags, outbox, pirs, seedings
from integrations.stores.postgres.manager import PostgresManager, Reader
from integrations.stores.redis.manager import RedisManager
from migrations import load_graph_schema, migrate
from resolvers.actor import Actor, Role
from resolvers.context import Context
from resolvers.ingestion import events, history, pipeline
from resolvers.ingestion.pipeline import IntakeChannel
from resolvers.installation import Installation, Stores
from resolvers.rules.bag_state import status_of
from resolvers.workers.projector import Projector
from seeds import AlreadyInUse, reset, seed
from seeds import run as seeds_run
from seeds.bag_factory import AGENT_EVENTS
from tests.conftest import Neo4jCredentials, make_database

NOW = datetime(2026, 11, 23, 15, 30, 42, tzinfo=UTC)
COPA = 1
DESCRIPTION = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z]{3}")  # colour, type and three elements
INSTALLATION = Installation(COPA, "Copa", "CM", "https://copa.example/b")

# Ids of these rows depend on the order in which messages are stored.
WITHOUT_ID = ("bags",)
OF_A_BAG = ("bag_tags", "bag_legs", "events", "instructions", "pir_bags")
WHOLE = ("airports", "routes", "flights", "bookings", "passengers", "messages", "pirs")


def quiet(_: str) -> None:
    """Ignores the progress."""


def context_of(postgres: PostgresManager, graph: Neo4jManager | None = None) -> Context:
    unreachable = "127.0.0.1:1"
    return Context(
        actor=Actor("tester", Role.SERVICE, COPA),
        request_id="request-1",
        now=lambda: NOW,
        stores=Stores(
            postgres,
            graph or Neo4jManager(f"bolt://{unreachable}", "neo4j", ""),
            RedisManager(f"redis://{unreachable}"),
        ),
        installation=INSTALLATION,
        signing_key=b"k" * 32,
    )


@asynccontextmanager
async def database(server: EmbeddedPostgres, name: str) -> AsyncIterator[Context]:
    """A new, migrated database."""
    postgres = PostgresManager(await make_database(server, name), timeout=20.0)
    await postgres.connect()
    try:
        await migrate(postgres, quiet)
        yield context_of(postgres)
    finally:
        await postgres.disconnect()


@pytest.fixture(scope="module")
async def seeded(embedded_postgres: EmbeddedPostgres) -> AsyncIterator[Context]:
    """The default demo: 50 bags, 10 exceptions. For tests that only read."""
    async with database(embedded_postgres, "seeds_first") as context:
        await seed(context, now=NOW, progress=quiet)
        yield context


async def dump(context: Context) -> dict[str, list[str]]:
    """Every seeded row as text, with tags in place of the ids of bags."""
    written = {table: f"to_jsonb({table})" for table in WHOLE}
    written |= {table: f"to_jsonb({table}) - 'id'" for table in WITHOUT_ID}
    written |= {
        table: f"to_jsonb({table}) - 'bag_id' || jsonb_build_object('bag', "
        f"(SELECT bags.tag FROM bags WHERE bags.id = {table}.bag_id))"
        for table in OF_A_BAG
    }
    return {
        table: [
            row["row"]
            for row in await context.stores.postgres.fetch(f"SELECT ({row})::text AS row FROM {table} ORDER BY 1")
        ]
        for table, row in written.items()
    }


async def ids_of(context: Context) -> list[int]:
    """Ids of all bags."""
    return [row["id"] for row in await context.stores.postgres.fetch("SELECT id FROM bags")]


async def test_there_are_fifty_bags_in_all_states_ten_exceptions_and_five_open_pirs(seeded: Context) -> None:
    records = seeded.stores.postgres
    states = await bags.count_by_state(records, COPA)
    assert sum(states.values()) == 50
    assert states.keys() == set(BagState)
    assert await pirs.count_by_status(records, COPA) == {"OPEN": 5, "CLOSED": 1}
    assert (
        await records.fetchval("SELECT count(*) FROM bag_tags WHERE role = $1 AND number LIKE '2230%'", TagRole.RUSH)
        == 3
    )
    assert await records.fetchval("SELECT bool_and(station = left(reference, 3)) FROM pirs")
    ((oldest, newest),) = await records.fetch("SELECT min(at), max(at) FROM events")
    assert NOW - timedelta(days=7, minutes=1) <= oldest < NOW - timedelta(days=4)
    assert newest <= NOW


async def test_the_status_of_every_bag_follows_from_its_events(seeded: Context) -> None:
    records = seeded.stores.postgres
    ids = await ids_of(seeded)
    current = await bags.by_id(records, COPA, ids)
    known = await history.of_bags(records, COPA, ids)
    for bag_id, bag in current.items():
        assert known[bag_id].events
        stored = BagStatus(bag.state, bag.state_at, bag.airport, bag.place, bag.custodian, bag.flight_id)
        bag_history = known[bag_id]
        expected = status_of(
            bag_history.events, bag_history.planned, bag_history.flights, bag.created_at, deleted=bag.deleted
        )
        assert stored == expected
        if bag.state == BagState.IN_FLIGHT:
            assert bag.flight_id
            assert bag_history.flights[bag.flight_id].actual_departure
            assert not bag_history.flights[bag.flight_id].actual_arrival


async def test_messages_create_bags_and_find_their_passengers(seeded: Context) -> None:
    records = seeded.stores.postgres
    assert await records.fetchval("SELECT count(*) FROM dead_letters") == 0
    assert {row["kind"] for row in await records.fetch("SELECT kind FROM messages WHERE source = 'SEED'")} == {
        "BSM",
        "BPM",
        "BUM",
    }
    entered = await records.fetch("SELECT DISTINCT kind FROM events WHERE message_id IS NULL")
    assert {row["kind"] for row in entered} == {kind.value for kind in AGENT_EVENTS}
    owned = await records.fetch(
        """
        SELECT bags.tag, weight_kg, priority, alliance_tier = 'Star Alliance Gold' AS gold, locator, description,
               count(*) OVER (PARTITION BY passengers.id) AS bags
        FROM bags JOIN passengers ON passengers.id = passenger_id JOIN bookings ON bookings.id = booking_id
        ORDER BY bags.tag
        """
    )
    assert [row["tag"] for row in owned] == [f"0230{456_780 + number}" for number in range(1, 51)]
    assert (owned[0]["locator"], owned[1]["locator"]) == ("F7K2QX", "F7K2QX")
    assert all(row["priority"] == (row["gold"] or False) for row in owned)
    together = [row["bags"] == 2 and row["weight_kg"] is None for row in owned]
    assert 0 < sum(together) < 50  # one weight for both
    assert all(row["weight_kg"] for row, weighed_together in zip(owned, together, strict=True) if not weighed_together)
    assert all(DESCRIPTION.fullmatch(row["description"]) for row in owned)
    second_bags = sum(row["bags"] == 2 for row in owned) // 2
    assert await records.fetchval("SELECT count(*) FROM passengers") == 50 - second_bags
    assert await records.fetchval("SELECT bool_and(times_known) FROM flights")


async def test_custody_follows_resolution_753(seeded: Context) -> None:
    rows = await seeded.stores.postgres.fetch(
        "SELECT kind, released_by, custodian FROM events WHERE tag = '0230456781' ORDER BY at, rank"
    )
    assert [tuple(row) for row in rows if row["released_by"] or row["custodian"]] == [
        ("ACCEPTED", "PASSENGER", "CM"),
        ("LOADED", None, "CM"),
        ("TRANSFER_IN", None, "CM"),
        ("LOADED", None, "CM"),
        ("DELIVERED", "CM", "PASSENGER"),
    ]


async def test_the_bags_of_the_guide_are_found_by_their_tags(seeded: Context) -> None:
    records = seeded.stores.postgres
    report = await seed(seeded, now=NOW, progress=quiet)
    states = []
    for guide_bag in report.guide:
        (bag,) = await bags.by_tag(records, COPA, parse_tag(guide_bag.printed_tag), 5)
        states.append(bag.state)
        if guide_bag.rush_tag:
            assert (await bags.by_tag(records, COPA, parse_tag(guide_bag.rush_tag), 5))[0].id == bag.id
        if guide_bag.pir:
            assert (await pirs.of_bags(records, COPA, [bag.id]))[bag.id].reference == guide_bag.pir
    assert states == ["DELIVERED", "DELAYED", "IN_FLIGHT", "OUT_FOR_DELIVERY"]


async def test_a_second_run_keeps_the_choice_of_the_first_and_changes_nothing(seeded: Context) -> None:
    before = await dump(seeded)
    progress: list[str] = []
    report = await seed(seeded, bags=70, exceptions=3, seed=4, now=NOW + timedelta(days=3), progress=progress.append)
    assert (report.seed, report.bags, report.fresh) == (230, 50, False)
    assert report.anchored_at == NOW.replace(second=0)
    assert ": kept" in progress[0]
    assert await dump(seeded) == before


async def test_the_same_seed_and_clock_give_the_same_rows_elsewhere(
    seeded: Context, embedded_postgres: EmbeddedPostgres
) -> None:
    async with database(embedded_postgres, "seeds_twin") as twin:
        await seed(twin, now=NOW, progress=quiet)
        assert await dump(twin) == await dump(seeded)
    async with database(embedded_postgres, "seeds_twin") as other:
        await seed(other, seed=231, now=NOW, progress=quiet)
        assert (await dump(other))["events"] != (await dump(seeded))["events"]


async def test_an_interrupted_run_is_continued(
    embedded_postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seeds_run, "BATCH", 16)
    ingested: list[str] = []
    ingest = pipeline.ingest

    async def fail_at_thirtieth(
        context: Context, pieces: Sequence[InputPiece], received_at: datetime, channel: IntakeChannel
    ) -> None:
        ingested.append("".join(piece.text for piece in pieces))
        if len(ingested) == 30:
            raise Unavailable("records", "interrupted")
        await ingest(context, pieces, received_at, channel)

    async with database(embedded_postgres, "seeds_whole") as whole:
        await seed(whole, bags=128, exceptions=12, now=NOW, progress=quiet)
        expected = await dump(whole)
    async with database(embedded_postgres, "seeds_broken") as broken:
        monkeypatch.setattr(pipeline, "ingest", fail_at_thirtieth)
        with pytest.raises(Unavailable):
            await seed(broken, bags=128, exceptions=12, now=NOW, progress=quiet)
        assert await dump(broken) != expected
        described = await broken.stores.postgres.fetch("SELECT tag FROM bags WHERE description IS NOT NULL")
        assert 0 < len(described) < 128
        ingested.extend([""] * 30)
        first_run = len(ingested)
        progress: list[str] = []
        report = await seed(broken, progress=progress.append)
        assert "continued" in progress[0]
        assert report.bags == 128
        assert await dump(broken) == expected
        again = "".join(ingested[first_run:])
        assert not any(row["tag"] in again for row in described)  # completed bags are not ingested again


async def test_two_runs_at_once_make_one_demo(seeded: Context, embedded_postgres: EmbeddedPostgres) -> None:
    async with database(embedded_postgres, "seeds_twin") as twin:
        await asyncio.gather(seed(twin, now=NOW, progress=quiet), seed(twin, seed=4, now=NOW, progress=quiet))
        seeding = await seedings.find(twin.stores.postgres, COPA)
        assert seeding
        assert await twin.stores.postgres.fetchval("SELECT count(*) FROM bags") == 50
        if seeding.seed == 230:
            assert await dump(twin) == await dump(seeded)


async def test_records_without_a_seeding_are_not_changed(embedded_postgres: EmbeddedPostgres) -> None:
    async with database(embedded_postgres, "seeds_live") as live:
        await events.record_scans(live, [Scan("0230000001", EventKind.SORTED, NOW, "PTY")])
        with pytest.raises(AlreadyInUse):
            await seed(live, progress=quiet)
        assert await seedings.find(live.stores.postgres, COPA) is None
        await seed(live, bags=0, exceptions=0, progress=quiet)  # the network takes no ids
        assert await live.stores.postgres.fetchval("SELECT count(*) FROM flights") == 0
        assert await live.stores.postgres.fetchval("SELECT count(*) FROM routes") == 142


async def test_new_flights_passengers_and_pirs_get_ids_after_the_seeded_ones(
    embedded_postgres: EmbeddedPostgres,
) -> None:
    async with database(embedded_postgres, "seeds_live") as live:
        report = await seed(live, now=NOW, progress=quiet)
        for table, seeded in (("flights", report.flights), ("passengers", 50), ("bookings", 50), ("pirs", 10)):
            assert await live.stores.postgres.fetchval(f"SELECT nextval(pg_get_serial_sequence('{table}', 'id'))") == (
                seeded + 1
            )


@pytest.mark.parametrize(("number", "exceptions"), [(-1, 0), (5, 6), (5, -1), (1_000_001, 0)])
async def test_numbers_out_of_range_are_rejected(seeded: Context, number: int, exceptions: int) -> None:
    with pytest.raises(ValueError, match="exceptions 0 to bags"):
        await seed(seeded, bags=number, exceptions=exceptions, progress=quiet)


async def graph_of(graph: Neo4jManager) -> dict[int, int]:
    """Versions by id of the bag."""
    rows = await graph.execute_read("MATCH (b:Bag) RETURN b.id AS id, b.version AS version")
    return {row["id"]: row["version"] for row in rows}


async def until_caught_up(postgres: PostgresManager) -> None:
    """Waits until the graph has caught up."""
    async with asyncio.timeout(60):
        while (await outbox.lag(postgres, Consumer.GRAPH))[0]:  # noqa: ASYNC110 # a table has no event
            await asyncio.sleep(0.05)


async def test_a_reset_while_a_projector_runs_leaves_nothing_behind(
    embedded_postgres: EmbeddedPostgres, neo4j_credentials: Neo4jCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = Neo4jManager(*neo4j_credentials, timeout=20.0)
    await graph.connect()
    await load_graph_schema(graph)
    write_bags, empty_records = projections.write_bags, seedings.empty
    writing, may_write = asyncio.Event(), asyncio.Event()
    may_write.set()
    lost = Scan("0230456781", EventKind.POSITION, NOW, "GRU", "LOST PROPERTY")

    async def write_when_allowed(*arguments: Any) -> None:
        writing.set()
        await may_write.wait()
        await write_bags(*arguments)

    async def scan_and_empty(records: Reader) -> None:
        await events.record_scans(context, [replace(lost, place="CLOAKROOM")])
        await asyncio.sleep(1)
        await empty_records(records)

    monkeypatch.setattr(projections, "write_bags", write_when_allowed)
    monkeypatch.setattr(seedings, "empty", scan_and_empty)
    async with database(embedded_postgres, "seeds_reset") as empty:
        postgres = empty.stores.postgres
        context = context_of(postgres, graph)
        running = asyncio.create_task(Projector(postgres, graph, "worker").run())
        try:
            # Given a demo of 200 bags in the graph, and a worker in the middle of writing a higher version of one
            await seed(context, bags=200, exceptions=10, now=NOW, progress=quiet)
            await until_caught_up(postgres)
            assert len(await graph_of(graph)) == 200
            writing.clear()
            may_write.clear()
            await events.record_scans(context, [lost])
            async with asyncio.timeout(10):
                await writing.wait()

            # When the demo is reset, then the reset waits for the worker
            resetting = asyncio.create_task(reset(context, quiet))
            await asyncio.wait([resetting], timeout=1.5)
            assert len(await graph_of(graph)) == 200
            may_write.set()
            await resetting

            # And scans recorded meanwhile do not reach the emptied graph
            assert await graph.execute_read("MATCH (n) RETURN count(n) AS nodes") == [{"nodes": 0}]
            assert await postgres.fetchval("SELECT count(*) FROM events") == 0
            assert await postgres.fetchval("SELECT count(*) FROM routes") == 142

            # And the graph then holds the next demo, and nothing else
            await seed(context, now=NOW + timedelta(hours=5), progress=quiet)
            await until_caught_up(postgres)
            rows = await postgres.fetch("SELECT id, version FROM bags")
            assert await graph_of(graph) == {row["id"]: row["version"] for row in rows}
            for cypher, table in (
                ("MATCH (e:Event) RETURN count(e) AS number", "events"),
                ("MATCH (f:Flight)-[:FROM]->(:Airport) RETURN count(f) AS number", "flights"),
                ("MATCH (:Airport)-[r:ROUTE]->(:Airport) RETURN count(r) AS number", "routes"),
            ):
                expected = await postgres.fetchval(f"SELECT count(*) FROM {table}")
                assert await graph.execute_read(cypher) == [{"number": expected}]
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
    await graph.disconnect()


async def test_a_database_that_serves_another_airline_is_not_emptied(embedded_postgres: EmbeddedPostgres) -> None:
    async with database(embedded_postgres, "seeds_live") as live:
        await live.stores.postgres.execute("INSERT INTO airlines VALUES (2, 'AV', '134', 'Avianca', 'BOG')")
        other = context_of(live.stores.postgres)
        other.actor = Actor("tester", Role.SERVICE, 2)
        await events.record_scans(other, [Scan("0134000001", EventKind.SORTED, NOW, "BOG")])
        with pytest.raises(AlreadyInUse):
            await reset(live, quiet)
        assert await live.stores.postgres.fetchval("SELECT count(*) FROM bags") == 1


async def test_the_command_seeds_and_prints_the_guide(embedded_postgres: EmbeddedPostgres) -> None:
    async def run(*arguments: str) -> tuple[int | None, str, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "seeds", *arguments), env=environment, stdout=PIPE, stderr=PIPE
        )
        output, errors = await process.communicate()
        return process.returncode, output.decode(), errors.decode()

    async with database(embedded_postgres, "seeds_command"):
        environment = {
            **os.environ,
            "NEON_DATABASE_URL": embedded_postgres.url_of("seeds_command"),
            "NEO4J_URI": "bolt://127.0.0.1:1",
            "NEO4J_PASSWORD": "unused",
            "REDIS_URL": "redis://127.0.0.1:1",
            "JWT_SECRET": "j" * 32,
            "SECRET_KEY": "s" * 32,
        }
        code, output, errors = await run("--bags", "12", "--exceptions", "5", "--seed", "7", "--now", NOW.isoformat())
        assert (code, errors) == (0, "")
        assert "seeded 12 bags (5 exceptions" in output
        assert "0230456784 (CM456784) LIM-PTY-MEX" in output
        code, _, errors = await run("--bags", "5", "--exceptions", "6")
        assert code == 1
        assert errors.startswith("bags must be 0 to 1000000")
