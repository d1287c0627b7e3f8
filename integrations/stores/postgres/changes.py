"""Change log in PostgreSQL, from which subscribers read."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import NamedTuple
from uuid import UUID

from integrations.records.changes import ChangeRow, LogPosition, Topic, end_of
from integrations.stores.postgres.manager import Reader

CHANNEL = "changes"

# The notification only wakes the readers; PostgreSQL sends it at the commit.
INSERT_BAG_CHANGES = """
WITH inserted AS (
    INSERT INTO changes (airline_id, topic, ids, events) VALUES ($1, 'BAG', $2, $3)
)
SELECT pg_notify('changes', $1::text)
"""

INSERT_CHANGE = """
WITH inserted AS (
    INSERT INTO changes (airline_id, topic, ids, airport) VALUES ($1, $2, $3, $4)
)
SELECT pg_notify('changes', $1::text)
"""

# Reads up to the horizon: the oldest transaction that is open in the statement's snapshot. Without changes the result
# is one row without a position.
CHANGES_AFTER = """
WITH horizon AS MATERIALIZED (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS xid)
SELECT horizon.xid AS horizon, now() AS now, change.*
FROM horizon
LEFT JOIN LATERAL (SELECT xid, position, topic, ids, events, airport, at
                   FROM changes
                   WHERE airline_id = $1 AND (xid, position) >= ($2::xid8, $3::bigint) AND xid < horizon.xid
                   ORDER BY xid, position
                   LIMIT $4) AS change ON true
ORDER BY change.xid, change.position
"""

LAST_CHANGE = """
SELECT xid, position, now() AS now
FROM (SELECT) AS always
LEFT JOIN LATERAL (SELECT xid, position
                   FROM changes
                   WHERE airline_id = $1 AND xid < pg_snapshot_xmin(pg_current_snapshot())
                   ORDER BY xid DESC, position DESC
                   LIMIT 1) AS change ON true
"""

BAGS_ABOARD = """
SELECT bag_legs.flight_id, bag_id
FROM bag_legs
JOIN bags ON bags.id = bag_id
WHERE airline_id = $1 AND bag_id = ANY($2::bigint[]) AND bag_legs.flight_id = ANY($3::bigint[])
UNION
SELECT flight_id, id FROM bags WHERE airline_id = $1 AND id = ANY($2::bigint[]) AND flight_id = ANY($3::bigint[])
"""

DELETE_OLD_CHANGES = """
DELETE FROM changes
WHERE (airline_id, xid, position) IN (SELECT airline_id, xid, position FROM changes
                                      WHERE at < now() - $1::interval
                                      ORDER BY at
                                      LIMIT $2
                                      FOR UPDATE SKIP LOCKED)
"""


class LogPage(NamedTuple):
    """A page of the log.

    Args:
        rows: in log order. Changes of the first row may lie before the position that the page starts at.
        reached: the end of the last row; the page's start where there are no rows.
        horizon: id of the oldest transaction that may still add a row.
        now: the server's clock.
        more: whether there may be more rows already.
    """

    rows: Sequence[ChangeRow]
    reached: LogPosition
    horizon: int
    now: datetime
    more: bool


async def insert_bag_changes(records: Reader, airline_id: int, changes: Iterable[tuple[int, UUID | None]]) -> None:
    """Add changed bags with their new events to the log, in the transaction of the change.

    Args:
        changes: ids of bag and event; None for a bag that changed without an event.
    """
    ordered = sorted(changes, key=itemgetter(0))
    await records.execute(
        INSERT_BAG_CHANGES,
        airline_id,
        [bag_id for bag_id, _ in ordered],
        [event_id for _, event_id in ordered],
        name="INSERT_BAG_CHANGES",
    )


async def insert_change(
    records: Reader, airline_id: int, topic: Topic, ids: Sequence[int] = (), airport: str | None = None
) -> None:
    """Add changed flights or PIRs, an incident or a connection board to the log, in the transaction of the change.

    Args:
        ids: ids of the flights, of the PIRs or of the incident; none for a board.
        airport: IATA code of the incident's or board's airport; None for flights and PIRs.
    """
    await records.execute(INSERT_CHANGE, airline_id, topic.value, list(ids), airport, name="INSERT_CHANGE")


async def last_position(records: Reader, airline_id: int) -> tuple[LogPosition, datetime]:
    """The end of the airline's log, and the server's clock.

    The end is that of the last row, not of the last transaction, since a server that crashes may use transaction ids
    again.
    """
    row = await records.fetchrow(LAST_CHANGE, airline_id, name="LAST_CHANGE", record_class=ChangeRow)
    assert row is not None
    return LogPosition(0, 0, 0) if row.xid is None else end_of(row), row["now"]


async def read_after(records: Reader, airline_id: int, position: LogPosition, limit: int) -> LogPage:
    """The airline's log from the row of a position, at most ``limit`` rows."""
    found = await records.fetch(
        CHANGES_AFTER, airline_id, position.xid, position.position, limit, name="CHANGES_AFTER", record_class=ChangeRow
    )
    horizon, now = found[0]["horizon"], found[0]["now"]
    rows = [row for row in found if row.position is not None]
    reached = max(position, end_of(rows[-1])) if rows else position
    return LogPage(rows, reached, horizon, now, len(rows) == limit)


async def bags_of_flights(
    records: Reader, airline_id: int, bag_ids: Sequence[int], flight_ids: Sequence[int]
) -> set[tuple[int, int]]:
    """Pairs of flight id and bag id: the bags that are planned on one of these flights or were last scanned for it."""
    rows = await records.fetch(BAGS_ABOARD, airline_id, bag_ids, flight_ids, name="BAGS_ABOARD")
    return {(row["flight_id"], row["bag_id"]) for row in rows}


async def delete_old(records: Reader, older_than: timedelta, limit: int) -> int:
    """Delete rows older than ``older_than``, at most ``limit``, and return how many."""
    tag = await records.execute(DELETE_OLD_CHANGES, older_than, limit, name="DELETE_OLD_CHANGES")
    return int(tag.removeprefix("DELETE "))
