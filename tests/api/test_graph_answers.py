"""Queries that only the graph serves, compared with an independent computation from PostgreSQL rows."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from gateway.config import Settings
from tests.gateway import Api, serving
from tests.world import Builder, World, at, project_changes

MINIMUM = 50
PLACES = ("BELT1", "CLAIMBELT4", "SORTER1", "CART7", "BELTWAY3", "")
BELTS, CARTS = PLACES[:2], PLACES[3:4]

INSERT_MINIMUM = """
INSERT INTO connection_times (airline_id, airport, inbound_carrier, outbound_carrier, passenger_minutes, bag_minutes,
                              source)
VALUES ($1, $2, $3, $3, 45, $4, 'a test')
"""


@pytest.fixture(scope="module")
async def hub(world: World) -> Builder:
    """An inbound flight at PTY, six onward flights, three after those; 60 bags with random plans and scans.

    Another airline's bags have the same places and times.
    """
    chance = Random(7)
    airline = await world.another_airline()
    for number in range(6):
        leaves = at("15:30") + timedelta(minutes=20 * number)
        await airline.flight(600 + number, "PTY", ("GRU", "BOG", "LIM")[number % 3], leaves, 120)
    for number, origin in enumerate(("GRU", "BOG", "LIM")):
        await airline.flight(700 + number, origin, "MIA", at("18:20") + timedelta(minutes=25 * number), 200)
    for airport in ("PTY", "GRU", "BOG", "LIM"):
        values = (airline.airline_id, airport, airline.carrier, MINIMUM)
        await world.stores.postgres.execute(INSERT_MINIMUM, *values, name="BUILD")
    scans = []
    for number in range(60):
        tag = f"0231{number:06d}"
        onward = chance.randrange(6)
        plan = ["CM335", f"CM{600 + onward}", f"CM{700 + onward % 3}"][: chance.choice((1, 2, 3, 3))]
        await airline.bag(tag, tag, None, plan)
        for step in range(chance.randrange(1, 6)):
            moment = at("11:00") + timedelta(minutes=5 * chance.randrange(120), seconds=step)
            flight = chance.choice((None, "CM335", "CM600", "CM601"))
            kind = chance.choice(("LOADED", "ARRIVED", "OFFLOADED") if flight else ("POSITION", "POSITION", "NOT_SEEN"))
            airport = "PTY" if flight else chance.choice(("PTY", "PTY", "GRU"))
            scans.append(airline.scan(tag, kind, airport, moment, flight, place=chance.choice(PLACES)))
    await airline.record(*scans)
    await airline.network()
    await _busy(await world.another_airline(), [(scan.at, scan.airport, scan.place) for scan in scans])
    await project_changes(world.stores)
    return airline


async def _busy(airline: Builder, visits: Sequence[tuple[datetime, str, str]]) -> None:
    await airline.record(
        *(
            airline.scan(f"0232{number:06d}", "POSITION", airport, moment, place=place)
            for number, (moment, airport, place) in enumerate(visits)
        )
    )


async def test_planned_against_actual_is_what_the_rows_say(api: Api, hub: Builder) -> None:
    query = """query($id: ID!) { flight(by: {id: $id}) { plannedAgainstActual(first: 200) {
        planned flown asPlanned notFlown notPlanned bagsNotFlown { tag } bagsNotPlanned { tag } } } }"""
    for name in ("CM335", "CM600", "CM601", "CM702"):
        data = await api.ask(query, airline_id=hub.airline_id, id=hub.id("Flight", name))
        planned, flown = await _planned_and_flown(hub, hub.flights[name])
        assert data["flight"]["plannedAgainstActual"] == {
            "planned": len(planned),
            "flown": len(flown),
            "asPlanned": len(planned & flown),
            "notFlown": len(planned - flown),
            "notPlanned": len(flown - planned),
            "bagsNotFlown": [{"tag": tag} for tag in sorted(planned - flown)],
            "bagsNotPlanned": [{"tag": tag} for tag in sorted(flown - planned)],
        }


async def _planned_and_flown(hub: Builder, flight_id: int) -> tuple[set[str], set[str]]:
    """Planned tags, and flown tags: loaded and not offloaded later, or arrived."""
    records = hub.stores.postgres
    planned = await records.fetch(
        "SELECT bags.tag FROM bag_legs JOIN bags ON bags.id = bag_id WHERE bag_legs.flight_id = $1 AND airline_id = $2",
        flight_id,
        hub.airline_id,
    )
    rows = await records.fetch(
        "SELECT tag, kind FROM events WHERE airline_id = $1 AND flight_id = $2 ORDER BY at, rank, id",
        hub.airline_id,
        flight_id,
    )
    on_board: dict[str, bool] = {}
    arrived = set()
    for tag, kind in rows:
        on_board[tag] = kind == "LOADED" or (kind != "OFFLOADED" and on_board.get(tag, False))
        arrived |= {tag} if kind == "ARRIVED" else set()
    return {row[0] for row in planned}, arrived | {tag for tag, loaded in on_board.items() if loaded}


@pytest.mark.parametrize("late", [0, 15, 40, 200])
async def test_the_blast_radius_is_what_the_rows_say(api: Api, hub: Builder, late: int) -> None:
    query = """query($id: ID!, $late: Int!) { flight(by: {id: $id}) { blastRadius(minutesLate: $late, bagsOfEach: 200) {
        flight { designator } minutesLeft minimumMinutes total bags { tag }
        onward { flight { designator } minutesLeft minimumMinutes total bags { tag } onward { total } } } } }"""
    data = await api.ask(query, airline_id=hub.airline_id, id=hub.id("Flight", "CM335"), late=late)
    assert data["flight"]["blastRadius"] == await _blast(hub, late)


async def _blast(hub: Builder, late: int) -> list[dict[str, Any]]:
    rows = await hub.stores.postgres.fetch(
        """SELECT bags.tag, seq, flights.carrier || number AS name, scheduled_departure, scheduled_arrival FROM bag_legs
           JOIN bags ON bags.id = bag_id JOIN flights ON flights.id = bag_legs.flight_id
           WHERE bags.airline_id = $1 ORDER BY bags.id, seq""",
        hub.airline_id,
    )
    plans: dict[str, list[Any]] = defaultdict(list)
    flights: dict[str, Any] = {}
    for row in rows:
        plans[row["tag"]].append(row["name"])
        flights[row["name"]] = row
    arrival = at("15:00") + timedelta(minutes=late)
    missed = []
    for name in sorted({plan[1] for plan in plans.values() if len(plan) > 1}):
        tags = [tag for tag, plan in plans.items() if plan[1:2] == [name]]
        left = _minutes(flights[name]["scheduled_departure"] - arrival)
        after = [tag for tag in tags if len(plans[tag]) > 2]
        onward = []
        for later in sorted({plans[tag][2] for tag in after}):
            comes = flights[name]["scheduled_arrival"] + timedelta(minutes=MINIMUM - left)
            onward.append(
                _missed(later, _minutes(flights[later]["scheduled_departure"] - comes), after) | {"onward": []}
            )
        if left < MINIMUM:
            missed.append(_missed(name, left, tags) | {"onward": onward})
    return missed


def _missed(name: str, left: int, tags: list[str]) -> dict[str, Any]:
    said = {"flight": {"designator": name}, "minutesLeft": left, "minimumMinutes": MINIMUM}
    return {**said, "total": len(tags), "bags": [{"tag": tag} for tag in tags]}


def _minutes(time: timedelta) -> int:
    return int(time.total_seconds() // 60)


async def test_of_a_cancelled_inbound_all_miss(api: Api, hub: Builder) -> None:
    query = "query($id:ID!){flight(by:{id:$id}){blastRadius{minutesLeft total onward{minutesLeft total}}}}"
    set_status = "UPDATE flights SET status = $2, version = version + 1 WHERE id = $1"
    await hub.stores.postgres.execute(set_status, hub.flights["CM335"], "CANCELLED")
    await hub.network()
    await project_changes(hub.stores)
    data = await api.ask(query, airline_id=hub.airline_id, id=hub.id("Flight", "CM335"))
    await hub.stores.postgres.execute(set_status, hub.flights["CM335"], "SCHEDULED")
    await hub.network()
    await project_changes(hub.stores)
    missed = data["flight"]["blastRadius"]
    everybody = await _blast(hub, 24 * 60)

    assert [one["total"] for one in missed] == [one["total"] for one in everybody]
    assert {one["minutesLeft"] for one in [*missed, *(two for one in missed for two in one["onward"])]} == {None}
    assert [two["total"] for one in missed for two in one["onward"]] == [
        two["total"] for one in everybody for two in one["onward"]
    ]


async def test_bottlenecks_are_what_the_rows_say(api: Api, hub: Builder) -> None:
    query = """query($since: DateTime!, $until: DateTime!) {
        bottlenecks(airport: "PTY", from: $since, to: $until, first: 500) {
        place hour events waiting medianSeconds p95Seconds } }"""
    since, until = at("12:30"), at("18:00")
    data = await api.ask(query, airline_id=hub.airline_id, since=since.isoformat(), until=until.isoformat())
    found = {(one.pop("place"), one.pop("hour")): one for one in data["bottlenecks"]}
    assert found == await _bottlenecks(hub, since, until)
    longest = [one["p95Seconds"] for one in data["bottlenecks"] if one["p95Seconds"] is not None]
    assert longest == sorted(longest, reverse=True)


async def _bottlenecks(hub: Builder, since: datetime, until: datetime) -> dict[tuple[str, str], Any]:
    rows = await hub.stores.postgres.fetch(
        "SELECT bag_id, at, place, airport FROM events WHERE airline_id = $1", hub.airline_id
    )
    stays: dict[tuple[str, str], list[int | None]] = defaultdict(list)
    for bag_id, moment, place, airport in rows:
        if airport == "PTY" and since <= moment < until:
            later = [other[1] for other in rows if other[0] == bag_id and other[1] > moment]
            hour = moment.replace(minute=0, second=0, microsecond=0).isoformat()
            stays[place, hour].append(int((min(later) - moment).total_seconds()) if later else None)
    return {where: _bottleneck(of_place) for where, of_place in stays.items()}


def _bottleneck(stays: list[int | None]) -> dict[str, Any]:
    ended = sorted(stay for stay in stays if stay is not None)

    def share(part: float) -> int | None:
        """The smallest value that a ``part`` of all values does not exceed."""
        return next((one for index, one in enumerate(ended, start=1) if index >= part * len(ended)), None)

    return {
        "events": len(stays),
        "waiting": len(stays) - len(ended),
        "medianSeconds": share(0.5),
        "p95Seconds": share(0.95),
    }


FELLOWS = """query($by: FellowsBy!, $minutes: Int!) { bags(first: 60) { nodes {
    tag fellows(by: $by, withinMinutes: $minutes, first: 59) {
        total flight { id } airport place at bags { tag } fellows { bag { tag } at minutes } } } } }"""


@pytest.mark.parametrize(
    ("by", "names", "minutes"),
    [("PLACE", PLACES[:-1], 30), ("BELT", BELTS, 30), ("BELT", BELTS, 1), ("CART", CARTS, 240)],
)
async def test_fellows_at_a_place_are_what_the_rows_say(
    api: Api, hub: Builder, by: str, names: Sequence[str], minutes: int
) -> None:
    data = await api.ask(FELLOWS, airline_id=hub.airline_id, by=by, minutes=minutes)
    found = {one["tag"]: one["fellows"] for one in data["bags"]["nodes"]}
    expected = await _fellows(hub, names, timedelta(minutes=minutes))
    assert {tag for tag, one in found.items() if one is not None} == expected.keys()
    assert {tag: one for tag, one in found.items() if one is not None} == expected
    assert len(found) == 60
    assert sum(one["total"] for one in expected.values()) > 0


async def _fellows(hub: Builder, names: Sequence[str], within: timedelta) -> dict[str, Any]:
    rows = await hub.stores.postgres.fetch(
        """SELECT bag_id, bags.tag, events.at, events.airport, events.place FROM events JOIN bags ON bags.id = bag_id
           WHERE events.airline_id = $1 AND kind <> 'NOT_SEEN' AND events.place = ANY($2)
           ORDER BY at, rank, events.id""",
        hub.airline_id,
        names,
    )
    answers = {}
    for last in {row["bag_id"]: row for row in rows}.values():
        nearest: dict[int, Any] = {}
        for row in rows:
            apart = row["at"] - last["at"]
            same = (row["airport"], row["place"]) == (last["airport"], last["place"])
            if same and row["bag_id"] != last["bag_id"] and abs(apart) <= within:
                near = (abs(apart), row["bag_id"], apart, row["tag"])
                nearest[row["bag_id"]] = min(near, nearest.get(row["bag_id"], near))
        answers[last["tag"]] = {
            "total": len(nearest),
            "flight": None,
            "airport": last["airport"],
            "place": last["place"],
            "at": last["at"].isoformat(),
            "bags": [{"tag": tag} for *_, tag in sorted(nearest.values())],
            "fellows": [
                {
                    "bag": {"tag": tag},
                    "at": (last["at"] + apart).isoformat(),
                    "minutes": int(apart.total_seconds() / 60),
                }
                for _, _, apart, tag in sorted(nearest.values())
            ],
        }
    return answers


async def test_fellows_are_the_nearest_of_so_many(api: Api, hub: Builder) -> None:
    every = await api.ask(FELLOWS, airline_id=hub.airline_id, by="PLACE", minutes=240)
    data = await api.ask(FELLOWS.replace("59", "2"), airline_id=hub.airline_id, by="PLACE", minutes=240)
    pairs = zip(data["bags"]["nodes"], every["bags"]["nodes"], strict=True)
    known = [(one["fellows"], other["fellows"]) for one, other in pairs if other["fellows"]]
    for first, fellows in known:
        assert first == fellows | {"bags": fellows["bags"][:2], "fellows": fellows["fellows"][:2]}
    assert max(first["total"] for first, _ in known) > 2


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ('bottlenecks(airport:"PTY",from:"2025-07-01T00:00:00Z",to:"2025-07-04T00:00:00Z"){place}', "BAD_USER_INPUT"),
        ('bottlenecks(airport:"PTY",from:"2025-07-01T00:00:00Z",to:"2025-07-01T00:00:00Z"){place}', "BAD_USER_INPUT"),
        ('flight(by:{designator:"CM335"}){blastRadius(minutesLate:-1){total}}', "BAD_USER_INPUT"),
        ('flight(by:{designator:"CM335"}){plannedAgainstActual(first:201){planned}}', "BAD_USER_INPUT"),
        ("bags(first:1){nodes{fellows(by:PLACE,withinMinutes:0){total}}}", "BAD_USER_INPUT"),
        ("bags(first:1){nodes{fellows(by:PLACE,withinMinutes:241){total}}}", "BAD_USER_INPUT"),
    ],
)
async def test_what_is_out_of_bounds_is_refused(api: Api, hub: Builder, field: str, code: str) -> None:
    assert await api.codes(f"{{{field}}}", airline_id=hub.airline_id) == [code]


@pytest.fixture
async def without_graph(settings: Settings) -> AsyncIterator[Api]:
    async with serving(settings.model_copy(update={"neo4j_uri": "bolt://127.0.0.1:9"})) as api:
        yield api


async def test_without_the_graph_they_are_null_and_say_so(without_graph: Api, hub: Builder) -> None:
    response = await without_graph.send(
        """{ bags(first: 1) { nodes { fellows(by: BELT) { total } } }
             flight(by: {designator: "CM335"}) { designator blastRadius { total } plannedAgainstActual { planned } }
             bottlenecks(airport: "PTY", from: "2025-07-01T12:00:00Z", to: "2025-07-01T18:00:00Z") { place } }""",
        airline_id=hub.airline_id,
    )
    answer = response.json()
    assert answer["data"] == {
        "bags": {"nodes": [{"fellows": None}]},
        "flight": {
            "designator": answer["data"]["flight"]["designator"],
            "blastRadius": None,
            "plannedAgainstActual": None,
        },
        "bottlenecks": None,
    }
    assert {(one["extensions"]["code"], one["extensions"]["store"]) for one in answer["errors"]} == {
        ("STORE_UNAVAILABLE", "graph")
    }
