"""Lists that PostgreSQL writes as JSON are identical to the same lists built from rows."""

import dataclasses
from datetime import timedelta

import orjson
import pytest
from graphql import GraphQLObjectType, get_named_type, is_leaf_type, is_required_argument

from integrations.stores.postgres.manager import count_statements
from resolvers.actor import Role
from resolvers.events import MIN_JSON_PARENTS
from resolvers.installation import Stores
from schema.build import build_schema
from schema.runtime.executors import ExecutorName
from tests.world import DELIVERED, Builder, World, at, context_of

STRANGE = ["", "plain", 'quo"te', "back\\slash", "tab\tnew\nline", "\x01\x1f\x7f", "çã 行李 🧳", "</script>", "\u2028"]
ALL = "kind at receivedAt airport place tag method device"
QUERIES = [
    "scans { " + ALL + " }",
    "scans { " + " ".join(reversed(ALL.split())) + " }",
    'scans(last: 2) { moment: at where: place "" }'.replace(' ""', ""),
    "scans { kind } again: scans { kind } other: scans(last: 1) { at }",
    "scans { kind kind at ...More } scans { device }",
    "scans(last: 3) { kind __typename }",
    "scans { kind station { iata } }",
    "scans { id kind }",
    "scans { kind message { kind } }",
]
MORE = " fragment More on BagEvent { place method }"


@pytest.fixture(scope="module")
async def airline(world: World) -> Builder:
    """Bags with events at unusual places and timestamps, and one bag without events."""
    airline = await world.another_airline()
    scans = []
    for number in range(MIN_JSON_PARENTS + 2):
        tag = f"0230{number:06d}"
        await airline.bag(f"bag{number}", tag, None, ["CM335"])
        if number == 0:
            continue
        for step, place in enumerate(STRANGE):
            scan = airline.scan(tag, "SORTED", "MIA", "10:00", None)
            time = at("10:00") + timedelta(minutes=step, microseconds=[0, 1, 10, 120_000, 999_999][step % 5])
            scans.append(dataclasses.replace(scan, place=place, device=place[::-1], at=time))
    await airline.record(*scans)
    return airline


@pytest.mark.parametrize("selection", QUERIES)
async def test_written_lists_are_what_rows_are(airline: Builder, stores: Stores, selection: str) -> None:
    query = "{ bags(first: 50) { nodes { tag " + selection + " } } }" + (MORE if "...More" in selection else "")
    bodies = []
    for name in ExecutorName:
        context = context_of(stores, Role.AGENT, airline.airline_id)
        result = await build_schema(executor=name).run_operation(query, context)
        await context.loaders.close()
        assert result.errors is None
        bodies.append(orjson.dumps(result.data))
    assert bodies[0] == bodies[1]
    assert len(orjson.loads(bodies[0])["bags"]["nodes"]) == MIN_JSON_PARENTS + 2


@pytest.mark.parametrize("selection", QUERIES)
async def test_events_that_come_with_their_bags_are_what_rows_are(
    airline: Builder, stores: Stores, selection: str
) -> None:
    """In a response about one bag, and in a list with passengers, however the events are fetched."""
    of_flight = "bags(first: 50) { nodes { passenger { surname } " + selection + " } }"
    query = "query($tag: String!, $flight: ID!) { bag(by: {tag: $tag}) { flight { gate } " + selection
    query += " } flight(by: {id: $flight}) { " + of_flight + " } }" + (MORE if "...More" in selection else "")
    for tag in ("0230000000", "0230000001"):
        bodies = []
        for name in ExecutorName:
            context = context_of(stores, Role.AGENT, airline.airline_id)
            variables = {"tag": tag, "flight": airline.id("Flight", "CM335")}
            result = await build_schema(executor=name).run_operation(query, context, variables=variables)
            await context.loaders.close()
            assert result.errors is None
            bodies.append(orjson.dumps(result.data))
        assert bodies[0] == bodies[1]
        assert len(orjson.loads(bodies[0])["flight"]["bags"]["nodes"]) == MIN_JSON_PARENTS + 2


async def test_a_bag_that_carried_a_number_twice_is_one(airline: Builder, stores: Stores) -> None:
    again = """INSERT INTO bag_tags (airline_id, number, valid_from, valid_until, bag_id)
               SELECT airline_id, number, valid_until, valid_until + interval '1 day', bag_id
               FROM bag_tags WHERE bag_id = $1"""
    await stores.postgres.execute(again, airline.bags["bag2"])
    context = context_of(stores, Role.AGENT, airline.airline_id)
    with count_statements() as counted:
        result = await build_schema().run_operation('{ bag(by: {tag: "0230000002"}) { tag scans { at } } }', context)
    assert result.errors is None
    assert counted.names == ["RELATED_BAGS_BY_TAG"]


async def test_long_lists_are_written_and_short_ones_are_not(airline: Builder, stores: Stores) -> None:
    schema = build_schema()
    for first, written in ((MIN_JSON_PARENTS, True), (MIN_JSON_PARENTS - 1, False)):
        context = context_of(stores, Role.AGENT, airline.airline_id)
        result = await schema.run_operation(f"{{ bags(first: {first}) {{ nodes {{ scans {{ kind }} }} }} }}", context)
        await context.loaders.close()
        assert result.data is not None
        lists = [node["scans"] for node in result.data["bags"]["nodes"]]
        assert {isinstance(one, orjson.Fragment) for one in lists} == {written}


def fields_of(type_name: str) -> list[str]:
    """Selections of the fields of a type that need no arguments."""
    object_type = build_schema()._schema.type_map[type_name]
    assert isinstance(object_type, GraphQLObjectType)
    selections = []
    for name, field in object_type.fields.items():
        if any(is_required_argument(argument) for argument in field.args.values()):
            continue
        selections.append(name if is_leaf_type(get_named_type(field.type)) else f"{name} {{ __typename }}")
    return selections


@pytest.mark.parametrize(
    "asked",
    [
        *(f"passenger {{ {field} }}" for field in fields_of("Passenger")),
        *(f"flight {{ {field} }}" for field in fields_of("Flight")),
        "passenger { surname } again: passenger { locator loyalty { programme } } flight { designator }",
        "passenger { __typename } flight { __typename }",
        "passenger { ...Names } flight { ... on Flight { gate } }",
        "scans { kind }",
    ],
)
async def test_what_comes_with_a_bag_has_the_columns_of_every_field(world: World, stores: Stores, asked: str) -> None:
    query = "query($tag: String!, $flight: ID!) { bag(by: {tag: $tag}) { " + asked + " } "
    query += "flight(by: {id: $flight}) { bags(first: 50) { nodes { passenger { language } " + asked + " } } } }"
    query += " fragment Names on Passenger { surname givenNames }" if "...Names" in asked else ""
    variables = {"tag": DELIVERED, "flight": world.ours.id("Flight", "CM335")}
    bodies = []
    for name in ExecutorName:
        context = context_of(stores, Role.AGENT, world.ours.airline_id)
        result = await build_schema(executor=name).run_operation(query, context, variables=variables)
        await context.loaders.close()
        assert result.errors is None
        bodies.append(orjson.dumps(result.data))
    assert bodies[0] == bodies[1]
    assert orjson.loads(bodies[0])["flight"]["bags"]["nodes"]


async def test_one_bag_asked_for_twice_has_the_columns_of_both(world: World, stores: Stores) -> None:
    query = """query($tag: String!) {
        one: bag(by: {tag: $tag}) { passenger { surname } scans { kind } }
        two: bag(by: {tag: $tag}) { flight { gate } passenger { locator } }
    }"""
    bodies = []
    for name in ExecutorName:
        context = context_of(stores, Role.AGENT, world.ours.airline_id)
        result = await build_schema(executor=name).run_operation(query, context, variables={"tag": DELIVERED})
        await context.loaders.close()
        assert result.errors is None
        bodies.append(orjson.dumps(result.data))
    assert bodies[0] == bodies[1]
    assert orjson.loads(bodies[0])["two"]["passenger"]["locator"]
