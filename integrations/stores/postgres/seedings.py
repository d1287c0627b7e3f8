"""Seeding of a demo in PostgreSQL: the seeding's row, reserved ids, and the reset of all tables."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from integrations.records.outbox import Consumer
from integrations.records.seedings import Seeding
from integrations.stores.postgres.manager import Reader

INSERT_SEEDING = """
INSERT INTO seedings (airline_id, seed, anchored_at, bags, exceptions)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (airline_id) DO NOTHING
RETURNING airline_id, seed, anchored_at, bags, exceptions, finished_at
"""

SEEDING = """
SELECT airline_id, seed, anchored_at, bags, exceptions, finished_at FROM seedings WHERE airline_id = $1
"""

FINISH_SEEDING = "UPDATE seedings SET finished_at = now() WHERE airline_id = $1"

# All airlines share the ids of a table.
IDS_ARE_TAKEN = """
SELECT EXISTS (SELECT FROM flights) OR EXISTS (SELECT FROM bookings) OR EXISTS (SELECT FROM passengers)
    OR EXISTS (SELECT FROM bags) OR EXISTS (SELECT FROM pirs)
"""

RESERVE_IDS = """
SELECT setval(pg_get_serial_sequence('flights', 'id'), greatest($1::bigint, 1)),
       setval(pg_get_serial_sequence('bookings', 'id'), greatest($2::bigint, 1)),
       setval(pg_get_serial_sequence('passengers', 'id'), greatest($2::bigint, 1)),
       setval(pg_get_serial_sequence('pirs', 'id'), greatest($3::bigint, 1))
"""

COUNT_DESCRIBED_BAGS = """
SELECT count(*)
FROM bag_tags
JOIN bags ON bags.id = bag_id AND bags.airline_id = $1
WHERE bag_tags.airline_id = $1 AND number = ANY($2::text[]) AND description IS NOT NULL
"""

DESCRIBE_BAGS = """
UPDATE bags SET description = new.description
FROM unnest($2::bigint[], $3::text[]) AS new(id, description)
WHERE bags.id = new.id AND bags.airline_id = $1
"""

ANALYZE = """
ANALYZE flights, bookings, passengers, bags, bag_tags, bag_legs, messages, instructions, events, pirs, pir_bags, outbox
"""

OTHERS_HAVE_RECORDS = """
SELECT EXISTS (SELECT FROM bags WHERE airline_id <> $1) OR EXISTS (SELECT FROM flights WHERE airline_id <> $1)
"""

TRUNCATE_RECORDS = """
TRUNCATE flights, bookings, passengers, bag_tags, bags, bag_legs, events, pirs, pir_bags, pir_events, match_keys,
         pir_matches, effects, sends, delivery_reports, consent_changes, idempotency_keys, messages,
         dead_letters, instructions, incidents, incident_bags, seedings RESTART IDENTITY
"""

# Their ids continue, since a projector may still mark rows that it read before.
TRUNCATE_LOGS = "TRUNCATE outbox, changes, audit CONTINUE IDENTITY"

# Takes lanes from owners with a valid lease as well; they notice before their next batch.
SEIZE_LANES = "UPDATE lanes SET owner = $2, leased_until = now() + $3::interval WHERE consumer = $1"


LONG_SECONDS = 60.0


async def start(
    records: Reader, airline_id: int, seed: int, anchored_at: datetime, bags: int, exceptions: int
) -> Seeding | None:
    """Insert the row of a seeding and return it; None if the airline has one, perhaps of a concurrent run."""
    return await records.fetchrow(
        INSERT_SEEDING, airline_id, seed, anchored_at, bags, exceptions, name="INSERT_SEEDING", record_class=Seeding
    )


async def find(records: Reader, airline_id: int) -> Seeding | None:
    """The airline's seeding, None if there is none."""
    return await records.fetchrow(SEEDING, airline_id, name="SEEDING", record_class=Seeding)


async def finish(records: Reader, airline_id: int) -> None:
    """Mark the airline's seeding as finished."""
    await records.execute(FINISH_SEEDING, airline_id, name="FINISH_SEEDING")


async def ids_are_taken(records: Reader) -> bool:
    """Whether any airline has rows in the tables whose ids a seeding chooses."""
    return bool(await records.fetchval(IDS_ARE_TAKEN, name="IDS_ARE_TAKEN"))


async def reserve_ids(records: Reader, flights: int, passengers: int, pirs: int) -> None:
    """Reserve the ids from 1 to these numbers for a seeding; other rows get later ids from now on.

    As many ids of bookings are reserved as of passengers.
    """
    await records.execute(RESERVE_IDS, flights, passengers, pirs, name="RESERVE_IDS")


async def count_described(records: Reader, airline_id: int, tags: Sequence[str]) -> int:
    """The number of bags that carried these tags and have a description."""
    return int(await records.fetchval(COUNT_DESCRIBED_BAGS, airline_id, tags, name="COUNT_DESCRIBED_BAGS"))


async def describe(records: Reader, airline_id: int, descriptions: Mapping[int, str]) -> None:
    """Set the descriptions of bags, by id."""
    await records.execute(
        DESCRIBE_BAGS, airline_id, list(descriptions), list(descriptions.values()), name="DESCRIBE_BAGS"
    )


async def analyze(records: Reader) -> None:
    """Update the planner's statistics, since plans made for empty tables read them whole each time."""
    await records.execute(ANALYZE, name="ANALYZE", timeout=LONG_SECONDS)


async def others_have_records(records: Reader, airline_id: int) -> bool:
    """Whether another airline has records, which a reset of the tables would delete."""
    return bool(
        await records.fetchval(OTHERS_HAVE_RECORDS, airline_id, name="OTHERS_HAVE_RECORDS", timeout=LONG_SECONDS)
    )


async def empty(records: Reader) -> None:
    """Empty all tables except reference data, network and users; call it in a transaction."""
    await records.execute(TRUNCATE_RECORDS, name="TRUNCATE_RECORDS", timeout=LONG_SECONDS)
    await records.execute(TRUNCATE_LOGS, name="TRUNCATE_LOGS", timeout=LONG_SECONDS)


async def seize_lanes(records: Reader, consumer: Consumer, owner: str, seconds: float) -> None:
    """Take all lanes, leased ones included, so that no other worker starts a batch for ``seconds``."""
    await records.execute(SEIZE_LANES, consumer, owner, timedelta(seconds=seconds), name="SEIZE_LANES")
