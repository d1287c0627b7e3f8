"""Contact hours: when an SMS may go to a passenger (``docs/DOMAIN.md#contact-hours``)."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from integrations.records.effects import EffectReason, Trigger

# Sent at any hour: a courier does not come back tomorrow, and a passenger who has just landed is awake.
URGENT = frozenset({Trigger.OUT_FOR_DELIVERY, Trigger.FILE_OPENED})
# Age up to which a milestone counts as urgent; an outage may have delayed it for longer.
URGENT_FOR = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class ContactRules:
    """Contact rules of a tenant; times are local to the passenger.

    Args:
        quiet_from: start of the quiet hours; equal to ``quiet_until`` for none.
        quiet_until: end of the quiet hours, on the next day if it is earlier than ``quiet_from``.
        daily_messages: maximum number of SMS to a passenger in one calendar day.
    """

    quiet_from: time = time(22)
    quiet_until: time = time(7)
    daily_messages: int = 5


@dataclass(frozen=True, slots=True)
class NextContact:
    """The earliest time for an SMS.

    Args:
        at: UTC; not later than now if the SMS may go now.
        reason: why the SMS has to wait; None if it may go now.
    """

    at: datetime
    reason: EffectReason | None


def next_allowed(
    trigger: Trigger, reached_at: datetime, now: datetime, zone: ZoneInfo, sent_today: int, rules: ContactRules
) -> NextContact:
    """The earliest time for an SMS to a passenger.

    Args:
        reached_at: when the milestone was reached.
        zone: the passenger's time zone.
        sent_today: number of SMS to the passenger since ``day_began``.
    """
    if sent_today >= rules.daily_messages:
        tomorrow = day_began(now, zone).astimezone(zone).date() + timedelta(days=1)
        midnight = _at_local_time(tomorrow, time(0), zone, now)
        return NextContact(end_of_quiet(midnight, zone, rules), EffectReason.PASSENGER_CAP)
    if trigger in URGENT and now - reached_at <= URGENT_FOR:
        return NextContact(now, None)
    free = end_of_quiet(now, zone, rules)
    return NextContact(free, None if free == now else EffectReason.QUIET_HOURS)


def day_began(now: datetime, zone: ZoneInfo) -> datetime:
    """Start of the passenger's calendar day, UTC."""
    return datetime.combine(now.astimezone(zone).date(), time(0), zone).astimezone(UTC)


def end_of_quiet(now: datetime, zone: ZoneInfo, rules: ContactRules) -> datetime:
    """The earliest time from ``now`` on outside the quiet hours, UTC.

    Where a change of clocks skips the end of the quiet hours, the end is the time it would have been; where the clocks
    show the end twice, the first of the two.
    """
    local = now.astimezone(zone)
    if not _quiet(local.time(), rules):
        return now.astimezone(UTC)
    day = local.date() + timedelta(days=local.time() >= rules.quiet_until)
    return _at_local_time(day, rules.quiet_until, zone, now)


def _quiet(at: time, rules: ContactRules) -> bool:
    if rules.quiet_from <= rules.quiet_until:
        return rules.quiet_from <= at < rules.quiet_until
    return at >= rules.quiet_from or at < rules.quiet_until


def _at_local_time(day: date, at: time, zone: ZoneInfo, after: datetime) -> datetime:
    """A local time on a day, UTC; the first one after ``after`` where the clocks show it twice."""
    shown = datetime.combine(day, at, zone)
    first = shown.astimezone(UTC)
    return first if first > after else shown.replace(fold=1).astimezone(UTC)
