"""Recording scans over the real records: one transaction, each event once, in any order of arrival."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import datetime, timedelta
from itertools import pairwise, permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.errors import Unavailable
from integrations.records.bags import Bag
from integrations.records.events import EventKind, Scan, ScanMethod
from integrations.records.outbox import LANES, Subject
from integrations.stores.postgres import outbox
from integrations.stores.postgres.manager import count_statements
from migrations.run import load_graph_schema
from resolvers import flights, journeys
from resolvers.ingestion import events as scans
from resolvers.ingestion import history
from resolvers.ingestion.bag_tags import UNKNOWN_TAG_WINDOW
from resolvers.ingestion.events import CLOCK_TOLERANCE, RecordedScan, ScanOutcome
from resolvers.ingestion.flight_updates import FlightChange
from resolvers.installation import Stores
from resolvers.rules.bag_state import flown_legs
from resolvers.rules.custody import custody_points
from resolvers.workers import graph_check
from resolvers.workers.bag_rebuild import rebuild
from resolvers.workers.graph_check import Difference
from tests.conftest import Neo4jCredentials
from tests.gateway import settings_for
from tests.world import DAY, Builder, World, at, context_of, open_stores, project_changes

TAG = "0230111111"
LATER = UNKNOWN_TAG_WINDOW + timedelta(days=1)


@pytest.fixture(scope="module")
async def stores(migrated_url: str, redis_url: str, neo4j_credentials: Neo4jCredentials) -> AsyncIterator[Stores]:
    async with open_stores(settings_for(migrated_url, redis_url, neo4j_credentials)) as opened:
        await load_graph_schema(opened.neo4j)
        yield opened


async def count(airline: Builder, table: str) -> int:
    sql = f"SELECT count(*) FROM {table} WHERE airline_id = $1"
    return int(await airline.stores.postgres.fetchval(sql, airline.airline_id))


def bag_ids(recorded: list[RecordedScan]) -> list[int | None]:
    return [one.bag_id for one in recorded]


# One transaction


async def test_a_failure_rolls_everything_back(airline: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise Unavailable("records", "gone")

    monkeypatch.setattr(outbox, "wake", fail)
    with pytest.raises(Unavailable):
        await airline.record(airline.scan(TAG, "ACCEPTED", "PTY", "12:00"))
    assert [await count(airline, table) for table in ("bags", "bag_tags", "events", "outbox", "audit")] == [0] * 5


async def test_the_outbox_message_names_the_new_events_of_each_bag(airline: Builder) -> None:
    first = airline.scan(TAG, "ACCEPTED", "PTY", "12:00")
    [known] = await airline.record(first)
    fresh = await airline.record(
        first, airline.scan(TAG, "SORTED", "PTY", "12:10"), airline.scan("0230222222", "ACCEPTED", "PTY", "12:00")
    )
    rows = await airline.stores.postgres.fetch(
        "SELECT subject, subject_id, events, lane, done_at FROM outbox WHERE airline_id = $1 ORDER BY id",
        airline.airline_id,
    )
    enqueued = {row["subject_id"]: row["events"] for row in rows[1:]}

    assert enqueued == {fresh[1].bag_id: [fresh[1].event_id], fresh[2].bag_id: [fresh[2].event_id]}
    assert rows[0]["events"] == [known.event_id]
    assert {(row["subject"], row["lane"] == row["subject_id"] % LANES, row["done_at"]) for row in rows} == {
        ("BAG", True, None)
    }


@pytest.mark.parametrize("number", [2, 40])
async def test_the_number_of_statements_does_not_depend_on_the_number_of_scans(airline: Builder, number: int) -> None:
    made = [airline.scan(f"0230{n:06d}", "LOADED", "PTY", "16:00", "CM758") for n in range(number)]
    with count_statements() as unknown:
        await airline.record(*made)
    with count_statements() as known:
        await airline.record(*(airline.scan(one.tag, "ARRIVED", "GRU", "23:50", "CM758") for one in made))
    assert (len(unknown.names), len(known.names)) == (19, 15)


# Bag of a scan


async def test_scans_before_and_after_the_first_one_are_of_one_bag(airline: Builder) -> None:
    edge = UNKNOWN_TAG_WINDOW - timedelta(minutes=1)
    recorded = [
        (await airline.record(airline.scan(TAG, "POSITION", "PTY", DAY + shift)))[0]
        for shift in (timedelta(), edge, -edge)
    ]
    assert len(set(bag_ids(recorded))) == 1


@pytest.mark.parametrize("batches", [[[0], [1], [2]], [[2], [0], [1]], [[0, 1, 2]], [[2, 1, 0]], [[1, 0], [2]]])
async def test_a_number_used_again_is_another_bag_in_any_order_of_arrival(
    airline: Builder, batches: list[list[int]]
) -> None:
    """Given scans of one number months apart, then each belongs to a bag of its own."""
    made = [airline.scan(TAG, "POSITION", "PTY", DAY + n * LATER) for n in range(3)]
    for batch in batches:
        await airline.record(*(made[n] for n in batch))
    again = await airline.record(*made)

    assert {one.outcome for one in again} == {ScanOutcome.DUPLICATE}
    assert len(set(bag_ids(again))) == await count(airline, "bags") == 3


async def test_a_bag_of_a_number_used_again_takes_no_scan_of_the_earlier_bag(airline: Builder) -> None:
    """Given a booked bag, when a scan comes after its tag has expired, then earlier scans stay with the booked bag."""
    await airline.bag("booked", TAG, None, ["CM335"])
    [late] = await airline.record(airline.scan(TAG, "POSITION", "PTY", DAY + timedelta(days=31)))
    [usual] = await airline.record(airline.scan(TAG, "ARRIVED", "PTY", DAY + timedelta(days=29)))
    [early] = await airline.record(airline.scan(TAG, "POSITION", "MIA", DAY - timedelta(days=2)))

    assert usual.bag_id == airline.bags["booked"]
    assert len({late.bag_id, usual.bag_id, early.bag_id}) == 3
    overlaps = await airline.stores.postgres.fetchval(
        """
        SELECT count(*) FROM bag_tags AS one JOIN bag_tags AS other USING (airline_id, number)
        WHERE airline_id = $1 AND one.bag_id < other.bag_id
          AND one.valid_from < other.valid_until AND other.valid_from < one.valid_until
        """,
        airline.airline_id,
    )
    assert overlaps == 0


async def test_a_scan_is_of_the_bag_whose_rush_tag_it_read(airline: Builder) -> None:
    await airline.bag("booked", TAG, None, ["CM335"], rush_tag="2230000001")
    [recorded] = await airline.record(airline.scan("2230000001", "LOADED", "PTY", "20:30", "CM758"))
    assert recorded.bag_id == airline.bags["booked"]


async def test_the_unreadable_tag_is_never_a_bag(airline: Builder) -> None:
    for _ in range(2):
        [recorded] = await airline.record(airline.scan("0000000000", "POSITION", "PTY", "12:00"))
        assert recorded.bag_id is None
    assert (await count(airline, "bags"), await count(airline, "outbox")) == (0, 0)


# Rejected scans


async def test_a_scanners_clock_may_run_a_little_ahead(airline: Builder) -> None:
    now = at("12:00")
    ahead = [CLOCK_TOLERANCE, CLOCK_TOLERANCE + timedelta(microseconds=1)]
    made = [airline.scan(TAG, "POSITION", "PTY", now + some) for some in ahead]
    recorded = await scans.record_scans(context_of(airline.stores, airline_id=airline.airline_id, now=now), made)
    assert [one.outcome for one in recorded] == [ScanOutcome.RECORDED, ScanOutcome.IN_THE_FUTURE]


async def test_another_airlines_flight_is_unknown(airline: Builder, world: World) -> None:
    foreign = Scan(TAG, EventKind.LOADED, at("12:00"), "PTY", flight=world.ours.keys["CM702"])
    assert [one.outcome for one in await airline.record(foreign)] == [ScanOutcome.UNKNOWN_FLIGHT]


# Concurrent calls


async def test_concurrent_calls_over_the_same_bags_in_any_order_all_succeed(airline: Builder) -> None:
    tags = [f"0230{n:06d}" for n in range(12)]

    async def sweep(minute: int) -> None:
        order = tags if minute % 2 else tags[::-1]
        for half in (order[:6], order[6:], order):
            await airline.record(*(airline.scan(tag, "POSITION", "PTY", f"12:{minute:02d}") for tag in half))

    await asyncio.gather(*(sweep(minute) for minute in range(8)))
    assert (await count(airline, "bags"), await count(airline, "events")) == (12, 12 * 8)
    versions = await airline.stores.postgres.fetch(
        "SELECT DISTINCT version FROM bags WHERE airline_id = $1", airline.airline_id
    )
    assert [row["version"] for row in versions] == [9]


@pytest.mark.parametrize("first", ["the loading", "the departure"])
async def test_a_concurrent_loading_and_departure_see_each_other(
    airline: Builder, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """Given one of them written and not committed, when the other one arrives, then the bag ends IN_FLIGHT."""
    written, go_on = asyncio.Event(), asyncio.Event()
    wake = outbox.wake

    async def wait_before_commit(*arguments: Any) -> None:
        await wake(*arguments)
        if not written.is_set():
            written.set()
            await go_on.wait()

    monkeypatch.setattr(outbox, "wake", wait_before_commit)
    context = context_of(airline.stores, airline_id=airline.airline_id)
    left = FlightChange(actual_departure=at("16:40"))
    changes: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
        "the loading": lambda: airline.record(airline.scan(TAG, "LOADED", "PTY", "16:00", "CM758")),
        "the departure": lambda: flights.update(context, airline.flights["CM758"], left),
    }
    one = asyncio.create_task(changes.pop(first)())
    await written.wait()
    other = asyncio.create_task(changes.popitem()[1]())
    await asyncio.wait([other], timeout=0.3)
    go_on.set()
    await asyncio.gather(one, other)

    state = await airline.stores.postgres.fetchval("SELECT state FROM bags WHERE airline_id = $1", airline.airline_id)
    assert state == "IN_FLIGHT"


# Any order, any repetition, any batches

made_scans = st.tuples(
    st.sampled_from([kind.value for kind in EventKind]),
    st.sampled_from(["MIA", "PTY", "GRU", "BOG", "LIM"]),
    st.integers(0, 6).map(lambda steps: 120 * steps),
    st.sampled_from([None, "CM335", "CM758", "CM411"]),
    st.sampled_from([None, "CM", "HANDLER"]),
    st.sampled_from(["", "BELT1"]),
    st.sampled_from(ScanMethod),
)
stories = st.lists(made_scans, min_size=1, max_size=7, unique=True)


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[Any], list[list[Any]]]:
    """A story, and one order of its arrival: shuffled, with repetitions, in calls of any size."""
    story = draw(stories)
    shuffled = draw(st.permutations(story))
    repeated = [*shuffled, *draw(st.lists(st.sampled_from(story), max_size=4))]
    cuts = sorted(draw(st.sets(st.integers(1, len(repeated)), max_size=4)) | {0, len(repeated)})
    return story, [repeated[start:end] for start, end in pairwise(cuts)]


async def forget(airline: Builder) -> None:
    """Deletes the airline's bags and events from both stores."""
    await airline.stores.neo4j.execute_write(
        "MATCH (b:Bag {airlineId: $id}) OPTIONAL MATCH (b)-[:HAD]->(e:Event) DETACH DELETE b, e",
        {"id": airline.airline_id},
    )
    for statement in (
        "DELETE FROM events WHERE airline_id = $1",
        "DELETE FROM outbox WHERE airline_id = $1",
        "DELETE FROM bag_tags WHERE airline_id = $1",
        "DELETE FROM bag_legs USING bags WHERE bags.id = bag_id AND airline_id = $1",
        "DELETE FROM bags WHERE airline_id = $1",
    ):
        await airline.stores.postgres.execute(statement, airline.airline_id)


async def outcome_of(airline: Builder, batches: list[list[Any]], *, booked: bool) -> dict[str, Any]:
    """All values of one bag in both stores after its scans arrived in these batches."""
    await forget(airline)
    if booked:
        await airline.bag("bag", TAG, None, ["CM335", "CM758"])
    for batch in batches:
        await airline.record(*(_scan(airline, *one) for one in batch), received_at=DAY + timedelta(days=5))
    await project_changes(airline.stores)
    records, airline_id = airline.stores.postgres, airline.airline_id
    context = context_of(airline.stores, airline_id=airline_id)
    [row] = await records.fetch("SELECT * FROM bags WHERE airline_id = $1", airline_id, record_class=Bag)
    known = (await history.of_bags(records, airline_id, [row.id]))[row.id]
    [journey] = await journeys.of_bags(context, [row])
    # For a bag that only scans have made known, these depend on the order of arrival.
    counted = {"id", "version", "created_at"}
    return {
        "row": {name: value for name, value in row.items() if name not in counted},
        "events": [(event.id, event.at, event.kind) for event in known.events],
        "journey": _journey(known.events, flown_legs(known.events, known.flights), known.planned),
        "graph": (
            journey.source,
            journey.behind,
            journey.custodian,
            _journey(journey.events, journey.flown, journey.planned),
        ),
        "last custodians": [point.last_custodian for point in journey.points],
    }


def _scan(airline: Builder, kind: str, airport: str, minutes: int, flight: str | None, *more: Any) -> Scan:
    custodian, place, method = more
    scanned_at = at("10:00") + timedelta(minutes=minutes)
    return airline.scan(TAG, kind, airport, scanned_at, flight, custodian=custodian, place=place, method=method)


def _journey(events: Any, legs: Any, planned: Any) -> Any:
    flights = {leg.flight.id: leg.flight for leg in legs}
    return (
        [event.id for event in events],
        [(leg.seq, leg.flight.id, leg.loaded and leg.loaded.id, leg.arrived and leg.arrived.id) for leg in legs],
        [(point.kind, point.leg, point.proved) for point in custody_points(events, planned, flights)],
    )


async def differing_bags(airline: Builder) -> list[Difference]:
    """Differences between the bags of the graph and of the records."""
    found: list[Difference] = []
    await graph_check.check(airline.stores, airline.airline_id, found.append)
    return [one for one in found if one.subject == Subject.BAG]


async def test_the_custodian_of_a_transfer_does_not_depend_on_the_order_of_arrival(airline: Builder) -> None:
    records, airline_id = airline.stores.postgres, airline.airline_id
    context = context_of(airline.stores, airline_id=airline_id)
    first, between, second = (
        airline.scan(TAG, "SORTED", "PTY", "14:10", "CM758", transfer=True),
        airline.scan(TAG, "POSITION", "PTY", "14:15", custodian="HANDLER"),
        airline.scan(TAG, "SORTED", "PTY", "14:20", "CM758", transfer=True),
    )
    for order in permutations((first, between, second)):
        await forget(airline)
        for scan in order:
            await airline.record(scan, received_at=DAY + timedelta(days=5))
        await project_changes(airline.stores)
        [row] = await records.fetch("SELECT * FROM bags WHERE airline_id = $1", airline_id, record_class=Bag)
        known = (await history.of_bags(records, airline_id, [row.id]))[row.id]
        [journey] = await journeys.of_bags(context, [row])
        expected = [("TRANSFER_IN", "CM"), ("POSITION", "HANDLER"), ("SORTED", None)]
        assert [(event.kind, event.custodian) for event in known.events] == expected
        assert [(event.kind, event.custodian) for event in journey.events] == expected
        assert (row.custodian, journey.custodian, journey.source) == ("HANDLER", "HANDLER", "GRAPH")
        assert [done.corrected async for done in rebuild(context)] == [0]
        assert await differing_bags(airline) == []


async def test_a_rebuild_corrects_the_custodian_that_an_earlier_version_left(airline: Builder) -> None:
    records, airline_id = airline.stores.postgres, airline.airline_id
    context = context_of(airline.stores, airline_id=airline_id)
    await airline.record(
        airline.scan(TAG, "SORTED", "PTY", "14:10", "CM758", transfer=True),
        airline.scan(TAG, "POSITION", "PTY", "14:15", custodian="HANDLER"),
        airline.scan(TAG, "SORTED", "PTY", "14:20", "CM758", transfer=True),
    )
    await records.execute("UPDATE events SET custodian = 'CM' WHERE airline_id = $1 AND kind = 'SORTED'", airline_id)
    await records.execute("UPDATE bags SET custodian = 'CM' WHERE airline_id = $1", airline_id)
    await project_changes(airline.stores)
    assert [done.corrected async for done in rebuild(context)] == [1]
    assert await records.fetchval("SELECT custodian FROM bags WHERE airline_id = $1", airline_id) == "HANDLER"
    assert [done.corrected async for done in rebuild(context)] == [0]
    await project_changes(airline.stores)
    assert await differing_bags(airline) == []


@pytest.fixture(scope="module")
async def storyteller(world: World) -> Builder:
    """The airline of the stories; its first flight has left."""
    airline = await world.another_airline()
    left: datetime = at("14:05")
    await airline.stores.postgres.execute(
        "UPDATE flights SET actual_departure = $2 WHERE id = $1", airline.flights["CM335"], left
    )
    return airline


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(arrival=arrivals(), booked=st.booleans())
async def test_order_repetition_and_batches_never_matter(storyteller: Builder, arrival: Any, booked: bool) -> None:
    story, batches = arrival
    one = await outcome_of(storyteller, [story], booked=booked)
    other = await outcome_of(storyteller, batches, booked=booked)

    assert other == one
    assert one["graph"][:2] == ("GRAPH", 0)
    assert one["graph"][3] == one["journey"]
