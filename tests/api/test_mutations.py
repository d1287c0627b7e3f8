"""Recording scans and updating flights: stored rows, rejections and idempotency."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from resolvers.actor import Role
from schema.fields.node import join
from tests.gateway import Api
from tests.world import DELIVERED, MISSED, Builder

RECORD = """
    mutation($i: RecordScansInput!) { recordScans(input: $i) {
      results { outcome eventId bag { id tag state airport place flight { designator } custodian { code } version } }
      userErrors { code field message } clientMutationId
    } }
"""
UPDATE = """
    mutation($i: UpdateFlightInput!) { updateFlight(input: $i) {
      flight {
        designator status gate version estimatedDeparture estimatedArrival actualDeparture actualArrival
        departureLocal { estimated actual }
      }
      changed changedBags userErrors { code field message } clientMutationId
    } }
"""


class Agent:
    """A client of one airline that runs mutations."""

    def __init__(self, api: Api, airline: Builder) -> None:
        self.api = api
        self.airline = airline

    async def ask(self, query: str, role: Role = Role.SERVICE, **variables: Any) -> dict[str, Any]:
        return await self.api.ask(query, role, self.airline.airline_id, **variables)

    async def record(self, *scans: dict[str, Any], **more: Any) -> dict[str, Any]:
        answer = await self.ask(RECORD, i={"scans": list(scans), **more})
        payload: dict[str, Any] = answer["recordScans"]
        return payload

    async def update(self, flight: str, **change: Any) -> dict[str, Any]:
        change["flightId"] = self.airline.id("Flight", flight)
        payload: dict[str, Any] = (await self.ask(UPDATE, i=change))["updateFlight"]
        return payload

    async def count(self, table: str) -> int:
        sql = f"SELECT count(*) FROM {table} WHERE airline_id = $1"
        return int(await self.airline.stores.postgres.fetchval(sql, self.airline.airline_id))

    async def traces(self) -> list[int]:
        """Row counts of the tables that recording writes."""
        return [await self.count(table) for table in ("bags", "bag_tags", "events", "outbox", "audit")]


@pytest.fixture
def agent(api: Api, airline: Builder) -> Agent:
    return Agent(api, airline)


def scan(tag: str = DELIVERED, kind: str = "SORTED", at: str = "2025-07-01T12:00:00Z", **more: Any) -> dict[str, Any]:
    return {"tag": tag, "kind": kind, "at": at, "airport": "PTY", **more}


def on(designator: str, **more: Any) -> dict[str, Any]:
    return {"flight": {"designator": designator, "departureDate": "2025-07-01", **more}}


# recordScans


async def test_a_scan_of_an_unknown_tag_makes_the_bag(agent: Agent) -> None:
    """The payload comes from PostgreSQL and shows the bag after the scan."""
    payload = await agent.record(scan(place="SORTER1", custodian="HANDLER"), clientMutationId="abc")
    [result] = payload["results"]

    assert (payload["userErrors"], payload["clientMutationId"]) == ([], "abc")
    assert (result["outcome"], len(result["eventId"])) == ("RECORDED", 36)
    assert result["bag"].pop("id")
    assert result["bag"] == {
        "tag": DELIVERED,
        "state": "SORTED",
        "airport": "PTY",
        "place": "SORTER1",
        "flight": None,
        "custodian": {"code": "HANDLER"},
        "version": 2,
    }


async def test_scans_of_one_call_are_one_bag_whatever_their_order(agent: Agent) -> None:
    payload = await agent.record(
        scan(kind="LOADED", at="2025-07-01T12:30:00Z", **on("CM0758")),
        scan(kind="ACCEPTED", at="2025-07-01T12:00:00Z"),
        scan(MISSED, kind="ACCEPTED"),
    )
    bags = [result["bag"] for result in payload["results"]]

    assert bags[0] == bags[1]
    assert (bags[0]["state"], bags[0]["flight"], bags[0]["custodian"]) == (
        "LOADED",
        {"designator": "CM758"},
        {"code": "CM"},
    )
    assert bags[2]["tag"] == MISSED


async def test_a_scan_sent_twice_is_stored_once(agent: Agent) -> None:
    """A recorded scan changes nothing when it is sent again, alone or twice in a call."""
    first = await agent.record(scan(), scan())
    before = await agent.traces()
    again = await agent.record(scan(at="2025-07-01T07:00:00-05:00"))

    assert [result["outcome"] for result in first["results"]] == ["RECORDED", "DUPLICATE"]
    assert again["results"] == [first["results"][0] | {"outcome": "DUPLICATE"}]
    assert await agent.traces() == before == [1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    "difference",
    [
        {"place": "BELT2"},
        {"airport": "MIA"},
        {"kind": "SCREENED"},
        {"at": "2025-07-01T12:00:00.000001Z"},
        {"device": "HHT9"},
        {"custodian": "CM"},
        {"releasedBy": "CM"},
        {"method": "RFID"},
        on("CM758"),
    ],
    ids=lambda difference: next(iter(difference)),
)
async def test_scans_that_differ_in_anything_are_two(agent: Agent, difference: dict[str, Any]) -> None:
    await agent.record(scan())
    payload = await agent.record(scan() | difference)
    assert payload["results"][0]["outcome"] == "RECORDED"
    assert await agent.count("events") == 2


async def test_two_calls_at_once_for_one_unknown_tag_make_one_bag(agent: Agent) -> None:
    payloads = await asyncio.gather(*(agent.record(scan(at=f"2025-07-01T12:0{n}:00Z")) for n in range(8)))

    assert len({payload["results"][0]["bag"]["id"] for payload in payloads}) == 1
    assert await agent.count("bags") == 1
    assert await agent.count("events") == 8


async def test_one_scan_at_once_from_many_is_stored_once(agent: Agent) -> None:
    payloads = await asyncio.gather(*(agent.record(scan()) for _ in range(8)))
    outcomes = sorted(payload["results"][0]["outcome"] for payload in payloads)

    assert outcomes == ["DUPLICATE"] * 7 + ["RECORDED"]
    assert await agent.traces() == [1, 1, 1, 1, 1]


async def test_nine_digits_are_the_tag_with_its_zero(agent: Agent) -> None:
    payload = await agent.record(scan("230456781"), scan("0230 456 781"))
    assert [result["outcome"] for result in payload["results"]] == ["RECORDED", "DUPLICATE"]
    assert payload["results"][0]["bag"]["tag"] == DELIVERED


async def test_an_unreadable_tag_is_a_scan_of_no_bag(agent: Agent) -> None:
    payload = await agent.record(scan("0000000000"), scan("0000000000", place="BELT1"))

    assert [(result["outcome"], result["bag"]) for result in payload["results"]] == [("RECORDED", None)] * 2
    assert (await agent.count("bags"), await agent.count("events")) == (0, 2)


async def test_what_cannot_be_used_is_refused_and_the_rest_is_stored(agent: Agent) -> None:
    payload = await agent.record(
        scan("not a tag"),
        scan(),
        scan(**on("CM999")),
        scan(at=(datetime.now(UTC) + timedelta(hours=1)).isoformat()),
    )
    assert [result["outcome"] for result in payload["results"]] == [
        "INVALID",
        "RECORDED",
        "UNKNOWN_FLIGHT",
        "IN_THE_FUTURE",
    ]
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [
        ("BAD_USER_INPUT", "scans[0].tag"),
        ("BAD_USER_INPUT", "scans[2].flight"),
        ("BAD_USER_INPUT", "scans[3].at"),
    ]
    assert [result["bag"] is None for result in payload["results"]] == [True, False, True, True]
    assert await agent.count("events") == 1


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ({"tag": "CM456781"}, "tag"),
        ({"tag": "0230456781002"}, "tag"),
        ({"tag": ""}, "tag"),
        ({"airport": "PANAMA"}, "airport"),
        ({"airport": "P1Y"}, "airport"),
        ({"place": "x" * 41}, "place"),
        ({"place": "a\nb"}, "place"),
        ({"device": "ñ"}, "device"),
        ({"custodian": "lower"}, "custodian"),
        ({"releasedBy": ""}, "releasedBy"),
        ({"at": "0001-01-01T00:00:00Z"}, "at"),
        ({"at": "1999-12-31T23:59:59Z"}, "at"),
        (on("758"), "flight.designator"),
        (on("CM758", origin="PANAMA"), "flight.origin"),
    ],
)
async def test_a_part_that_cannot_be_used_is_named(agent: Agent, part: dict[str, Any], field: str) -> None:
    payload = await agent.record(scan(**part) if "at" not in part and "tag" not in part else scan() | part)

    assert payload["results"] == [{"outcome": "INVALID", "eventId": None, "bag": None}]
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [
        ("BAD_USER_INPUT", f"scans[0].{field}")
    ]
    assert await agent.traces() == [0, 0, 0, 0, 0]


@pytest.mark.parametrize("number", [0, 501])
async def test_the_number_of_scans_has_bounds(agent: Agent, number: int) -> None:
    payload = await agent.record(*([scan()] * number))
    assert payload["results"] == []
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("BAD_USER_INPUT", "scans")]


async def test_five_hundred_scans_are_recorded_at_once(agent: Agent) -> None:
    payload = await agent.record(*(scan(f"0230{n % 100:06d}", place=f"BELT{n}") for n in range(500)))
    assert {result["outcome"] for result in payload["results"]} == {"RECORDED"}
    assert (await agent.count("bags"), await agent.count("events")) == (100, 500)


async def test_recording_is_audited_without_personal_data(agent: Agent) -> None:
    await agent.record(scan(), scan(kind="SCREENED"))
    row = await agent.airline.stores.postgres.fetchrow(
        "SELECT actor, role, action, subject, cardinality(subjects) AS bags, detail FROM audit WHERE airline_id = $1",
        agent.airline.airline_id,
    )
    assert row is not None
    assert tuple(row) == ("demo-service", "SERVICE", "RECORD_SCANS", "BAG", 1, {"events": 2})


# updateFlight

LEAVES = "2025-07-01T16:42:00Z"


async def loaded(agent: Agent, *tags: str) -> list[str]:
    """Loads bags on CM758 and returns their global ids."""
    payload = await agent.record(*(scan(tag, kind="LOADED", at="2025-07-01T16:00:00Z", **on("CM758")) for tag in tags))
    return [result["bag"]["id"] for result in payload["results"]]


async def states(agent: Agent, ids: list[str]) -> list[tuple[str, str, str | None]]:
    data = await agent.ask("query($ids:[ID!]!){nodes(ids:$ids){...on Bag{state stateAt airport}}}", ids=ids)
    return [(bag["state"], bag["stateAt"], bag["airport"]) for bag in data["nodes"]]


async def test_a_departure_puts_the_loaded_bags_in_flight(agent: Agent) -> None:
    flying = await loaded(agent, DELIVERED, MISSED)
    [waiting] = (await agent.record(scan("0230456799", **on("CM758"))))["results"]
    payload = await agent.update("CM758", actualDeparture=LEAVES, clientMutationId="left")

    assert (payload["changed"], payload["changedBags"], payload["userErrors"]) == (True, 2, [])
    assert payload["clientMutationId"] == "left"
    assert payload["flight"] == {
        "designator": "CM758",
        "status": "DEPARTED",
        "gate": None,
        "version": 2,
        "estimatedDeparture": None,
        "estimatedArrival": None,
        "actualDeparture": "2025-07-01T16:42:00+00:00",
        "actualArrival": None,
        "departureLocal": {"estimated": None, "actual": "2025-07-01T11:42:00-05:00"},
    }
    assert await states(agent, flying) == [("IN_FLIGHT", "2025-07-01T16:42:00+00:00", None)] * 2
    assert (await states(agent, [waiting["bag"]["id"]]))[0][0] == "SORTED"


async def test_the_same_change_again_changes_nothing(agent: Agent) -> None:
    ids = await loaded(agent, DELIVERED)
    first = await agent.update("CM758", actualDeparture=LEAVES, gate="A7")
    before = (await agent.traces(), await states(agent, ids))
    again = await agent.update("CM758", actualDeparture=LEAVES, gate="A7")

    assert (first["changed"], first["changedBags"]) == (True, 1)
    assert (again["changed"], again["changedBags"], again["flight"]) == (False, 0, first["flight"])
    assert (await agent.traces(), await states(agent, ids)) == before


async def test_a_change_of_a_change_moves_the_bags_along(agent: Agent) -> None:
    """Given bags in flight, each correction of the departure time also corrects the start of their state."""
    ids = await loaded(agent, DELIVERED)
    for departure in (LEAVES, "2025-07-01T16:50:00Z", LEAVES):
        payload = await agent.update("CM758", actualDeparture=departure)
        assert (payload["changed"], payload["changedBags"]) == (True, 1)
        [(state, since, _)] = await states(agent, ids)
        assert (state, datetime.fromisoformat(since)) == ("IN_FLIGHT", datetime.fromisoformat(departure))


@pytest.mark.parametrize(
    ("kind", "state"), [("ARRIVED", "ARRIVED"), ("OFFLOADED", "OFFLOADED"), ("AT_CLAIM", "AT_CLAIM")]
)
async def test_a_later_scan_takes_the_bag_out_of_the_air(agent: Agent, kind: str, state: str) -> None:
    ids = await loaded(agent, DELIVERED)
    await agent.update("CM758", actualDeparture=LEAVES)
    await agent.record(scan(kind=kind, at="2025-07-01T23:58:00Z", airport="GRU", **on("CM758", origin="PTY")))
    assert (await states(agent, ids))[0][0] == state


async def test_a_late_load_scan_finds_its_flight_gone(agent: Agent) -> None:
    """A load scan that arrives after the flight's departure puts the bag in flight."""
    await agent.update("CM758", actualDeparture=LEAVES)
    assert (await states(agent, await loaded(agent, DELIVERED)))[0][0] == "IN_FLIGHT"


async def test_times_say_the_status_unless_it_is_given(agent: Agent) -> None:
    arrived = await agent.update("CM335", actualDeparture="2025-07-01T12:05:00Z", actualArrival="2025-07-01T15:00:00Z")
    diverted = await agent.update("CM758", actualDeparture=LEAVES, status="DIVERTED")
    delayed = await agent.update("CM411", estimatedDeparture="2025-07-01T19:00:00Z", status="DELAYED")

    assert arrived["flight"]["status"] == "ARRIVED"
    assert diverted["flight"]["status"] == "DIVERTED"
    assert (delayed["flight"]["status"], delayed["changedBags"]) == ("DELAYED", 0)
    assert delayed["flight"]["departureLocal"] == {"estimated": "2025-07-01T14:00:00-05:00", "actual": None}


async def test_what_is_not_given_stays(agent: Agent) -> None:
    await agent.update("CM411", estimatedDeparture="2025-07-01T19:00:00Z", gate="A7")
    payload = await agent.update("CM411", estimatedArrival="2025-07-01T20:35:00Z", gate=None)

    assert payload["flight"]["gate"] == "A7"
    assert payload["flight"]["estimatedDeparture"] == "2025-07-01T19:00:00+00:00"
    assert payload["flight"]["version"] == 3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"actualArrival": "2025-07-01T23:00:00Z"}, "actualArrival"),
        ({"actualDeparture": LEAVES, "actualArrival": LEAVES}, "actualArrival"),
        ({"actualDeparture": "0001-01-01T00:00:00Z"}, "actualDeparture"),
        ({"estimatedDeparture": "9999-12-31T23:59:59Z"}, "estimatedDeparture"),
        ({"estimatedArrival": "2026-07-01T23:00:00Z"}, "estimatedArrival"),
        ({"actualDeparture": LEAVES, "actualArrival": "2025-08-01T23:00:00Z"}, "actualArrival"),
        ({"gate": "x" * 41}, "gate"),
        ({"gate": "A\t7"}, "gate"),
    ],
)
async def test_a_change_that_cannot_be_is_refused_by_name(agent: Agent, change: dict[str, Any], field: str) -> None:
    payload = await agent.update("CM758", **change)

    assert (payload["flight"], payload["changed"], payload["changedBags"]) == (None, False, 0)
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("BAD_USER_INPUT", field)]
    assert await agent.traces() == [0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("flight_id", "code"),
    [
        (join("Flight", 987_654), "NOT_FOUND"),
        (join("Flight", 2**63 - 1), "NOT_FOUND"),
        (join("Bag", 1), "BAD_USER_INPUT"),
        ("no id", "BAD_USER_INPUT"),
        ("", "BAD_USER_INPUT"),
    ],
)
async def test_a_flight_that_is_not_there_is_refused(agent: Agent, flight_id: str, code: str) -> None:
    payload = (await agent.ask(UPDATE, i={"flightId": flight_id, "gate": "A7"}))["updateFlight"]
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [(code, "flightId")]


async def test_a_change_enqueues_the_flight_and_the_changed_bags_only(agent: Agent) -> None:
    await loaded(agent, DELIVERED)
    await agent.record(scan(MISSED, **on("CM758")))
    before = await agent.count("outbox")
    await agent.update("CM758", actualDeparture=LEAVES)
    rows = await agent.airline.stores.postgres.fetch(
        "SELECT consumer, subject FROM outbox WHERE airline_id = $1 ORDER BY id", agent.airline.airline_id
    )
    enqueued = [tuple(row) for row in rows[before:]]
    assert enqueued == [("graph", "FLIGHT"), ("incidents", "FLIGHT"), ("graph", "BAG")]


async def test_changes_at_once_all_count(agent: Agent) -> None:
    payloads = await asyncio.gather(*(agent.update("CM411", gate=f"A{n}") for n in range(6)))
    assert sorted(payload["flight"]["version"] for payload in payloads) == [2, 3, 4, 5, 6, 7]
