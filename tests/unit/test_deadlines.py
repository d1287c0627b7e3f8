"""Legal deadlines: calendar days of the destination, across changes of its clocks (Montreal Convention)."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.records.pirs import LiabilityRegime, PirKind, PirStatus
from resolvers.rules import deadlines
from resolvers.rules.deadlines import LiabilityCase

PANAMA, SAO_PAULO = ZoneInfo("America/Panama"), ZoneInfo("America/Sao_Paulo")
# Zones whose clocks change, also at midnight, and one that skipped a whole day.
ZONES = [PANAMA, SAO_PAULO, *map(ZoneInfo, ("America/Havana", "America/New_York", "Pacific/Apia", "Asia/Beirut"))]
TIMES = st.integers(1_293_840_000, 2_051_222_400).map(
    lambda second: datetime.fromtimestamp(second, UTC)
)  # 2011 to 2034


def test_days_are_counted_at_the_destination() -> None:
    """23:30 UTC on 1 March is still the afternoon of that day in Panama, 02:30 UTC on the second its evening."""
    for at in (datetime(2026, 3, 1, 23, 30, tzinfo=UTC), datetime(2026, 3, 2, 2, 30, tzinfo=UTC)):
        lost = deadlines.deemed_lost(LiabilityCase(PirKind.DELAYED, at, None), PANAMA)
        assert lost is not None
        assert (lost.date, lost.ends_at, lost.zone) == (
            date(2026, 3, 22),
            datetime(2026, 3, 23, 5, tzinfo=UTC),
            "America/Panama",
        )


@given(at=TIMES, days=st.sampled_from([7, 21]), zone=st.sampled_from(ZONES))
def test_a_deadline_ends_when_its_day_is_over_on_the_local_clock(at: datetime, days: int, zone: ZoneInfo) -> None:
    found = deadlines.after_days(at, days, zone)
    assert found.date == at.astimezone(zone).date() + timedelta(days=days)
    assert (found.ends_at - timedelta(seconds=1)).astimezone(zone).date() <= found.date
    assert found.ends_at.astimezone(zone).date() > found.date


@pytest.mark.parametrize(
    ("day", "last"), [(date(2024, 2, 29), date(2026, 2, 28)), (date(2026, 11, 23), date(2028, 11, 23))]
)
def test_two_years_for_legal_action(day: date, last: date) -> None:
    at = datetime(day.year, day.month, day.day, 18, tzinfo=UTC)
    suit = deadlines.suit(LiabilityCase(PirKind.DELAYED, at, None), PANAMA)
    assert suit is not None
    assert suit.date == last


def test_what_counts_for_which_file() -> None:
    at = datetime(2026, 3, 1, 18, tzinfo=UTC)
    delayed, delivered = (
        LiabilityCase(PirKind.DELAYED, at, None),
        LiabilityCase(PirKind.DELAYED, at, at + timedelta(days=2)),
    )
    damaged, found = LiabilityCase(PirKind.DAMAGED, at, at), LiabilityCase(PirKind.ON_HAND, at, None)
    days = [
        [deadline and deadline.date.day for deadline in (rule(case, PANAMA) for rule in RULES)]
        for case in (delayed, delivered, damaged, found)
    ]
    assert days == [[None, None, 22, 1], [None, 24, 22, 1], [8, None, None, 1], [None, None, None, None]]
    assert deadlines.due_at(delayed, PirStatus.OPEN, PANAMA) == datetime(2026, 3, 23, 5, tzinfo=UTC)
    assert deadlines.due_at(delivered, PirStatus.OPEN, PANAMA) == datetime(2026, 3, 25, 5, tzinfo=UTC)
    assert deadlines.due_at(delivered, PirStatus.CLOSED, PANAMA) is None


RULES = (deadlines.damage_complaint, deadlines.delay_complaint, deadlines.deemed_lost, deadlines.suit)


@pytest.mark.parametrize(
    ("origin", "destination", "regime"),
    [
        ("PA", "BR", LiabilityRegime.MONTREAL),
        ("PA", "PA", LiabilityRegime.DOMESTIC),
        ("PA", "XX", LiabilityRegime.UNKNOWN),
        (None, "PA", LiabilityRegime.UNKNOWN),
    ],
)
def test_which_law_governs(origin: str | None, destination: str | None, regime: LiabilityRegime) -> None:
    assert deadlines.regime(origin, destination, {"PA", "BR"}) == regime
