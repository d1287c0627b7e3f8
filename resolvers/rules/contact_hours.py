"""When a passenger may be sent a short message: not at night where the passenger is, and not too many a day."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from integrations.records.effects import EffectReason, Trigger

# A courier at the door is of no use tomorrow; and who has just landed is awake and stands at the belt.
AT_ONCE = frozenset({Trigger.OUT_FOR_DELIVERY, Trigger.FILE_OPENED})
# For that long: what an outage has held back for longer is no news from the belt any more.
AT_ONCE_FOR = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class ContactRules:
    """A tenant's rules; times are on the passenger's clock.

    Args:
        quiet_from: when the night begins; the same as its end for no quiet hours at all.
        quiet_until: when it ends, on the next day if that is earlier.
        daily_messages: the most in one calendar day.
    """

    quiet_from: time = time(22)
    quiet_until: time = time(7)
    daily_messages: int = 5


@dataclass(frozen=True, slots=True)
class NextContact:
    """When a message may go.

    Args:
        at: UTC; not later than now if it may go now.
        reason: why it has to wait, None if it has not.
    """

    at: datetime
    reason: EffectReason | None


def next_allowed(
    trigger: Trigger, asked_at: datetime, now: datetime, zone: ZoneInfo, sent_today: int, rules: ContactRules
) -> NextContact:
    """When a message may go to a passenger.

    Args:
        asked_at: when the milestone was reached.
        zone: where the passenger is.
        sent_today: messages to the passenger since ``day_began``.
    """
    if sent_today >= rules.daily_messages:
        tomorrow = day_began(now, zone).astimezone(zone).date() + timedelta(days=1)
        return NextContact(end_of_quiet(_moment(tomorrow, time(0), zone, now), zone, rules), EffectReason.PASSENGER_CAP)
    if trigger in AT_ONCE and now - asked_at <= AT_ONCE_FOR:
        return NextContact(now, None)
    free = end_of_quiet(now, zone, rules)
    return NextContact(free, None if free == now else EffectReason.QUIET_HOURS)


def day_began(now: datetime, zone: ZoneInfo) -> datetime:
    """The first moment of the passenger's day, UTC."""
    return datetime.combine(now.astimezone(zone).date(), time(0), zone).astimezone(UTC)


def end_of_quiet(now: datetime, zone: ZoneInfo, rules: ContactRules) -> datetime:
    """The first moment from ``now`` on that is outside the quiet hours, UTC.

    Where the clocks skip the hours' end, it is when they would have shown it; where they show it twice, the first time.
    """
    local = now.astimezone(zone)
    if not _quiet(local.time(), rules):
        return now.astimezone(UTC)
    day = local.date() + timedelta(days=local.time() >= rules.quiet_until)
    return _moment(day, rules.quiet_until, zone, now)


def _quiet(at: time, rules: ContactRules) -> bool:
    if rules.quiet_from <= rules.quiet_until:
        return rules.quiet_from <= at < rules.quiet_until
    return at >= rules.quiet_from or at < rules.quiet_until


def _moment(day: date, at: time, zone: ZoneInfo, after: datetime) -> datetime:
    """When the clocks of the zone show that time on that day, UTC: the first time that is after ``after``."""
    shown = datetime.combine(day, at, zone)
    first = shown.astimezone(UTC)
    return first if first > after else shown.replace(fold=1).astimezone(UTC)
