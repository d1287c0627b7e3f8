"""Graph check over real stores: every difference is found, and a rebuild repairs it, beside live traffic."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from integrations.records.outbox import Consumer
from integrations.stores.neo4j import drift, projections
from integrations.stores.postgres import bags, flights, outbox
from migrations.run import load_graph_schema
from resolvers.installation import Stores
from resolvers.workers import graph_check
from resolvers.workers.graph_check import Comparison, Difference
from resolvers.workers.projector import Projector, full_projections
from tests.conftest import Neo4jCredentials
from tests.gateway import settings_for
from tests.world import DELIVERED, MISSED, SPARE, Builder, World, at, open_stores, our_day, project_changes, their_day

# Statements that break the graph of the delivered bag or of its flight, with a part of the check's report.
BREAKS = {
    "state": ("MATCH (b:Bag {id: $bag}) SET b.state = 'LOST'", "state: records DELIVERED, graph LOST"),
    "version": ("MATCH (b:Bag {id: $bag}) SET b.version = b.version - 1", "version: records"),
    "custodian": (
        "MATCH (b:Bag {id: $bag}) SET b.custodian = 'OTHER'",
        "custodian: records PASSENGER, graph OTHER",
    ),
    "plan": ("MATCH (:Bag {id: $bag})-[r:PLANNED {seq: 2}]->() DELETE r", "planned: records"),
    "flown": (
        "MATCH (b:Bag {id: $bag}), (f:Flight {id: $other}) CREATE (b)-[:FLEW {seq: 3}]->(f)",
        "flown: records",
    ),
    "tag": ("MATCH (:Bag {id: $bag})-[r:TAGGED]->() SET r.to = datetime('2030-01-01T00:00:00Z')", "tags: records"),
    "owner": ("MATCH (:Bag {id: $bag})-[r:OF]->() DELETE r", "passengers: records"),
    "event": ("MATCH (:Bag {id: $bag})-[:HAD]->(e {kind: 'SORTED'}) DETACH DELETE e", "events: 2 missing, 0 too many"),
    "kind": ("MATCH (:Bag {id: $bag})-[:HAD]->(e {kind: 'ARRIVED'}) SET e.kind = 'LOST'", "events: 2 missing, 2 too"),
    "place": ("MATCH (:Bag {id: $bag})-[:HAD]->(e {kind: 'AT_CLAIM'})-[r:AT]->() DELETE r", "events: 1 missing, 1 too"),
    "belt": (
        "MATCH (:Bag {id: $bag})-[:HAD]->()-[:AT]->(p {kind: 'BELT'}) SET p.kind = NULL",
        "events: 2 missing, 2 too many",
    ),
    "elsewhere": (
        """
        MATCH (:Bag {id: $bag})-[had:HAD]->(e {kind: 'DELIVERED'}), (b:Bag {id: $neighbour})
        DELETE had CREATE (b)-[:HAD {at: e.at, seq: e.rank}]->(e)
        """,
        "events: 1 missing, 0 too many",
    ),
    "invented": (
        "CREATE (:Bag {id: 999999999, airlineId: $airline, version: 3})",
        "in the graph and not in the records",
    ),
    "gone": ("MATCH (b:Bag {id: $bag}) DETACH DELETE b", "in the records and not in the graph"),
    "flight": ("MATCH (f:Flight {id: $flight}) SET f.actualArrival = NULL", "times: records"),
    "way": ("MATCH (:Flight {id: $flight})-[r:TO]->() DELETE r", "destination: records ['PTY'], graph []"),
    "no flight": ("MATCH (f:Flight {id: $flight}) DETACH DELETE f", "in the records and not in the graph"),
}
LOOSE = "MATCH (n) WHERE NOT (n)--() AND (n:Event OR n:Tag OR n:Place OR n:Party) RETURN count(n) AS loose"


@pytest.fixture(scope="module")
async def stores(migrated_url: str, redis_url: str, neo4j_credentials: Neo4jCredentials) -> AsyncIterator[Stores]:
    async with open_stores(settings_for(migrated_url, redis_url, neo4j_credentials)) as opened:
        await load_graph_schema(opened.neo4j)
        yield opened


@pytest.fixture(scope="module")
async def world(stores: Stores) -> World:
    made = World(stores, await our_day(stores), await their_day(stores), SPARE)
    await project_changes(stores)
    return made


async def checked(airline: Builder) -> tuple[Comparison, list[Difference]]:
    reported: list[Difference] = []
    return await graph_check.check(airline.stores, airline.airline_id, reported.append), reported


def silent(_text: str) -> None:
    """Discards progress."""


async def test_the_projected_graph_equals_the_records(world: World) -> None:
    found, reported = await checked(world.ours)
    assert reported == []
    assert (found.bags, found.flights) == (len(world.ours.bags), len(world.ours.flights))
    assert (found.different, found.undecided) == (0, 0)


@pytest.mark.parametrize("kind", BREAKS)
async def test_each_difference_is_found_and_repaired(world: World, kind: str) -> None:
    ours = world.ours
    cypher, text = BREAKS[kind]
    named = {
        "bag": ours.bags["delivered"],
        "neighbour": ours.bags["missed"],
        "flight": ours.flights["CM335"],
        "other": ours.flights["CM411"],
        "airline": ours.airline_id,
    }
    await world.stores.neo4j.execute_write(cypher, named)
    broken, reported = await checked(ours)
    await graph_check.rebuild(world.stores, ours.airline_id, silent)
    repaired, left = await checked(ours)

    assert broken.different == len(reported) > 0
    assert [line for one in reported for line in one.details if text in line], reported
    assert (left, repaired.different) == ([], 0)
    assert await world.stores.neo4j.execute_read(LOOSE) == [{"loose": 0}]


async def test_a_rebuild_leaves_other_airlines_alone(world: World) -> None:
    await world.stores.neo4j.execute_write(
        "MATCH (b:Bag {id: $bag}) SET b.state = 'LOST'", {"bag": world.theirs.bags["delivered"]}
    )
    await graph_check.rebuild(world.stores, world.ours.airline_id, silent)
    found, _ = await checked(world.theirs)
    await graph_check.rebuild(world.stores, world.theirs.airline_id, silent)

    assert found.different == 1
    assert (await checked(world.theirs))[1] == []
    assert (await checked(world.ours))[1] == []


async def test_a_pending_change_is_no_difference(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a scan in the outbox, when checked, then it is not reported; and the check waits for it."""
    airline = await world.another_airline()
    await airline.network()
    await airline.bag("one", DELIVERED, None, ["CM335"])
    await airline.record(airline.scan(DELIVERED, "LOADED", "MIA", "11:00", "CM335"))
    monkeypatch.setattr(graph_check, "RETRY_SECONDS", 0.0)
    found, reported = await checked(airline)
    monkeypatch.undo()
    looking = asyncio.create_task(checked(airline))
    await asyncio.sleep(0.2)
    await project_changes(airline.stores)
    later, none = await looking

    assert (reported, found.different, found.undecided) == ([], 0, 1 + len(airline.flights))
    assert (none, later.different, later.undecided) == ([], 0, 0)


@pytest.mark.parametrize("how", ["projected", "rebuilt"])
async def test_an_older_version_changes_nothing(world: World, how: str) -> None:
    """Given a bag and a flight that were read before both changed, when they are written last, then nothing changes."""
    airline = await world.another_airline()
    records, neo4j, airline_id = world.stores.postgres, world.stores.neo4j, airline.airline_id
    await airline.bag("one", DELIVERED, None, ["CM335", "CM758"])
    await airline.record(airline.scan(DELIVERED, "LOADED", "MIA", "11:00", "CM335"))
    await airline.record(airline.scan(DELIVERED, "SORTED", "MIA", "10:00"))
    await _project_all(airline)
    bag_id, flight_id = airline.bags["one"], airline.flights["CM335"]
    older = await full_projections(records, airline_id, [*(await bags.by_id(records, airline_id, [bag_id])).values()])
    old_flights = [*(await flights.by_id(records, airline_id, [flight_id])).values()]
    await records.execute("DELETE FROM bag_legs WHERE bag_id = $1 AND seq = 2", bag_id)
    await records.execute("UPDATE events SET kind = 'SCREENED', rank = 3 WHERE bag_id = $1 AND kind = 'SORTED'", bag_id)
    await records.execute("UPDATE flights SET gate = '7', version = version + 1 WHERE id = $1", flight_id)
    await airline.record(airline.scan(DELIVERED, "OFFLOADED", "MIA", "11:30", "CM335"))
    await _project_all(airline)

    if how == "projected":
        await projections.write_flights(neo4j, old_flights, 20.0)
        await projections.write_bags(neo4j, airline_id, older, 20.0)
    else:
        await drift.rewrite_flights(neo4j, airline_id, old_flights, "a run")
        assert await drift.rewrite_bags(neo4j, airline_id, older, "a run") == [bag_id]
    assert (await checked(airline))[1] == []


async def _project_all(airline: Builder) -> None:
    """Projects all flights, and the bags in full."""
    records, airline_id = airline.stores.postgres, airline.airline_id
    await airline.network()
    events = await records.fetch("SELECT bag_id, id FROM events WHERE airline_id = $1", airline_id)
    everything = [*map(tuple, events), *((bag_id, None) for bag_id in airline.bags.values())]
    await outbox.enqueue_bag_changes(records, airline_id, Consumer.GRAPH, everything, [*airline.bags.values()])
    await project_changes(airline.stores)


async def test_changes_during_a_rebuild_are_not_swept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a bag and a flight that are projected during a rebuild, then the sweep keeps them."""
    airline = await world.another_airline()
    bag_ids_in_graph = drift.bag_ids_in_graph

    async def late(*arguments: Any) -> list[int]:
        if "CM900" not in airline.flights:
            await airline.flight(900, "PTY", "GRU", at("20:00"), 435)
            await airline.network()
            await airline.record(airline.scan(DELIVERED, "LOADED", "PTY", "19:30", "CM900"))
            await project_changes(world.stores)
        return await bag_ids_in_graph(*arguments)

    monkeypatch.setattr(drift, "bag_ids_in_graph", late)
    await graph_check.rebuild(world.stores, airline.airline_id, silent)
    monkeypatch.undo()
    found, reported = await checked(airline)

    assert reported == []
    assert (found.bags, found.flights) == (1, len(airline.flights))


async def test_a_rebuild_beside_traffic_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given continuous scans of every bag and two projectors, when rebuilt repeatedly, then nothing is missing."""
    monkeypatch.setattr(graph_check, "BATCH", 7)
    airline = await world.another_airline()
    await airline.network()
    tags = [f"0230{number:06d}" for number in range(40)]
    for number, tag in enumerate(tags):
        await airline.bag(str(number), tag, None, ["CM335", "CM758"])
    workers = [Projector(world.stores.postgres, world.stores.neo4j, name) for name in ("one", "two")]
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    rebuilding = asyncio.create_task(_rebuild_often(airline))
    for minute in range(10, 40):
        kind, flight = (("POSITION", None), ("LOADED", "CM335"), ("OFFLOADED", "CM335"))[minute % 3]
        await airline.record(*(airline.scan(tag, kind, "MIA", f"11:{minute}", flight) for tag in tags))
    await airline.record(airline.scan(MISSED, "POSITION", "PTY", "12:00"))  # an unknown bag
    await rebuilding
    found, reported = await checked(airline)
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    assert reported == []
    assert (found.bags, found.undecided) == (41, 0)
    rows = await world.stores.neo4j.execute_read(
        "MATCH (b:Bag {airlineId: $id})-[:HAD]->(e) RETURN count(e) AS events", {"id": airline.airline_id}
    )
    assert rows == [{"events": 40 * 30 + 1}]


async def _rebuild_often(airline: Builder) -> None:
    for _ in range(3):
        await graph_check.rebuild(airline.stores, airline.airline_id, silent)


async def test_an_interrupted_rebuild_is_repeated(world: World) -> None:
    ours = world.ours
    await world.stores.neo4j.execute_write("MATCH (b:Bag {id: $bag}) SET b.state = 'LOST'", {"bag": ours.bags["seen"]})
    task = asyncio.create_task(graph_check.rebuild(world.stores, ours.airline_id, silent))
    await asyncio.sleep(0.05)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await graph_check.rebuild(world.stores, ours.airline_id, silent)

    assert (await checked(ours))[1] == []
