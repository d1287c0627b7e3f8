"""Bags: lookup and fields."""

from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.records.bags import BagState
from resolvers.actor import Role
from schema.fields.node import join
from tests.gateway import Api
from tests.world import BAGS, DAMAGED, DELIVERED, EXPECTED, LOADED, MISSED, RUSH, SEEN, Builder, World

BY_TAG = "query($tag:String!){bag(by:{tag:$tag}){tag}}"
BY_TAG_AT = "query($tag:String!,$at:DateTime!){bag(by:{tagAt:{tag:$tag,at:$at}}){id tag}}"


@pytest.mark.parametrize("text", [DELIVERED, "CM456781", "cm 456-781", "230456781", " 0230 456 781 "])
async def test_a_bag_is_found_by_its_tag_in_any_written_form(api: Api, world: World, text: str) -> None:
    assert await api.ask(BY_TAG, tag=text) == {"bag": {"tag": DELIVERED}}


async def test_a_bag_is_found_by_its_rush_tag(api: Api, world: World) -> None:
    assert await api.ask(BY_TAG, tag=RUSH) == {"bag": {"tag": MISSED}}


async def test_a_bag_is_found_by_its_global_id(api: Api, world: World) -> None:
    data = await api.ask("query($id:ID!){bag(by:{id:$id}){id tag}}", id=world.ours.id("Bag", "loaded"))
    assert data == {"bag": {"id": world.ours.id("Bag", "loaded"), "tag": LOADED}}


@pytest.mark.parametrize(
    "by", ['tag:"0230999999"', 'tag:"AV111111"', f'id:"{join("Bag", 2**63 - 1)}"'], ids=["tag", "printed", "id"]
)
async def test_an_unknown_bag_is_null_and_no_error(api: Api, world: World, by: str) -> None:
    assert await api.ask(f"{{bag(by:{{{by}}}){{tag}}}}") == {"bag": None}


async def test_a_number_that_was_used_again_means_the_bag_of_the_moment(api: Api, airline: Builder) -> None:
    """Given a tag number used in two years, a lookup with a timestamp returns the bag that carried it at that time."""
    [new] = await airline.record(airline.scan(DELIVERED, "POSITION", "PTY", "12:00"))
    [old] = await airline.record(airline.scan(DELIVERED, "POSITION", "PTY", datetime(2024, 1, 10, tzinfo=UTC)))

    async def asked(query: str = BY_TAG_AT, **at: Any) -> object:
        return (await api.ask(query, airline_id=airline.airline_id, tag=DELIVERED, **at))["bag"]["id"]

    assert await asked(at="2025-07-02T00:00:00Z") == join("Bag", new.bag_id)
    assert await asked(at="2024-01-15T00:00:00Z") == join("Bag", old.bag_id)
    last = await asked(BY_TAG.replace("{tag}", "{id}"))
    assert last == join("Bag", new.bag_id), "the most recent bag if none carries the tag now"


async def test_a_printed_tag_that_fits_two_bags_asks_for_all_digits(api: Api, airline: Builder) -> None:
    await airline.record(
        airline.scan("0230555555", "POSITION", "PTY", "12:00"), airline.scan("3230555555", "POSITION", "PTY", "12:00")
    )
    response = await api.send(BY_TAG_AT, airline_id=airline.airline_id, tag="CM555555", at="2025-07-02T00:00:00Z")
    answer = response.json()

    assert answer["data"] == {"bag": None}
    assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "tag"}
    assert "0230555555, 3230555555" in answer["errors"][0]["message"]


async def test_a_bag_says_where_it_stands(api: Api, world: World) -> None:
    data = await api.ask(
        """
        query($tag: String!) { bag(by: {tag: $tag}) {
          tag printedTag state stateAt airport place weightKg description priority createdAt version
          stateAtLocal { time zone } lastSeenAt { iata name } custodian { code name kind } flight { designator }
        } }
        """,
        tag=DELIVERED,
    )
    assert data["bag"] == {
        "tag": DELIVERED,
        "printedTag": "CM456781",
        "state": "DELIVERED",
        "stateAt": "2025-07-02T00:20:00+00:00",
        "airport": "GRU",
        "place": None,
        "weightKg": 22.5,
        "description": "BK22RHW",
        "priority": False,
        "createdAt": "2025-07-01T10:00:00+00:00",
        "version": 2,
        "stateAtLocal": {"time": "2025-07-01T21:20:00-03:00", "zone": "America/Sao_Paulo"},
        "lastSeenAt": {"iata": "GRU", "name": "Sao Paulo airport"},
        "custodian": {"code": "PASSENGER", "name": "Passenger", "kind": "PASSENGER"},
        "flight": {"designator": "CM758"},
    }


async def test_a_bag_without_scans_has_no_place(api: Api, world: World) -> None:
    data = await api.ask(
        """
        query($t: String!) { bag(by: {tag: $t}) {
          state airport stateAtLocal { zone } lastSeenAt { iata } custodian { code } flight { id } pir { id }
          scans { id }
          itinerary { seq flight { designator } }
        } }
        """,
        t=EXPECTED,
    )
    assert data["bag"] == {
        "state": "EXPECTED",
        "airport": None,
        "stateAtLocal": None,
        "lastSeenAt": None,
        "custodian": None,
        "flight": None,
        "pir": None,
        "scans": [],
        "itinerary": [{"seq": 1, "flight": {"designator": "CM411"}}],
    }


async def test_the_states_of_the_day(api: Api, world: World) -> None:
    data = await api.ask("{bags(first:50){nodes{id state}}}")
    states = {node["id"]: node["state"] for node in data["bags"]["nodes"]}
    assert {name: states[world.ours.id("Bag", name)] for name in BAGS} == {
        "delivered": "DELIVERED",
        "missed": "SORTED",
        "damaged": "AT_CLAIM",
        "loaded": "LOADED",
        "expected": "EXPECTED",
        "misrouted": "MISROUTED",
        "seen": "EXPECTED",
    }


async def test_a_rush_bag_has_two_tags(api: Api, world: World) -> None:
    data = await api.ask("query($t:String!){bag(by:{tag:$t}){tags{number printed role validFrom validUntil}}}", t=RUSH)
    assert [list(tag.values()) for tag in data["bag"]["tags"]] == [
        [MISSED, "CM456782", "ORIGINAL", "2025-06-30T00:00:00+00:00", "2025-07-31T00:00:00+00:00"],
        [RUSH, "CM000457", "RUSH", "2025-07-01T20:00:00+00:00", "2025-07-31T00:00:00+00:00"],
    ]


async def test_a_tag_of_an_unknown_issuer_is_printed_in_full(api: Api, airline: Builder) -> None:
    await airline.record(airline.scan("0777123456", "POSITION", "PTY", "12:00"))
    data = await api.ask('{bag(by:{tag:"0777123456"}){printedTag}}', airline_id=airline.airline_id)
    assert data["bag"]["printedTag"] == "0777123456"


async def test_an_itinerary_is_in_travel_order_with_the_rush_flight_last(api: Api, world: World) -> None:
    data = await api.ask(
        "query($t:String!){bag(by:{tag:$t}){itinerary{seq flight{designator origin destination}}}}", t=MISSED
    )
    assert [(leg["seq"], leg["flight"]["designator"]) for leg in data["bag"]["itinerary"]] == [
        (1, "CM335"),
        (2, "CM758"),
        (3, "CM702"),
    ]


async def test_scans_follow_both_tags_in_order_of_event_time(api: Api, world: World) -> None:
    data = await api.ask("query($t:String!){bag(by:{tag:$t}){scans{kind tag} newest:scans(last:2){kind}}}", t=MISSED)
    kinds = ["ACCEPTED", "LOADED", "ARRIVED", "NOT_SEEN", "LEFT_BEHIND", "RUSH_TAGGED", "SORTED"]

    assert [scan["kind"] for scan in data["bag"]["scans"]] == kinds
    assert [scan["tag"] for scan in data["bag"]["scans"]] == [MISSED] * 5 + [RUSH] * 2
    assert [scan["kind"] for scan in data["bag"]["newest"]] == kinds[-2:]


async def test_a_scan_says_what_when_where_and_who(api: Api, world: World) -> None:
    data = await api.ask(
        """
        query($tag: String!) { bag(by: {tag: $tag}) { scans {
          kind at receivedAt airport place tag method device localTime { time zone } station { city }
          flight { designator } releasedBy { name } custodian { name }
        } } }
        """,
        tag=DELIVERED,
    )
    accepted, loaded = data["bag"]["scans"][0], data["bag"]["scans"][2]
    assert accepted.pop("receivedAt") > accepted["at"]
    assert accepted == {
        "kind": "ACCEPTED",
        "at": "2025-07-01T10:30:00+00:00",
        "airport": "MIA",
        "place": "DESK12",
        "tag": DELIVERED,
        "method": "LASER",
        "device": "D12",
        "localTime": {"time": "2025-07-01T06:30:00-04:00", "zone": "America/New_York"},
        "station": {"city": "Miami"},
        "flight": None,
        "releasedBy": {"name": "Passenger"},
        "custodian": {"name": "Copa Airlines"},
    }
    assert (loaded["flight"], loaded["custodian"]) == ({"designator": "CM335"}, {"name": "Copa Airlines"})


async def test_a_passenger_and_the_file_that_matters_stand_beside_the_bag(api: Api, world: World) -> None:
    """An older open PIR takes precedence over a newer closed one."""
    data = await api.ask(
        "query($t:String!){bag(by:{tag:$t}){passenger{surname locator} pir{reference status}}}", t=DAMAGED
    )
    assert data["bag"] == {
        "passenger": {"surname": "Peña", "locator": "K3P9WM"},
        "pir": {"reference": "PTYCM00100", "status": "OPEN"},
    }


async def test_fellows_came_on_the_same_inbound_flight(api: Api, world: World) -> None:
    query = "query($t:String!,$n:Int!){bag(by:{tag:$t}){fellows(first:$n){total flight{designator} bags{id}}}}"
    all_of_them = (await api.ask(query, t=MISSED, n=10))["bag"]["fellows"]
    # The delivered bag flew on: its inbound flight is CM758, but CM335 carried it too.
    expected = [world.ours.id("Bag", name) for name in ("delivered", "damaged")]

    assert all_of_them == {"total": 2, "flight": {"designator": "CM335"}, "bags": [{"id": bag} for bag in expected]}
    assert (await api.ask(query, t=MISSED, n=1))["bag"]["fellows"] == all_of_them | {"bags": [{"id": expected[0]}]}


async def test_a_bag_that_flew_nowhere_has_no_fellows(api: Api, world: World) -> None:
    assert (await api.ask("query($t:String!){bag(by:{tag:$t}){fellows{total}}}", t=SEEN))["bag"] == {"fellows": None}


async def test_bags_are_filtered_by_state_and_airport(api: Api, world: World) -> None:
    query = "query($s:[BagState!],$a:String){bags(states:$s,airport:$a){nodes{tag}}}"

    async def tags(**filters: Any) -> list[str]:
        return [node["tag"] for node in (await api.ask(query, **filters))["bags"]["nodes"]]

    assert await tags(s=["AT_CLAIM", "DELIVERED"]) == [DAMAGED, DELIVERED]
    assert await tags(s=["AT_CLAIM", "DELIVERED"], a="gru") == [DELIVERED]
    assert await tags(s=["CLOSED"]) == []
    assert await tags(s=[]) == []


@pytest.mark.parametrize("state", BagState)
async def test_every_state_can_be_asked_for(api: Api, world: World, state: BagState) -> None:
    nodes = (await api.ask(f"{{bags(states:[{state.value}]){{nodes{{state}}}}}}"))["bags"]["nodes"]
    assert all(node["state"] == state for node in nodes)


async def test_the_newest_bag_comes_first(api: Api, airline: Builder) -> None:
    for tag in (DELIVERED, MISSED):
        await airline.record(airline.scan(tag, "POSITION", "PTY", "12:00"))
    data = await api.ask("{bags{nodes{tag}}}", airline_id=airline.airline_id)
    assert data["bags"]["nodes"] == [{"tag": MISSED}, {"tag": DELIVERED}]


@pytest.mark.parametrize("role", [Role.ANALYST, Role.SERVICE])
async def test_those_who_do_not_meet_passengers_see_initials(api: Api, world: World, role: Role) -> None:
    data = await api.ask("query($t:String!){bag(by:{tag:$t}){passenger{surname givenNames}}}", role, t=DELIVERED)
    assert data["bag"]["passenger"] == {"surname": "G***", "givenNames": "M***"}
