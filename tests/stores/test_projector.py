"""The projector over real stores: the graph equals the records, with any number of workers and repeats."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from integrations.errors import Unavailable
from integrations.records.bags import Bag
from integrations.records.events import EventColumns
from integrations.records.outbox import LANES, Consumer
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.postgres import bags, outbox
from migrations.run import load_graph_schema
from resolvers import journeys
from resolvers.health import lag
from resolvers.ingestion import history
from resolvers.installation import Stores
from resolvers.publish import ChangeSet, publish
from resolvers.rules.bag_state import flown_legs
from resolvers.rules.custody import custody_points
from resolvers.workers import lanes as worker_module
from resolvers.workers.graph_check import Difference, check
from resolvers.workers.projector import Projector
from tests.conftest import Neo4jCredentials
from tests.gateway import settings_for
from tests.world import (
    DELIVERED,
    MISSED,
    SPARE,
    Builder,
    World,
    at,
    context_of,
    open_stores,
    our_day,
    project_changes,
    their_day,
)

# All nodes and relationships, by label and type with their properties.
NODES = "MATCH (n) RETURN labels(n) AS labels, properties(n) AS properties, elementId(n) AS id"
RELATIONSHIPS = """
MATCH (a)-[r]->(b) RETURN type(r) AS type, properties(r) AS properties, elementId(a) AS a, elementId(b) AS b
"""


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


@pytest.fixture
async def airline(world: World) -> AsyncIterator[Builder]:
    """An airline of the test's own; its pending changes are projected at the end."""
    yield await world.another_airline()
    await project_changes(world.stores)


async def journey_of(airline: Builder, name: str) -> Any:
    context = context_of(airline.stores, airline_id=airline.airline_id)
    found = await bags.by_id(airline.stores.postgres, airline.airline_id, [airline.bags[name]])
    [journey] = await journeys.of_bags(context, list(found.values()))
    return journey


def plain(journey: Any) -> Any:
    """A journey as plain values."""
    return (
        [event.id for event in journey.events],
        [(leg.seq, leg.id) for leg in journey.planned],
        [(leg.seq, leg.flight.id, _id(leg.loaded), _id(leg.arrived)) for leg in journey.flown],
        [(point.kind, point.leg, _id(point.proof), point.last_custodian) for point in journey.points],
        journey.custodian,
    )


def _id(event: EventColumns | None) -> UUID | None:
    return None if event is None else event.id


async def snapshot(stores: Stores) -> Any:
    return sorted(map(repr, [*await stores.neo4j.execute_read(NODES), *await stores.neo4j.execute_read(RELATIONSHIPS)]))


async def set_pending(stores: Stores) -> None:
    await stores.postgres.execute("UPDATE outbox SET done_at = NULL")


# Content


@pytest.mark.parametrize("name", ["delivered", "missed", "damaged", "loaded", "expected", "misrouted", "seen"])
async def test_the_graph_equals_the_records(world: World, name: str) -> None:
    ours = world.ours
    if name == "expected":  # it has no events, and the graph gets a bag with its first event
        assert (await journey_of(ours, name)).source == "RECORDS"
        return
    journey = await journey_of(ours, name)
    known = (await history.of_bags(ours.stores.postgres, ours.airline_id, [ours.bags[name]]))[ours.bags[name]]

    assert (journey.source, journey.behind) == ("GRAPH", 0)
    assert plain(journey)[0] == [event.id for event in known.events]
    assert [leg.flight.id for leg in journey.flown] == [
        leg.flight.id for leg in flown_legs(known.events, known.flights)
    ]
    assert [point.proved for point in journey.points] == [
        point.proved for point in custody_points(known.events, known.planned, known.flights)
    ]


async def test_a_repeated_projection_changes_nothing(world: World) -> None:
    before = await snapshot(world.stores)
    await set_pending(world.stores)
    assert await project_changes(world.stores) > 0
    assert await snapshot(world.stores) == before


async def test_without_pending_changes_it_does_nothing(world: World) -> None:
    assert await project_changes(world.stores) == 0


async def test_no_personal_data_reach_the_graph(world: World) -> None:
    graph = "\n".join(await snapshot(world.stores)).casefold()
    personal = ("gonz", "maría", "carlos", "peña", "silva", "f7k2qx", "example.com", "+1555", "camera", "taped")
    assert [word for word in personal if word in graph] == []


async def test_the_same_tag_of_two_airlines_is_two_bags(world: World) -> None:
    rows = await world.stores.neo4j.execute_read(
        "MATCH (:Tag {number: $tag})<-[:TAGGED]-(b:Bag) RETURN b.airlineId AS airline ORDER BY airline",
        {"tag": DELIVERED},
    )
    assert [row["airline"] for row in rows] == [world.ours.airline_id, world.theirs.airline_id]


async def test_a_flights_change_reaches_the_graph_with_the_bags_it_moved(airline: Builder) -> None:
    await airline.bag("one", MISSED, None, ["CM335"])
    await airline.record(airline.scan(MISSED, "LOADED", "MIA", "11:00", "CM335"))
    await airline.stores.postgres.execute(
        "UPDATE flights SET actual_departure = $2, version = 2 WHERE id = $1", airline.flights["CM335"], at("12:05")
    )
    await publish(airline.stores.postgres, airline.airline_id, ChangeSet(flights=[airline.flights["CM335"]]))
    await project_changes(airline.stores)

    journey = await journey_of(airline, "one")
    assert [(leg.flight.designator, leg.flight.actual_departure) for leg in journey.flown] == [("CM335", at("12:05"))]


async def test_a_route_that_ended_leaves_the_graph(airline: Builder) -> None:
    ways = "MATCH (:Airport {iata: 'PTY'})-[r:ROUTE {airlineId: $id}]->(to) RETURN to.iata AS iata ORDER BY iata"
    for destination in ("MIA", "GRU"):
        await airline.route("PTY", destination, 180)
    await airline.network()
    await project_changes(airline.stores)
    both = await airline.stores.neo4j.execute_read(ways, {"id": airline.airline_id})
    await airline.stores.postgres.execute(
        "DELETE FROM routes WHERE airline_id = $1 AND 'GRU' IN (origin, destination)", airline.airline_id
    )
    await airline.network()
    await project_changes(airline.stores)

    assert [row["iata"] for row in both] == ["GRU", "MIA"]
    assert await airline.stores.neo4j.execute_read(ways, {"id": airline.airline_id}) == [{"iata": "MIA"}]


# Unchanged plans, and corrections


async def test_an_event_alone_leaves_the_projected_plan_unchanged(airline: Builder) -> None:
    """Given a changed plan without a message, when a scan is projected, then the plan stays until its message."""
    graph, bag = airline.stores.neo4j, {"bag": await _projected_bag(airline)}
    await airline.stores.postgres.execute("DELETE FROM bag_legs WHERE bag_id = $1 AND seq = 2", bag["bag"])
    await airline.record(airline.scan(DELIVERED, "SORTED", "MIA", "11:10"))
    await project_changes(airline.stores)
    by_event = await graph.execute_read(PLANNED, bag)
    await airline.stores.postgres.execute("UPDATE bags SET version = version + 1 WHERE id = $1", bag["bag"])
    await outbox.enqueue_bag_changes(
        airline.stores.postgres, airline.airline_id, Consumer.GRAPH, [(bag["bag"], None)], [bag["bag"]]
    )
    await project_changes(airline.stores)

    assert by_event == [{"designator": "CM335"}, {"designator": "CM758"}]
    assert await graph.execute_read(PLANNED, bag) == [{"designator": "CM335"}]


async def test_a_plan_in_a_later_batch_is_projected_with_the_first(airline: Builder) -> None:
    """Given messages of a scan and of a new plan, when the scan's is processed, then the plan is projected too."""
    bag_id = await _projected_bag(airline)
    await airline.record(airline.scan(DELIVERED, "SORTED", "MIA", "11:10"))
    await airline.stores.postgres.execute("DELETE FROM bag_legs WHERE bag_id = $1 AND seq = 2", bag_id)
    await airline.stores.postgres.execute("UPDATE bags SET version = version + 1 WHERE id = $1", bag_id)
    await publish(airline.stores.postgres, airline.airline_id, ChangeSet(bags=[(bag_id, None)], replanned=[bag_id]))
    worker = Projector(airline.stores.postgres, airline.stores.neo4j, "small batches")
    worker._batch = 1
    await worker.step()
    planned = await airline.stores.neo4j.execute_read(PLANNED, {"bag": bag_id})
    await outbox.release(airline.stores.postgres, Consumer.GRAPH, worker.owner)

    assert planned == [{"designator": "CM335"}]


async def test_an_event_that_turns_out_to_be_another_kind_is_corrected(airline: Builder) -> None:
    bag_id = await _projected_bag(airline)
    records = airline.stores.postgres
    event_id = await records.fetchval("SELECT id FROM events WHERE bag_id = $1", bag_id)
    await records.execute("UPDATE events SET kind = 'TRANSFER_IN', rank = 7 WHERE id = $1", event_id)
    await records.execute("UPDATE bags SET version = version + 1 WHERE id = $1", bag_id)
    await outbox.enqueue_bag_changes(records, airline.airline_id, Consumer.GRAPH, [(bag_id, event_id)], ())
    await project_changes(airline.stores)

    journey = await journey_of(airline, "one")
    assert [(event.id, event.kind, event.rank) for event in journey.events] == [(event_id, "TRANSFER_IN", 7)]


async def test_a_merged_bag_gives_its_events_to_the_other_and_is_deleted(airline: Builder) -> None:
    first = await _projected_bag(airline)
    await airline.bag("other", MISSED, None, ["CM335"])
    await airline.record(airline.scan(MISSED, "LOADED", "MIA", "11:20", "CM335"))
    await project_changes(airline.stores)
    second, records = airline.bags["other"], airline.stores.postgres
    [event_id] = await records.fetchval("SELECT array_agg(id) FROM events WHERE bag_id = $1", second)
    await records.execute("UPDATE events SET bag_id = $2 WHERE bag_id = $1", second, first)
    await records.execute("UPDATE bag_tags SET bag_id = $2 WHERE bag_id = $1", second, first)
    await records.execute("DELETE FROM bag_legs WHERE bag_id = $1", second)
    await records.execute("DELETE FROM bags WHERE id = $1", second)
    await records.execute("UPDATE bags SET version = version + 1 WHERE id = $1", first)
    changes = ChangeSet(bags=[(first, event_id), (second, None)], replanned=[first])
    await publish(records, airline.airline_id, changes)
    await project_changes(airline.stores)
    del airline.bags["other"]
    found: list[Difference] = []
    await check(airline.stores, airline.airline_id, found.append)

    assert found == []
    assert len((await journey_of(airline, "one")).events) == 2


PLANNED = """
MATCH (:Bag {id: $bag})-[planned:PLANNED]->(f:Flight) RETURN f.designator AS designator ORDER BY planned.seq
"""


async def _projected_bag(airline: Builder) -> int:
    """A bag planned on two flights and sorted once, projected with all flights."""
    await airline.bag("one", DELIVERED, None, ["CM335", "CM758"])
    await airline.network()
    await airline.record(airline.scan(DELIVERED, "SORTED", "MIA", "11:00"))
    await project_changes(airline.stores)
    return airline.bags["one"]


# Versions


async def test_an_older_version_never_overwrites_a_newer_one(airline: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a delayed projector with an older version of a bag, when another writes a newer one, then that stays."""
    await airline.bag("one", DELIVERED, None, ["CM335"])
    await airline.record(airline.scan(DELIVERED, "LOADED", "MIA", "11:00", "CM335", custodian="CM"))
    old = await bags.by_id(airline.stores.postgres, airline.airline_id, [airline.bags["one"]])
    await airline.record(airline.scan(DELIVERED, "OFFLOADED", "MIA", "11:30", "CM335", custodian="HANDLER"))
    await project_changes(airline.stores)
    newest = plain(await journey_of(airline, "one"))

    async def as_it_was(_records: object, _airline_id: int, ids: Sequence[int]) -> dict[int, Bag]:
        return {bag_id: bag for bag_id, bag in old.items() if bag_id in ids}

    monkeypatch.setattr(bags, "by_id", as_it_was)
    await set_pending(airline.stores)
    await project_changes(airline.stores)
    monkeypatch.undo()

    journey = await journey_of(airline, "one")
    assert (journey.behind, plain(journey)) == (0, newest)
    assert journey.custodian == "HANDLER"


async def test_a_version_in_the_graph_is_never_incomplete(airline: Builder) -> None:
    """Given changes of a bag in three batches, when the first is processed, then the graph is complete or behind."""
    await airline.bag("one", DELIVERED, None, ["CM335"])
    for minute in ("11:00", "11:10", "11:20"):
        await airline.record(airline.scan(DELIVERED, "POSITION", "MIA", minute))
    worker = Projector(airline.stores.postgres, airline.stores.neo4j, "small batches")
    worker._batch = 1
    await worker.step()
    journey = await journey_of(airline, "one")
    await outbox.release(airline.stores.postgres, Consumer.GRAPH, worker.owner)

    assert journey.source == "GRAPH"
    assert journey.behind > 0 or len(journey.events) == 3


# Workers and lanes


async def lanes(stores: Stores) -> dict[str, int]:
    rows = await stores.postgres.fetch("SELECT owner, count(*) AS lanes FROM lanes WHERE owner IS NOT NULL GROUP BY 1")
    return {row["owner"]: row["lanes"] for row in rows}


async def test_a_lease_from_before_the_clock_stepped_back_ends(airline: Builder) -> None:
    """Given lanes of a worker that is gone, leased until an hour from now, then another worker takes all of them."""
    records = airline.stores.postgres
    await outbox.lease(records, Consumer.GRAPH, "gone", 30.0)
    within = await outbox.lease(records, Consumer.GRAPH, "other", 30.0)
    await records.execute("UPDATE lanes SET leased_until = now() + interval '1 hour' WHERE owner = 'gone'")
    taken = await outbox.lease(records, Consumer.GRAPH, "other", 30.0)
    await outbox.release(records, Consumer.GRAPH, "other")

    assert within == []
    assert len(taken) == LANES


async def test_workers_share_the_lanes_and_process_everything_once(airline: Builder) -> None:
    stores = airline.stores
    workers = [Projector(stores.postgres, stores.neo4j, name) for name in ("one", "two", "three")]
    for tag in range(60):
        await airline.record(airline.scan(f"0230{tag:06d}", "POSITION", "PTY", "12:00"))
    for _ in range(3):  # each takes at most its share, and lanes that others release at the next renewal
        for worker in workers:
            await outbox.lease(stores.postgres, Consumer.GRAPH, worker.owner, 30.0)
    owned = await lanes(stores)
    steps = await asyncio.gather(*(_all_steps(worker) for worker in workers))
    for worker in workers:
        await outbox.release(stores.postgres, Consumer.GRAPH, worker.owner)

    assert sum(owned.values()) == LANES
    assert sum(steps) == 60
    assert (await lag(stores.postgres)).messages == 0
    assert await lanes(stores) == {}


async def _all_steps(worker: Projector) -> int:
    done = 0
    while step := await worker.step():
        done += step
    return done


async def test_a_lane_has_one_owner_while_its_lease_lasts_and_is_free_afterwards(airline: Builder) -> None:
    """Given a worker that died with its lanes, then another takes them when the lease expires."""
    stores = airline.stores
    await airline.record(airline.scan(DELIVERED, "POSITION", "PTY", "12:00"))
    vanished = await outbox.lease(stores.postgres, Consumer.GRAPH, "vanished", 1.0)
    early = await outbox.waiting_messages(stores.postgres, Consumer.GRAPH, "other", 0.0, 10)
    rejected = await outbox.lease(stores.postgres, Consumer.GRAPH, "other", 30.0)
    await asyncio.sleep(1.1)
    taken = await outbox.lease(stores.postgres, Consumer.GRAPH, "other", 30.0)
    waiting = await outbox.waiting_messages(stores.postgres, Consumer.GRAPH, "other", 0.0, 10)
    late = await outbox.waiting_messages(stores.postgres, Consumer.GRAPH, "vanished", 0.0, 10)
    await outbox.release(stores.postgres, Consumer.GRAPH, "other")

    assert len(vanished) == LANES
    assert (rejected, early, late) == ([], [], [])
    assert len(taken) == LANES
    assert len(waiting) == 1


async def test_no_batch_starts_when_the_lease_is_about_to_expire(airline: Builder) -> None:
    stores = airline.stores
    await airline.record(airline.scan(DELIVERED, "POSITION", "PTY", "12:00"))
    await outbox.lease(stores.postgres, Consumer.GRAPH, "slow", 5.0)
    assert await outbox.waiting_messages(stores.postgres, Consumer.GRAPH, "slow", 6.0, 10) == []
    assert len(await outbox.waiting_messages(stores.postgres, Consumer.GRAPH, "slow", 1.0, 10)) == 1
    await outbox.release(stores.postgres, Consumer.GRAPH, "slow")


async def test_the_lag_counts_waiting_messages_and_the_age_of_the_oldest(airline: Builder) -> None:
    await airline.record(airline.scan(DELIVERED, "POSITION", "PTY", "12:00"))
    await airline.stores.postgres.execute(
        "UPDATE outbox SET created_at = now() - interval '90 seconds' WHERE airline_id = $1", airline.airline_id
    )
    behind = await lag(airline.stores.postgres)
    assert behind.messages == 1
    assert 90 <= behind.seconds < 120


async def test_old_processed_messages_are_deleted_and_young_ones_kept(airline: Builder) -> None:
    for tag in (DELIVERED, MISSED):
        await airline.record(airline.scan(tag, "POSITION", "PTY", "12:00"))
    await project_changes(airline.stores)
    await airline.stores.postgres.execute(
        "UPDATE outbox SET done_at = now() - interval '25 hours' WHERE airline_id = $1 AND subject_id % 2 = 0",
        airline.airline_id,
    )
    await outbox.delete_done(airline.stores.postgres, timedelta(hours=24), 10_000)
    left = await airline.stores.postgres.fetchval(
        "SELECT count(*) FROM outbox WHERE airline_id = $1", airline.airline_id
    )
    assert left == 1


# Running


@asynccontextmanager
async def running(worker: Projector) -> AsyncIterator[None]:
    """A worker that runs while the block does."""
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _nothing_waits(stores: Stores) -> None:
    """Waits until the graph has all changes."""
    async with asyncio.timeout(30):
        while (await lag(stores.postgres)).messages:  # noqa: ASYNC110 # the records announce no processed message
            await asyncio.sleep(0.02)


class FailingGraph:
    """A graph whose first ``failures`` calls fail."""

    def __init__(self, graph: Neo4jManager, failures: int) -> None:
        self.graph = graph
        self.failures = failures

    def __getattr__(self, name: str) -> Any:
        if name.startswith("execute") and self.failures:
            self.failures -= 1
            raise Unavailable("graph", "away")
        return getattr(self.graph, name)


async def test_it_waits_for_a_graph_that_is_away_and_catches_up(
    airline: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "POLL_SECONDS", 0.05)
    stores = airline.stores
    await airline.bag("one", DELIVERED, None, ["CM335"])
    graph: Any = FailingGraph(stores.neo4j, 2)
    worker = Projector(stores.postgres, graph, "patient")
    await airline.record(airline.scan(DELIVERED, "POSITION", "PTY", "12:00"))
    async with running(worker):
        await _nothing_waits(stores)
        held = await lanes(stores)

    assert graph.failures == 0
    assert held == {"patient": LANES}
    assert await lanes(stores) == {}, "released"
    assert (await journey_of(airline, "one")).behind == 0


async def test_it_is_woken_by_the_records(airline: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a worker that does not poll, when a scan is recorded, then a notification makes it project the scan."""
    monkeypatch.setattr(worker_module, "POLL_SECONDS", 3600.0)
    stores = airline.stores
    worker = Projector(stores.postgres, stores.neo4j, "light sleeper")
    async with stores.postgres.listen(outbox.CHANNEL, worker.wake), running(worker):
        await asyncio.sleep(0.3)
        await airline.record(airline.scan(DELIVERED, "POSITION", "PTY", "12:00"))
        await _nothing_waits(stores)
