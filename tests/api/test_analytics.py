"""Figures for analysts, against a recount from plain rows."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.gateway import Api
from tests.world import DAY, Builder, at

MISHANDLED = """
    query($by: MishandledBy!, $first: Int) { mishandled(from: "2025-06-30", to: "2025-07-14", by: $by, first: $first) {
      age { asOf fromReplica } total rows { key bags mishandled perThousand }
    } }
"""
DELIVERIES = """
    { deliveryTimes(from: "2025-06-30", to: "2025-07-14") {
      total rows { station reported delivered medianMinutes p90Minutes } } }
"""
CUSTODY = """
    { stationCustody(from: "2025-07-01T00:00:00Z", to: "2025-07-02T00:00:00Z") {
      total rows { station bags points { kind due proved missing } } } }
"""
PARTNERS = """
    { partnerDays(from: "2025-06-30", to: "2025-07-14") { total rows { service day calls units cost } } }
"""
SEND = """
INSERT INTO sends (airline_id, effect_id, service, call, recipient, fingerprint, mock, started_at, units, cost_micros)
SELECT $1, id, 'SMS', 'FILE_OPENED', '+15005550006', '', true, $2, $3, $4 FROM effects WHERE airline_id = $1 LIMIT 1
"""


@pytest.fixture
async def airline(airline: Builder) -> Builder:
    """Ten bags to GRU in two weeks; of those, one delayed by Miami, one damaged, one delivered, one not known."""
    await airline.flight(758, "PTY", "GRU", at("16:30") + timedelta(days=7), 435, name="next week")
    for number in range(10):
        flights = ["CM335", "CM758"] if number < 6 else ["next week"]
        await airline.bag(f"bag{number}", f"0230{number:06d}", None, flights)
    await airline.pir("GRUYY00001", "DELAYED", "GRU", None, ["bag0"], at("+02:00"))
    await airline.pir("GRUYY00002", "DAMAGED", "GRU", None, ["bag1"], at("+03:00"))
    await airline.pir("GRUYY00003", "DELAYED", "GRU", None, ["bag6", None], at("+02:00") + timedelta(days=7))
    await airline.pir("GRUYY00004", "ON_HAND", "GRU", None, ["bag7"], at("+02:00"))
    await airline.pir("GRUYY00005", "DELAYED", "GRU", None, ["bag8"], at("+02:00") + timedelta(days=30))
    records = airline.stores.postgres
    sql = "UPDATE pirs SET reason_for_loss = '52', fault_station = 'MIA', proposed_reason = '55' WHERE id = $1"
    await records.execute(sql, airline.pirs["GRUYY00001"], name="BUILD")
    sql = "UPDATE pirs SET proposed_reason = '52', proposed_station = 'PTY' WHERE id = $1"
    await records.execute(sql, airline.pirs["GRUYY00002"], name="BUILD")
    sql = "UPDATE pir_bags SET delivered_at = $2 WHERE pir_id = $1 AND seq = 1"
    await records.execute(sql, airline.pirs["GRUYY00001"], at("+02:00") + timedelta(minutes=90.5), name="BUILD")
    await records.execute(sql, airline.pirs["GRUYY00003"], at("+02:00") + timedelta(days=7, minutes=200), name="BUILD")
    return airline


async def ask(api: Api, airline: Builder, query: str, **variables: Any) -> dict[str, Any]:
    [data] = (await api.ask(query, airline_id=airline.airline_id, **variables)).values()
    return dict(data)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("WEEK", [("2025-W27", 6, 2, 1000 / 3), ("2025-W28", 4, 2, 500.0)]),
        ("STATION", [(None, 0, 2, None), ("MIA", 6, 1, 500 / 3), ("PTY", 10, 1, 100.0)]),
        ("FLIGHT", [("CM758", 10, 3, 300.0), (None, 0, 1, None)]),
        ("CAUSE", [("52", 10, 2, 200.0), (None, 10, 2, 200.0)]),
    ],
)
async def test_mishandled_bags_of_a_period(
    api: Api, airline: Builder, by: str, expected: list[tuple[str | None, int, int, float | None]]
) -> None:
    """Found bags and reports of other periods do not count; a report without a known cause has no key."""
    report = await ask(api, airline, MISHANDLED, by=by)
    rows = [(row["key"], row["bags"], row["mishandled"], row["perThousand"]) for row in report["rows"]]
    order = {key: index for index, (key, *_) in enumerate(expected)}

    assert sorted(rows, key=lambda row: order[row[0]]) == [
        (*row[:3], None if row[3] is None else pytest.approx(row[3])) for row in expected
    ]
    assert report["total"] == len(expected)
    assert report["age"]["fromReplica"] is False
    assert abs(datetime.fromisoformat(report["age"]["asOf"]) - datetime.now(UTC)) < timedelta(minutes=1)

    first = await ask(api, airline, MISHANDLED, by=by, first=1)
    assert (first["total"], len(first["rows"])) == (len(expected), 1)


async def test_a_recreated_file_counts_once(api: Api, airline: Builder) -> None:
    await airline.pir("GRUYY00006", "DELAYED", "GRU", None, ["bag0"], at("+05:00"))
    sql = "UPDATE pirs SET link = 'RECREATED', previous_id = $2 WHERE id = $1"
    ids = airline.pirs["GRUYY00006"], airline.pirs["GRUYY00001"]
    await airline.stores.postgres.execute(sql, *ids, name="BUILD")
    report = await ask(api, airline, MISHANDLED, by="WEEK")
    assert [row["mishandled"] for row in report["rows"]] == [2, 2]


async def test_minutes_from_filing_to_delivery(api: Api, airline: Builder) -> None:
    assert await ask(api, airline, DELIVERIES) == {
        "total": 1,
        "rows": [{"station": "GRU", "reported": 3, "delivered": 2, "medianMinutes": 90, "p90Minutes": 200}],
    }


async def test_custody_by_station(api: Api, airline: Builder) -> None:
    """Given six bags, one loaded and taken over at the hub, one only loaded there, then the gaps show."""
    for tag, kind, place, when, flight in (
        ("0230000000", "ACCEPTED", "MIA", "10:00", None),
        ("0230000000", "LOADED", "MIA", "11:00", "CM335"),
        ("0230000000", "TRANSFER_IN", "PTY", "15:00", None),
        ("0230000001", "LOADED", "PTY", "16:00", "CM758"),
    ):
        await airline.record(airline.scan(tag, kind, place, when, flight))
    report = await ask(api, airline, CUSTODY)
    found = {
        row["station"]: {one["kind"]: (one["due"], one["proved"]) for one in row["points"] if one["due"]}
        for row in report["rows"]
    }
    assert found == {
        "MIA": {"ACCEPTANCE": (2, 1), "LOADING": (2, 1)},
        "PTY": {"TRANSFER": (2, 1), "LOADING": (1, 1)},
    }
    assert {row["station"]: row["bags"] for row in report["rows"]} == {"MIA": 2, "PTY": 2}
    assert (report["total"], report["rows"][0]["station"]) == (2, "MIA")


async def test_cost_by_partner_and_day(api: Api, airline: Builder) -> None:
    records = airline.stores.postgres
    effect = """
        INSERT INTO effects (airline_id, service, lane, pir_id, action, key, due_at, created_at)
        VALUES ($1, 'SMS', 0, $2, 'FILE_OPENED', 'one', $3, $3)
    """
    await records.execute(effect, airline.airline_id, airline.pirs["GRUYY00001"], DAY, name="BUILD")
    for when, units, micros in ((at("23:59"), 2, 70_000), (at("+00:01"), 1, 35_000), (at("+09:00"), 1, 35_000)):
        await records.execute(SEND, airline.airline_id, when, units, micros, name="BUILD")
    assert await ask(api, airline, PARTNERS) == {
        "total": 2,
        "rows": [
            {"service": "SMS", "day": "2025-07-01", "calls": 1, "units": 2, "cost": "0.07"},
            {"service": "SMS", "day": "2025-07-02", "calls": 2, "units": 2, "cost": "0.07"},
        ],
    }


@pytest.mark.parametrize(
    "arguments",
    [
        'mishandled(from: "2025-07-01", to: "2025-07-01", by: WEEK) { total }',
        'mishandled(from: "2025-07-02", to: "2025-07-01", by: WEEK) { total }',
        'mishandled(from: "2025-01-01", to: "2025-07-01", by: WEEK) { total }',
        'mishandled(from: "2025-07-01", to: "2025-07-02", by: WEEK, first: 0) { total }',
        'deliveryTimes(from: "2025-07-01", to: "2025-07-02", first: 501) { total }',
        'partnerDays(from: "0001-01-01", to: "9999-12-31") { total }',
        'stationCustody(from: "2025-07-01T00:00:00Z", to: "2025-07-02T00:00:01Z") { total }',
    ],
)
async def test_periods_and_rows_have_bounds(api: Api, arguments: str) -> None:
    assert await api.codes(f"{{ {arguments} }}") == ["BAD_USER_INPUT"]


async def test_too_many_bags_are_refused(api: Api, airline: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolvers.analytics.MAX_CUSTODY_BAGS", 5)
    response = await api.send(CUSTODY, airline_id=airline.airline_id)
    [error] = response.json()["errors"]
    assert (error["extensions"]["code"], "at most 5 bags" in error["message"]) == ("BAD_USER_INPUT", True)
