"""Transactional outbox and lane leases in PostgreSQL; see docs/DELIVERY.md."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

from integrations.records.outbox import LANES, Consumer, OutboxMessage, PendingChanges, Subject
from integrations.stores.postgres.manager import Reader
from integrations.tracing import traceparent

CHANNEL = "outbox"

ENQUEUE_BAG_CHANGES = """
INSERT INTO outbox (airline_id, consumer, lane, subject, subject_id, events, replanned, traceparent)
SELECT $1, $2, bag_id % 64, 'BAG', bag_id, coalesce(array_agg(event_id) FILTER (WHERE event_id IS NOT NULL), '{}'),
       bag_id = ANY($5::bigint[]), $6
FROM unnest($3::bigint[], $4::uuid[]) AS change(bag_id, event_id)
GROUP BY bag_id
"""

ENQUEUE_NETWORK_CHANGE = """
INSERT INTO outbox (airline_id, consumer, lane, subject, subject_id, traceparent)
VALUES ($1, $2, $1 % 64, 'NETWORK', $1, $3)
"""

ENQUEUE_FLIGHT_CHANGES = """
INSERT INTO outbox (airline_id, consumer, lane, subject, subject_id, traceparent)
SELECT $1, consumer, flight_id % 64, 'FLIGHT', flight_id, $4
FROM unnest($2::text[]) AS consumer
CROSS JOIN unnest($3::bigint[]) AS flight_id
"""

WAKE = "SELECT pg_notify('outbox', consumer) FROM unnest($1::text[]) AS consumer"

CREATE_LANES = """
INSERT INTO lanes (consumer, lane) SELECT $1, generate_series(0, $2 - 1) ON CONFLICT (consumer, lane) DO NOTHING
"""

# Free lanes and lanes with an expired lease. A worker takes at most its share. No lease lasts for five minutes: one
# that ends later is from before the clock stepped back, and its owner may be gone.
LEASE_LANES = """
UPDATE lanes SET owner = $2, leased_until = now() + $3::interval
WHERE (consumer, lane) IN (SELECT consumer, lane FROM lanes
                           WHERE consumer = $1
                             AND (owner = $2 OR leased_until NOT BETWEEN now() AND now() + interval '5 minutes')
                           ORDER BY owner IS DISTINCT FROM $2, lane
                           LIMIT $4
                           FOR UPDATE SKIP LOCKED)
RETURNING lane
"""

COUNT_OTHER_WORKERS = """
SELECT count(DISTINCT owner) FROM lanes
WHERE consumer = $1 AND leased_until BETWEEN now() AND now() + interval '5 minutes' AND owner <> $2
"""

RELEASE_LANES = """
UPDATE lanes SET owner = NULL, leased_until = '-infinity' WHERE consumer = $1 AND owner = $2
"""

# Only while the lease lasts: a worker that was delayed must not process messages of a lane that another one has taken.
WAITING_MESSAGES = """
SELECT outbox.id, outbox.airline_id, outbox.lane, subject, subject_id, events, created_at,
       traceparent
FROM outbox
JOIN lanes ON lanes.consumer = outbox.consumer AND lanes.lane = outbox.lane
WHERE outbox.consumer = $1 AND done_at IS NULL AND lanes.owner = $2 AND lanes.leased_until > now() + $3::interval
ORDER BY outbox.id
LIMIT $4
"""

PENDING_CHANGES = """
SELECT subject_id, events, replanned
FROM outbox
WHERE airline_id = $1 AND consumer = $2 AND done_at IS NULL AND subject = 'BAG' AND subject_id = ANY($3::bigint[])
"""

PENDING_SUBJECTS = """
SELECT DISTINCT subject_id
FROM outbox
WHERE airline_id = $1 AND consumer = $2 AND done_at IS NULL AND subject = $3 AND subject_id = ANY($4::bigint[])
"""

MARK_DONE = "UPDATE outbox SET done_at = now() WHERE id = ANY($1::bigint[])"

DELETE_DONE = """
DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE done_at < now() - $1::interval LIMIT $2)
"""

LAG = """
SELECT count(*) AS messages, coalesce(extract(epoch FROM now() - min(created_at)), 0)::double precision AS seconds,
       coalesce(sum(cardinality(events)), 0)::bigint AS events
FROM (SELECT created_at, events FROM outbox WHERE consumer = $1 AND done_at IS NULL ORDER BY id LIMIT $2) AS waiting
"""


async def enqueue_bag_changes(
    records: Reader,
    airline_id: int,
    consumer: Consumer,
    changes: Sequence[tuple[int, UUID | None]],
    replanned: Collection[int],
) -> None:
    """Add one message for each changed bag, in the transaction of the change.

    Args:
        changes: bag id with the id of each new or corrected event, or with None for any other change.
        replanned: ids of those bags whose plan, tags or passenger changed; consumers skip these parts of the others.
    """
    await records.execute(
        ENQUEUE_BAG_CHANGES,
        airline_id,
        consumer,
        [bag_id for bag_id, _ in changes],
        [event_id for _, event_id in changes],
        list(replanned),
        traceparent(),
        name="ENQUEUE_BAG_CHANGES",
    )


async def enqueue_network_change(records: Reader, airline_id: int, consumer: Consumer) -> None:
    """Add a message about the airline's network, in the transaction of the change."""
    await records.execute(ENQUEUE_NETWORK_CHANGE, airline_id, consumer, traceparent(), name="ENQUEUE_NETWORK_CHANGE")


async def enqueue_flight_changes(
    records: Reader, airline_id: int, consumers: Sequence[Consumer], flight_ids: Sequence[int]
) -> None:
    """Add one message for each flight and consumer, in the transaction of the change."""
    await records.execute(
        ENQUEUE_FLIGHT_CHANGES, airline_id, consumers, flight_ids, traceparent(), name="ENQUEUE_FLIGHT_CHANGES"
    )


async def wake(records: Reader, consumers: Collection[Consumer]) -> None:
    """Wake the workers of these consumers when the transaction commits; a hint, since workers also poll."""
    await records.execute(WAKE, sorted(consumers), name="WAKE")


async def create_lanes(records: Reader, queue: str) -> None:
    """Create the lanes of a queue; those that exist stay as they are."""
    await records.execute(CREATE_LANES, queue, LANES, name="CREATE_LANES")


async def lease(records: Reader, queue: str, owner: str, seconds: float) -> list[int]:
    """Take or renew leases of a fair share of the lanes and return the owner's lanes.

    Args:
        queue: name of the lanes: a consumer, or that of an airline's dispatchers (``Service.queue``).
        owner: name of the worker.
        seconds: duration of the leases.
    """
    others = int(await records.fetchval(COUNT_OTHER_WORKERS, queue, owner, name="COUNT_OTHER_WORKERS"))
    fair_share = -(-LANES // (others + 1))
    rows = await records.fetch(LEASE_LANES, queue, owner, timedelta(seconds=seconds), fair_share, name="LEASE_LANES")
    return [row["lane"] for row in rows]


async def release(records: Reader, queue: str, owner: str) -> None:
    """End the leases of the owner's lanes."""
    await records.execute(RELEASE_LANES, queue, owner, name="RELEASE_LANES")


async def waiting_messages(
    records: Reader, consumer: Consumer, owner: str, margin: float, limit: int
) -> list[OutboxMessage]:
    """The oldest messages of the owner's lanes whose lease lasts ``margin`` seconds more, at most ``limit``."""
    return await records.fetch(
        WAITING_MESSAGES,
        consumer,
        owner,
        timedelta(seconds=margin),
        limit,
        name="WAITING_MESSAGES",
        record_class=OutboxMessage,
    )


async def pending(
    records: Reader, airline_id: int, consumer: Consumer, bag_ids: Sequence[int]
) -> dict[int, PendingChanges]:
    """The changes of these bags that the consumer has not processed yet; bags without any are absent."""
    rows = await records.fetch(PENDING_CHANGES, airline_id, consumer, bag_ids, name="PENDING_CHANGES")
    found: dict[int, PendingChanges] = {}
    for bag_id, events, replanned in rows:
        changes = found.setdefault(bag_id, PendingChanges())
        changes.events.update(events)
        changes.replanned |= replanned
    return found


async def pending_subjects(
    records: Reader, airline_id: int, consumer: Consumer, subject: Subject, ids: Sequence[int]
) -> set[int]:
    """The ids of those bags or flights that have a message the consumer has not processed yet."""
    rows = await records.fetch(PENDING_SUBJECTS, airline_id, consumer, subject.value, ids, name="PENDING_SUBJECTS")
    return {row["subject_id"] for row in rows}


async def mark_done(records: Reader, ids: Sequence[int]) -> None:
    """Mark messages as processed."""
    await records.execute(MARK_DONE, ids, name="MARK_DONE")


async def delete_done(records: Reader, older_than: timedelta, limit: int) -> None:
    """Delete messages that were processed more than ``older_than`` ago, at most ``limit``."""
    await records.execute(DELETE_DONE, older_than, limit, name="DELETE_DONE")


async def lag(records: Reader, consumer: Consumer, limit: int = 100_000) -> tuple[int, float, int]:
    """The lag of a consumer: waiting messages (counted up to ``limit``), seconds since the oldest one, their events."""
    row = await records.fetchrow(LAG, consumer, limit, name="LAG")
    assert row is not None
    return row["messages"], row["seconds"], row["events"]
