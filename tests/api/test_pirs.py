"""PIRs: lookup, bags, and visibility by role."""

from datetime import timedelta

import pytest

from resolvers.actor import Role
from tests.gateway import Api
from tests.world import DAY, Builder, World, at

BY_REFERENCE = "query($r:String!){pir(by:{reference:$r}){reference}}"


async def references(api: Api, arguments: str = "") -> list[str]:
    nodes = (await api.ask(f"{{pirs{arguments}{{nodes{{reference}}}}}}"))["pirs"]["nodes"]
    return [node["reference"] for node in nodes]


@pytest.mark.parametrize("text", ["GRUCM12345", "grucm 12345", "GRU-CM-12345"])
async def test_a_file_is_found_by_its_reference(api: Api, world: World, text: str) -> None:
    assert await api.ask(BY_REFERENCE, r=text) == {"pir": {"reference": "GRUCM12345"}}


async def test_of_a_reference_that_was_used_again_the_newest_is_found(api: Api, airline: Builder) -> None:
    for opened_at, closed_at in ((at("10:00"), None), (DAY - timedelta(days=900), DAY - timedelta(days=880))):
        await airline.pir("GRUCM12345", "DELAYED", "GRU", None, [], opened_at, closed_at)
    data = await api.ask('{pir(by:{reference:"GRUCM12345"}){openedAt}}', airline_id=airline.airline_id)
    assert data["pir"] == {"openedAt": "2025-07-01T10:00:00+00:00"}


async def test_an_unknown_file_is_null(api: Api, world: World) -> None:
    assert await api.ask(BY_REFERENCE, r="PTYCM99999") == {"pir": None}


async def test_a_file_says_what_it_is_about(api: Api, world: World) -> None:
    data = await api.ask(
        """
        query($id: ID!) { pir(by: {id: $id}) {
          id reference kind status station openedAt closedAt remarks openedAtLocal { time zone }
          stationAirport { city } passenger { surname } bags { id }
          describedBags { seq description brand contents bag { id } }
        } }
        """,
        id=world.ours.id("Pir", "PTYCM00100"),
    )
    bags = [{"id": world.ours.id("Bag", name)} for name in ("damaged", "delivered")]
    described = {"description": "BK22RHW", "brand": "Samsonite", "contents": "A camera."}
    assert data["pir"] == {
        "id": world.ours.id("Pir", "PTYCM00100"),
        "reference": "PTYCM00100",
        "kind": "DAMAGED",
        "status": "OPEN",
        "station": "PTY",
        "openedAt": "2025-07-01T16:00:00+00:00",
        "closedAt": None,
        "remarks": "Handle was taped.",
        "openedAtLocal": {"time": "2025-07-01T11:00:00-05:00", "zone": "America/Panama"},
        "stationAirport": {"city": "Panama City"},
        "passenger": {"surname": "Peña"},
        "bags": bags,
        "describedBags": [{"seq": seq, **described, "bag": bag} for seq, bag in enumerate(bags, start=1)],
    }


async def test_a_found_bag_without_a_record_is_described_only(api: Api, world: World) -> None:
    data = await api.ask('{pir(by:{reference:"PTYCM00500"}){passenger{id} bags{id} describedBags{brand bag{id}}}}')
    assert data["pir"] == {"passenger": None, "bags": [], "describedBags": [{"brand": "Samsonite", "bag": None}]}


async def test_files_come_newest_first(api: Api, world: World) -> None:
    """Of two PIRs with the same timestamp, the later row is first."""
    assert await references(api) == ["GRUCM12345", "PTYCM00500", "PTYCM00777", "PTYCM00100"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('(station:"gru",statuses:[OPEN])', ["GRUCM12345"]),
        ('(statuses:[CLOSED],kinds:[DAMAGED],station:"PTY")', ["PTYCM00777"]),
        ("(kinds:[ON_HAND,DELAYED])", ["GRUCM12345", "PTYCM00500"]),
        ("(statuses:[SUSPENDED])", []),
        ("(kinds:[])", []),
    ],
)
async def test_files_are_filtered(api: Api, world: World, arguments: str, expected: list[str]) -> None:
    assert await references(api, arguments) == expected


@pytest.mark.parametrize("role", [Role.ANALYST, Role.SERVICE])
async def test_those_who_do_not_meet_passengers_read_no_remarks_and_no_contents(
    api: Api, world: World, role: Role
) -> None:
    data = await api.ask(
        '{pir(by:{reference:"PTYCM00777"}){remarks passenger{surname} describedBags{brand contents}}}', role
    )
    assert data["pir"] == {
        "remarks": None,
        "passenger": {"surname": "P***"},
        "describedBags": [{"brand": "Samsonite", "contents": None}],
    }
