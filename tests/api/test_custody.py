"""Proof of custody for the bags of a flight, and its inventory at departure (IATA Resolution 753)."""

from typing import Any

import pytest

from resolvers.actor import Role
from tests.gateway import Api
from tests.world import Builder, World, at

COMPLETENESS = """
    query($flight: ID!, $first: Int = 25) { flight(by: {id: $flight}) { custodyCompleteness {
      bags due proved missing points { kind due proved missing }
      gaps(first: $first) { bag { id } point { kind airport leg lastCustodian { code } } }
    } } }
"""
POINTS = """
    query($tag: String!) { bag(by: {tag: $tag}) { journey { custodyPoints {
      kind airport leg proved lastCustodian { code }
      proof { id at airport place method releasedBy { code } custodian { code } flight { designator } }
    } } } }
"""
INVENTORY = """
    query($flight: ID!, $category: InventoryCategory, $first: Int = 25, $after: String) { flight(by: {id: $flight}) {
      inventory {
        asOf departed loaded authorisedNotLoaded loadedNotAuthorised unknown
        bags(category: $category, first: $first, after: $after) {
          nodes { category bag { tag } } pageInfo { hasNextPage endCursor }
    } } } }
"""
UPDATE = "mutation($i:UpdateFlightInput!){updateFlight(input:$i){userErrors{code}}}"


async def completeness(api: Api, airline: Builder, flight: str, **more: Any) -> dict[str, Any]:
    data = await api.ask(COMPLETENESS, airline_id=airline.airline_id, flight=airline.id("Flight", flight), **more)
    found: dict[str, Any] = data["flight"]["custodyCompleteness"]
    return found


def by_kind(found: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    return {one["kind"]: (one["due"], one["proved"], one["missing"]) for one in found["points"]}


async def test_a_flight_counts_the_points_of_its_bags_that_belong_to_it(api: Api, world: World) -> None:
    """CM335 carried four bags: two were sorted at PTY without a transfer scan, one arrived at LIM."""
    found = await completeness(api, world.ours, "CM335")

    assert (found["bags"], found["due"], found["proved"], found["missing"]) == (4, 10, 8, 2)
    assert by_kind(found) == {
        "ACCEPTANCE": (4, 4, 0),
        "LOADING": (3, 3, 0),
        "TRANSFER": (2, 0, 2),
        "ARRIVAL": (1, 1, 0),
    }


async def test_a_gap_names_the_bag_and_who_had_it_last_with_proof(api: Api, world: World) -> None:
    found = await completeness(api, world.ours, "CM335", first=1)
    [gap] = found["gaps"]

    assert gap == {
        "bag": {"id": world.ours.id("Bag", "delivered")},
        "point": {"kind": "TRANSFER", "airport": "PTY", "leg": 1, "lastCustodian": {"code": "HANDLER"}},
    }


async def test_each_point_has_its_proof_with_who_where_when_and_how(api: Api, world: World) -> None:
    points = (await api.ask(POINTS, tag="0230456781"))["bag"]["journey"]["custodyPoints"]
    acceptance = points[0]["proof"]

    assert [(point["kind"], point["airport"], point["leg"], point["proved"]) for point in points] == [
        ("ACCEPTANCE", "MIA", 1, True),
        ("LOADING", "MIA", 1, True),
        ("TRANSFER", "PTY", 1, False),
        ("LOADING", "PTY", 2, True),
        ("ARRIVAL", "GRU", 2, True),
    ]
    assert {key: value for key, value in acceptance.items() if key != "id"} == {
        "at": "2025-07-01T10:30:00+00:00",
        "airport": "MIA",
        "place": "DESK12",
        "method": "LASER",
        "releasedBy": {"code": "PASSENGER"},
        "custodian": {"code": "CM"},
        "flight": None,
    }


INTERLINE = """
BPM
.V/1LMIA
.J/R//HHT1/01JUL/100000Z
.F/UA847/01JUL/EZE
.N/0230456791001
ENDBPM
"""
PARTIES = """
    query($tag: String!) { bag(by: {tag: $tag}) {
      custodian { code name kind }
      journey { custodian { code name kind } custodyPoints { kind lastCustodian { code name kind } } }
      scans { kind releasedBy { code name kind } custodian { code name kind } }
    } }
"""
COPA = {"code": "CM", "name": "Copa Airlines", "kind": "CARRIER"}
UNITED = {"code": "UA", "name": "United Airlines", "kind": "CARRIER"}
LATAM = {"code": "LA", "name": "LA", "kind": "CARRIER"}


async def test_the_party_of_another_airline_is_shown_by_its_code(api: Api, airline: Builder) -> None:
    await airline.ingest(INTERLINE, at=at("20:00"))
    await airline.record(
        airline.scan("0230456791", "TRANSFER_IN", "EZE", "12:00", released_by="UA", custodian="LA"),
        airline.scan("0230456791", "AT_CLAIM", "EZE", "13:00", released_by="LA", custodian="GHA-1"),
        received_at=at("20:00"),
    )
    bag = (await api.ask(PARTIES, airline_id=airline.airline_id, tag="0230456791"))["bag"]
    handler = {"code": "GHA-1", "name": "GHA-1", "kind": "UNKNOWN"}
    assert bag["custodian"] == bag["journey"]["custodian"] == handler
    assert [(event["kind"], event["releasedBy"], event["custodian"]) for event in bag["scans"]] == [
        ("LOADED", None, UNITED),
        ("TRANSFER_IN", UNITED, LATAM),
        ("AT_CLAIM", LATAM, handler),
    ]
    last = {point["kind"]: point["lastCustodian"] for point in bag["journey"]["custodyPoints"]}
    assert last == {"LOADING": None, "ARRIVAL": LATAM}


async def test_a_party_with_a_row_has_the_name_of_the_row(api: Api, airline: Builder) -> None:
    records = airline.stores.postgres
    await records.execute(
        "INSERT INTO parties (airline_id, code, name, kind) VALUES ($1, 'GHA-2', 'Handler at EZE', 'HANDLER')",
        airline.airline_id,
    )
    scan = airline.scan("0230456792", "POSITION", "EZE", "12:00", released_by="CM", custodian="GHA-2")
    await airline.record(scan, received_at=at("20:00"))
    [event] = (await api.ask(PARTIES, airline_id=airline.airline_id, tag="0230456792"))["bag"]["scans"]
    assert event["releasedBy"] == COPA
    assert event["custodian"] == {"code": "GHA-2", "name": "Handler at EZE", "kind": "HANDLER"}


async def test_a_missed_flight_owes_nothing_for_bags_that_fly_later(api: Api, world: World) -> None:
    """One of the two bags planned on CM758 missed it and is rebooked on CM702."""
    later, flown = await completeness(api, world.ours, "CM702"), await completeness(api, world.ours, "CM758")

    assert (flown["due"], flown["missing"]) == (2, 0)
    assert (later["bags"], later["due"]) == (1, 0)


async def test_a_flight_without_bags_owes_nothing(api: Api, airline: Builder) -> None:
    found = await completeness(api, airline, "CM411")
    assert (found["bags"], found["due"], found["gaps"]) == (0, 0, [])


@pytest.mark.parametrize("first", [0, 201])
async def test_gaps_are_bounded(api: Api, world: World, first: int) -> None:
    flight = world.ours.id("Flight", "CM335")
    assert await api.codes(COMPLETENESS, flight=flight, first=first) == ["BAD_USER_INPUT"]


# The inventory


async def inventory(api: Api, airline: Builder, flight: str = "CM758", **more: Any) -> dict[str, Any]:
    data = await api.ask(INVENTORY, airline_id=airline.airline_id, flight=airline.id("Flight", flight), **more)
    found: dict[str, Any] = data["flight"]["inventory"]
    return found


async def authorise(airline: Builder, bag: str, flight: str, *, authorised: bool) -> None:
    """Sets the authority to load, as a message does."""
    sql = "UPDATE bag_legs SET authorised = $3 WHERE bag_id = $1 AND flight_id = $2"
    await airline.stores.postgres.execute(sql, airline.bags[bag], airline.flights[flight], authorised, name="BUILD")


TAGS = {name: f"02301000{number:02d}" for number, name in enumerate("ABCDEFGHIJKL")}


async def full_flight(airline: Builder) -> None:
    """Bags A to L, one for each case of the inventory.

    A is authorised and loaded; B authorised, not loaded; C not authorised, loaded; D and E loaded without authority
    known, D also without a plan; F scanned for the flight without a plan; G planned, never scanned; H loaded and
    offloaded; I offloaded by a scan that names no flight; J loaded after departure; K not authorised and not loaded;
    L loaded, and not authorised by ``.B/NAL``.
    """
    for name, tag in TAGS.items():
        await airline.bag(name, tag, None, [] if name in "DF" else ["CM758"])
    for name, authorised in {"A": True, "B": True, "C": False, "H": True, "I": True, "J": True, "K": False}.items():
        await authorise(airline, name, "CM758", authorised=authorised)
    loaded = [airline.scan(TAGS[name], "LOADED", "PTY", "15:30", "CM758") for name in "ACDEHIL"]
    await airline.record(
        *loaded,
        airline.scan(TAGS["F"], "SORTED", "PTY", "15:00", "CM758"),
        airline.scan(TAGS["B"], "NOT_SEEN", "PTY", "16:00", "CM758"),
        airline.scan(TAGS["H"], "OFFLOADED", "PTY", "15:50", "CM758"),
        airline.scan(TAGS["I"], "OFFLOADED", "PTY", "15:50"),
        airline.scan(TAGS["J"], "LOADED", "PTY", "16:45", "CM758"),
    )
    sql = "UPDATE events SET unauthorised = true WHERE airline_id = $1 AND tag = $2"
    await airline.stores.postgres.execute(sql, airline.airline_id, TAGS["L"], name="BUILD")


def counts(found: dict[str, Any]) -> tuple[int, int, int, int]:
    return found["loaded"], found["authorisedNotLoaded"], found["loadedNotAuthorised"], found["unknown"]


async def test_the_inventory_is_of_the_moment_it_left(api: Api, airline: Builder) -> None:
    await full_flight(airline)
    before = await inventory(api, airline)
    change = {"flightId": airline.id("Flight", "CM758"), "actualDeparture": at("16:40").isoformat()}
    await api.ask(UPDATE, Role.SUPERVISOR, airline.airline_id, i=change)
    after = await inventory(api, airline)

    assert (before["departed"], after["departed"]) == (False, True)
    assert after["asOf"] == at("16:40").isoformat()
    assert {node["bag"]["tag"]: node["category"] for node in after["bags"]["nodes"]} == {
        TAGS["A"]: "LOADED",
        TAGS["B"]: "AUTHORISED_NOT_LOADED",
        TAGS["C"]: "LOADED_NOT_AUTHORISED",
        TAGS["D"]: "LOADED_NOT_AUTHORISED",
        TAGS["E"]: "LOADED",
        TAGS["F"]: "UNKNOWN",
        TAGS["H"]: "AUTHORISED_NOT_LOADED",
        TAGS["I"]: "AUTHORISED_NOT_LOADED",
        TAGS["J"]: "AUTHORISED_NOT_LOADED",
        TAGS["L"]: "LOADED_NOT_AUTHORISED",
    }
    assert counts(after) == (2, 4, 3, 1)
    assert counts(before) == (3, 3, 3, 1), "J is on board now and was not at 16:40"


async def test_the_bags_of_an_inventory_are_paged_and_chosen_by_category(api: Api, airline: Builder) -> None:
    await full_flight(airline)
    first = (await inventory(api, airline, category="LOADED_NOT_AUTHORISED", first=2))["bags"]
    after = first["pageInfo"]["endCursor"]
    rest = (await inventory(api, airline, category="LOADED_NOT_AUTHORISED", first=2, after=after))["bags"]

    assert [node["bag"]["tag"] for node in (*first["nodes"], *rest["nodes"])] == [TAGS["C"], TAGS["D"], TAGS["L"]]
    assert (first["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)


async def test_a_deleted_bag_is_not_to_be_loaded(api: Api, airline: Builder) -> None:
    await airline.bag("gone", "0230200001", None, ["CM758"])
    await airline.bag("aboard", "0230200002", None, ["CM758"])
    for name in ("gone", "aboard"):
        await authorise(airline, name, "CM758", authorised=True)
        sql = "UPDATE bags SET deleted = true WHERE id = $1"
        await airline.stores.postgres.execute(sql, airline.bags[name], name="BUILD")
    await airline.record(airline.scan("0230200002", "LOADED", "PTY", "15:30", "CM758"))

    assert counts(await inventory(api, airline)) == (0, 0, 1, 0)


async def test_a_scan_at_the_other_end_is_no_loading(api: Api, airline: Builder) -> None:
    await airline.bag("came", "0230200003", None, ["CM758"])
    await airline.record(airline.scan("0230200003", "ARRIVED", "GRU", "+00:10", "CM758"))
    assert counts(await inventory(api, airline)) == (0, 0, 0, 0)
