"""Contact hours: when an SMS may go to a passenger."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integrations.records.effects import EffectReason, Trigger
from resolvers.rules.contact_hours import (
    URGENT,
    URGENT_FOR,
    ContactRules,
    NextContact,
    day_began,
    end_of_quiet,
    next_allowed,
)

PANAMA, MIAMI, SANTIAGO, HAVANA, LORD_HOWE = map(
    ZoneInfo, ("America/Panama", "America/New_York", "America/Santiago", "America/Havana", "Australia/Lord_Howe")
)
RULES = ContactRules()
times = st.integers(0, 4 * 366 * 24 * 60).map(
    lambda minutes: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "zone", "free"),
    [
        ("2026-11-23T21:59:59-05:00", PANAMA, "2026-11-23T21:59:59-05:00"),
        ("2026-11-23T22:00:00-05:00", PANAMA, "2026-11-24T07:00:00-05:00"),
        ("2026-11-24T06:59:59-05:00", PANAMA, "2026-11-24T07:00:00-05:00"),
        ("2026-11-24T07:00:00-05:00", PANAMA, "2026-11-24T07:00:00-05:00"),
        # Nights in which the clocks change are an hour shorter or longer.
        ("2026-03-07T22:00:00-05:00", MIAMI, "2026-03-08T07:00:00-04:00"),
        ("2026-10-31T22:00:00-04:00", MIAMI, "2026-11-01T07:00:00-05:00"),
        ("2026-09-05T23:30:00-04:00", SANTIAGO, "2026-09-06T07:00:00-03:00"),
    ],
)
def test_the_night_ends_at_seven_where_the_passenger_is(now: str, zone: ZoneInfo, free: str) -> None:
    assert end_of_quiet(at(now), zone, RULES) == at(free)


@given(
    times,
    st.sampled_from([PANAMA, MIAMI, SANTIAGO, HAVANA, LORD_HOWE]),
    st.integers(0, 23),
    st.integers(0, 32),
)
@example(at("2026-11-01T00:10:00-05:00"), HAVANA, 22, 5)  # shown twice, this is the second time
@example(at("2026-11-01T01:10:00-05:00"), MIAMI, 22, 7)
@example(at("2026-03-08T01:30:00-05:00"), MIAMI, 22, 9)  # skipped
def test_it_waits_out_the_quiet_hours_and_no_longer(
    now: datetime, zone: ZoneInfo, quiet_from: int, quiet_half_hours: int
) -> None:
    hour, halves = divmod(2 * quiet_from + quiet_half_hours, 2)
    rules = ContactRules(time(quiet_from), time(hour % 24, 30 * halves))
    free = end_of_quiet(now, zone, rules)
    assert now <= free <= now + timedelta(hours=25)
    assert end_of_quiet(free, zone, rules) == free
    skipped = free.astimezone(zone).time() != rules.quiet_until
    assert free == now or skipped or end_of_quiet(free - timedelta(seconds=1), zone, rules) == free
    assert end_of_quiet(now + (free - now) / 2, zone, rules) in {free, now + (free - now) / 2}


@given(times)
def test_without_quiet_hours_every_time_is_allowed(now: datetime) -> None:
    assert end_of_quiet(now, MIAMI, ContactRules(time(3), time(3))) == now


@pytest.mark.parametrize("trigger", list(Trigger))
def test_some_milestones_do_not_wait_for_the_morning(trigger: Trigger) -> None:
    night = at("2026-11-24T02:00:00-05:00")
    morning = NextContact(at("2026-11-24T07:00:00-05:00"), EffectReason.QUIET_HOURS)
    assert next_allowed(trigger, night, night, PANAMA, 0, RULES) == (
        NextContact(night, None) if trigger in URGENT else morning
    )
    assert next_allowed(trigger, night - URGENT_FOR - timedelta(seconds=1), night, PANAMA, 0, RULES) == morning


def test_by_day_everything_goes() -> None:
    noon = at("2026-11-24T12:00:00-05:00")
    assert next_allowed(Trigger.BAG_LOCATED, noon, noon, PANAMA, RULES.daily_messages - 1, RULES) == NextContact(
        noon, None
    )


def test_beyond_the_cap_it_waits_for_the_next_morning() -> None:
    noon = at("2026-11-24T12:00:00-05:00")
    allowed = next_allowed(Trigger.OUT_FOR_DELIVERY, noon, noon, PANAMA, RULES.daily_messages, RULES)
    assert allowed == NextContact(at("2026-11-25T07:00:00-05:00"), EffectReason.PASSENGER_CAP)


def test_the_cap_counts_from_midnight_where_the_passenger_is() -> None:
    assert day_began(at("2026-11-24T03:00:00+00:00"), PANAMA) == at("2026-11-23T00:00:00-05:00")
    # Havana's midnight of 1 November 2026 comes twice, Santiago's of 6 September not at all.
    assert day_began(at("2026-11-01T12:00:00-05:00"), HAVANA) == at("2026-11-01T00:00:00-04:00")
    assert day_began(at("2026-09-06T12:00:00-03:00"), SANTIAGO) == at("2026-09-06T01:00:00-03:00")
