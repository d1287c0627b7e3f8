"""The law's deadlines of a file. Pure.

Montreal Convention 1999: damage is complained of within 7 days of receipt, delay within 21 days of the day the bag was
placed at the passenger's disposal (Article 31); a bag that is missing more than 21 days after it should have arrived
counts as lost (Article 17); suit within two years of the arrival, or of when it was due (Article 35). Days are calendar
days of the destination airport's local date; a deadline ends with its day.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from integrations.records.airports import Airport
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
    """The last day for something, on the clock of the destination.

    Args:
        ends_at: when that day is over, UTC.
        zone: name in the time zone database.
    """

    date: date
    ends_at: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class Deadlines:
    """What the law counts for a file; None where it does not count, or not yet.

    Args:
        liability_limit_sdr: special drawing rights a passenger at the date of the event; None under domestic law.
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
    """What deadlines are counted from.

    Args:
        expected_arrival_at: when the bag should have arrived, or did, with its passenger.
        delivered_at: when it was placed at the passenger's disposal; None before that.
    """

    kind: PirKind
    expected_arrival_at: datetime | None
    delivered_at: datetime | None


def after_days(moment: datetime, days: int, zone: ZoneInfo) -> Deadline:
    """The deadline so many calendar days after a moment."""
    return _end_of(moment.astimezone(zone).date() + timedelta(days=days), zone)


def after_years(moment: datetime, years: int, zone: ZoneInfo) -> Deadline:
    """The deadline so many calendar years after a moment; 28 February where there is no 29th."""
    day = moment.astimezone(zone).date()
    leap = (day.month, day.day) == (2, 29)
    return _end_of(day.replace(year=day.year + years, day=28 if leap else day.day), zone)


def _end_of(day: date, zone: ZoneInfo) -> Deadline:
    # Where clocks skip midnight, or a date, the earlier offset gives the moment of the change.
    midnight = datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone)
    return Deadline(day, midnight.astimezone(UTC), zone.key)


def damage_complaint(case: LiabilityCase, zone: ZoneInfo) -> Deadline | None:
    """Until when damage, or missing contents, is complained of."""
    if case.kind not in (PirKind.DAMAGED, PirKind.PILFERED) or case.delivered_at is None:
        return None
    return after_days(case.delivered_at, DAMAGE_DAYS, zone)


def delay_complaint(case: LiabilityCase, zone: ZoneInfo) -> Deadline | None:
    """Until when delay is complained of; None until the bag is delivered."""
    if case.kind != PirKind.DELAYED or case.delivered_at is None:
        return None
    return after_days(case.delivered_at, DELAY_DAYS, zone)


def deemed_lost(case: LiabilityCase, zone: ZoneInfo) -> Deadline | None:
    """After which day a delayed bag counts as lost."""
    if case.kind != PirKind.DELAYED or case.expected_arrival_at is None:
        return None
    return after_days(case.expected_arrival_at, LOST_DAYS, zone)


def suit(case: LiabilityCase, zone: ZoneInfo) -> Deadline | None:
    """Until when the airline can be sued."""
    if case.kind == PirKind.ON_HAND or case.expected_arrival_at is None:
        return None
    return after_years(case.expected_arrival_at, SUIT_YEARS, zone)


def due_at(case: LiabilityCase, status: PirStatus, zone: ZoneInfo) -> datetime | None:
    """The next deadline that matters for what is still to be done; None for a closed file and for a found bag.

    For a delayed bag the day it counts as lost, and once it is delivered the end of the time to complain.
    """
    if status == PirStatus.CLOSED:
        return None
    nearest = damage_complaint(case, zone) or delay_complaint(case, zone) or deemed_lost(case, zone)
    return nearest.ends_at if nearest else None


def regime(origin_country: str | None, destination_country: str | None, bound: Iterable[str]) -> LiabilityRegime:
    """Which law governs carriage between two countries (ISO 3166-1 alpha-2, None where unknown).

    Args:
        bound: the countries known to be bound by the Montreal Convention at the date.
    """
    if origin_country is None or destination_country is None:
        return LiabilityRegime.UNKNOWN
    if origin_country == destination_country:
        return LiabilityRegime.DOMESTIC
    return LiabilityRegime.MONTREAL if {origin_country, destination_country} <= set(bound) else LiabilityRegime.UNKNOWN


def limit_at(limits: Iterable[LiabilityLimit], day: date) -> int | None:
    """The limit of liability for an event of that day; None before the first."""
    known = [limit for limit in limits if limit.valid_from <= day]
    return max(known, key=lambda limit: limit.valid_from).baggage_sdr if known else None


def of_case(
    case: LiabilityCase, zone: ZoneInfo, regime: LiabilityRegime, limits: Iterable[LiabilityLimit]
) -> Deadlines:
    """All deadlines of a file. The limit is that of the day the bag should have arrived."""
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
    """All deadlines of a file.

    Args:
        places: airports by code, those of the file among them.
        bound: the countries known to be bound by the Montreal Convention.
    """
    origin, destination = places.get(pir.origin or ""), places[pir.destination or pir.station]
    case = LiabilityCase(PirKind(pir.kind), pir.expected_arrival_at, pir.delivered_at)
    law = regime(origin.country_code if origin else None, destination.country_code, bound)
    return of_case(case, ZoneInfo(destination.time_zone), law, limits)
