"""PIR commands over GraphQL: effects, required input and rejections."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from integrations.records.pirs import PirAction, PirBagState, PirKind
from resolvers.actor import Role
from resolvers.rules import pir_lifecycle
from resolvers.workers.graph_check import Difference, check, rebuild
from schema.fields.node import join, split
from tests.gateway import Api
from tests.world import Builder, World, at, project_changes

FIRST, SECOND = "0999000001", "0999000002"
PAYLOAD = "pir { id } replayed userErrors { code field message }"
INPUTS = {
    "createPir": "CreatePirInput",
    "updatePir": "UpdatePirInput",
    "assignPir": "AssignPirInput",
    "commentPir": "CommentPirInput",
    "suspendTracing": "PirBagsInput",
    "reinstateTracing": "PirBagsInput",
    "locateBags": "LocateBagsInput",
    "forwardBags": "ForwardBagsInput",
    "receiveBags": "PirBagsInput",
    "arrangeDelivery": "ArrangeDeliveryInput",
    "confirmDelivery": "ConfirmDeliveryInput",
    "closePir": "ClosePirInput",
    "recreatePir": "PirInput",
}
FILE = """
query($id: ID!) { pir(by: {id: $id}) {
  reference kind status version station destination assignee closedAt dueAt link remarks reasonForLoss faultStation
  passenger { surname } describedBags { seq state description contents matchedPir { id } forwardFlight { designator } }
  deadlines { damageComplaint { date } delayComplaint { date zone } deemedLost { date } regime liabilityLimitSdr }
  history { seq action bags toState comment } effects { service action state }
  previous { id } followedBy { id } bags { state } matches { id score state onHandPir { id } delayedPir { id } seq }
} }
"""
ON_HAND = {"kind": "ON_HAND", "station": "PTY", "storageLocation": "BRS 1", "bags": [{"description": "BK22XXX"}]}
WINDOW = {"windowStart": "2026-03-03T14:00:00Z", "windowEnd": "2026-03-03T18:00:00Z"}


def by_id(bag: str) -> dict[str, Any]:
    """Input for a bag of a new PIR."""
    return {"by": {"id": bag}}


class Agent:
    """An agent of a separate airline, with two bags of one passenger."""

    def __init__(self, api: Api, airline: Builder) -> None:
        self.api = api
        self.airline = airline

    async def open_up(self) -> "Agent":
        await self.airline.passenger(
            *("ana", "Q7R8ST", "Rojas", "Ana", None, None, None, "ES", "+12025550111", "ana@example.com")
        )
        for name, tag in (("one", FIRST), ("two", SECOND)):
            await self.airline.bag(name, tag, "ana", ["CM335", "CM758"])
        return self

    def bag(self, name: str = "one") -> str:
        return self.airline.id("Bag", name)

    async def send(self, name: str, role: Role = Role.AGENT, **given: Any) -> Any:
        document = f"mutation($input: {INPUTS[name]}!) {{ {name}(input: $input) {{ {PAYLOAD} }} }}"
        return (await self.api.ask(document, role, self.airline.airline_id, input=given))[name]

    async def do(self, name: str, **given: Any) -> str:
        """Runs a command, asserts its success and returns the PIR's id."""
        payload = await self.send(name, **given)
        assert payload["userErrors"] == [], payload
        return str(payload["pir"]["id"])

    async def refused(self, name: str, **given: Any) -> dict[str, str]:
        """Runs a command and returns its only user error."""
        payload = await self.send(name, **given)
        assert payload["pir"] is None
        (refusal,) = payload["userErrors"]
        return dict(refusal)

    async def open_file(self, *names: str, kind: str = "DELAYED", **more: Any) -> str:
        return await self.do("createPir", kind=kind, bags=[by_id(self.bag(name)) for name in names or ("one",)], **more)

    async def file(self, pir: str, role: Role = Role.AGENT) -> dict[str, Any]:
        found: dict[str, Any] = (await self.api.ask(FILE, role, self.airline.airline_id, id=pir))["pir"]
        return found

    async def effects(self, pir: str) -> list[tuple[str, str]]:
        return [(one["service"], one["action"]) for one in (await self.file(pir))["effects"]]


@pytest.fixture
async def desk(api: Api, airline: Builder) -> Agent:
    return await Agent(api, airline).open_up()


async def test_a_file_is_filled_in_from_its_bags(desk: Agent) -> None:
    pir = await desk.file(await desk.open_file("one", "two"))

    assert (pir["kind"], pir["status"], pir["version"]) == ("DELAYED", "OPEN", 1)
    assert (pir["station"], pir["destination"], pir["reference"]) == ("GRU", "GRU", None)
    assert pir["passenger"] == {"surname": "Rojas"}
    assert [(bag["seq"], bag["state"], bag["description"]) for bag in pir["describedBags"]] == [
        (1, "TRACING", "BK22RHW"),
        (2, "TRACING", "BK22RHW"),
    ]
    assert pir["bags"] == [{"state": "DELAYED"}] * 2, "their journeys agree"
    # Due on 1 July 2025 at 23:45 UTC, 20:45 in São Paulo: 21 days after that date.
    assert pir["deadlines"]["deemedLost"] == {"date": "2025-07-22"}
    assert pir["deadlines"]["delayComplaint"] is None
    assert pir["dueAt"] == "2025-07-23T03:00:00+00:00"
    assert [entry["action"] for entry in pir["history"]] == ["CREATE"]
    assert [(one["service"], one["action"], one["state"]) for one in pir["effects"]] == [
        ("WORLDTRACER", "CREATE", "PENDING"),
        ("SMS", "FILE_OPENED", "PENDING"),
        ("EMAIL", "FILE_OPENED", "PENDING"),
    ]


@pytest.mark.parametrize(
    ("kind", "state", "effects"),
    [
        (
            "DAMAGED",
            "REPORTED",
            [("WORLDTRACER", "CREATE"), ("SMS", "DAMAGE_FILE_OPENED"), ("EMAIL", "DAMAGE_FILE_OPENED")],
        ),
        (
            "PILFERED",
            "REPORTED",
            [("WORLDTRACER", "CREATE"), ("SMS", "DAMAGE_FILE_OPENED"), ("EMAIL", "DAMAGE_FILE_OPENED")],
        ),
        ("ON_HAND", "ON_HAND", [("WORLDTRACER", "CREATE")]),
    ],
)
async def test_other_kinds_of_files(desk: Agent, kind: str, state: str, effects: list[tuple[str, str]]) -> None:
    pir = await desk.open_file(kind=kind, station="GRU", storageLocation="BRS 1" if kind == "ON_HAND" else None)
    assert [bag["state"] for bag in (await desk.file(pir))["describedBags"]] == [state]
    assert await desk.effects(pir) == effects


async def test_a_found_bag_without_a_record(desk: Agent) -> None:
    bag = {"description": "GN25XXX", "brand": "Totto", "contents": "ropa, zapatos 🧳", "nameOnBag": "ROJAS"}
    pir = await desk.do("createPir", kind="ON_HAND", station="PTY", storageLocation="BRS 4", bags=[bag])
    (described,) = (await desk.file(pir))["describedBags"]
    assert (described["state"], described["contents"]) == ("ON_HAND", "ropa, zapatos 🧳")


async def test_a_bag_has_one_open_file_of_a_kind(desk: Agent) -> None:
    await desk.open_file("one")
    refusal = await desk.refused("createPir", kind="DELAYED", bags=[by_id(desk.bag("two")), by_id(desk.bag("one"))])
    assert (refusal["code"], refusal["field"]) == ("ALREADY_OPEN", "bags[1]")
    await desk.open_file("one", kind="DAMAGED")


async def test_the_whole_life_of_a_file(desk: Agent) -> None:
    pir = await desk.open_file("one")
    flight = desk.airline.id("Flight", "CM758")
    await desk.do("suspendTracing", pirId=pir)
    suspended = (await desk.file(pir))["status"]
    await desk.do("reinstateTracing", pirId=pir)
    await desk.do("updatePir", pirId=pir, remarks="Calls at noon.", bags=[{"seq": 1, "contents": "libros"}])
    await desk.do("assignPir", pirId=pir, assignee="agent.7")
    await desk.do("commentPir", pirId=pir, comment="Found a bag alike at PTY 🧳")
    await desk.do("locateBags", pirId=pir, airport="PTY")
    await desk.do("forwardBags", pirId=pir, flightId=flight, rushTag="2999000001")
    await desk.do("receiveBags", pirId=pir)
    await desk.do("arrangeDelivery", pirId=pir, courier="Courier", **WINDOW)
    await desk.do("confirmDelivery", pirId=pir)
    await desk.do("closePir", pirId=pir, reasonForLoss="55", faultStation="PTY")

    file = await desk.file(pir)
    assert suspended == "SUSPENDED"
    assert (file["status"], file["assignee"], file["reasonForLoss"], file["faultStation"]) == (
        "CLOSED",
        "agent.7",
        "55",
        "PTY",
    )
    assert file["deadlines"]["delayComplaint"]["zone"] == "America/Sao_Paulo"
    assert (file["closedAt"] is not None, file["dueAt"], file["remarks"]) == (True, None, "Calls at noon.")
    assert file["describedBags"][0]["forwardFlight"] == {"designator": "CM758"}
    assert [entry["action"] for entry in file["history"]] == [
        *("CREATE", "SUSPEND", "REINSTATE", "UPDATE", "ASSIGN", "COMMENT", "LOCATE", "FORWARD", "RECEIVE"),
        *("ARRANGE_DELIVERY", "CONFIRM_DELIVERY", "CLOSE"),
    ]
    assert [entry["seq"] for entry in file["history"]] == list(range(1, 13))
    assert [action for service, action in await desk.effects(pir) if service == "WORLDTRACER"] == [
        *("CREATE", "SUSPEND", "REINSTATE", "UPDATE", "UPDATE", "FORWARD", "UPDATE", "UPDATE", "UPDATE", "CLOSE"),
    ]
    assert [action for service, action in await desk.effects(pir) if service == "SMS"] == [
        *("FILE_OPENED", "BAG_LOCATED", "BAG_FORWARDED", "BAG_RECEIVED", "OUT_FOR_DELIVERY", "DELIVERED")
    ]
    rush = await desk.api.ask('{bag(by:{tag:"2999000001"}){id state}}', airline_id=desk.airline.airline_id)
    assert rush["bag"] == {"id": desk.bag("one"), "state": "CLOSED"}, "the rush tag identifies the bag"


async def test_refusals_name_what_is_allowed(desk: Agent) -> None:
    pir = await desk.open_file("one")
    await desk.do("locateBags", pirId=pir, airport="PTY")
    refusal = await desk.refused("locateBags", pirId=pir, airport="PTY")
    assert refusal["code"] == "INVALID_STATE"
    allowed = "REINSTATE, FORWARD, RECEIVE, CLOSE"
    assert refusal["message"] == f"bag 1 is LOCATED, which does not allow LOCATE; allowed: {allowed}"


async def test_a_closed_file_is_recreated_and_never_reopened(desk: Agent) -> None:
    pir = await desk.open_file("one")
    missing = await desk.refused("closePir", pirId=pir)
    unknown = await desk.refused("closePir", pirId=pir, reasonForLoss="44", faultStation="PTY")
    nowhere = await desk.refused("closePir", pirId=pir, reasonForLoss="55", faultStation="QQQ")
    await desk.do("closePir", pirId=pir, reasonForLoss="55", faultStation="PTY", comment="Delivered at the desk.")
    changed = await desk.refused("updatePir", pirId=pir, remarks="x")
    again = await desk.do("recreatePir", pirId=pir)
    twice = await desk.refused("recreatePir", pirId=pir)

    assert [one["code"] for one in (missing, unknown, nowhere, changed, twice)] == [
        *("REASON_REQUIRED", "BAD_USER_INPUT", "NOT_FOUND", "PIR_CLOSED", "ALREADY_OPEN")
    ]
    new, old = await desk.file(again), await desk.file(pir)
    assert (new["status"], new["link"], new["previous"]) == ("OPEN", "RECREATED", {"id": pir})
    assert (old["status"], old["followedBy"]) == ("CLOSED", [{"id": again}])
    assert (await desk.refused("recreatePir", pirId=again))["code"] == "INVALID_STATE"


async def test_a_bag_that_came_back_damaged(desk: Agent) -> None:
    pir = await desk.open_file("one")
    await desk.do("closePir", pirId=pir, reasonForLoss="55", faultStation="PTY")
    damaged = await desk.file(await desk.open_file("one", kind="DAMAGED", follows=pir))
    assert (damaged["link"], damaged["previous"]) == ("DAMAGE_OF", {"id": pir})


async def test_a_key_stands_for_one_effect(desk: Agent) -> None:
    key = uuid4().hex
    command: dict[str, Any] = {"kind": "DELAYED", "bags": [by_id(desk.bag())], "idempotencyKey": key}
    first, second = [await desk.send("createPir", **command) for _ in range(2)]
    other = await desk.refused("createPir", **{**command, "remarks": "other"})

    assert [first["replayed"], second["replayed"]] == [False, True]
    assert first["pir"] == second["pir"]
    assert (other["code"], other["field"]) == ("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")
    assert len(await desk.effects(first["pir"]["id"])) == 3


async def test_a_key_that_is_used_at_the_same_time_is_one_file(desk: Agent) -> None:
    command: dict[str, Any] = {"kind": "DELAYED", "bags": [by_id(desk.bag())], "idempotencyKey": uuid4().hex}
    payloads = await asyncio.gather(*(desk.send("createPir", **command) for _ in range(6)))
    assert len({payload["pir"]["id"] for payload in payloads}) == 1
    assert sorted(payload["replayed"] for payload in payloads) == [False, *[True] * 5]


async def test_a_refused_command_leaves_its_key_free(desk: Agent) -> None:
    pir, key = await desk.open_file("one"), uuid4().hex
    await desk.refused("receiveBags", pirId=pir, bags=[7], idempotencyKey=key)
    await desk.do("suspendTracing", pirId=pir, idempotencyKey=key)


async def test_a_concurrent_change_is_a_version_conflict(desk: Agent) -> None:
    pir = await desk.open_file("one")
    await desk.do("commentPir", pirId=pir, comment="one", version=1)
    assert (await desk.refused("commentPir", pirId=pir, comment="two", version=1))["code"] == "VERSION_CONFLICT"


@pytest.mark.parametrize(
    ("name", "given", "field"),
    [
        ("commentPir", {"comment": "x" * 200_000}, "comment"),
        ("commentPir", {"comment": "a\u0007b"}, "comment"),
        ("commentPir", {"comment": "  "}, "comment"),
        ("updatePir", {"phone": "call me"}, "phone"),
        ("updatePir", {"email": "a b@example.com"}, "email"),
        ("updatePir", {"email": "a@example.com\nBcc: x@example.org"}, "email"),
        ("updatePir", {"email": "Ana <a@example.com>"}, "email"),
        ("updatePir", {"email": "a@example.com, b@example.com"}, "email"),
        ("updatePir", {"email": "no-at-sign"}, "email"),
        ("updatePir", {"email": "a@localhost"}, "email"),
        ("updatePir", {"email": "a..b@example.com"}, "email"),
        ("updatePir", {"email": "josé@example.com"}, "email"),
        ("updatePir", {"email": f"{'x' * 65}@example.com"}, "email"),
        ("updatePir", {"bags": [{"seq": 1, "description": "black"}]}, "bags[0].description"),
        ("updatePir", {"bags": [{"seq": 9, "brand": "X"}]}, "bags"),
        ("locateBags", {"airport": "P1"}, "airport"),
        ("locateBags", {"airport": "PTY", "bags": []}, "bags"),
        ("forwardBags", {"flightId": "nonsense"}, "flightId"),
        ("forwardBags", {"flightId": join("Flight", 999_999_999)}, "flightId"),
        ("arrangeDelivery", {"courier": " ", **WINDOW}, "courier"),
        (
            "arrangeDelivery",
            {"courier": "C", "windowStart": WINDOW["windowEnd"], "windowEnd": WINDOW["windowStart"]},
            "windowEnd",
        ),
        ("confirmDelivery", {"deliveredAt": "2199-01-01T00:00:00Z"}, "deliveredAt"),
        ("closePir", {"reasonForLoss": "5"}, "reasonForLoss"),
        ("assignPir", {"assignee": "two words"}, "assignee"),
        ("commentPir", {"comment": "x", "idempotencyKey": "short"}, "idempotencyKey"),
    ],
)
async def test_what_cannot_be_used_is_said(desk: Agent, name: str, given: Mapping[str, Any], field: str) -> None:
    pir = await desk.open_file("one")
    refusal = await desk.refused(name, pirId=pir, **given)
    assert refusal["code"] in ("BAD_USER_INPUT", "NOT_FOUND", "INVALID_STATE")
    assert refusal["field"] == field
    assert len((await desk.file(pir))["history"]) == 1, "a rejected command changes nothing"


CONTACTS = "SELECT phone, email, delivery_address, storage_location FROM pirs WHERE id = $1"


async def test_contacts_are_trimmed_and_removed_by_an_empty_text(desk: Agent) -> None:
    pir = await desk.open_file("one", phone=" +12025550119\n", email=" lead@example.com ", deliveryAddress="")

    async def contacts() -> list[str | None]:
        row = await desk.airline.stores.postgres.fetchrow(CONTACTS, int(split(pir, "id")[1]))
        assert row is not None
        return list(row)

    assert await contacts() == ["+12025550119", "lead@example.com", None, None]
    await desk.do("updatePir", pirId=pir, remarks="x", phone=None)
    assert await contacts() == ["+12025550119", "lead@example.com", None, None], "an absent value stays"
    await desk.do("updatePir", pirId=pir, deliveryAddress="Calle 50", storageLocation="BRS 4")
    await desk.do("updatePir", pirId=pir, phone="", email="", deliveryAddress="", storageLocation="")
    assert await contacts() == [None] * 4


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kind": "DELAYED", "bags": []}, "bags"),
        ({"kind": "DELAYED", "bags": [{"by": {"tag": "nonsense"}}], "station": "PTY"}, "bags[0].by.tag"),
        ({"kind": "DELAYED", "bags": [{"description": "BK22XXX"}]}, "station"),
        ({"kind": "DELAYED", "bags": [{"by": {"tag": "0999999999"}}], "station": "PTY"}, "bags[0].description"),
        ({"kind": "DELAYED", "bags": [by_id(join("Bag", 999_999_999))]}, "bags[0].by.id"),
        ({"kind": "ON_HAND", "bags": [{"description": "BK22XXX"}] * 2, "station": "PTY"}, "bags"),
        ({**ON_HAND, "station": "QQQ"}, "station"),
        ({**ON_HAND, "email": "Ana <a@example.com>"}, "email"),
        ({**ON_HAND, "storageLocation": None}, "storageLocation"),
    ],
)
async def test_a_file_that_cannot_be_opened(desk: Agent, given: Mapping[str, Any], field: str) -> None:
    assert (await desk.refused("createPir", **given))["field"] == field


@pytest.mark.parametrize("role", [Role.ANALYST, Role.MONITOR, Role.SERVICE])
async def test_who_may_not_work_files(desk: Agent, role: Role) -> None:
    document = f"mutation($input: CreatePirInput!) {{ createPir(input: $input) {{ {PAYLOAD} }} }}"
    given = {"kind": "DELAYED", "bags": [by_id(desk.bag())]}
    assert await desk.api.codes(document, role, desk.airline.airline_id, input=given) == ["FORBIDDEN"]


async def test_another_airlines_file_is_not_there(desk: Agent, world: World) -> None:
    theirs = world.ours.id("Pir", "GRUCM12345")
    assert (await desk.refused("commentPir", pirId=theirs, comment="x"))["code"] == "NOT_FOUND"
    assert (await desk.refused("createPir", kind="DELAYED", bags=[by_id(world.ours.id("Bag", "missed"))]))[
        "code"
    ] == "NOT_FOUND"


async def test_personal_data_are_masked_by_role(desk: Agent) -> None:
    pir = await desk.open_file("one", remarks="Is called Ana.")
    await desk.do("commentPir", pirId=pir, comment="Ana called.")
    seen = await desk.file(pir, Role.ANALYST)
    assert (seen["remarks"], seen["describedBags"][0]["contents"]) == (None, None)
    assert [entry["comment"] for entry in seen["history"]] == [None, None]


async def test_the_work_list_begins_with_what_is_due_first(desk: Agent) -> None:
    pirs = [await desk.open_file(name) for name in ("one", "two")]
    far = datetime.now(UTC) + timedelta(days=9)
    await desk.airline.stores.postgres.execute(
        "UPDATE pirs SET due_at = $2 WHERE id = $1", int(split(pirs[0], "id")[1]), far, name="TEST"
    )
    listing = "pirs(orderBy:URGENCY,dueBefore:$b,first:$f,after:$a){nodes{id} pageInfo{endCursor}}"
    query = f"query($b:DateTime,$f:Int,$a:String){{{listing}}}"

    async def listed(**variables: Any) -> Any:
        return (await desk.api.ask(query, airline_id=desk.airline.airline_id, **variables))["pirs"]

    assert (await listed())["nodes"] == [{"id": pirs[1]}, {"id": pirs[0]}]
    assert (await listed(b=datetime.now(UTC).isoformat()))["nodes"] == [{"id": pirs[1]}]
    first = await listed(f=1)
    assert (await listed(f=1, a=first["pageInfo"]["endCursor"]))["nodes"] == [{"id": pirs[0]}]


# Printing

PRINT = "query($id:ID!,$l:Language!){pir(by:{id:$id}){printable(language:$l)}}"


async def link_of(desk: Agent, pir: str, language: str = "ES", role: Role = Role.AGENT) -> str | None:
    found = await desk.api.ask(PRINT, role, desk.airline.airline_id, id=pir, l=language)
    link: str | None = found["pir"]["printable"]
    return link


@pytest.mark.parametrize(
    ("language", "words"), [("ES", "responsabilidad"), ("EN", "admission of liability"), ("PT", "responsabilidade")]
)
async def test_a_file_is_printed_in_the_passengers_language(desk: Agent, language: str, words: str) -> None:
    link = await link_of(desk, await desk.open_file("one"), language)
    answer = await desk.api.client.get(link or "")
    text = " ".join(page.extract_text() for page in PdfReader(BytesIO(answer.content)).pages)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.headers["cache-control"] == "no-store"
    assert words in " ".join(text.split())
    assert "Rojas" in text
    trail = await desk.airline.stores.postgres.fetchval(
        "SELECT count(*) FROM audit WHERE airline_id = $1 AND action = 'PRINT_PIR'",
        desk.airline.airline_id,
        name="TEST",
    )
    assert trail == 1


async def test_a_link_is_good_for_one_file_and_not_for_ever(desk: Agent) -> None:
    link = await link_of(desk, await desk.open_file("one")) or ""
    number = link.removeprefix("/pirs/").partition(".")[0]
    changed = [
        link.replace(f"/{number}.pdf", f"/{int(number) + 1}.pdf"),
        link.replace("language=ES", "language=EN"),
        link.replace("expires=", "expires=9"),
        link.partition("?")[0],
        link[:-1],
    ]
    assert [(await desk.api.client.get(one)).status_code for one in changed] == [403] * len(changed)
    assert await link_of(desk, await desk.open_file("two"), role=Role.ANALYST) is None


# Matching

DECIDE = "mutation($input: MatchInput!) { %s(input: $input) { match { state } userErrors { code } } }"


def on_hand(desk: Agent) -> dict[str, Any]:
    return {**ON_HAND, "bags": [by_id(desk.bag("one"))]}


async def decide(desk: Agent, name: str, match: str) -> Any:
    return (await desk.api.ask(DECIDE % name, airline_id=desk.airline.airline_id, input={"matchId": match}))[name]


async def test_a_found_bag_is_proposed_and_an_agent_decides(desk: Agent) -> None:
    missed = await desk.open_file("one")
    found = await desk.do("createPir", **on_hand(desk))
    (match,) = (await desk.file(missed))["matches"]
    before = (await desk.file(missed))["describedBags"][0]["state"]
    confirmed = await decide(desk, "confirmMatch", match["id"])
    again = await decide(desk, "confirmMatch", match["id"])

    assert (match["onHandPir"], match["delayedPir"], match["seq"], match["state"]) == (
        {"id": found},
        {"id": missed},
        1,
        "PROPOSED",
    )
    assert before == "TRACING", "a score alone decides nothing"
    assert confirmed == again == {"match": {"state": "CONFIRMED"}, "userErrors": []}
    (bag,) = (await desk.file(missed))["describedBags"]
    assert (bag["state"], bag["matchedPir"]) == ("LOCATED", {"id": found})
    assert [one["state"] for one in (await desk.file(found))["describedBags"]] == ["MATCHED"]
    assert ("SMS", "BAG_LOCATED") in await desk.effects(missed)
    await desk.do("forwardBags", pirId=missed, flightId=desk.airline.id("Flight", "CM758"))
    assert (await desk.file(found))["status"] == "CLOSED", "forwarding an on-hand bag closes its PIR"
    assert (await desk.effects(found))[-1] == ("WORLDTRACER", "FORWARD")


async def test_a_rejected_match_stays_rejected(desk: Agent) -> None:
    missed = await desk.open_file("one")
    await desk.do("createPir", **on_hand(desk))
    (match,) = (await desk.file(missed))["matches"]
    rejected = await decide(desk, "rejectMatch", match["id"])
    confirmed = await decide(desk, "confirmMatch", match["id"])
    assert rejected["match"] == {"state": "REJECTED"}
    assert confirmed == {"match": None, "userErrors": [{"code": "INVALID_STATE"}]}


# Any sequence of commands

STEPS = {
    PirAction.SUSPEND: "suspendTracing",
    PirAction.REINSTATE: "reinstateTracing",
    PirAction.LOCATE: "locateBags",
    PirAction.FORWARD: "forwardBags",
    PirAction.RECEIVE: "receiveBags",
    PirAction.ARRANGE_DELIVERY: "arrangeDelivery",
    PirAction.CONFIRM_DELIVERY: "confirmDelivery",
}


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.tuples(st.sampled_from(list(STEPS)), st.sampled_from([(1,), (2,), (1, 2)])), max_size=12))
async def test_any_sequence_of_commands_agrees_with_the_state_machine(
    api: Api, world: World, steps: list[tuple[PirAction, tuple[int, ...]]]
) -> None:
    """Each command either changes the PIR as the state machine predicts, or is rejected and changes nothing."""
    desk = await Agent(api, await world.another_airline()).open_up()
    pir = await desk.open_file("one", "two")
    model = {1: PirBagState.TRACING, 2: PirBagState.TRACING}
    version = 1
    for action, seqs in steps:
        more: dict[str, Any] = {}
        if action is PirAction.LOCATE:
            more = {"airport": "PTY"}
        elif action is PirAction.FORWARD:
            more = {"flightId": desk.airline.id("Flight", "CM758")}
        elif action is PirAction.ARRANGE_DELIVERY:
            more = {"courier": "Courier", **WINDOW}
        payload = await desk.send(STEPS[action], pirId=pir, bags=list(seqs), **more)
        allowed = all(action in pir_lifecycle.transitions(PirKind.DELAYED, model[seq]) for seq in seqs)
        assert (payload["userErrors"] == []) == allowed
        if allowed:
            version += 1
            model |= {seq: pir_lifecycle.transitions(PirKind.DELAYED, model[seq])[action] for seq in seqs}
        file = await desk.file(pir)
        assert {bag["seq"]: bag["state"] for bag in file["describedBags"]} == model
        assert (file["version"], len(file["history"])) == (version, version)


@pytest.mark.parametrize(
    ("given", "field", "code"),
    [
        ({"kind": "DAMAGED", "follows": join("Pir", 999_999_999)}, "follows", "NOT_FOUND"),
        ({"kind": "DELAYED", "foundFlightId": join("Flight", 999_999_999)}, "foundFlightId", "NOT_FOUND"),
        ({"kind": "DAMAGED", "receivedAt": "2199-01-01T00:00:00Z"}, "receivedAt", "BAD_USER_INPUT"),
        ({"kind": "DAMAGED", "receivedAt": "0001-01-01T00:00:00Z"}, "receivedAt", "BAD_USER_INPUT"),
    ],
)
async def test_what_a_new_file_names_must_be_there(desk: Agent, given: dict[str, Any], field: str, code: str) -> None:
    refusal = await desk.refused("createPir", bags=[by_id(desk.bag())], **given)
    assert (refusal["field"], refusal["code"]) == (field, code)


async def test_another_airlines_file_and_flight_are_not_there(desk: Agent, world: World) -> None:
    for kind, named in (
        ("DAMAGED", {"follows": world.ours.id("Pir", "GRUCM12345")}),
        ("DELAYED", {"foundFlightId": world.ours.id("Flight", "CM335")}),
    ):
        assert (await desk.refused("createPir", kind=kind, bags=[by_id(desk.bag())], **named))["code"] == "NOT_FOUND"


async def test_a_damage_file_follows_a_closed_delayed_one_only(desk: Agent) -> None:
    pir = await desk.open_file("one")
    refused = await desk.refused("createPir", kind="DAMAGED", bags=[by_id(desk.bag())], follows=pir)
    await desk.do("closePir", pirId=pir, reasonForLoss="55", faultStation="PTY")
    delayed = await desk.refused("createPir", kind="DELAYED", bags=[by_id(desk.bag())], follows=pir)
    assert (refused["code"], refused["field"], delayed["code"]) == ("INVALID_STATE", "follows", "INVALID_STATE")


async def test_an_unknown_tag_makes_the_bag(desk: Agent) -> None:
    """Given a PIR for an unknown tag, a later scan of the tag belongs to the PIR's bag."""
    tag = "0999000777"
    command: dict[str, Any] = {
        "kind": "DELAYED",
        "station": "GRU",
        "bags": [{"by": {"tag": tag}, "description": "BK22XXX"}],
    }
    payloads = await asyncio.gather(*(desk.send("createPir", **command) for _ in range(4)))
    (pir,) = [payload["pir"]["id"] for payload in payloads if payload["pir"]]
    refusals = [refusal["code"] for payload in payloads for refusal in payload["userErrors"]]
    await desk.airline.record(desk.airline.scan(tag, "ARRIVED", "PTY", datetime.now(UTC)))

    assert refusals == ["ALREADY_OPEN"] * 3
    assert (await desk.file(pir))["bags"] == [{"state": "ARRIVED"}]


async def test_a_number_that_came_round_again_is_another_bag(desk: Agent) -> None:
    """Last year's bag with the same number is not the missing one."""
    pir = await desk.do(
        "createPir", kind="DELAYED", station="GRU", bags=[{"by": {"tag": FIRST}, "description": "GN25XXX"}]
    )
    file = await desk.file(pir)
    assert (file["passenger"], file["describedBags"][0]["description"]) == (None, "GN25XXX")


async def test_a_printed_tag_needs_one_bag_that_carries_it(desk: Agent) -> None:
    bag = {"description": "BK22XXX"}
    command: dict[str, Any] = {"kind": "DELAYED", "station": "GRU", "bags": [{"by": {"tag": "CM000888"}, **bag}]}
    unknown = await desk.refused("createPir", **command)
    await desk.airline.record(desk.airline.scan("0230000888", "SORTED", "PTY", datetime.now(UTC)))
    pir = await desk.do("createPir", **command)
    await desk.airline.record(desk.airline.scan("5230000888", "SORTED", "PTY", datetime.now(UTC)))
    several = await desk.refused("createPir", **{**command, "kind": "PILFERED"})

    assert (unknown["field"], several["field"]) == ("bags[0].by.tag", "bags[0].by.tag")
    assert (await desk.file(pir))["bags"] == [{"state": "DELAYED"}]


async def test_a_file_holds_bags_of_one_booking(desk: Agent) -> None:
    """A passenger must not receive notifications about another's bag."""
    await desk.airline.passenger(*("leo", "ZZZZ99", "Paz", "Leo", None, None, None, "ES", "+12025550112", None))
    await desk.airline.bag("leo", "0999000009", "leo", ["CM335"])
    refusal = await desk.refused("createPir", kind="DELAYED", bags=[by_id(desk.bag("one")), by_id(desk.bag("leo"))])
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "bags[1]")


async def test_passengers_without_a_booking_are_strangers(desk: Agent) -> None:
    """``docs/DOMAIN.md#rule-18``: nothing says that two of them travel together."""
    for name, tag in (("leo", "0999000009"), ("eva", "0999000011")):
        await desk.airline.passenger(*(name, "ZZZZ99", "Paz", name, None, None, None, "ES", None, None))
        await desk.airline.bag(name, tag, name, ["CM335"])
    sql = "UPDATE passengers SET booking_id = NULL WHERE airline_id = $1 AND surname = 'Paz'"
    await desk.airline.stores.postgres.execute(sql, desk.airline.airline_id, name="UNBOOK")
    refusal = await desk.refused("createPir", kind="DELAYED", bags=[by_id(desk.bag("leo")), by_id(desk.bag("eva"))])
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "bags[1]")


async def test_days_count_from_the_passengers_flight_not_from_the_rush(desk: Agent) -> None:
    await desk.airline.flight(702, "PTY", "GRU", at("+16:30"), 435)
    await desk.airline.bag("rush", "0999000010", "ana", ["CM335", "CM758", "CM702"])
    assert (await desk.file(await desk.open_file("rush")))["deadlines"]["deemedLost"] == {"date": "2025-07-22"}


async def test_the_time_to_complain_of_damage_counts_from_receipt(desk: Agent) -> None:
    """The agent's time of receipt takes precedence over the delivery scan; a recreated PIR keeps the deadline."""
    got = datetime.now(UTC) - timedelta(days=3)
    stated = await desk.open_file("two", kind="DAMAGED", receivedAt=got.isoformat())
    await desk.airline.record(desk.airline.scan(FIRST, "DELIVERED", "GRU", "+00:20"))
    scanned = await desk.open_file("one", kind="PILFERED")
    await desk.do("closePir", pirId=scanned)
    again = await desk.do("recreatePir", pirId=scanned)

    last = (got.astimezone(ZoneInfo("America/Sao_Paulo")) + timedelta(days=7)).date()
    assert [(await desk.file(pir))["deadlines"]["damageComplaint"] for pir in (stated, scanned, again)] == [
        {"date": last.isoformat()},
        {"date": "2025-07-08"},
        {"date": "2025-07-08"},
    ]


async def test_reasons_from_80_on_are_for_damage(desk: Agent) -> None:
    damaged, delayed = await desk.open_file("one", kind="DAMAGED"), await desk.open_file("one")
    refused = [
        await desk.refused("closePir", pirId=damaged, reasonForLoss="55"),
        await desk.refused("closePir", pirId=delayed, reasonForLoss="81", faultStation="PTY"),
    ]
    await desk.do("closePir", pirId=damaged, reasonForLoss="81")
    assert [refusal["field"] for refusal in refused] == ["reasonForLoss"] * 2


async def test_a_journey_ends_with_its_last_file(desk: Agent) -> None:
    delayed, damaged = await desk.open_file("one"), await desk.open_file("one", kind="DAMAGED")
    await desk.do("closePir", pirId=delayed, reasonForLoss="55", faultStation="PTY")
    going_on = (await desk.file(delayed))["bags"]
    await desk.do("closePir", pirId=damaged)
    assert (going_on, (await desk.file(damaged))["bags"]) == ([{"state": "DAMAGED"}], [{"state": "CLOSED"}])


async def test_a_proposal_takes_in_what_was_scanned_since(desk: Agent) -> None:
    """Given a PIR from before the scans arrived, its closing derives the reason and the station from them."""
    build = desk.airline
    await build.stores.postgres.execute(
        "INSERT INTO connection_times SELECT $1, airport, '', '', passenger_minutes, bag_minutes, source "
        "FROM connection_times WHERE airline_id = 1 AND inbound_carrier = ''",
        build.airline_id,
    )
    await build.stores.postgres.execute(
        "UPDATE flights SET actual_departure = scheduled_departure, actual_arrival = scheduled_arrival, "
        "status = 'ARRIVED' WHERE airline_id = $1",
        build.airline_id,
    )
    pir = await desk.open_file("one")
    early = await desk.refused("closePir", pirId=pir, acceptProposal=True)
    await build.record(
        build.scan(FIRST, "ACCEPTED", "MIA", "10:30"),
        build.scan(FIRST, "LOADED", "MIA", "11:40", "CM335"),
        build.scan(FIRST, "ARRIVED", "PTY", "15:15", "CM335"),
        build.scan(FIRST, "LEFT_BEHIND", "PTY", "16:50"),
    )
    await desk.do("closePir", pirId=pir, acceptProposal=True)
    file = await desk.file(pir)
    assert early["code"] == "REASON_REQUIRED"
    assert (file["reasonForLoss"], file["faultStation"]) == ("55", "PTY")


async def test_a_rush_tag_reaches_the_graph(desk: Agent) -> None:
    build, found = desk.airline, list[Difference]()
    await build.record(build.scan(FIRST, "LEFT_BEHIND", "PTY", "16:50"))
    await rebuild(build.stores, build.airline_id, lambda _: None)
    pir = await desk.open_file("one")
    await desk.do("locateBags", pirId=pir, airport="PTY")
    await project_changes(build.stores)
    await desk.do("forwardBags", pirId=pir, flightId=build.id("Flight", "CM758"), rushTag="2999000777")
    await project_changes(build.stores)
    await check(build.stores, build.airline_id, found.append)
    assert [one.details for one in found] == []


async def test_another_bags_number_is_no_rush_tag(desk: Agent) -> None:
    """Scans of the number would count as scans of the forwarded bag."""
    await desk.airline.record(desk.airline.scan("2999000555", "SORTED", "PTY", datetime.now(UTC)))
    pir, flight = await desk.open_file("one"), desk.airline.id("Flight", "CM758")
    await desk.do("locateBags", pirId=pir, airport="PTY")
    refusal = await desk.refused("forwardBags", pirId=pir, flightId=flight, rushTag="2999000555")
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", "rushTag")


async def test_a_cancelled_flight_brings_no_bag(desk: Agent) -> None:
    pir, build = await desk.open_file("one"), desk.airline
    await desk.do("locateBags", pirId=pir, airport="PTY")
    await build.stores.postgres.execute("UPDATE flights SET status = 'CANCELLED' WHERE id = $1", build.flights["CM758"])
    refusal = await desk.refused("forwardBags", pirId=pir, flightId=build.id("Flight", "CM758"))
    assert refusal["field"] == "flightId"


async def test_a_change_of_nothing_is_none(desk: Agent) -> None:
    pir = await desk.open_file("one")
    await desk.do("updatePir", pirId=pir)
    assert (await desk.file(pir))["version"] == 1


@pytest.mark.parametrize("side", ["found", "missed"])
async def test_two_files_of_one_bag_are_forwarded_together(desk: Agent, side: str) -> None:
    """From either PIR: one WorldTracer effect, one notification a channel, and the found bag's PIR is closed."""
    missed = await desk.open_file("one", "two")
    bag = {"by": {"tag": FIRST}, "description": "BK22RHW", "nameOnBag": "ROJAS"}
    found = await desk.do("createPir", kind="ON_HAND", station="PTY", storageLocation="BRS 4", bags=[bag])
    match = next(one for one in (await desk.file(missed))["matches"] if one["seq"] == 1)
    document = "mutation($i: MatchInput!) { confirmMatch(input: $i) { userErrors { message } } }"
    await desk.api.ask(document, Role.AGENT, desk.airline.airline_id, i={"matchId": match["id"]})
    given: dict[str, Any] = {"bags": [1]} if side == "missed" else {}
    flight = desk.airline.id("Flight", "CM758")
    await desk.do("forwardBags", pirId=missed if side == "missed" else found, flightId=flight, **given)

    one, other = await desk.file(missed), await desk.file(found)
    assert [bag["state"] for bag in one["describedBags"]] == ["FORWARDED", "TRACING"]
    assert (one["status"], other["status"]) == ("OPEN", "CLOSED")
    asked = [(effect["service"], effect["action"]) for effect in (*one["effects"], *other["effects"])]
    assert sorted(pair for pair in asked if "FORWARD" in pair[1]) == [
        *(("EMAIL", "BAG_FORWARDED"), ("SMS", "BAG_FORWARDED"), ("WORLDTRACER", "FORWARD"))
    ]
