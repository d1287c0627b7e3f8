"""Access control: the operations of each role, and the separation of airlines."""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest
from graphql import GraphQLObjectType

from gateway.config import Settings
from gateway.http.jwt import issue_token
from resolvers import accounts
from resolvers.actor import Role
from resolvers.installation import Stores
from schema.build import build_schema
from schema.fields.node import join
from tests.faults.processes import eventually
from tests.gateway import SECRET, Api, serving
from tests.world import DELIVERED, OURS, SPARE, THEIRS, Builder, World

READERS = (Role.AGENT, Role.SUPERVISOR, Role.ANALYST, Role.SERVICE, Role.ADMIN)
# A notification preview contains the passenger's name.
FEWER_READERS = {"notificationPreview": (Role.AGENT, Role.SUPERVISOR, Role.ADMIN)}


def questions(airline: Builder) -> dict[str, str]:
    """A query for each root field, about objects of the given airline."""
    ids = [airline.id(*of) for of in (("Bag", "delivered"), ("Flight", "CM758"), ("Passenger", "gonzalez"))]
    bag, flight, passenger = ids
    pir = airline.id("Pir", "GRUCM12345")
    return {
        "health": "{status}",
        "node": f'(id:"{bag}"){{id}}',
        "nodes": f'(ids:["{bag}","{flight}","{passenger}","{pir}"]){{id}}',
        "bag": f'(by:{{tag:"{DELIVERED}"}}){{id}}',
        "bags": "{nodes{id}}",
        "flight": '(by:{departure:{designator:"CM758",departureDate:"2025-07-01"}}){id}',
        "flights": "{nodes{id}}",
        "passenger": f'(id:"{passenger}"){{id}}',
        "pir": '(by:{reference:"GRUCM12345"}){id}',
        "pirs": "{nodes{id}}",
        "airport": '(iata:"PTY"){iata departures{destination}}',
        "airports": "{nodes{iata}}",
        "routes": '(from:"PTY",to:"GRU"){options{minutes}}',
        "search": '(text:"GONZALEZ"){found{...on Node{id}}}',
        "effects": "{nodes{id}}",
        "deadLetters": "{nodes{id}}",
        "connectionBoard": '(airport:"PTY",from:"2025-07-01T12:00:00Z"){total}',
        "incidents": "{nodes{id}}",
        "bottlenecks": '(airport:"PTY",from:"2025-07-01T15:00:00Z",to:"2025-07-01T21:00:00Z"){place}',
        "apiCosts": '(since:"2025-06-01T00:00:00Z",until:"2025-07-02T00:00:00Z"){total}',
        "mishandled": '(from:"2025-06-01",to:"2025-07-10",by:CAUSE){rows{key bags mishandled}}',
        "deliveryTimes": '(from:"2025-06-01",to:"2025-07-10"){rows{station}}',
        "stationCustody": '(from:"2025-07-01T00:00:00Z",to:"2025-07-02T00:00:00Z"){rows{station}}',
        "partnerDays": '(from:"2025-06-01",to:"2025-07-10"){rows{day}}',
        "notificationPreview": f'(pirId:"{pir}",trigger:FILE_OPENED){{sms{{text}}}}',
    }


def root_fields() -> list[str]:
    query = build_schema()._schema.query_type
    assert isinstance(query, GraphQLObjectType)
    return sorted(query.fields)


def test_every_root_field_has_its_question(world: World) -> None:
    assert sorted(questions(world.ours)) == root_fields()


@pytest.mark.parametrize("field", root_fields())
async def test_roles_that_read_may_ask_everything(api: Api, world: World, field: str) -> None:
    for role in FEWER_READERS.get(field, READERS):
        assert (await api.ask(f"{{{field}{questions(world.ours)[field]}}}", role))[field]


@pytest.mark.parametrize("field", root_fields())
async def test_a_monitor_asks_for_health_only(api: Api, world: World, field: str) -> None:
    codes = await api.codes(f"{{{field}{questions(world.ours)[field]}}}", Role.MONITOR)
    assert codes == ([] if field == "health" else ["FORBIDDEN"])


@pytest.mark.parametrize("field", root_fields())
async def test_without_a_credential_there_is_health_only(api: Api, world: World, field: str) -> None:
    codes = await api.codes(f"{{{field}{questions(world.ours)[field]}}}", None)
    assert codes == ([] if field == "health" else ["UNAUTHENTICATED"])


NOTHING: dict[str, Any] = {
    "node": None,
    "nodes": [None] * 4,
    "bag": None,
    "bags": {"nodes": []},
    "deadLetters": {"nodes": []},
    "flight": None,
    "flights": {"nodes": []},
    "passenger": None,
    "pir": None,
    "pirs": {"nodes": []},
    "airport": {"iata": "PTY", "departures": []},  # airports are shared, departures are not
    "airports": {"nodes": []},
    "routes": {"options": []},
    "search": {"found": []},
    "effects": {"nodes": []},
    "connectionBoard": {"total": 0},
    "incidents": {"nodes": []},
    "bottlenecks": [],
    "apiCosts": {"total": "0"},
    "mishandled": {"rows": []},
    "deliveryTimes": {"rows": []},
    "stationCustody": {"rows": []},
    "partnerDays": {"rows": []},
    "notificationPreview": None,
}


@pytest.mark.parametrize("field", NOTHING)
async def test_another_airline_sees_nothing_of_ours(api: Api, world: World, field: str) -> None:
    data = await api.ask(f"{{{field}{questions(world.ours)[field]}}}", airline_id=SPARE)
    assert data[field] == NOTHING[field]


OWN = {
    "bag": ["Bag", "delivered"],
    "bags": ["Bag", "delivered"],
    "flight": ["Flight", "CM758"],
    "flights": ["Flight", "CM758"],
    "pir": ["Pir", "GRUCM12345"],
    "pirs": ["Pir", "GRUCM12345"],
    "search": ["Passenger", "gonzalez"],
}


@pytest.mark.parametrize("field", OWN)
async def test_the_same_words_find_the_own_airlines_things(api: Api, world: World, field: str) -> None:
    """Given two airlines with the same tag, flight, PIR and name, a query finds only the objects of its own airline."""
    data = await api.ask(f"{{{field}{questions(world.ours)[field]}}}", airline_id=THEIRS)
    answer = data[field].get("nodes", data[field].get("found", [data[field]]))
    assert answer == [{"id": world.theirs.id(*OWN[field])}]


async def test_what_hangs_on_a_bag_is_the_own_airlines_too(api: Api, world: World) -> None:
    """Both airlines have a bag with this tag, in PostgreSQL and in the graph."""
    query = """
        query($tag: String!) { bag(by: {tag: $tag}) {
          passenger { givenNames bags { id } } pir { id bags { id } } itinerary { flight { id bags { nodes { id } } } }
          journey { source scans { kind } } fellows { total }
        } }
    """
    theirs = (await api.ask(query, airline_id=THEIRS, tag=DELIVERED))["bag"]
    bag, flight, pir = (world.theirs.id(*OWN[field]) for field in ("bag", "flight", "pir"))

    assert theirs == {
        "passenger": {"givenNames": "Carlos", "bags": [{"id": bag}]},
        "pir": {"id": pir, "bags": [{"id": bag}]},
        "itinerary": [{"flight": {"id": flight, "bags": {"nodes": [{"id": bag}]}}}],
        "journey": {"source": "GRAPH", "scans": [{"kind": "LOADED"}]},
        "fellows": {"total": 0},
    }


async def test_a_cursor_of_one_airline_is_none_of_another(api: Api, world: World) -> None:
    cursor = (await api.ask("{bags(first:1){pageInfo{endCursor}}}"))["bags"]["pageInfo"]["endCursor"]
    query = "query($after:String!){bags(after:$after){nodes{id}}}"

    assert await api.codes(query, after=cursor) == []
    assert await api.codes(query, airline_id=THEIRS, after=cursor) == ["BAD_USER_INPUT"]


RECORD = "mutation($i:RecordScansInput!){recordScans(input:$i){results{outcome}}}"
UPDATE = "mutation($i:UpdateFlightInput!){updateFlight(input:$i){changed userErrors{code field}}}"


@pytest.mark.parametrize("role", Role)
async def test_who_may_record_scans(api: Api, airline: Builder, role: Role) -> None:
    scan = {"tag": DELIVERED, "kind": "POSITION", "at": "2025-07-01T12:00:00Z", "airport": "PTY"}
    codes = await api.codes(RECORD, role, airline.airline_id, i={"scans": [scan]})

    assert codes == (["FORBIDDEN"] if role in (Role.ANALYST, Role.MONITOR) else [])
    known = await api.ask(f'{{bag(by:{{tag:"{DELIVERED}"}}){{id}}}}', airline_id=airline.airline_id)
    assert (known["bag"] is None) == bool(codes), "a rejected command changes nothing"


@pytest.mark.parametrize("role", Role)
async def test_who_may_change_flights(api: Api, airline: Builder, role: Role) -> None:
    change = {"flightId": airline.id("Flight", "CM411"), "gate": "A7"}
    codes = await api.codes(UPDATE, role, airline.airline_id, i=change)

    assert codes == ([] if role in (Role.SUPERVISOR, Role.SERVICE, Role.ADMIN) else ["FORBIDDEN"])
    known = await api.ask('{flight(by:{designator:"CM411"}){gate}}', airline_id=airline.airline_id)
    assert (known["flight"]["gate"] is None) == bool(codes), "a rejected command changes nothing"


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(
    ("mutation", "allowed"),
    [
        ("acknowledgeIncident", {Role.AGENT, Role.SUPERVISOR, Role.ADMIN}),
        ("closeIncident", {Role.SUPERVISOR, Role.ADMIN}),
    ],
)
async def test_who_may_decide_on_incidents(
    api: Api, world: World, role: Role, mutation: str, allowed: set[Role]
) -> None:
    query = f"mutation($i:IncidentInput!){{{mutation}(input:$i){{userErrors{{code}}}}}}"
    codes = await api.codes(query, role, i={"incidentId": join("Incident", 999_999)})
    assert codes == ([] if role in allowed else ["FORBIDDEN"])


async def test_without_a_credential_nothing_is_changed(api: Api, world: World) -> None:
    scan = {"tag": DELIVERED, "kind": "LOST", "at": "2025-07-01T12:00:00Z", "airport": "PTY"}
    assert await api.codes(RECORD, None, i={"scans": [scan]}) == ["UNAUTHENTICATED"]


async def test_another_airlines_flight_cannot_be_changed(api: Api, world: World) -> None:
    change = {"flightId": world.ours.id("Flight", "CM411"), "gate": "X1"}
    data = await api.ask(UPDATE, Role.ADMIN, SPARE, i=change)
    flight = await api.ask('{flight(by:{designator:"CM411"}){gate}}')

    assert data["updateFlight"] == {"changed": False, "userErrors": [{"code": "NOT_FOUND", "field": "flightId"}]}
    assert flight["flight"]["gate"] is None


async def test_a_scan_of_our_tag_by_another_airline_is_of_a_bag_of_theirs(api: Api, airline: Builder) -> None:
    scan = {"tag": DELIVERED, "kind": "LOST", "at": "2025-07-01T12:00:00Z", "airport": "PTY"}
    query = RECORD.replace("outcome", "bag{state passenger{id}}")
    data = await api.ask(query, airline_id=airline.airline_id, i={"scans": [scan]})
    ours = await api.ask(f'{{bag(by:{{tag:"{DELIVERED}"}}){{state}}}}')

    assert data["recordScans"]["results"] == [{"bag": {"state": "LOST", "passenger": None}}]
    assert ours["bag"]["state"] == "DELIVERED"


async def test_an_unknown_airline_sees_nothing(api: Api, world: World) -> None:
    ids = [join("Bag", bag_id) for bag_id in world.ours.bags.values()]
    data = await api.ask("query($ids:[ID!]!){nodes(ids:$ids){id} bags{nodes{id}}}", airline_id=987, ids=ids)
    assert data == {"nodes": [None] * len(ids), "bags": {"nodes": []}}


async def test_the_token_of_a_disabled_account_is_rejected(
    api: Api, settings: Settings, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a valid token, when its account is disabled, then it is rejected within a short time, and no other is."""
    monkeypatch.setattr(accounts, "FRESH_SECONDS", 0.02)
    add = "INSERT INTO users (airline_id, subject, role, disabled_at) VALUES ($1, $2, 'AGENT', now() + $3::interval)"
    query = {"query": "{bags(first:1){nodes{tag}}}"}

    async with serving(settings) as impatient:

        async def status(subject: str, airline_id: int = OURS) -> int:
            token = issue_token(SECRET, Role.AGENT, airline_id, timedelta(hours=1), subject=subject)
            headers = {"Authorization": f"Bearer {token}"}
            return (await impatient.client.post("/graphql", json=query, headers=headers)).status_code

        assert await status("leaver") == 200
        await stores.postgres.execute(add, OURS, "leaver", timedelta(seconds=-1))
        await stores.postgres.execute(add, OURS, "later", timedelta(days=1))
        await eventually(lambda: _equals(status("leaver"), 401), 5)
        assert [await status("later"), await status("unknown"), await status("leaver", THEIRS)] == [200] * 3
        await stores.postgres.execute("UPDATE users SET disabled_at = NULL WHERE subject = 'leaver'")
        await eventually(lambda: _equals(status("leaver"), 200), 5)
    await stores.postgres.execute("DELETE FROM users WHERE subject IN ('leaver', 'later')")


async def _equals(found: Awaitable[int], expected: int) -> bool:
    return await found == expected
