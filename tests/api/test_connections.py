"""Connections of bags, the board of an airport, and incidents, after changes of flight times and bags."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import pytest

from integrations.records.outbox import Consumer
from integrations.records.transfers import TransferPosition
from integrations.stores.postgres import airports, outbox, transfers
from integrations.stores.postgres.manager import count_statements
from resolvers.actor import Role
from resolvers.rules.transfers import Minima, judge
from resolvers.workers.incidents import IncidentWorker, refresh
from tests.gateway import Api
from tests.world import Builder

INSERT_MINIMUM = """
INSERT INTO connection_times (airline_id, airport, inbound_carrier, outbound_carrier, passenger_minutes, bag_minutes,
                              source)
VALUES ($1, 'PTY', '', '', 45, $2, 'made for a test')
"""

TRANSFERS = """
    query($tag: String!) { bag(by: {tag: $tag}) { transfers {
      airport position level minutes needed minimum inbound { designator } outbound { designator }
      evidence { kind value minutes at flight { designator } scan { kind } }
    } } }
"""
OF_FLIGHTS = """
    query($a: ID!, $b: ID!, $first: Int!) {
      off: flight(by: {id: $a}) { outboundTransfers(first: $first) {
        nodes { bag { tag } level outbound { designator } } pageInfo { hasNextPage endCursor } } }
      onto: flight(by: {id: $b}) { inboundTransfers(first: $first) {
        nodes { bag { tag } level inbound { designator } } pageInfo { hasNextPage } } }
    }
"""
BOARD = """
    query($airport: String!, $from: DateTime, $to: DateTime, $first: Int = 100) {
      connectionBoard(airport: $airport, from: $from, to: $to, first: $first) {
        airport total bags pairs {
          inbound { designator } outbound { designator } bags minutes minutesLeft minimum level status
          levels { level bags }
    } } }
"""
INCIDENT = """
    query($open: Boolean) { incidents(airport: "PTY", open: $open) { nodes {
      id cause airport flight { designator } closedAt closedBy acknowledgedBy comment levels { level bags }
      bags(first: 10) { nodes { level bag { tag } transfer { level outbound { designator } evidence { kind } } } }
    } } }
"""
UPDATE = "mutation($i:UpdateFlightInput!){updateFlight(input:$i){changed changedBags userErrors{code field}}}"

TAGS = [f"0230{number:06d}" for number in range(4)]


class Hub:
    """An airline with bags from MIA to GRU via PTY, with 90 minutes between CM1335 and CM1758."""

    def __init__(self, airline: Builder, api: Api, now: datetime) -> None:
        self.airline = airline
        self.api = api
        self.now = now
        self.keeper = IncidentWorker(airline.stores.postgres, f"test-{airline.airline_id}", lambda: datetime.now(UTC))

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        return await self.api.ask(query, Role.SUPERVISOR, self.airline.airline_id, **variables)

    async def bag(self, name: str, tag: str, flights: Sequence[str]) -> None:
        await self.airline.bag(name, tag, None, flights)
        sql = "UPDATE bag_tags SET valid_from = $2, valid_until = $3 WHERE bag_id = $1"
        window = self.now - timedelta(days=10), self.now + timedelta(days=10)
        await self.airline.stores.postgres.execute(sql, self.airline.bags[name], *window, name="BUILD")

    async def change(self, name: str, **change: Any) -> None:
        times = {key: value.isoformat() if isinstance(value, datetime) else value for key, value in change.items()}
        i = {"flightId": self.airline.id("Flight", name), **times}
        assert (await self.ask(UPDATE, i=i))["updateFlight"]["userErrors"] == []

    async def comes(self, late: int) -> None:
        """Delays the inbound flight's estimated arrival by ``late`` minutes."""
        await self.change("CM1335", estimatedArrival=self.now + timedelta(minutes=60 + late))

    async def levels(self) -> dict[str, str]:
        found = {}
        for tag in TAGS[:3]:
            [transfer] = (await self.ask(TRANSFERS, tag=tag))["bag"]["transfers"]
            found[tag] = transfer["level"]
        return found

    async def scan(self, tag: str, kind: str, airport: str, flight: str | None = None, **more: Any) -> None:
        # The test's clock stands still, so that no scan precedes the flight's times.
        await self.airline.record(self.airline.scan(tag, kind, airport, self.now, flight, **more))

    async def look(self) -> None:
        """Runs the worker until nothing is pending, with its periodic checks due."""
        self.keeper._reassessed_at = self.keeper._boards_at = self.keeper._swept_at = float("-inf")
        while await self.keeper.step():
            pass

    async def incidents(self, is_open: bool | None = None) -> list[dict[str, Any]]:
        await self.look()
        nodes: list[dict[str, Any]] = (await self.ask(INCIDENT, open=is_open))["incidents"]["nodes"]
        return nodes


@pytest.fixture
async def hub(airline: Builder, api: Api) -> AsyncIterator[Hub]:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    await airline.stores.postgres.execute(INSERT_MINIMUM, airline.airline_id, 45, name="BUILD")
    await airline.flight(1335, "MIA", "PTY", now - timedelta(minutes=120), 180, left=now - timedelta(minutes=120))
    await airline.flight(1758, "PTY", "GRU", now + timedelta(minutes=150), 435)
    await airline.flight(1411, "PTY", "BOG", now + timedelta(minutes=160), 95)
    await airline.flight(1702, "PTY", "GRU", now + timedelta(hours=20), 435)
    made = Hub(airline, api, now)
    for number, tag in enumerate(TAGS):
        await made.bag(f"bag{number}", tag, ["CM1335", "CM1758" if number < 3 else "CM1411"])
    yield made
    await outbox.release(airline.stores.postgres, Consumer.INCIDENTS, made.keeper.owner)


async def test_a_bag_tells_how_its_connection_stands_and_why(hub: Hub) -> None:
    await hub.scan(TAGS[0], "LOADED", "MIA", "CM1335")
    await hub.comes(late=60)
    [transfer] = (await hub.ask(TRANSFERS, tag=TAGS[0]))["bag"]["transfers"]
    evidence = {one.pop("kind"): one for one in transfer.pop("evidence")}

    assert transfer == {
        "airport": "PTY",
        "position": "COMING",
        "level": "AT_RISK",
        "minutes": 30,
        "needed": 45,
        "minimum": 45,
        "inbound": {"designator": "CM1335"},
        "outbound": {"designator": "CM1758"},
    }
    assert evidence["INBOUND_TIME"] == {
        "value": "ESTIMATED",
        "minutes": 60,
        "at": (hub.now + timedelta(minutes=120)).isoformat(),
        "flight": {"designator": "CM1335"},
        "scan": None,
    }
    assert evidence["OUTBOUND_TIME"]["minutes"] == 0
    assert evidence["MINIMUM"]["minutes"] == 45
    assert evidence["LAST_SCAN"]["scan"] == {"kind": "LOADED"}


@pytest.mark.parametrize(("late", "expected"), [(0, "SAFE"), (40, "TIGHT"), (60, "AT_RISK"), (100, "MISSED")])
async def test_the_level_follows_the_flights_times_at_once(hub: Hub, late: int, expected: str) -> None:
    await hub.comes(late)
    assert set((await hub.levels()).values()) == {expected}


@pytest.mark.parametrize(
    ("kind", "airport", "flight", "expected"),
    [
        ("ARRIVED", "PTY", "CM1335", "AT_AIRPORT"),
        ("TRANSFER_IN", "PTY", None, "TRANSFERRED"),
        ("SORTED", "PTY", "CM1758", "TRANSFERRED"),
        ("LOADED", "PTY", "CM1758", "ON_BOARD"),
        ("LOADED", "PTY", "CM1411", "AT_AIRPORT"),
        ("ARRIVED", "GRU", None, "BEYOND"),
        ("ARRIVED", "LIM", None, "ASTRAY"),
        ("LEFT_BEHIND", "MIA", None, "LEFT_BEHIND"),
        ("LEFT_BEHIND", "PTY", "CM1758", "LEFT_BEHIND"),
        ("ACCEPTED", "MIA", None, "COMING"),
        ("LOADED", "MIA", "CM1335", "COMING"),
        ("NOT_SEEN", "PTY", "CM1758", "COMING"),
    ],
)
async def test_where_a_bag_is_by_its_last_scan(
    hub: Hub, kind: str, airport: str, flight: str | None, expected: str
) -> None:
    await hub.scan(TAGS[0], kind, airport, flight)
    [transfer] = (await hub.ask(TRANSFERS, tag=TAGS[0]))["bag"]["transfers"]
    assert transfer["position"] == expected


async def test_a_later_flight_from_the_airport_replaces_the_missed_one(hub: Hub) -> None:
    await hub.comes(late=100)
    await plan(hub, "bag0", 3, "CM1702")
    [transfer] = (await hub.ask(TRANSFERS, tag=TAGS[0]))["bag"]["transfers"]

    assert (transfer["outbound"], transfer["level"]) == ({"designator": "CM1702"}, "SAFE")
    assert (await hub.levels())[TAGS[1]] == "MISSED"


async def plan(hub: Hub, bag: str, seq: int, flight: str) -> None:
    values = hub.airline.bags[bag], seq, hub.airline.flights[flight]
    sql = "INSERT INTO bag_legs (bag_id, seq, flight_id) VALUES ($1, $2, $3)"
    await hub.airline.stores.postgres.execute(sql, *values, name="BUILD")
    await touch(hub, bag)


async def touch(hub: Hub, bag: str, change: str = "version = version + 1") -> None:
    sql = f"UPDATE bags SET {change} WHERE id = $1"
    await hub.airline.stores.postgres.execute(sql, hub.airline.bags[bag], name="BUILD")


async def test_a_deleted_bag_connects_nowhere_and_withheld_authority_is_reported(hub: Hub) -> None:
    await touch(hub, "bag0", "deleted = true")
    sql = "UPDATE bag_legs SET authorised = false WHERE bag_id = $1 AND seq = 2"
    await hub.airline.stores.postgres.execute(sql, hub.airline.bags["bag1"], name="BUILD")
    deleted = (await hub.ask(TRANSFERS, tag=TAGS[0]))["bag"]["transfers"]
    [withheld] = (await hub.ask(TRANSFERS, tag=TAGS[1]))["bag"]["transfers"]

    assert deleted == []
    assert withheld["evidence"][-1]["kind"] == "NOT_AUTHORISED"


async def test_a_flight_that_only_messages_name_has_no_times(hub: Hub) -> None:
    sql = "UPDATE flights SET times_known = false WHERE id = $1"
    await hub.airline.stores.postgres.execute(sql, hub.airline.flights["CM1758"], name="BUILD")
    assert (await hub.levels())[TAGS[0]] == "UNKNOWN"

    await hub.change("CM1758", estimatedDeparture=hub.now + timedelta(minutes=150))
    assert (await hub.levels())[TAGS[0]] == "SAFE"


async def test_a_flight_lists_bags_that_change_from_it_and_onto_it(hub: Hub) -> None:
    flights = {"a": hub.airline.id("Flight", "CM1335"), "b": hub.airline.id("Flight", "CM1758")}
    data = await hub.ask(OF_FLIGHTS, first=3, **flights)
    off, onto = data["off"]["outboundTransfers"], data["onto"]["inboundTransfers"]

    assert [node["bag"]["tag"] for node in off["nodes"]] == TAGS[:3]
    assert [node["bag"]["tag"] for node in onto["nodes"]] == TAGS[:3]
    assert (off["pageInfo"]["hasNextPage"], onto["pageInfo"]["hasNextPage"]) == (True, False)

    rest = """
        query($a: ID!, $after: String!) { flight(by: {id: $a}) {
          outboundTransfers(first: 3, after: $after) { nodes { bag { tag } outbound { designator } } }
          last: outboundTransfers(last: 2) { nodes { bag { tag } } }
        } }
    """
    data = (await hub.ask(rest, a=flights["a"], after=off["pageInfo"]["endCursor"]))["flight"]
    assert data["outboundTransfers"]["nodes"] == [{"bag": {"tag": TAGS[3]}, "outbound": {"designator": "CM1411"}}]
    assert [node["bag"]["tag"] for node in data["last"]["nodes"]] == TAGS[2:]


# The board


async def test_the_board_has_the_most_urgent_pair_first(hub: Hub) -> None:
    await hub.comes(late=50)
    await hub.scan(TAGS[0], "LOADED", "PTY", "CM1758")
    board = (await hub.ask(BOARD, airport="pty"))["connectionBoard"]
    risky, tight = board["pairs"]

    assert (board["airport"], board["total"], board["bags"]) == ("PTY", 2, 4)
    assert risky.pop("minutesLeft") in (149, 150)
    assert risky == {
        "inbound": {"designator": "CM1335"},
        "outbound": {"designator": "CM1758"},
        "bags": 3,
        "minutes": 40,
        "minimum": 45,
        "level": "AT_RISK",
        "levels": [{"level": "AT_RISK", "bags": 2}, {"level": "MADE", "bags": 1}],
        "status": "INBOUND_EXPECTED",
    }
    assert (tight["outbound"], tight["level"]) == ({"designator": "CM1411"}, "TIGHT")


async def test_the_board_is_of_a_time_and_a_length(hub: Hub) -> None:
    span = {"from": (hub.now + timedelta(minutes=155)).isoformat(), "to": (hub.now + timedelta(hours=4)).isoformat()}
    later = (await hub.ask(BOARD, airport="PTY", **span))["connectionBoard"]
    first = (await hub.ask(BOARD, airport="PTY", first=1))["connectionBoard"]

    assert [pair["outbound"]["designator"] for pair in later["pairs"]] == ["CM1411"]
    assert (len(first["pairs"]), first["total"]) == (1, 2)


@pytest.mark.parametrize(
    "arguments",
    [
        {"airport": "PANAMA"},
        {"airport": "PTY", "first": 0},
        {"airport": "PTY", "first": 1001},
        {"airport": "PTY", "from": "2025-07-01T00:00:00Z", "to": "2025-07-01T12:00:01Z"},
        {"airport": "PTY", "from": "2025-07-01T00:00:00Z", "to": "2025-07-01T00:00:00Z"},
        {"airport": "PTY", "from": "9999-12-31T23:59:59Z"},
        {"airport": "PTY", "to": "0001-01-01T00:00:00Z"},
    ],
)
async def test_a_board_that_cannot_be_is_refused(api: Api, arguments: dict[str, Any]) -> None:
    assert await api.codes(BOARD, **arguments) == ["BAD_USER_INPUT"]


POSITIONS = {"TRANSFER_IN": "TRANSFERRED", "SCREENED": "TRANSFERRED", "SORTED": "TRANSFERRED"}


def position_of(bag: Any, legs: Sequence[Any], leaving: Any) -> TransferPosition:
    """Position of a bag, computed independently of the view."""
    reached = [leg["seq"] for leg in legs if leg["flight_id"] == bag["flight_id"]]
    if (reached and max(reached) > leaving["seq"]) or bag["airport"] == leaving["destination"]:
        return TransferPosition.BEYOND
    if bag["flight_id"] == leaving["flight_id"] and bag["state"] in ("LOADED", "IN_FLIGHT"):
        return TransferPosition.ON_BOARD
    if bag["state"] in ("MISROUTED", "LOST"):
        return TransferPosition.ASTRAY
    elsewhere = bag["airport"] not in (None, "PTY")
    if bag["state"] == "LEFT_BEHIND" and (bag["flight_id"] == leaving["flight_id"] or elsewhere):
        return TransferPosition.LEFT_BEHIND
    if bag["airport"] != "PTY":
        return TransferPosition.COMING
    return TransferPosition(POSITIONS.get(bag["state"], "AT_AIRPORT"))


async def recount(hub: Hub, until: datetime, now: datetime) -> dict[tuple[str, str], Counter[str]]:
    """The board, recounted bag by bag from plain rows."""
    records, airline_id = hub.airline.stores.postgres, hub.airline.airline_id
    table = await airports.connection_times(records, airline_id)
    flights = await transfers.flights(records, airline_id, list(hub.airline.flights.values()))
    sql = """
        SELECT bag_id, seq, flight_id, origin, coalesce(bag_legs.off_point, flights.destination) AS destination
        FROM bag_legs
        JOIN flights ON flights.id = flight_id AND airline_id = $1
        ORDER BY bag_id, seq
    """
    legs = defaultdict(list)
    for leg in await records.fetch(sql, airline_id, name="RECOUNT"):
        legs[leg["bag_id"]].append(leg)
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for bag in await records.fetch("SELECT * FROM bags WHERE airline_id = $1", airline_id, name="RECOUNT"):
        planned = legs[bag["id"]]
        for index, coming in enumerate(planned):
            onward = [leg for leg in planned[index + 1 :] if leg["origin"] == "PTY"]
            if coming["destination"] != "PTY" or not onward or bag["deleted"]:
                continue
            inbound, outbound = flights[coming["flight_id"]], flights[onward[-1]["flight_id"]]
            if (outbound.actual_departure or outbound.estimated_departure or outbound.scheduled_departure) >= until:
                continue
            position, since = position_of(bag, planned, onward[-1]), bag["state_at"].replace(second=0, microsecond=0)
            minimum = Minima(table).of("PTY", inbound.carrier, outbound.carrier)
            judgement = judge(position, since, inbound, outbound, minimum, now)
            found[inbound.designator, outbound.designator][judgement.level] += 1
    return found


@pytest.mark.parametrize("seed", range(3))
async def test_the_board_agrees_with_a_recount_bag_by_bag(hub: Hub, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(2000, 2012):
        comes = hub.now + timedelta(minutes=chance.randrange(-60, 90))
        left = comes - timedelta(minutes=150)
        await hub.airline.flight(number, "BOG", "PTY", left, 150, left=left, came=comes if comes < hub.now else None)
        leaves = hub.now + timedelta(minutes=chance.randrange(-20, 180))
        gone = leaves if leaves < hub.now else None
        await hub.airline.flight(number + 100, "PTY", "LIM", leaves, 200, left=gone)
    sql = """
        UPDATE flights
        SET estimated_arrival = CASE WHEN number % 3 = 0 THEN scheduled_arrival + make_interval(mins => $2) END,
            estimated_departure = CASE WHEN number % 5 = 0 THEN scheduled_departure + interval '20 minutes' END,
            status = CASE WHEN number % 11 = 0 THEN 'CANCELLED' ELSE status END
        WHERE airline_id = $1 AND number >= 2000
    """
    await hub.airline.stores.postgres.execute(sql, hub.airline.airline_id, 30 + 20 * seed, name="BUILD")
    for number in range(300):
        one, other = chance.randrange(2000, 2012), chance.randrange(2100, 2112)
        legs = [f"CM{one}", f"CM{other}", *([f"CM{chance.randrange(2100, 2112)}"] if number % 10 == 0 else [])]
        await hub.bag(f"any{number}", f"0231{number:06d}", legs)
        states = ("EXPECTED", "LOADED", "IN_FLIGHT", "ARRIVED", "TRANSFER_IN", "SORTED", "LEFT_BEHIND", "NOT_SEEN")
        values = chance.choice(states), chance.choice([None, "BOG", "PTY", "PTY", "PTY", "LIM"])
        flight = hub.airline.flights[chance.choice(legs)]
        since = hub.now - timedelta(seconds=chance.randrange(0, 4000))
        sql = "UPDATE bags SET state = $2, airport = $3, flight_id = $4, state_at = $5 WHERE id = $1"
        bag_id = hub.airline.bags[f"any{number}"]
        await hub.airline.stores.postgres.execute(sql, bag_id, *values, flight, since, name="BUILD")
    until = hub.now + timedelta(hours=4)
    span = {"from": (hub.now - timedelta(hours=2)).isoformat(), "to": until.isoformat()}
    began = datetime.now(UTC)
    board = (await hub.ask(BOARD, airport="PTY", first=1000, **span))["connectionBoard"]
    ended = datetime.now(UTC)
    counted = {
        (pair["inbound"]["designator"], pair["outbound"]["designator"]): {
            one["level"]: one["bags"] for one in pair["levels"]
        }
        for pair in board["pairs"]
    }

    # A minute may end between the request and the recount.
    assert counted in [await recount(hub, until, now) for now in (began, ended)]
    assert len({level for levels in counted.values() for level in levels}) >= 5


COSTS = {
    '{ connectionBoard(airport: "PTY") { pairs { level inbound { designator } } } }': [
        "CONNECTING_FLIGHTS",
        "CONNECTION_TIMES",
        "TRANSFERS_AT_AIRPORT",
    ],
    "{ flights(first: 4) { nodes { bags(first: 5) { nodes { transfers { evidence { scan { kind } } } } } } } }": [
        "BAGS_OF_FLIGHTS",
        "CONNECTING_FLIGHTS",
        "CONNECTIONS_OF_BAGS",
        "CONNECTION_TIMES",
        "FLIGHTS_PAGE",
        "LAST_EVENTS_OF_BAGS",
    ],
    "{ flights { nodes { inboundTransfers(first: 50) { nodes { level bag { tag } } } } } }": [
        "BAGS_BY_ID",
        "CONNECTING_FLIGHTS",
        "CONNECTION_TIMES",
        "FLIGHTS_PAGE",
        "TRANSFERS_ONTO_FLIGHTS",
    ],
    "{ flights { nodes { outboundTransfers(first: 50) { nodes { level bag { tag } } } } } }": [
        "BAGS_BY_ID",
        "CONNECTING_FLIGHTS",
        "CONNECTION_TIMES",
        "FLIGHTS_PAGE",
        "TRANSFERS_OFF_FLIGHTS",
    ],
    "{ flights { nodes { inventory { unknown bags(first: 50) { nodes { bag { tag } } } } } } }": [
        "BAGS_BY_ID",
        "FLIGHTS_PAGE",
        "INVENTORY_BAGS",
        "INVENTORY_COUNTS",
    ],
    "{ flights { nodes { custodyCompleteness { due gaps { bag { tag } point { kind } } } } } }": [
        "BAGS_BY_ID",
        "BAG_IDS_OF_FLIGHTS",
        "EVENTS_OF_BAGS",
        "FLIGHTS_PAGE",
        "LEGS_OF_BAGS",
    ],
    "{ incidents { nodes { flight { id } levels { bags } bags { nodes { bag { tag } transfer { level } } } } } }": [
        "BAGS_BY_ID",
        "BAGS_OF_INCIDENTS",
        "CONNECTING_FLIGHTS",
        "CONNECTIONS_OF_BAGS",
        "CONNECTION_TIMES",
        "FLIGHTS_BY_ID",
        "INCIDENTS_PAGE",
        "LEVELS_OF_INCIDENTS",
    ],
}


@pytest.mark.parametrize("bags", [0, 40])
async def test_connections_cost_as_many_statements_for_any_number(hub: Hub, bags: int) -> None:
    for number in range(bags):
        await hub.bag(f"more{number}", f"0232{number:06d}", ["CM1335", "CM1758"])
    await hub.scan(TAGS[0], "SORTED", "PTY", "CM1758")
    await hub.comes(late=50)
    await hub.look()
    for query, expected in COSTS.items():
        with count_statements() as counted:
            await hub.ask(query)
        assert sorted(counted.names) == sorted(expected), query


@pytest.mark.parametrize("bags", [0, 40])
async def test_looking_at_incidents_costs_as_much_for_any_number_of_bags(hub: Hub, bags: int) -> None:
    for number in range(bags):
        await hub.bag(f"more{number}", f"0232{number:06d}", ["CM1335", "CM1758"])
    await hub.comes(late=50)
    with count_statements() as counted:
        await refreshed(hub)
    assert len(counted.names) == 13


async def refreshed(hub: Hub) -> None:
    async with hub.airline.stores.postgres.transaction() as records:
        flight_id = hub.airline.flights["CM1335"]
        await refresh(records, hub.airline.airline_id, [flight_id], datetime.now(UTC))


# Incidents


async def test_a_late_inbound_is_one_incident_with_its_bags_until_it_recovers(hub: Hub) -> None:
    assert await hub.incidents() == []

    await hub.comes(late=50)
    [late] = await hub.incidents()
    assert (late["cause"], late["airport"], late["flight"]) == ("LATE_INBOUND", "PTY", {"designator": "CM1335"})
    assert late["levels"] == [{"level": "AT_RISK", "bags": 3}]
    assert [node["bag"]["tag"] for node in late["bags"]["nodes"]] == TAGS[:3], "CM1411 departs ten minutes later"
    assert late["bags"]["nodes"][0]["transfer"]["level"] == "AT_RISK"
    assert "INBOUND_TIME" in [one["kind"] for one in late["bags"]["nodes"][0]["transfer"]["evidence"]]

    await hub.comes(late=95)
    [later] = await hub.incidents()
    assert later["id"] == late["id"]
    assert later["levels"] == [{"level": "AT_RISK", "bags": 1}, {"level": "MISSED", "bags": 3}]

    await hub.comes(late=5)
    [over] = await hub.incidents()
    assert over["id"] == late["id"]
    assert (over["closedAt"] is None, over["closedBy"]) == (False, None)
    assert over["levels"] == [{"level": "SAFE", "bags": 4}]

    await hub.comes(late=50)
    assert [one["closedAt"] is None for one in await hub.incidents()] == [True, False], (
        "a new delay opens a new incident"
    )


async def test_an_incident_follows_its_bags_until_none_is_at_risk(hub: Hub) -> None:
    await hub.comes(late=50)
    await hub.look()
    await hub.scan(TAGS[0], "LOADED", "PTY", "CM1758")
    [incident] = await hub.incidents()
    assert incident["levels"] == [{"level": "AT_RISK", "bags": 2}, {"level": "MADE", "bags": 1}]

    await hub.scan(TAGS[1], "LOADED", "PTY", "CM1758")
    await plan(hub, "bag2", 3, "CM1702")
    [incident] = await hub.incidents()
    assert incident["levels"] == [{"level": "SAFE", "bags": 1}, {"level": "MADE", "bags": 2}]
    assert incident["closedAt"] is not None


async def test_a_later_outbound_saves_the_bags_of_a_late_inbound(hub: Hub) -> None:
    await hub.comes(late=50)
    assert len(await hub.incidents(is_open=True)) == 1
    await hub.change("CM1758", estimatedDeparture=hub.now + timedelta(minutes=200))
    assert await hub.incidents(is_open=True) == []


@pytest.mark.parametrize(
    ("flight", "change", "cause", "bags"),
    [
        ("CM1335", {"status": "CANCELLED"}, "INBOUND_CANCELLED", 4),
        ("CM1758", {"status": "CANCELLED"}, "OUTBOUND_CANCELLED", 3),
        ("CM1758", {"estimatedDeparture": 100}, "EARLY_OUTBOUND", 3),
    ],
)
async def test_other_causes(hub: Hub, flight: str, change: dict[str, Any], cause: str, bags: int) -> None:
    new = {k: hub.now + timedelta(minutes=v) if isinstance(v, int) else v for k, v in change.items()}
    await hub.change(flight, **new)
    [incident] = await hub.incidents()

    assert (incident["cause"], incident["flight"]["designator"]) == (cause, flight)
    assert sum(one["bags"] for one in incident["levels"]) == bags


async def test_an_outbound_that_left_without_late_bags_keeps_the_incident_open(hub: Hub) -> None:
    await hub.comes(late=50)
    await hub.change("CM1758", actualDeparture=hub.now)
    [incident] = await hub.incidents(is_open=True)
    assert {"level": "MISSED", "bags": 3} in incident["levels"]


async def test_bags_planned_on_a_late_flight_afterwards_belong_to_its_incident(hub: Hub) -> None:
    await hub.comes(late=50)
    await hub.look()
    await hub.bag("new", "0233000001", ["CM1335", "CM1758"])
    [incident] = await hub.incidents()
    assert incident["levels"] == [{"level": "AT_RISK", "bags": 4}]


async def test_looking_again_changes_nothing(hub: Hub) -> None:
    await hub.comes(late=50)
    before = await hub.incidents()
    sql = "SELECT updated_at FROM incidents WHERE airline_id = $1"
    updated_at = await hub.airline.stores.postgres.fetchval(sql, hub.airline.airline_id, name="LOOK")
    with count_statements() as counted:
        assert await hub.incidents() == before

    assert await hub.airline.stores.postgres.fetchval(sql, hub.airline.airline_id, name="LOOK") == updated_at
    assert "INSERT_INCIDENTS" not in counted.names


async def test_two_workers_at_once_open_one_incident(hub: Hub) -> None:
    await hub.comes(late=50)
    await asyncio.gather(*(refreshed(hub) for _ in range(4)))
    sql = "SELECT count(*) FROM incidents WHERE airline_id = $1"
    assert await hub.airline.stores.postgres.fetchval(sql, hub.airline.airline_id, name="LOOK") == 1


DECIDE = """
    mutation($i: IncidentInput!) { %s(input: $i) {
      incident { acknowledgedBy closedBy comment } userErrors { code field } clientMutationId
    } }
"""


async def test_an_incident_is_acknowledged_and_closed_by_people(hub: Hub) -> None:
    await hub.comes(late=50)
    [incident] = await hub.incidents()
    i = {"incidentId": incident["id"], "comment": "Ramp transfer arranged.", "clientMutationId": "7"}
    taken = (await hub.ask(DECIDE % "acknowledgeIncident", i=i))["acknowledgeIncident"]
    closed = (await hub.ask(DECIDE % "closeIncident", i={**i, "comment": "Rebooked."}))["closeIncident"]
    again = (await hub.ask(DECIDE % "closeIncident", i=i))["closeIncident"]

    assert taken["incident"]["acknowledgedBy"] is not None
    assert taken["incident"]["closedBy"] is None
    assert taken["clientMutationId"] == "7"
    assert (closed["incident"]["closedBy"] is not None, closed["incident"]["comment"]) == (True, "Rebooked.")
    assert again["userErrors"] == [{"code": "INVALID_STATE", "field": "incidentId"}]
    assert await hub.incidents(is_open=True) == [], "the same bags open no other incident"

    await hub.bag("new", "0233000002", ["CM1335", "CM1758"])
    [another] = await hub.incidents(is_open=True)
    assert [node["bag"]["tag"] for node in another["bags"]["nodes"]] == ["0233000002"]
    sql = "SELECT array_agg(action ORDER BY id) FROM audit WHERE airline_id = $1 AND subject = 'INCIDENT'"
    actions = await hub.airline.stores.postgres.fetchval(sql, hub.airline.airline_id, name="LOOK")
    assert actions == ["ACKNOWLEDGE_INCIDENT", "CLOSE_INCIDENT"]


@pytest.mark.parametrize(
    ("incident", "comment", "error"),
    [
        ("SW5jaWRlbnQ6OTk5OTk5", "", {"code": "NOT_FOUND", "field": "incidentId"}),
        ("nonsense", "", {"code": "BAD_USER_INPUT", "field": "incidentId"}),
        ("SW5jaWRlbnQ6OTk5OTk5", "x" * 501, {"code": "BAD_USER_INPUT", "field": "comment"}),
    ],
)
async def test_a_word_about_no_incident_is_refused(hub: Hub, incident: str, comment: str, error: Any) -> None:
    i = {"incidentId": incident, "comment": comment}
    assert (await hub.ask(DECIDE % "closeIncident", i=i))["closeIncident"]["userErrors"] == [error]


@asynccontextmanager
async def working(hub: Hub) -> AsyncIterator[None]:
    """The worker as it runs in a process."""
    async with hub.airline.stores.postgres.listen(outbox.CHANNEL, hub.keeper.wake):
        task = asyncio.create_task(hub.keeper.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


async def test_risk_follows_a_flights_time_within_a_second(hub: Hub) -> None:
    async def until(is_open: bool) -> float:
        began = monotonic()
        while len((await hub.ask(INCIDENT, open=True))["incidents"]["nodes"]) != is_open:
            assert monotonic() - began < 5.0
            await asyncio.sleep(0.01)
        return monotonic() - began

    async with working(hub):
        await asyncio.sleep(0.6)
        await hub.comes(late=50)
        board = (await hub.ask(BOARD, airport="PTY"))["connectionBoard"]
        opened = await until(is_open=True)
        await hub.comes(late=0)
        closed = await until(is_open=False)

    assert board["pairs"][0]["level"] == "AT_RISK", "the board is computed on request"
    assert max(opened, closed) < 1.0


async def test_incidents_and_boards_are_in_the_change_log(hub: Hub) -> None:
    async def logged() -> list[tuple[str, str]]:
        sql = "SELECT topic, airport FROM changes WHERE airline_id = $1 AND topic IN ('INCIDENT', 'BOARD') ORDER BY 1"
        rows = await hub.airline.stores.postgres.fetch(sql, hub.airline.airline_id, name="LOOK")
        return [tuple(row) for row in rows]

    await hub.comes(late=50)
    await hub.look()
    assert await logged() == [("BOARD", "PTY"), ("INCIDENT", "PTY")]

    await hub.scan(TAGS[0], "TRANSFER_IN", "PTY")
    await hub.scan(TAGS[1], "LOADED", "MIA", "CM1335")
    await hub.look()
    assert await logged() == [("BOARD", "PTY"), ("BOARD", "PTY"), ("INCIDENT", "PTY")]
