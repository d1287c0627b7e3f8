"""Figures for analysts, on the read replica where there is one: each bounded, each with its age."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from integrations.batches import in_batches
from integrations.records.analytics import (
    DeliveryTimes,
    Figures,
    MishandledBy,
    MishandledGroup,
    PartnerDay,
    StationCustody,
)
from integrations.records.inventory import PointCount
from integrations.records.journeys import CustodyPoint, CustodyPointKind
from integrations.stores.postgres import analytics
from resolvers.context import Context
from resolvers.errors import BadInput, check_range
from resolvers.ingestion import history
from resolvers.rules.custody import custody_points

MAX_PERIOD = timedelta(days=92)
MAX_ROWS = 500
# Custody is computed bag by bag from all events.
MAX_CUSTODY_PERIOD = timedelta(hours=24)
MAX_CUSTODY_BAGS = 20_000
BATCH = 500


async def mishandled(
    context: Context, since: date, until: date, by: MishandledBy, first: int
) -> Figures[MishandledGroup]:
    """Mishandled bags of a period, grouped, with the bags that were planned to travel.

    Args:
        since: first day, UTC.
        until: day after the last one, at most 92 days later.
        first: maximum number of groups, 1 to 500.

    Raises:
        BadInput: the period or ``first`` is out of bounds.
    """
    begin, end = _period(since, until, first)
    records = context.stores.postgres.analytics
    age = await analytics.age(records)
    return Figures(age, *await analytics.mishandled(records, context.airline_id, begin, end, by, first))


async def delivery_times(context: Context, since: date, until: date, first: int) -> Figures[DeliveryTimes]:
    """Minutes from filing to delivery, by station; arguments and errors as ``mishandled``."""
    begin, end = _period(since, until, first)
    records = context.stores.postgres.analytics
    age = await analytics.age(records)
    return Figures(age, *await analytics.delivery_times(records, context.airline_id, begin, end, first))


async def partner_days(context: Context, since: date, until: date, first: int) -> Figures[PartnerDay]:
    """Cost by partner and day; arguments and errors as ``mishandled``."""
    begin, end = _period(since, until, first)
    records = context.stores.postgres.analytics
    age = await analytics.age(records)
    return Figures(age, *await analytics.partner_days(records, context.airline_id, begin, end, first))


async def station_custody(context: Context, since: datetime, until: datetime, first: int) -> Figures[StationCustody]:
    """Custody points by station, of the bags that are planned on flights which depart in a period.

    Args:
        since: start of the period.
        until: end of the period, excluded, at most 24 hours later.
        first: maximum number of stations, 1 to 500.

    Raises:
        BadInput: the period or ``first`` is out of bounds, or the period has more than 20,000 bags.
    """
    if not timedelta() < until - since <= MAX_CUSTODY_PERIOD:
        raise BadInput(
            "to", f"to must be after from and at most {MAX_CUSTODY_PERIOD // timedelta(hours=1)} hours later"
        )
    check_range("first", first, 1, MAX_ROWS)
    records, airline_id = context.stores.postgres.analytics, context.airline_id
    age = await analytics.age(records)
    bag_ids = await analytics.bags_of_departures(records, airline_id, since, until, MAX_CUSTODY_BAGS + 1)
    if len(bag_ids) > MAX_CUSTODY_BAGS:
        raise BadInput("to", f"to must leave at most {MAX_CUSTODY_BAGS} bags in the period")
    counts = _Counts()
    for batch in in_batches(bag_ids, BATCH):
        known = await history.of_bags(records, airline_id, batch)
        for one in known.values():
            counts.add(custody_points(one.events, one.planned, one.flights))
        await asyncio.sleep(0)
    stations = counts.stations()
    return Figures(age, len(stations), stations[:first])


class _Counts:
    """Running numbers of custody points by station."""

    def __init__(self) -> None:
        self._bags = Counter[str]()
        self._due: dict[str, Counter[CustodyPointKind]] = defaultdict(Counter)
        self._proved: dict[str, Counter[CustodyPointKind]] = defaultdict(Counter)

    def add(self, points: Sequence[CustodyPoint]) -> None:
        """Adds the points of one bag."""
        self._bags.update({point.airport for point in points})
        for point in points:
            self._due[point.airport][point.kind] += 1
            self._proved[point.airport][point.kind] += point.proved

    def stations(self) -> list[StationCustody]:
        """The stations, those with most missing points first."""
        found = [
            StationCustody(
                station,
                bags,
                [PointCount(kind, self._due[station][kind], self._proved[station][kind]) for kind in CustodyPointKind],
            )
            for station, bags in self._bags.items()
        ]
        return sorted(found, key=lambda one: (-sum(point.missing for point in one.points), one.station))


def _period(since: date, until: date, first: int) -> tuple[datetime, datetime]:
    if not timedelta() < until - since <= MAX_PERIOD:
        raise BadInput("to", f"to must be after from and at most {MAX_PERIOD.days} days later")
    check_range("first", first, 1, MAX_ROWS)
    return datetime.combine(since, time(), UTC), datetime.combine(until, time(), UTC)
