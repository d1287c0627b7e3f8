"""Flights, and the bags that are planned on them."""

from typing import Any

import pytest

from tests.gateway import Api
from tests.world import World


async def designators(api: Api, arguments: str = "") -> list[str]:
    nodes = (await api.ask(f"{{flights{arguments}{{nodes{{designator}}}}}}"))["flights"]["nodes"]
    return [node["designator"] for node in nodes]


@pytest.mark.parametrize("text", ["CM335", "CM0335", "cm 335"])
async def test_a_flight_is_found_by_its_designator_padded_or_not(api: Api, world: World, text: str) -> None:
    data = await api.ask("query($d:String!){flight(by:{designator:$d}){id}}", d=text)
    assert data == {"flight": {"id": world.ours.id("Flight", "CM335")}}


async def test_a_flight_is_found_by_its_global_id(api: Api, world: World) -> None:
    data = await api.ask("query($id:ID!){flight(by:{id:$id}){designator}}", id=world.ours.id("Flight", "CM702"))
    assert data == {"flight": {"designator": "CM702"}}


async def test_a_date_names_one_day_of_a_designator(api: Api, world: World) -> None:
    query = 'query($d:Date!){flight(by:{departure:{designator:"CM335",departureDate:$d}}){departureDate}}'
    assert await api.ask(query, d="2025-07-01") == {"flight": {"departureDate": "2025-07-01"}}
    assert await api.ask(query, d="2025-07-02") == {"flight": None}


async def test_an_unknown_flight_is_null(api: Api, world: World) -> None:
    assert await api.ask('{flight(by:{designator:"CM9999"}){id}}') == {"flight": None}


async def test_a_flight_has_its_times_in_utc_and_on_the_clocks_of_both_ends(api: Api, world: World) -> None:
    data = await api.ask(
        """
        { flight(by: {designator: "CM335"}) {
          designator carrier number suffix departureDate origin destination status aircraft seats gate version
          scheduledDeparture scheduledArrival estimatedDeparture estimatedArrival actualDeparture actualArrival
          originAirport { timeZone } destinationAirport { timeZone } bagCount
          departureLocal { zone scheduled estimated actual } arrivalLocal { zone scheduled estimated actual }
        } }
        """
    )
    assert data["flight"] == {
        "designator": "CM335",
        "carrier": "CM",
        "number": 335,
        "suffix": "",
        "departureDate": "2025-07-01",
        "origin": "MIA",
        "destination": "PTY",
        "status": "ARRIVED",
        "aircraft": "738",
        "seats": 160,
        "gate": None,
        "version": 1,
        "scheduledDeparture": "2025-07-01T12:00:00+00:00",
        "scheduledArrival": "2025-07-01T15:00:00+00:00",
        "estimatedDeparture": None,
        "estimatedArrival": None,
        "actualDeparture": "2025-07-01T12:05:00+00:00",
        "actualArrival": "2025-07-01T15:10:00+00:00",
        "originAirport": {"timeZone": "America/New_York"},
        "destinationAirport": {"timeZone": "America/Panama"},
        "bagCount": 4,
        "departureLocal": {
            "zone": "America/New_York",
            "scheduled": "2025-07-01T08:00:00-04:00",
            "estimated": None,
            "actual": "2025-07-01T08:05:00-04:00",
        },
        "arrivalLocal": {
            "zone": "America/Panama",
            "scheduled": "2025-07-01T10:00:00-05:00",
            "estimated": None,
            "actual": "2025-07-01T10:10:00-05:00",
        },
    }


async def test_flights_come_in_order_of_departure(api: Api, world: World) -> None:
    assert await designators(api) == ["CM335", "CM758", "CM411", "CM702"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('origin:"PTY"', ["CM758", "CM411", "CM702"]),
        ('destination:"gru"', ["CM758", "CM702"]),
        ('origin:"PTY",destination:"BOG"', ["CM411"]),
        ('departingFrom:"2025-07-01T16:30:00Z",departingBefore:"2025-07-01T18:00:00Z"', ["CM758"]),
        ('departingFrom:"2025-07-01T13:00:00-05:00"', ["CM411", "CM702"]),
        ('departingBefore:"0001-01-01T00:00:00Z"', []),
    ],
)
async def test_flights_are_filtered(api: Api, world: World, arguments: str, expected: list[str]) -> None:
    assert await designators(api, f"({arguments})") == expected


async def test_a_flight_lists_the_bags_that_are_planned_on_it_each_flight_its_own_page(api: Api, world: World) -> None:
    data = await api.ask("{flights{nodes{designator bagCount bags(first:2){nodes{id} pageInfo{hasNextPage}}}}}")
    pages = {
        node["designator"]: ([bag["id"] for bag in node["bags"]["nodes"]], node["bags"]["pageInfo"]["hasNextPage"])
        for node in data["flights"]["nodes"]
    }

    def ids(*names: str) -> list[str]:
        return [world.ours.id("Bag", name) for name in names]

    assert pages == {
        "CM335": (ids("delivered", "missed"), True),
        "CM758": (ids("delivered", "missed"), False),
        "CM411": (ids("loaded", "expected"), True),
        "CM702": (ids("missed"), False),
    }
    assert [node["bagCount"] for node in data["flights"]["nodes"]] == [4, 2, 3, 1]


async def test_a_flights_bags_are_paged_from_both_ends(api: Api, world: World) -> None:
    query = """
        query($first: Int, $after: String, $last: Int, $before: String) { flight(by: {designator: "CM335"}) {
          bags(first: $first, after: $after, last: $last, before: $before) {
            edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
          }
        } }
    """
    bags = [world.ours.id("Bag", name) for name in ("delivered", "missed", "damaged", "misrouted")]

    async def page(**arguments: Any) -> tuple[list[str], dict[str, object]]:
        found = (await api.ask(query, **arguments))["flight"]["bags"]
        return [edge["node"]["id"] for edge in found["edges"]], found["pageInfo"]

    first, info = await page(first=3)
    rest, end = await page(first=3, after=info["endCursor"])
    last, tail = await page(last=3)
    start, head = await page(last=3, before=tail["startCursor"])

    assert (first, rest, last, start) == (bags[:3], bags[3:], bags[1:], bags[:1])
    assert (info["hasNextPage"], end["hasNextPage"]) == (True, False)
    assert (tail["hasPreviousPage"], head["hasPreviousPage"]) == (True, False)
