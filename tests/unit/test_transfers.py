"""Connection risk, and the incident that a transfer belongs to: tables of the rules."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.records.airports import ConnectionTime
from integrations.records.columns import Column, View
from integrations.records.flights import FlightColumns
from integrations.records.incidents import IncidentCause
from integrations.records.transfers import ConnectionLevel, EvidenceKind, Transfer, TransferPosition
from resolvers.rules.transfers import Minima, cause_of, judge

AT_RISK, MISSED, TIGHT, UNKNOWN, SAFE, MADE = ConnectionLevel
COMING, AT_AIRPORT, TRANSFERRED, ON_BOARD, BEYOND, LEFT_BEHIND, ASTRAY = TransferPosition
NOON = datetime(2025, 7, 1, 12, tzinfo=UTC)
MORNING = NOON - timedelta(hours=6)
MINIMUM = 45


class AFlight(FlightColumns, View):
    """A flight with only the values that the rules read."""

    __slots__ = ()

    times_known = Column[bool]()


def at(minutes: float) -> datetime:
    """A number of minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def flight(flight_id: int, leaves: float, comes: float, **more: Any) -> Any:
    row = {
        "id": flight_id,
        "carrier": "CM",
        "number": flight_id,
        "suffix": "",
        "scheduled_departure": at(leaves),
        "scheduled_arrival": at(comes),
        "estimated_departure": None,
        "estimated_arrival": None,
        "actual_departure": None,
        "actual_arrival": None,
        "status": "SCHEDULED",
        "times_known": True,
    }
    return AFlight(row | more)


def inbound(**more: Any) -> Any:
    """On block at noon."""
    return flight(335, -180, 0, **{"origin": "MIA", "destination": "PTY", **more})


def outbound(**more: Any) -> Any:
    """Off block 90 minutes later."""
    return flight(758, 90, 500, **{"origin": "PTY", "destination": "GRU", **more})


def level(
    position: TransferPosition,
    *,
    comes: Any = None,
    leaves: Any = None,
    since: datetime | None = None,
    minimum: int | None = MINIMUM,
    now: datetime = MORNING,
) -> ConnectionLevel:
    return judge(position, since, comes or inbound(), leaves or outbound(), minimum, now).level


@pytest.mark.parametrize(
    ("late", "expected"),
    [(0, SAFE), (30, SAFE), (31, TIGHT), (45, TIGHT), (46, AT_RISK), (89, AT_RISK), (90, MISSED), (120, MISSED)],
)
def test_a_bag_that_is_coming_has_the_time_between_the_flights(late: int, expected: ConnectionLevel) -> None:
    assert level(COMING, comes=inbound(estimated_arrival=at(late))) == expected


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({}, SAFE),
        ({"estimated_arrival": at(60)}, AT_RISK),
        ({"estimated_arrival": at(60), "actual_arrival": at(5)}, SAFE),
    ],
)
def test_actual_times_count_before_estimated_before_scheduled(times: Any, expected: ConnectionLevel) -> None:
    assert level(COMING, comes=inbound(**times)) == expected


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        (COMING, MISSED),
        (AT_AIRPORT, MISSED),
        (TRANSFERRED, MISSED),
        (ON_BOARD, MADE),
        (BEYOND, MADE),
        (LEFT_BEHIND, MISSED),
        (ASTRAY, MISSED),
    ],
)
def test_the_next_flight_left_with_the_bag_or_without(position: TransferPosition, expected: ConnectionLevel) -> None:
    assert level(position, leaves=outbound(actual_departure=at(90)), since=at(10)) == expected


@pytest.mark.parametrize("position", [LEFT_BEHIND, ASTRAY])
def test_what_was_left_or_went_astray_is_missed_before_the_flight_leaves(position: TransferPosition) -> None:
    assert level(position) == MISSED


@pytest.mark.parametrize(
    ("position", "cancelled", "expected"),
    [
        (COMING, "inbound", MISSED),
        (AT_AIRPORT, "inbound", SAFE),
        (TRANSFERRED, "outbound", MISSED),
        (ON_BOARD, "outbound", MISSED),
        (BEYOND, "outbound", MADE),
    ],
)
def test_a_cancelled_flight(position: TransferPosition, cancelled: str, expected: ConnectionLevel) -> None:
    flights = {"comes": inbound(), "leaves": outbound()}
    flights["comes" if cancelled == "inbound" else "leaves"]._row["status"] = "CANCELLED"
    assert level(position, since=at(10), **flights) == expected


@pytest.mark.parametrize(
    ("position", "since", "now", "expected"),
    [
        (AT_AIRPORT, None, 29, SAFE),
        (AT_AIRPORT, None, 45, TIGHT),
        (AT_AIRPORT, None, 46, AT_RISK),
        (AT_AIRPORT, None, 100, AT_RISK),  # no actual departure is known
        (COMING, None, 46, AT_RISK),  # on block by its last estimate, and the bag not seen
        (TRANSFERRED, 40, 41, SAFE),
        (TRANSFERRED, 60, 60, TIGHT),
        (TRANSFERRED, 10, 60, TIGHT),
        (TRANSFERRED, 10, 69, AT_RISK),  # sorted an hour ago, and not on board
    ],
)
def test_from_there_on_the_clock_counts_and_the_share_of_the_minimum(
    position: TransferPosition, since: float | None, now: float, expected: ConnectionLevel
) -> None:
    time = None if since is None else at(since)
    assert level(position, since=time, now=at(now)) == expected


@pytest.mark.parametrize(
    ("position", "since", "expected"), [(COMING, None, MISSED), (AT_AIRPORT, None, AT_RISK), (TRANSFERRED, 10, SAFE)]
)
def test_a_bag_that_was_seen_has_arrived_whatever_its_flights_times(
    position: TransferPosition, since: float | None, expected: ConnectionLevel
) -> None:
    late, time = inbound(estimated_arrival=at(95)), None if since is None else at(since)
    assert level(position, comes=late, since=time, now=at(12)) == expected


@pytest.mark.parametrize(
    ("comes", "leaves", "minimum", "expected"),
    [
        (inbound(times_known=False), outbound(), MINIMUM, UNKNOWN),
        (inbound(destination="MDE"), outbound(), MINIMUM, UNKNOWN),
        (inbound(destination="MDE", actual_arrival=at(0)), outbound(), MINIMUM, UNKNOWN),
        (inbound(), outbound(times_known=False), MINIMUM, UNKNOWN),
        (inbound(times_known=False, estimated_arrival=at(10)), outbound(), MINIMUM, SAFE),
        (inbound(), outbound(), None, UNKNOWN),
        (inbound(estimated_arrival=at(95)), outbound(), None, MISSED),
    ],
)
def test_what_is_not_known_is_not_guessed(
    comes: Any, leaves: Any, minimum: int | None, expected: ConnectionLevel
) -> None:
    assert level(COMING, comes=comes, leaves=leaves, minimum=minimum) == expected


def test_a_level_comes_with_what_it_rests_on() -> None:
    late, leaving = inbound(estimated_arrival=at(60)), outbound()
    judgement = judge(COMING, at(-170), late, leaving, MINIMUM, at(-30))
    evidence = [(one.kind, one.value, one.minutes, one.at, one.flight) for one in judgement.evidence]

    assert (judgement.minutes, judgement.needed) == (30, 45)
    assert evidence == [
        (EvidenceKind.OUTBOUND_TIME, "SCHEDULED", 0, at(90), leaving),
        (EvidenceKind.INBOUND_TIME, "ESTIMATED", 60, at(60), late),
        (EvidenceKind.MINIMUM, "CM-CM", 45, None, None),
        (EvidenceKind.LAST_SCAN, "COMING", None, at(-170), None),
    ]


def test_every_level_has_evidence() -> None:
    for position in TransferPosition:
        for leaves in (outbound(), outbound(actual_departure=at(90)), outbound(status="CANCELLED")):
            assert judge(position, None, inbound(), leaves, None, MORNING).evidence


class AMinimum(View):
    """A row of ``connection_times``."""

    __slots__ = ()

    airport = Column[str]()
    inbound_carrier = Column[str]()
    outbound_carrier = Column[str]()
    bag_minutes = Column[int]()


def minimum(airport: str, one: str, other: str, minutes: int) -> Any:
    return AMinimum({"airport": airport, "inbound_carrier": one, "outbound_carrier": other, "bag_minutes": minutes})


@pytest.mark.parametrize(
    ("airport", "carriers", "expected"),
    [
        ("PTY", ("CM", "CM"), 45),
        ("PTY", ("CM", "UA"), 70),
        ("PTY", ("UA", "CM"), 80),
        ("PTY", ("UA", "AV"), 90),
        ("BOG", ("CM", "CM"), None),
    ],
)
def test_the_minimum_of_two_carriers_counts_before_that_of_one_before_that_of_any(
    airport: str, carriers: tuple[str, str], expected: int | None
) -> None:
    table: list[ConnectionTime] = [
        minimum("PTY", "", "", 90),
        minimum("PTY", "", "CM", 80),
        minimum("PTY", "CM", "", 70),
        minimum("PTY", "CM", "CM", 45),
    ]
    assert Minima(table).of(airport, *carriers) == expected
    assert Minima(table[::-1]).of(airport, *carriers) == expected
    assert Minima(table[:3]).of("PTY", "CM", "CM") == 70, "of the inbound carrier before that of the outbound one"


def cause(position: TransferPosition, comes: Any, leaves: Any, now: datetime = MORNING) -> Any:
    judgement = judge(position, None, comes, leaves, MINIMUM, now)
    return cause_of(Transfer(1, "PTY", comes, leaves, position, 1, MINIMUM, judgement))


@pytest.mark.parametrize(
    ("comes", "leaves", "expected"),
    [
        (inbound(), outbound(), None),
        (inbound(estimated_arrival=at(46)), outbound(), (IncidentCause.LATE_INBOUND, 335)),
        (inbound(estimated_arrival=at(45)), outbound(), None),
        (inbound(), outbound(estimated_departure=at(44)), (IncidentCause.EARLY_OUTBOUND, 758)),
        (inbound(estimated_arrival=at(20)), outbound(estimated_departure=at(60)), (IncidentCause.EARLY_OUTBOUND, 758)),
        (inbound(estimated_arrival=at(40)), outbound(estimated_departure=at(60)), (IncidentCause.LATE_INBOUND, 335)),
        (inbound(estimated_arrival=at(25)), outbound(estimated_departure=at(65)), (IncidentCause.LATE_INBOUND, 335)),
        (inbound(estimated_arrival=at(60)), outbound(estimated_departure=at(180)), None),
        (inbound(), flight(758, 30, 500, origin="PTY"), None),  # planned too short
        (inbound(status="CANCELLED"), outbound(), (IncidentCause.INBOUND_CANCELLED, 335)),
        (inbound(), outbound(status="CANCELLED"), (IncidentCause.OUTBOUND_CANCELLED, 758)),
        (
            inbound(actual_arrival=at(60)),
            outbound(actual_departure=at(90)),
            (IncidentCause.LATE_INBOUND, 335),
        ),
    ],
)
def test_what_a_connection_at_stake_is_laid_to(comes: Any, leaves: Any, expected: Any) -> None:
    assert cause(COMING, comes, leaves) == expected


def test_the_clock_and_slow_hands_are_no_flights_incident() -> None:
    late = inbound(actual_arrival=at(5))
    assert cause(AT_AIRPORT, late, outbound(), now=at(80)) is None
    assert cause(AT_AIRPORT, late, outbound(actual_departure=at(90)), now=at(95)) is None
    assert cause(AT_AIRPORT, inbound(status="CANCELLED"), outbound(), now=at(80)) is None, "it came all the same"


def test_a_bag_on_board_belongs_to_no_incident() -> None:
    assert cause(ON_BOARD, inbound(actual_arrival=at(70)), outbound(actual_departure=at(90))) is None
