"""Figures for analysts in PostgreSQL, computed on the read replica where there is one (``Analytics``)."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from integrations.records.analytics import Age, DeliveryTimes, MishandledBy, MishandledGroup, PartnerDay
from integrations.stores.postgres.manager import Reader

# A replica that receives from the primary and has replayed all that it received is as current as it knows. Without a
# connection to the primary its data are of the last transaction that it replayed, or if it replayed none since its
# start, no older than its last checkpoint.
DATA_AGE = """
SELECT pg_is_in_recovery() AS from_replica,
       CASE WHEN pg_is_in_recovery() AND (pg_last_wal_receive_lsn() IS DISTINCT FROM pg_last_wal_replay_lsn()
                                          OR NOT EXISTS (SELECT FROM pg_stat_wal_receiver))
            THEN coalesce(pg_last_xact_replay_timestamp(), (SELECT checkpoint_time FROM pg_control_checkpoint()))
            ELSE now() END AS as_of
"""

# Bags by the week of their first flight, reports by the week of their opening. Both weeks are ISO weeks in UTC.
MISHANDLED_BY_WEEK = """
WITH carried AS (
    SELECT to_char(scheduled_departure AT TIME ZONE 'UTC', 'IYYY-"W"IW') AS key, count(*) AS bags
    FROM flights
    JOIN bag_legs ON bag_legs.flight_id = flights.id AND bag_legs.seq = 1
    JOIN bags ON bags.id = bag_legs.bag_id AND NOT deleted
    WHERE flights.airline_id = $1 AND scheduled_departure >= $2 AND scheduled_departure < $3
    GROUP BY 1
), reported AS (
    SELECT to_char(opened_at AT TIME ZONE 'UTC', 'IYYY-"W"IW') AS key, count(*) AS mishandled
    FROM pirs
    JOIN pir_bags ON pir_bags.pir_id = pirs.id
    WHERE airline_id = $1 AND opened_at >= $2 AND opened_at < $3 AND kind <> 'ON_HAND'
      AND link IS DISTINCT FROM 'RECREATED'
    GROUP BY 1
)
SELECT key, coalesce(bags, 0) AS bags, coalesce(mishandled, 0) AS mishandled, count(*) OVER () AS total
FROM carried
FULL JOIN reported USING (key)
ORDER BY key
LIMIT $4
"""

# A bag counts at each station of its plan, a report at the station at fault: as closed, else as proposed.
MISHANDLED_BY_STATION = """
WITH legs AS (
    SELECT bag_id, origin, coalesce(bag_legs.off_point, flights.destination) AS destination
    FROM flights
    JOIN bag_legs ON bag_legs.flight_id = flights.id
    JOIN bags ON bags.id = bag_id AND NOT deleted
    WHERE flights.airline_id = $1 AND scheduled_departure >= $2 AND scheduled_departure < $3
), carried AS (
    SELECT key, count(*) AS bags
    FROM (SELECT bag_id, origin AS key FROM legs UNION SELECT bag_id, destination FROM legs) AS touched
    GROUP BY key
), reported AS (
    SELECT coalesce(fault_station, proposed_station) AS key, count(*) AS mishandled
    FROM pirs
    JOIN pir_bags ON pir_bags.pir_id = pirs.id
    WHERE airline_id = $1 AND opened_at >= $2 AND opened_at < $3 AND kind <> 'ON_HAND'
      AND link IS DISTINCT FROM 'RECREATED'
    GROUP BY 1
)
SELECT reported.key, coalesce(bags, 0) AS bags, mishandled, count(*) OVER () AS total
FROM reported
LEFT JOIN carried ON carried.key = reported.key
ORDER BY mishandled DESC, reported.key
LIMIT $4
"""

# A report counts for the last flight that was planned to bring the bag to the station that reports it.
MISHANDLED_BY_FLIGHT = """
WITH carried AS (
    SELECT carrier || number || suffix AS key, count(*) AS bags
    FROM flights
    JOIN bag_legs ON bag_legs.flight_id = flights.id
    JOIN bags ON bags.id = bag_id AND NOT deleted
    WHERE flights.airline_id = $1 AND scheduled_departure >= $2 AND scheduled_departure < $3
    GROUP BY 1
), reported AS (
    SELECT came.key, count(*) AS mishandled
    FROM pirs
    JOIN pir_bags ON pir_bags.pir_id = pirs.id
    LEFT JOIN LATERAL (SELECT carrier || number || suffix AS key
                       FROM bag_legs
                       JOIN flights ON flights.id = bag_legs.flight_id
                       WHERE bag_legs.bag_id = pir_bags.bag_id
                         AND coalesce(bag_legs.off_point, flights.destination) = pirs.station
                       ORDER BY bag_legs.seq DESC LIMIT 1) AS came ON true
    WHERE airline_id = $1 AND opened_at >= $2 AND opened_at < $3 AND kind <> 'ON_HAND'
      AND link IS DISTINCT FROM 'RECREATED'
    GROUP BY 1
)
SELECT reported.key, coalesce(bags, 0) AS bags, mishandled, count(*) OVER () AS total
FROM reported
LEFT JOIN carried ON carried.key = reported.key
ORDER BY mishandled DESC, reported.key
LIMIT $4
"""

# All bags of the period count for each cause.
MISHANDLED_BY_CAUSE = """
WITH carried AS (
    SELECT count(*) AS bags
    FROM flights
    JOIN bag_legs ON bag_legs.flight_id = flights.id AND bag_legs.seq = 1
    JOIN bags ON bags.id = bag_id AND NOT deleted
    WHERE flights.airline_id = $1 AND scheduled_departure >= $2 AND scheduled_departure < $3
), reported AS (
    SELECT coalesce(reason_for_loss, proposed_reason) AS key, count(*) AS mishandled
    FROM pirs
    JOIN pir_bags ON pir_bags.pir_id = pirs.id
    WHERE airline_id = $1 AND opened_at >= $2 AND opened_at < $3 AND kind <> 'ON_HAND'
      AND link IS DISTINCT FROM 'RECREATED'
    GROUP BY 1
)
SELECT key, bags, mishandled, count(*) OVER () AS total
FROM reported, carried
ORDER BY mishandled DESC, key
LIMIT $4
"""

DELIVERY_TIMES = """
SELECT station, count(*) AS reported, count(minutes) AS delivered,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY minutes) AS median,
       percentile_disc(0.9) WITHIN GROUP (ORDER BY minutes) AS p90,
       count(*) OVER () AS total
FROM (SELECT station, floor(extract(epoch FROM pir_bags.delivered_at - opened_at) / 60)::integer AS minutes
      FROM pirs
      JOIN pir_bags ON pir_bags.pir_id = pirs.id
      WHERE airline_id = $1 AND opened_at >= $2 AND opened_at < $3 AND kind = 'DELAYED'
        AND link IS DISTINCT FROM 'RECREATED') AS bags
GROUP BY station
ORDER BY reported DESC, station
LIMIT $4
"""

PARTNER_DAYS = """
SELECT service, (started_at AT TIME ZONE 'UTC')::date AS day, count(*) AS calls, sum(units)::bigint AS units,
       sum(cost_micros)::bigint AS cost_micros, count(*) OVER () AS total
FROM sends
WHERE airline_id = $1 AND started_at >= $2 AND started_at < $3
GROUP BY 1, 2
ORDER BY day, service
LIMIT $4
"""

BAGS_OF_DEPARTURES = """
SELECT DISTINCT bag_id
FROM flights
JOIN bag_legs ON bag_legs.flight_id = flights.id
JOIN bags ON bags.id = bag_id AND NOT deleted
WHERE flights.airline_id = $1 AND scheduled_departure >= $2 AND scheduled_departure < $3
LIMIT $4
"""


async def age(records: Reader) -> Age:
    """The age of the data of the server that answers."""
    row = await records.fetchrow(DATA_AGE, name="DATA_AGE")
    assert row is not None
    return Age(row["as_of"], row["from_replica"])


async def mishandled(
    records: Reader, airline_id: int, since: datetime, until: datetime, by: MishandledBy, first: int
) -> tuple[int, list[MishandledGroup]]:
    """The number of groups and the first of them, weeks in order of time, other groups by mishandled bags.

    Args:
        since: start of the period, included.
        until: end of the period, excluded.
    """
    asked = airline_id, since, until, first
    match by:
        case MishandledBy.WEEK:
            rows = await records.fetch(MISHANDLED_BY_WEEK, *asked, name="MISHANDLED_BY_WEEK")
        case MishandledBy.STATION:
            rows = await records.fetch(MISHANDLED_BY_STATION, *asked, name="MISHANDLED_BY_STATION")
        case MishandledBy.FLIGHT:
            rows = await records.fetch(MISHANDLED_BY_FLIGHT, *asked, name="MISHANDLED_BY_FLIGHT")
        case MishandledBy.CAUSE:
            rows = await records.fetch(MISHANDLED_BY_CAUSE, *asked, name="MISHANDLED_BY_CAUSE")
    groups = [MishandledGroup(row["key"], row["bags"], row["mishandled"]) for row in rows]
    return rows[0]["total"] if rows else 0, groups


async def delivery_times(
    records: Reader, airline_id: int, since: datetime, until: datetime, first: int
) -> tuple[int, list[DeliveryTimes]]:
    """The number of stations and the first of them, by reported bags; arguments as ``mishandled``."""
    rows = await records.fetch(DELIVERY_TIMES, airline_id, since, until, first, name="DELIVERY_TIMES")
    times = [
        DeliveryTimes(row["station"], row["reported"], row["delivered"], row["median"], row["p90"]) for row in rows
    ]
    return rows[0]["total"] if rows else 0, times


async def partner_days(
    records: Reader, airline_id: int, since: datetime, until: datetime, first: int
) -> tuple[int, list[PartnerDay]]:
    """The number of days of partners and the first of them, by day; arguments as ``mishandled``."""
    rows = await records.fetch(PARTNER_DAYS, airline_id, since, until, first, name="PARTNER_DAYS")
    days = [
        PartnerDay(row["service"], row["day"], row["calls"], row["units"], Decimal(row["cost_micros"]) / 1_000_000)
        for row in rows
    ]
    return rows[0]["total"] if rows else 0, days


async def bags_of_departures(
    records: Reader, airline_id: int, since: datetime, until: datetime, limit: int
) -> Sequence[int]:
    """Ids of bags that are planned on flights which depart in a period, by schedule; at most ``limit``."""
    rows = await records.fetch(BAGS_OF_DEPARTURES, airline_id, since, until, limit, name="BAGS_OF_DEPARTURES")
    return [row["bag_id"] for row in rows]
