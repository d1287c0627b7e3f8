"""Lists that PostgreSQL writes as JSON: to the byte what the same answer is made of rows."""

import dataclasses
from datetime import timedelta

import orjson
import pytest

from resolvers.actor import Role
from resolvers.context import Stores
from resolvers.events import WRITTEN_FROM
from schema.build import build_schema
from schema.executors import ExecutorName
from tests.world import Builder, World, at, context_of

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
]
MORE = " fragment More on BagEvent { place method }"


@pytest.fixture(scope="module")
async def airline(world: World) -> Builder:
    """Bags with events at strange places and moments, and one without any."""
    airline = await world.another_airline()
    scans = []
    for number in range(WRITTEN_FROM + 2):
        tag = f"0230{number:06d}"
        await airline.bag(f"bag{number}", tag, None, [])
        if number == 0:
            continue
        for step, place in enumerate(STRANGE):
            scan = airline.scan(tag, "SORTED", "MIA", "10:00", None)
            moment = at("10:00") + timedelta(minutes=step, microseconds=[0, 1, 10, 120_000, 999_999][step % 5])
            scans.append(dataclasses.replace(scan, place=place, device=place[::-1], at=moment))
    await airline.record(*scans)
    return airline


@pytest.mark.parametrize("selection", QUERIES)
async def test_written_lists_are_what_rows_are(airline: Builder, stores: Stores, selection: str) -> None:
    query = "{ bags(first: 50) { nodes { tag " + selection + " } } }" + (MORE if "...More" in selection else "")
    bodies = []
    for name in ExecutorName:
        context = context_of(stores, Role.AGENT, airline.airline_id)
        result = await build_schema(executor=name).answer(query, context)
        await context.loaders.close()
        assert result.errors is None
        bodies.append(orjson.dumps(result.data))
    assert bodies[0] == bodies[1]
    assert len(orjson.loads(bodies[0])["bags"]["nodes"]) == WRITTEN_FROM + 2


async def test_long_lists_are_written_and_short_ones_are_not(airline: Builder, stores: Stores) -> None:
    schema = build_schema()
    for first, written in ((WRITTEN_FROM, True), (WRITTEN_FROM - 1, False)):
        context = context_of(stores, Role.AGENT, airline.airline_id)
        result = await schema.answer(f"{{ bags(first: {first}) {{ nodes {{ scans {{ kind }} }} }} }}", context)
        await context.loaders.close()
        assert result.data is not None
        lists = [node["scans"] for node in result.data["bags"]["nodes"]]
        assert {isinstance(one, orjson.Fragment) for one in lists} == {written}
