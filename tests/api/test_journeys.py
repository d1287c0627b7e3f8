"""Planned and actual journeys, from the graph, and from PostgreSQL as the fallback."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from time import monotonic

import pytest

from gateway.config import Settings
from gateway.workers import workers
from tests.gateway import Api, serving
from tests.world import DELIVERED, LOADED, MISROUTED, MISSED, SEEN, Builder, World, project_changes

JOURNEY = """
    query($tag: String!) { bag(by: {tag: $tag}) { version journey {
      source version behind asOf custodian { code }
      planned { seq flight { designator } }
      flown { seq flight { designator } loaded { at airport } arrived { at airport } }
      scans { id kind at airport place tag flight { designator } custodian { code } releasedBy { code } method device }
      custodyPoints { kind airport leg proved proof { kind at } lastCustodian { code } }
      gaps { kind airport leg lastCustodian { code } }
    } } }
"""
STATE = "query($tag:String!){bag(by:{tag:$tag}){version journey{source version behind scans{kind}}}}"


async def test_a_journey_shows_plan_flights_custody_and_gaps(api: Api, world: World) -> None:
    """Given a bag that flew both flights without a transfer scan, the custody point of the transfer is a gap."""
    journey = (await api.ask(JOURNEY, tag=DELIVERED))["bag"]["journey"]

    assert (journey["source"], journey["behind"], journey["custodian"]) == ("GRAPH", 0, {"code": "PASSENGER"})
    assert journey["planned"] == [
        {"seq": 1, "flight": {"designator": "CM335"}},
        {"seq": 2, "flight": {"designator": "CM758"}},
    ]
    assert journey["flown"] == [
        {
            "seq": 1,
            "flight": {"designator": "CM335"},
            "loaded": {"at": "2025-07-01T11:40:00+00:00", "airport": "MIA"},
            "arrived": {"at": "2025-07-01T15:15:00+00:00", "airport": "PTY"},
        },
        {
            "seq": 2,
            "flight": {"designator": "CM758"},
            "loaded": {"at": "2025-07-01T16:05:00+00:00", "airport": "PTY"},
            "arrived": {"at": "2025-07-01T23:58:00+00:00", "airport": "GRU"},
        },
    ]
    assert [(point["kind"], point["airport"], point["leg"], point["proved"]) for point in journey["custodyPoints"]] == [
        ("ACCEPTANCE", "MIA", 1, True),
        ("LOADING", "MIA", 1, True),
        ("TRANSFER", "PTY", 1, False),
        ("LOADING", "PTY", 2, True),
        ("ARRIVAL", "GRU", 2, True),
    ]
    assert journey["gaps"] == [{"kind": "TRANSFER", "airport": "PTY", "leg": 1, "lastCustodian": {"code": "HANDLER"}}]


async def test_a_journey_is_in_order_of_event_time(api: Api, world: World) -> None:
    scans = (await api.ask(JOURNEY, tag=MISSED))["bag"]["journey"]["scans"]
    kinds = ["ACCEPTED", "LOADED", "ARRIVED", "NOT_SEEN", "LEFT_BEHIND", "RUSH_TAGGED", "SORTED"]

    assert [scan["kind"] for scan in scans] == kinds
    assert [scan["at"] for scan in scans] == sorted(scan["at"] for scan in scans)
    newest = await api.ask("query($t:String!){bag(by:{tag:$t}){journey{scans(last:1){kind}}}}", t=MISSED)
    assert newest["bag"]["journey"]["scans"] == [{"kind": "SORTED"}]


@pytest.fixture(scope="module")
async def without_graph(settings: Settings, world: World) -> AsyncIterator[Api]:
    """The application with an unreachable graph."""
    away = settings.model_copy(update={"neo4j_uri": "bolt://127.0.0.1:9"})
    async with serving(away) as client:
        yield client


@pytest.mark.parametrize("tag", [DELIVERED, MISSED, LOADED, MISROUTED, SEEN])
async def test_records_and_graph_return_the_same_journey(api: Api, without_graph: Api, tag: str) -> None:
    from_graph = (await api.ask(JOURNEY, tag=tag))["bag"]["journey"]
    from_records = (await without_graph.ask(JOURNEY, tag=tag))["bag"]["journey"]

    assert (from_graph.pop("source"), from_records.pop("source")) == ("GRAPH", "RECORDS")
    assert from_graph == from_records


async def test_what_only_the_graph_knows_is_null_while_it_is_away(without_graph: Api, world: World) -> None:
    response = await without_graph.send(
        '{bag(by:{tag:"CM456781"}){tag fellows{total}} routes(from:"LIM",to:"BOG"){source} bags(first:1){nodes{id}}}'
    )
    answer = response.json()

    assert response.status_code == 200
    assert answer["data"]["bag"] == {"tag": DELIVERED, "fellows": None}
    assert answer["data"]["routes"] is None
    assert len(answer["data"]["bags"]["nodes"]) == 1
    for error in answer["errors"]:
        assert error["extensions"]["code"] == "STORE_UNAVAILABLE"
        assert error["extensions"]["store"] == "graph"
        assert error["extensions"]["retryAfterSeconds"] > 0
        assert "bolt" not in error["message"]
        assert "127.0.0.1" not in error["message"]


async def test_cached_ways_are_answered_while_the_graph_is_away(api: Api, without_graph: Api) -> None:
    query = '{routes(from:"LIM",to:"MIA"){source options{minutes}}}'
    computed = (await api.ask(query))["routes"]
    cached = (await without_graph.ask(query))["routes"]

    assert cached == {"source": "CACHE", "options": computed["options"]}


async def test_ways_are_answered_while_the_cache_is_away(settings: Settings, world: World) -> None:
    away = settings.model_copy(update={"redis_url": type(settings.redis_url)("redis://127.0.0.1:9/0")})
    async with serving(away) as api:
        data = await api.ask('{routes(from:"MIA",to:"LIM"){source options{minutes}} health{status}}')
    assert data["routes"] == {"source": "GRAPH", "options": [{"minutes": 180 + 45 + 220}]}
    assert data["health"] == {"status": "DEGRADED"}


async def test_a_bag_that_the_graph_lacks_comes_from_the_records(api: Api, airline: Builder) -> None:
    """Read your writes: a new bag has a journey at once."""
    await airline.record(airline.scan(DELIVERED, "ACCEPTED", "PTY", "12:00"))
    data = await api.ask(STATE, airline_id=airline.airline_id, tag=DELIVERED)
    assert data["bag"] == {
        "version": 2,
        "journey": {"source": "RECORDS", "version": 2, "behind": 0, "scans": [{"kind": "ACCEPTED"}]},
    }


async def test_a_journey_says_how_far_the_graph_is_behind(api: Api, airline: Builder) -> None:
    async def state() -> tuple[str, int, int, list[str]]:
        journey = (await api.ask(STATE, airline_id=airline.airline_id, tag=DELIVERED))["bag"]["journey"]
        kinds = [scan["kind"] for scan in journey["scans"]]
        return journey["source"], journey["version"], journey["behind"], kinds

    await airline.record(airline.scan(DELIVERED, "ACCEPTED", "PTY", "12:00"))
    await project_changes(airline.stores)
    projected = await state()
    await airline.record(airline.scan(DELIVERED, "SORTED", "PTY", "12:10"))
    await airline.record(airline.scan(DELIVERED, "LOADED", "PTY", "12:20"))
    ahead = await state()
    await project_changes(airline.stores)
    caught_up = await state()

    assert projected == ("GRAPH", 2, 0, ["ACCEPTED"])
    assert ahead == ("GRAPH", 2, 2, ["ACCEPTED"])
    assert caught_up == ("GRAPH", 4, 0, ["ACCEPTED", "SORTED", "LOADED"])


async def test_answer_and_graph_agree_within_a_second(settings: Settings, airline: Builder) -> None:
    """A gateway with workers projects a recorded scan to the graph within a second."""
    record = "mutation($i:RecordScansInput!){recordScans(input:$i){results{outcome}}}"
    waits = []
    async with serving(settings, background=partial(workers, settings)) as api:
        for minute in range(6):
            scan = {"tag": DELIVERED, "kind": "SORTED", "at": f"2025-07-01T12:0{minute}:00Z", "airport": "PTY"}
            await api.ask(record, airline_id=airline.airline_id, i={"scans": [scan]})
            waits.append(await _wait_for_graph(api, airline, minute + 1))
    # The median, because a cold graph first plans its statements, and other tests' servers share the machine's cores.
    assert sorted(waits)[len(waits) // 2] < 1.0


async def _wait_for_graph(api: Api, airline: Builder, scans: int) -> float:
    began = monotonic()
    while monotonic() < began + 20:
        bag = (await api.ask(STATE, airline_id=airline.airline_id, tag=DELIVERED))["bag"]
        if bag["journey"]["source"] == "GRAPH" and bag["journey"]["behind"] == 0:
            assert len(bag["journey"]["scans"]) == scans
            return monotonic() - began
        await asyncio.sleep(0.02)
    raise AssertionError("the graph did not receive the scan")
