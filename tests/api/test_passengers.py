"""Passengers: visibility by role, and the audit of reveals."""

import pytest

from resolvers.actor import Role
from schema.fields.node import join
from tests.gateway import Api
from tests.world import Builder, World

PASSENGER = """
    query($id: ID!) { passenger(id: $id) {
      surname givenNames locator language maskedPhone maskedEmail loyalty { programme tier allianceTier } bags { tag }
    } }
"""
CONTACT = "query($id:ID!){passenger(id:$id){surname contact{phone email}}}"
REVEALS = "SELECT actor, role, request_id, subject, subjects FROM audit WHERE action = 'REVEAL_CONTACT' ORDER BY id"


async def test_an_agent_sees_the_name_and_never_a_whole_number(api: Api, world: World) -> None:
    data = await api.ask(PASSENGER, id=world.ours.id("Passenger", "gonzalez"))
    assert data["passenger"] == {
        "surname": "González",
        "givenNames": "María",
        "locator": "F7K2QX",
        "language": "ES",
        "maskedPhone": "***42",
        "maskedEmail": "m***@example.com",
        "loyalty": {"programme": "ConnectMiles", "tier": "Gold", "allianceTier": "Star Alliance Gold"},
        "bags": [{"tag": "0230456781"}, {"tag": "0230456782"}],
    }


async def test_what_is_not_known_is_null(api: Api, world: World) -> None:
    data = await api.ask(PASSENGER, id=world.ours.id("Passenger", "silva"))
    assert data["passenger"]["maskedPhone"] is None
    assert data["passenger"]["maskedEmail"] is None
    assert data["passenger"]["loyalty"] is None


async def test_an_unknown_passenger_is_null(api: Api, world: World) -> None:
    assert await api.ask(PASSENGER, id=join("Passenger", 999_999)) == {"passenger": None}


@pytest.mark.parametrize("role", [Role.ANALYST, Role.SERVICE])
async def test_other_roles_see_initials(api: Api, world: World, role: Role) -> None:
    data = await api.ask(PASSENGER, role, id=world.ours.id("Passenger", "gonzalez"))
    assert (data["passenger"]["surname"], data["passenger"]["givenNames"]) == ("G***", "M***")


@pytest.mark.parametrize("name", ["李", "S", "E\u0301", "김"])
async def test_a_name_of_one_sign_is_masked_as_a_whole(api: Api, airline: Builder, name: str) -> None:
    await airline.passenger("one", "QB2B2B", name, name, None, None, None, "ES", None, "a@example.com")
    data = await api.ask(PASSENGER, Role.ANALYST, airline.airline_id, id=airline.id("Passenger", "one"))
    shown = data["passenger"]
    assert (shown["surname"], shown["givenNames"], shown["maskedEmail"]) == ("***", "***", "***@example.com")


@pytest.mark.parametrize("role", [Role.AGENT, Role.SUPERVISOR, Role.ADMIN])
async def test_a_reveal_shows_the_contact_and_is_written_to_the_audit_trail(api: Api, world: World, role: Role) -> None:
    before = await world.stores.postgres.fetch(REVEALS)
    response = await api.send(CONTACT, role, id=world.ours.id("Passenger", "penha"))
    after = await world.stores.postgres.fetch(REVEALS)

    assert response.json()["data"]["passenger"]["contact"] == {"phone": "+15555550143", "email": "jose@example.com"}
    assert [tuple(row) for row in after[len(before) :]] == [
        (f"demo-{role.lower()}", role, response.headers["X-Request-ID"], "PASSENGER", [world.ours.passengers["penha"]])
    ]


async def test_a_reveal_of_many_is_one_row_that_names_each(api: Api, world: World) -> None:
    before = len(await world.stores.postgres.fetch(REVEALS))
    await api.ask("{bags(first:50){nodes{passenger{contact{phone}}}}}")
    rows = (await world.stores.postgres.fetch(REVEALS))[before:]

    assert [row["subjects"] for row in rows] == [sorted(world.ours.passengers.values())]


@pytest.mark.parametrize("role", [Role.ANALYST, Role.SERVICE])
async def test_a_refused_reveal_shows_nothing_and_leaves_no_trace(api: Api, world: World, role: Role) -> None:
    before = len(await world.stores.postgres.fetch(REVEALS))
    answer = (await api.send(CONTACT, role, id=world.ours.id("Passenger", "penha"))).json()

    assert answer["data"] == {"passenger": {"surname": "P***", "contact": None}}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
    assert len(await world.stores.postgres.fetch(REVEALS)) == before


async def test_looking_without_revealing_leaves_no_trace(api: Api, world: World) -> None:
    before = len(await world.stores.postgres.fetch(REVEALS))
    await api.ask(PASSENGER, id=world.ours.id("Passenger", "gonzalez"))
    assert len(await world.stores.postgres.fetch(REVEALS)) == before
