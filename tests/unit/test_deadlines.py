"""Deadlines: calendar days of the destination, across clocks that jump and the date line."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.records.pirs import LiabilityRegime, PirKind, PirStatus
from resolvers import deadlines
from resolvers.deadlines import Case

# No daylight saving; clocks that change at midnight, at 01:00 and by half an hour; both sides of the date line, one of
# which left a date out (Samoa, 30 December 2011).
ZONES = [
    ZoneInfo(name)
    for name in (
        *("America/Panama", "America/Santiago", "America/Havana", "America/Asuncion", "America/New_York"),
        *("Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu"),
    )
]
MOMENTS = st.timedeltas(timedelta(0), timedelta(days=96 * 365)).map(datetime(2003, 11, 4, tzinfo=UTC).__add__)
CHANGES = st.sampled_from(
    [datetime(2011, 12, 8, tzinfo=UTC), datetime(2025, 8, 16, tzinfo=UTC), datetime(2024, 3, 17, tzinfo=UTC)]
).flatmap(lambda start: st.timedeltas(timedelta(0), timedelta(days=25)).map(lambda later: start + later))


class Limit(NamedTuple):
    """As a row of ``liability_limits``."""

    valid_from: date
    baggage_sdr: int


LIMITS = [Limit(date(2003, 11, 4), 1000), Limit(date(2019, 12, 28), 1288), Limit(date(2024, 12, 28), 1519)]


@given(moment=MOMENTS | CHANGES, days=st.integers(1, 40), zone=st.sampled_from(ZONES))
def test_a_deadline_ends_with_its_local_day(moment: datetime, days: int, zone: ZoneInfo) -> None:
    deadline = deadlines.after_days(moment, days, zone)
    last, next_day = (
        (deadline.ends_at - timedelta(microseconds=1)).astimezone(zone).date(),
        deadline.ends_at.astimezone(zone).date(),
    )
    assert deadline.date - moment.astimezone(zone).date() == timedelta(days=days)
    assert last <= deadline.date < next_day
    # Only where a date was left out is the day before the last one that there was.
    assert last == deadline.date or (zone.key, deadline.date) == ("Pacific/Apia", date(2011, 12, 30))


@given(moment=MOMENTS, zone=st.sampled_from(ZONES))
def test_years_are_calendar_years(moment: datetime, zone: ZoneInfo) -> None:
    day = moment.astimezone(zone).date()
    deadline = deadlines.after_years(moment, 2, zone)
    assert deadline.date.year == day.year + 2
    assert (deadline.date.month, deadline.date.day) == (
        (2, 28) if (day.month, day.day) == (2, 29) else (day.month, day.day)
    )


@pytest.mark.parametrize(
    ("zone", "moment", "day", "ends_at"),
    [
        # 22:30 in Panama is the next day in UTC: the local date counts.
        ("America/Panama", "2026-11-01T03:30:00+00:00", "2026-11-21", "2026-11-22T05:00:00+00:00"),
        # Chile's clocks skip midnight into 7 September 2025: 6 September ends an hour of offset earlier.
        ("America/Santiago", "2025-08-16T15:00:00+00:00", "2025-09-06", "2025-09-07T04:00:00+00:00"),
        # Cuba's go back at 01:00 on 2 November 2025: 1 November ends at the first midnight.
        ("America/Havana", "2025-10-11T15:00:00+00:00", "2025-11-01", "2025-11-02T04:00:00+00:00"),
    ],
)
def test_days_at_which_clocks_change(zone: str, moment: str, day: str, ends_at: str) -> None:
    deadline = deadlines.after_days(datetime.fromisoformat(moment), 21, ZoneInfo(zone))
    assert (deadline.date.isoformat(), deadline.ends_at.isoformat()) == (day, ends_at)


CAME = datetime(2025, 7, 1, 20, tzinfo=UTC)
GOT = CAME + timedelta(days=3)
PANAMA = ZoneInfo("America/Panama")


@pytest.mark.parametrize(
    ("case", "damage", "delay", "lost", "suit"),
    [
        (Case(PirKind.DELAYED, CAME, None), None, None, "2025-07-22", "2027-07-01"),
        (Case(PirKind.DELAYED, CAME, GOT), None, "2025-07-25", "2025-07-22", "2027-07-01"),
        (Case(PirKind.DAMAGED, CAME, GOT), "2025-07-11", None, None, "2027-07-01"),
        (Case(PirKind.PILFERED, CAME, GOT), "2025-07-11", None, None, "2027-07-01"),
        (Case(PirKind.ON_HAND, CAME, None), None, None, None, None),
        (Case(PirKind.DELAYED, None, None), None, None, None, None),
    ],
)
def test_which_deadlines_count(
    case: Case, damage: str | None, delay: str | None, lost: str | None, suit: str | None
) -> None:
    found = deadlines.of_case(case, PANAMA, LiabilityRegime.MONTREAL, LIMITS)  # type: ignore[arg-type] # as rows are
    days = [found.damage_complaint, found.delay_complaint, found.deemed_lost, found.suit]
    assert [day and day.date.isoformat() for day in days] == [damage, delay, lost, suit]


def test_what_is_due_next() -> None:
    def due(kind: PirKind, delivered_at: datetime | None, status: PirStatus = PirStatus.OPEN) -> str | None:
        moment = deadlines.due_at(Case(kind, CAME, delivered_at), status, PANAMA)
        return moment.isoformat() if moment else None

    assert due(PirKind.DELAYED, None) == "2025-07-23T05:00:00+00:00"
    assert due(PirKind.DELAYED, GOT) == "2025-07-26T05:00:00+00:00"
    assert due(PirKind.DAMAGED, GOT) == "2025-07-12T05:00:00+00:00"
    assert due(PirKind.ON_HAND, None) is None
    assert due(PirKind.DELAYED, None, PirStatus.CLOSED) is None


@pytest.mark.parametrize(
    ("arrived", "limit"),
    [
        ("2003-11-03T23:00:00-05:00", None),
        ("2019-12-27T23:59:00-05:00", 1000),
        ("2019-12-28T00:00:00-05:00", 1288),
        ("2024-12-28T00:00:00-05:00", 1519),
    ],
)
def test_the_limit_is_that_of_the_local_day(arrived: str, limit: int | None) -> None:
    case = Case(PirKind.DELAYED, datetime.fromisoformat(arrived), None)
    for regime, expected in (
        (LiabilityRegime.MONTREAL, limit),
        (LiabilityRegime.UNKNOWN, limit),
        (LiabilityRegime.DOMESTIC, None),
    ):
        found = deadlines.of_case(case, PANAMA, regime, LIMITS)  # type: ignore[arg-type] # as rows are
        assert found.liability_limit_sdr == expected


@pytest.mark.parametrize(
    ("origin", "destination", "expected"),
    [
        ("US", "BR", LiabilityRegime.MONTREAL),
        ("PA", "PA", LiabilityRegime.DOMESTIC),
        ("PA", "VE", LiabilityRegime.UNKNOWN),
        (None, "BR", LiabilityRegime.UNKNOWN),
        ("VE", "VE", LiabilityRegime.DOMESTIC),
    ],
)
def test_the_law_follows_from_both_ends(origin: str | None, destination: str, expected: LiabilityRegime) -> None:
    assert deadlines.regime(origin, destination, {"US", "BR", "PA"}) == expected
