"""Global ids, all fields of each node type, and pagination."""

from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
)

from integrations.stores.postgres.manager import count_statements
from resolvers.actor import Role
from schema.build import build_schema
from schema.execution import BatchField
from schema.fields.node import join
from schema.runtime.permissions import DEFINITION
from tests.gateway import Api
from tests.world import OURS, Builder, World, at

NODES = """
    query($ids: [ID!]!) { nodes(ids: $ids) {
      __typename id ... on Bag { tag } ... on Flight { designator } ... on Passenger { locator }
      ... on Pir { reference } ... on Airport { iata }
    } }
"""


async def test_objects_of_every_type_are_found_again_by_their_ids(api: Api, world: World) -> None:
    ids = [
        world.ours.id("Bag", "missed"),
        join("Airport", "PTY"),
        world.ours.id("Pir", "GRUCM12345"),
        join("Bag", 999_999),
        world.ours.id("Flight", "CM758"),
        world.ours.id("Passenger", "gonzalez"),
        world.ours.id("Bag", "missed"),
    ]
    nodes = (await api.ask(NODES, ids=ids))["nodes"]

    assert nodes == [
        {"__typename": "Bag", "id": ids[0], "tag": "0230456782"},
        {"__typename": "Airport", "id": ids[1], "iata": "PTY"},
        {"__typename": "Pir", "id": ids[2], "reference": "GRUCM12345"},
        None,
        {"__typename": "Flight", "id": ids[4], "designator": "CM758"},
        {"__typename": "Passenger", "id": ids[5], "locator": "F7K2QX"},
        nodes[0],
    ]


async def test_objects_cost_one_statement_a_type(api: Api, world: World) -> None:
    ids = [world.ours.id("Bag", name) for name in world.ours.bags]
    ids += [world.ours.id("Flight", name) for name in world.ours.flights]
    with count_statements() as counted:
        await api.ask(NODES, ids=ids)
    assert sorted(counted.names) == ["BAGS_BY_ID", "FLIGHTS_BY_ID"]


async def test_one_object_is_found_by_its_id(api: Api, world: World) -> None:
    query = "query($id:ID!){node(id:$id){__typename ...on Pir{reference}}}"
    data = await api.ask(query, id=world.ours.id("Pir", "PTYCM00100"))
    assert data == {"node": {"__typename": "Pir", "reference": "PTYCM00100"}}
    assert await api.ask(query, id=join("Pir", 999_999)) == {"node": None}


async def test_no_ids_are_no_objects(api: Api) -> None:
    assert await api.ask(NODES, ids=[]) == {"nodes": []}


# Every field of every type

SCHEMA = build_schema()._schema
# Levels of nesting. PIRs have a separate query: within a bag's, they would exceed the limit of selected fields.
LEVELS = {"Bag": 2, "Pir": 2, "Flight": 2, "Passenger": 1, "Airport": 1}


def selection(kind: str, reached: set[tuple[str, str]]) -> str:
    """A selection of all fields of a type, nested to the depth in ``LEVELS``."""
    return _selection(SCHEMA.type_map[kind], LEVELS[kind], reached, "Bag" if kind == "Pir" else "Pir")


def _selection(graphql_type: Any, levels: int, reached: set[tuple[str, str]], without: str) -> str:
    if isinstance(graphql_type, GraphQLUnionType | GraphQLInterfaceType) or graphql_type.name == without:
        return "__typename"
    parts = []
    for name, field in graphql_type.fields.items():
        below = get_named_type(field.type)
        if is_leaf_type(below):
            parts.append(name)
        elif levels:
            parts.append(f"{name}{{{_selection(below, levels - 1, reached, without)}}}")
        else:
            continue
        reached.add((graphql_type.name, name))
    return " ".join(parts) or "__typename"


def batch_fields() -> set[tuple[str, str]]:
    return {
        (name, field_name)
        for name, graphql_type in SCHEMA.type_map.items()
        if isinstance(graphql_type, GraphQLObjectType)
        for field_name, field in graphql_type.fields.items()
        if _is_batched(field)
    }


def _is_batched(field: GraphQLField) -> bool:
    return isinstance(field.extensions.get(DEFINITION), BatchField)


KINDS = list(LEVELS)
# Covered by test_mutations, test_connections, test_custody and test_subscriptions.
ASKED_ELSEWHERE = {
    ("ScanResult", "bag"),
    ("ConnectionBoardUpdate", "board"),
    ("ConnectionEvidence", "scan"),
    ("CustodyGap", "bag"),
    ("CustodyPoint", "lastCustodian"),
    ("Incident", "bags"),
    ("Incident", "flight"),
    ("Incident", "levels"),
    ("IncidentBag", "bag"),
    ("IncidentBag", "transfer"),
    ("IncidentUpdate", "incident"),
    ("InventoryBag", "bag"),
    ("PirUpdate", "pir"),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_every_field_answers_for_everything_in_the_world(api: Api, world: World, kind: str) -> None:
    named = {"Bag": world.ours.bags, "Flight": world.ours.flights, "Passenger": world.ours.passengers}
    named |= {"Pir": world.ours.pirs, "Airport": {"PTY": "PTY", "MIA": "MIA"}}  # type: ignore[dict-item] # keys vary
    query = f"query($id:ID!){{node(id:$id){{...on {kind}{{{selection(kind, set())}}}}}}}"
    for key in named[kind].values():
        assert (await api.ask(query, Role.ADMIN, id=join(kind, key)))["node"]["id"] == join(kind, key)


def test_that_was_every_field_of_all_parents() -> None:
    reached: set[tuple[str, str]] = set()
    for kind in KINDS:
        selection(kind, reached)
    assert batch_fields() - reached == ASKED_ELSEWHERE


# Pagination

LISTS = ["airports", "bags", "flights", "pirs"]
PAGE = """
    query($first: Int, $after: String, $last: Int, $before: String) {
      %s(first: $first, after: $after, last: $last, before: $before) {
        edges { cursor node { id } } nodes { id }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }
"""


async def page(api: Api, name: str, airline_id: int = OURS, **arguments: Any) -> tuple[list[str], dict[str, Any]]:
    """The ids and the page info of a page. Asserts what every page must satisfy."""
    piece = (await api.ask(PAGE % name, airline_id=airline_id, **arguments))[name]
    ids = [node["id"] for node in piece["nodes"]]
    cursors = [edge["cursor"] for edge in piece["edges"]]
    assert [edge["node"]["id"] for edge in piece["edges"]] == ids
    ends = [cursors[0], cursors[-1]] if cursors else [None, None]
    assert [piece["pageInfo"]["startCursor"], piece["pageInfo"]["endCursor"]] == ends
    return ids, piece["pageInfo"]


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("size", [1, 2, 3, 200])
async def test_pieces_from_either_end_make_up_the_whole_list(api: Api, world: World, name: str, size: int) -> None:
    whole, _ = await page(api, name)
    forward: list[str] = []
    backward: list[str] = []
    start = end = None
    for number in range(-(-len(whole) // size)):
        ids, info = await page(api, name, first=size, after=end)
        forward += ids
        assert (info["hasPreviousPage"], info["hasNextPage"]) == (number > 0, len(forward) < len(whole))
        end = info["endCursor"]
        ids, info = await page(api, name, last=size, before=start)
        backward = ids + backward
        assert (info["hasNextPage"], info["hasPreviousPage"]) == (number > 0, len(backward) < len(whole))
        start = info["startCursor"]
    assert len(whole) > 3
    assert forward == backward == whole


async def test_a_piece_beyond_the_end_is_empty(api: Api, world: World) -> None:
    _, info = await page(api, "flights")
    assert await page(api, "flights", first=5, after=info["endCursor"]) == (
        [],
        {"hasNextPage": False, "hasPreviousPage": True, "startCursor": None, "endCursor": None},
    )


async def test_cursors_hold_while_the_list_grows(api: Api, airline: Builder) -> None:
    """Rows that are added before and after a page do not shift the next page."""
    first, info = await page(api, "flights", airline.airline_id, first=2)
    await airline.flight(100, "PTY", "MIA", at("11:00"), 180)
    await airline.flight(101, "PTY", "MIA", at("20:00"), 180)
    rest, _ = await page(api, "flights", airline.airline_id, first=5, after=info["endCursor"])
    before, _ = await page(api, "flights", airline.airline_id, last=5, before=info["startCursor"])

    assert first == [airline.id("Flight", "CM335"), airline.id("Flight", "CM758")]
    assert rest == [airline.id("Flight", "CM411"), airline.id("Flight", "CM101")]
    assert before == [airline.id("Flight", "CM100")]


async def test_rows_with_one_timestamp_are_neither_lost_nor_repeated(api: Api, airline: Builder) -> None:
    for number in range(500, 507):
        await airline.flight(number, "PTY", "MIA", at("23:00"), 180)
    seen: list[str] = []
    cursor = None
    for _ in range(4):
        ids, info = await page(api, "flights", airline.airline_id, first=3, after=cursor)
        seen += ids
        cursor = info["endCursor"]
    assert len(seen) == len(set(seen)) == 10
