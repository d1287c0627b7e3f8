"""Statements of the benchmark's operations: the same number for any number of bags."""

from collections import Counter

import pytest

from gateway.config import Settings
from integrations.records.events import Scan
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.postgres.manager import count_statements
from resolvers.events import MIN_JSON_PARENTS
from schema.runtime.executors import ExecutorName
from tests.executor import chosen
from tests.gateway import Api, serving
from tests.world import Builder, World, at, project_changes

ONE_BAG = """
    query($tag: String!) { bag(by: {tag: $tag}) {
      tag state passenger { surname locator } flight { designator status } scans { kind at airport place }
    } }
"""
BAGS_OF_A_FLIGHT = """
    query($flight: ID!, $first: Int!) { flight(by: {id: $flight}) { designator bags(first: $first) { nodes {
      tag state passenger { surname } scans(last: 3) { kind at airport } pir { reference status }
    } } } }
"""
BAGS_WITH_ALL_SCANS = """
    query($flight: ID!, $first: Int!) { flight(by: {id: $flight}) { bags(first: $first) { nodes {
      tag state scans { kind at airport place method }
    } } } }
"""
JOURNEYS = """
    query($flight: ID!, $first: Int!) { flight(by: {id: $flight}) { bags(first: $first) { nodes {
      tag journey { source behind scans { kind } flown { flight { designator } } gaps { kind airport } }
    } } } }
"""
FELLOWS = """
    query($flight: ID!, $first: Int!) { flight(by: {id: $flight}) { bags(first: $first) { nodes {
      tag came: fellows { total bags { tag } } were: fellows(by: BELT) { total fellows { minutes bag { tag } } }
    } } } }
"""
BAGS = 50

# Related rows are prefetched only by an executor that reports the selected fields.
EXPECTED = {
    ExecutorName.BREADTH_FIRST: {
        "one bag": ["RELATED_BAGS_BY_TAG"],
        "bags of a flight": ["BAGS_OF_FLIGHTS_WITH_PASSENGERS", "FLIGHTS_BY_ID", "PIR_OF_BAGS"],
        "bags with all scans": ["BAGS_OF_FLIGHTS", "EVENTS_OF_BAGS", "FLIGHTS_BY_ID"],
    },
    ExecutorName.GRAPHQL_CORE: {
        "one bag": ["BAGS_BY_TAG", "EVENTS_OF_BAGS", "FLIGHTS_BY_ID", "PASSENGERS_BY_ID"],
        "bags of a flight": [
            "BAGS_OF_FLIGHTS",
            "FLIGHTS_BY_ID",
            "LAST_EVENTS_OF_BAGS",
            "PASSENGERS_BY_ID",
            "PIR_OF_BAGS",
        ],
        "bags with all scans": ["BAGS_OF_FLIGHTS", "EVENTS_OF_BAGS", "FLIGHTS_BY_ID"],
    },
}[chosen()]


@pytest.fixture(scope="module")
async def full_flight(world: World) -> Builder:
    """An airline with ``BAGS`` bags on CM335, each with a passenger, scans and a PIR."""
    airline = await world.another_airline()
    scans: list[Scan] = []
    for number in range(BAGS):
        name, tag = f"bag{number}", f"0230{number:06d}"
        await airline.passenger(name, f"AB{number:04d}", f"Family{number}", "Ana", None, None, None, "EN", None, None)
        await airline.bag(name, tag, name, ["CM335", "CM758"])
        await airline.pir(f"PTYCM{number:05d}", "DELAYED", "PTY", name, [name], at("16:00"))
        for kind, when in (("ACCEPTED", "10:00"), ("SORTED", "10:30"), ("LOADED", "11:30"), ("ARRIVED", "15:00")):
            flight = "CM335" if kind in ("LOADED", "ARRIVED") else None
            scans.append(airline.scan(tag, kind, "PTY" if kind == "ARRIVED" else "MIA", when, flight, place="BELT1"))
    await airline.record(*scans)
    await project_changes(airline.stores)
    return airline


def named(what: str, first: int) -> list[str]:
    """Statements of a list. The events of many bags are read as JSON."""
    if chosen() is ExecutorName.GRAPHQL_CORE or first < MIN_JSON_PARENTS:
        return EXPECTED[what]
    return [f"{name}_AS_JSON" if name == "EVENTS_OF_BAGS" else name for name in EXPECTED[what]]


async def cost(api: Api, airline: Builder, query: str, first: int) -> list[str]:
    """Names of the statements that a list of ``first`` bags runs."""
    flight = airline.id("Flight", "CM335")
    with count_statements() as counted:
        data = await api.ask(query, airline_id=airline.airline_id, flight=flight, first=first)
    nodes = data["flight"]["bags"]["nodes"]
    assert len(nodes) == first
    assert all(value for node in nodes for value in node.values())
    return sorted(counted.names)


async def test_one_bag_with_passenger_flight_and_scans(api: Api, full_flight: Builder) -> None:
    with count_statements() as counted:
        await api.ask(ONE_BAG, airline_id=full_flight.airline_id, tag="0230000007")
    assert sorted(counted.names) == EXPECTED["one bag"]


@pytest.mark.parametrize("first", [1, 10, BAGS])
async def test_bags_of_a_flight_with_passenger_last_scans_and_file(api: Api, full_flight: Builder, first: int) -> None:
    assert await cost(api, full_flight, BAGS_OF_A_FLIGHT, first) == named("bags of a flight", first)


async def test_files_are_looked_for_only_where_a_bag_has_one(api: Api, world: World) -> None:
    airline = await world.another_airline()
    for name, tag in (("one", "0230000001"), ("two", "0230000002")):
        await airline.passenger(name, f"AB000{tag[-1]}", "Diaz", "Ana", None, None, None, "EN", None, None)
        await airline.bag(name, tag, name, ["CM335"])
    flight = airline.id("Flight", "CM335")
    answers, names = [], []
    for files in range(2):
        if files:
            await airline.pir("PTYCM00001", "DELAYED", "PTY", "two", ["two"], at("16:00"))
        with count_statements() as counted:
            data = await api.ask(BAGS_OF_A_FLIGHT, airline_id=airline.airline_id, flight=flight, first=10)
        answers.append([node["pir"] for node in data["flight"]["bags"]["nodes"]])
        names.append(sorted(counted.names))

    assert answers == [[None, None], [None, {"reference": "PTYCM00001", "status": "OPEN"}]]
    assert names[1] == EXPECTED["bags of a flight"]
    if chosen() is ExecutorName.BREADTH_FIRST:
        assert names[0] == ["BAGS_OF_FLIGHTS_WITH_PASSENGERS", "FLIGHTS_BY_ID"]


@pytest.mark.parametrize("first", [1, 10, BAGS])
async def test_bags_with_all_scans(api: Api, full_flight: Builder, first: int) -> None:
    assert await cost(api, full_flight, BAGS_WITH_ALL_SCANS, first) == named("bags with all scans", first)


@pytest.fixture
def round_trips(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Number of calls to the graph, by statement."""
    counted: Counter[str] = Counter()
    ask = Neo4jManager.execute_read

    async def counting(self: Neo4jManager, *args: object, **more: object) -> object:
        counted[str(more["name"])] += 1
        return await ask(self, *args, **more)  # type: ignore[arg-type] # arguments are passed unchanged

    monkeypatch.setattr(Neo4jManager, "execute_read", counting)
    return counted


@pytest.mark.parametrize("first", [1, 10, BAGS])
async def test_journeys_are_one_round_trip_to_the_graph(
    api: Api, full_flight: Builder, round_trips: Counter[str], first: int
) -> None:
    assert await cost(api, full_flight, JOURNEYS, first) == ["BAGS_OF_FLIGHTS", "FLIGHTS_BY_ID"]
    assert round_trips == {"JOURNEYS_OF_BAGS": 1}


@pytest.mark.parametrize("first", [1, 10, BAGS])
async def test_fellows_are_one_round_trip_to_the_graph(
    api: Api, full_flight: Builder, round_trips: Counter[str], first: int
) -> None:
    assert await cost(api, full_flight, FELLOWS, first) == [
        "BAGS_BY_ID",
        "BAGS_BY_ID",
        "BAGS_OF_FLIGHTS",
        "FLIGHTS_BY_ID",
    ]
    assert round_trips == {"FELLOWS_OF_BAGS": 1, "FELLOWS_AT_PLACES": 1}


@pytest.mark.parametrize("first", [1, 10, BAGS])
async def test_journeys_without_the_graph_cost_as_much_for_any_number(
    settings: Settings, full_flight: Builder, first: int
) -> None:
    async with serving(settings.model_copy(update={"neo4j_uri": "bolt://127.0.0.1:9"})) as api:
        assert await cost(api, full_flight, JOURNEYS, first) == [
            "BAGS_OF_FLIGHTS",
            "EVENTS_OF_BAGS",
            "FLIGHTS_BY_ID",
            "LEGS_OF_BAGS",
        ]


@pytest.mark.parametrize("bags", [1, 10, BAGS])
async def test_recording_scans_costs_as_much_for_any_number(api: Api, full_flight: Builder, bags: int) -> None:
    query = "mutation($i:RecordScansInput!){recordScans(input:$i){results{outcome bag{state}}}}"
    scans = [
        {"tag": f"0230{number:06d}", "kind": "SORTED", "at": f"2025-07-01T15:{bags:02d}:00Z", "airport": "PTY"}
        for number in range(bags)
    ]
    with count_statements() as counted:
        data = await api.ask(query, airline_id=full_flight.airline_id, i={"scans": scans})
    assert {result["outcome"] for result in data["recordScans"]["results"]} == {"RECORDED"}
    # A process checks for the month's partition once.
    assert len([name for name in counted.names if name != "ENSURE_PARTITIONS"]) == 13
