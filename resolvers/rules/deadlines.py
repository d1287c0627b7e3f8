"""Legal deadlines of a PIR (``docs/DOMAIN.md#liability-deadlines``).

Montreal Convention 1999: a complaint about damage is due within 7 days of receipt, one about delay within 21 days of
the day on which the bag was placed at the passenger's disposal (article 31). A bag that is missing more than 21 days
after it should have arrived counts as lost (article 17). Legal action is due within two years of the arrival, or of
when it was due (article 35). Days are calendar days of the destination airport's local date; a deadline ends with its
day.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from integrations.records.airports import Airport, zone_at
from integrations.records.pirs import LiabilityLimit, LiabilityRegime, Pir, PirKind, PirStatus

DAMAGE_DAYS = 7
DELAY_DAYS = 21
LOST_DAYS = 21
SUIT_YEARS = 2

NOTES = {
    LiabilityRegime.MONTREAL: "Montreal Convention 1999: both ends of the journey are known to be bound by it.",
    LiabilityRegime.DOMESTIC: "Within one country its own law applies. Montreal's deadlines are shown as such.",
    LiabilityRegime.UNKNOWN: "It is not settled which law applies. Montreal's deadlines are shown as such.",
}


@dataclass(frozen=True, slots=True)
class Deadline:
    """A deadline on the clock of the destination.

    Args:
        date: last day, local to the destination.
        ends_at: end of that day, UTC.
        zone: name in the time zone database.
    """

    date: date
    ends_at: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Deadlines of a PIR; None for a deadline that does not apply or does not run yet.

    Args:
        liability_limit_sdr: limit of liability in special drawing rights a passenger, at the date of the event; None
            under domestic law.
    """

    damage_complaint: Deadline | None
    delay_complaint: Deadline | None
    deemed_lost: Deadline | None
    suit: Deadline | None
    regime: LiabilityRegime
    note: str
    liability_limit_sdr: int | None


@dataclass(frozen=True, slots=True)
class LiabilityCase:
    """The facts that deadlines are counted from.

    Args:
        expected_arrival_at: when the bag arrived with its passenger, or should have.
        delivered_at: when the bag was placed at the passenger's disposal; None before that.
    """

    kind: PirKind
    expected_arrival_at: datetime | None
    delivered_at: datetime | None


def after_days(start: datetime, days: int, zone: ZoneInfo) -> Deadline:
    """The deadline a number of calendar days after a start."""
    return _end_of(start.astimezone(zone).date() + timedelta(days=days), zone)


def after_years(start: datetime, years: int, zone: ZoneInfo) -> Deadline:
    """The deadline a number of calendar years after a start; 28 February in a year without a 29th."""
    day = start.astimezone(zone).date()
    leap = (day.month, day.day) == (2, 29)
    return _end_of(day.replace(year=day.year + years, day=28 if leap else day.day), zone)


def _end_of(day: date, zone: ZoneInfo) -> Deadline:
    # Where the clocks skip midnight, or a whole date, the earlier offset gives the time of the change.
    midnight = datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone)
    return Deadline(day, midnight.astimezone(UTC), zone.key)


def damage_complaint(case: LiabilityCase, zone: ZoneInfo) -> Deadline | None:
    """Deadline for a complaint about damage or missing contents; None until the bag is delivered."""
    if case.kind not in (PirKind.DAMAGED, PirKind.PILFERED) or case.delivered_at is None:
        return None
    return after_days(case.delivered_at, DAMAGE_DAYS, zone)


def delay_complaint(case: LiabilityCase, zone: ZoneInfo) -> Deadline | None:
    """Deadline for a complaint about delay; None until the bag is delivered."""
    if case.kind != PirKind.DELAYED or case.delivered_at is None:
        return None
    return after_days(case.delivered_at, DELAY_DAYS, zone)


def deemed_lost(case: LiabilityCase, zone: ZoneInfo) -> Deadline | None:
    """The day after which a delayed bag counts as lost."""
    if case.kind != PirKind.DELAYED or case.expected_arrival_at is None:
        return None
    return after_days(case.expected_arrival_at, LOST_DAYS, zone)


def suit(case: LiabilityCase, zone: ZoneInfo) -> Deadline | None:
    """Deadline for legal action."""
    if case.kind == PirKind.ON_HAND or case.expected_arrival_at is None:
        return None
    return after_years(case.expected_arrival_at, SUIT_YEARS, zone)


def due_at(case: LiabilityCase, status: PirStatus, zone: ZoneInfo) -> datetime | None:
    """The next deadline of an open PIR, UTC; None for a closed PIR and for a found bag.

    For a delayed bag the end of the day after which it counts as lost; once it is delivered, the end of the time for a
    complaint.
    """
    if status == PirStatus.CLOSED:
        return None
    nearest = damage_complaint(case, zone) or delay_complaint(case, zone) or deemed_lost(case, zone)
    return nearest.ends_at if nearest else None


def regime(origin_country: str | None, destination_country: str | None, bound: Iterable[str]) -> LiabilityRegime:
    """The law that governs carriage between two countries (``docs/DOMAIN.md#rule-16``).

    Args:
        origin_country: ISO 3166-1 alpha-2; None if unknown.
        destination_country: likewise.
        bound: countries known to be bound by the Montreal Convention at the date.
    """
    if origin_country is None or destination_country is None:
        return LiabilityRegime.UNKNOWN
    if origin_country == destination_country:
        return LiabilityRegime.DOMESTIC
    return LiabilityRegime.MONTREAL if {origin_country, destination_country} <= set(bound) else LiabilityRegime.UNKNOWN


def limit_at(limits: Iterable[LiabilityLimit], day: date) -> int | None:
    """Limit of liability for an event of a day, in special drawing rights; None before the first limit."""
    known = [limit for limit in limits if limit.valid_from <= day]
    return max(known, key=lambda limit: limit.valid_from).baggage_sdr if known else None


def of_case(
    case: LiabilityCase, zone: ZoneInfo, regime: LiabilityRegime, limits: Iterable[LiabilityLimit]
) -> Deadlines:
    """All deadlines of a case. The limit of liability is that of the day on which the bag should have arrived."""
    event_day = case.expected_arrival_at and case.expected_arrival_at.astimezone(zone).date()
    return Deadlines(
        damage_complaint=damage_complaint(case, zone),
        delay_complaint=delay_complaint(case, zone),
        deemed_lost=deemed_lost(case, zone),
        suit=suit(case, zone),
        regime=regime,
        note=NOTES[regime],
        liability_limit_sdr=limit_at(limits, event_day) if event_day and regime != LiabilityRegime.DOMESTIC else None,
    )


def of_pir(
    pir: Pir, places: Mapping[str, Airport], bound: Iterable[str], limits: Iterable[LiabilityLimit]
) -> Deadlines:
    """All deadlines of a PIR.

    Args:
        places: airports by code, including those of the PIR.
        bound: countries known to be bound by the Montreal Convention.
    """
    origin, waits_at = places.get(pir.origin or ""), pir.destination or pir.station
    destination = places.get(waits_at)
    case = LiabilityCase(PirKind(pir.kind), pir.expected_arrival_at, pir.delivered_at)
    law = regime(origin.country_code if origin else None, destination.country_code if destination else None, bound)
    return of_case(case, zone_at(places, waits_at), law, limits)
