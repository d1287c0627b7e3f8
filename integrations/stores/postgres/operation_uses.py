"""Uses of operations in PostgreSQL."""

from collections.abc import Sequence

from integrations.records.operation_uses import OperationUse
from integrations.records.registered_operations import ClientVersion
from integrations.stores.postgres.manager import PostgresManager, Reader

# A client that writes its values into documents, or a hostile one, does not fill the database: further documents and
# clients are not counted.
MAX_DOCUMENTS = 20_000
MAX_USES_OF_DAY = 50_000
KEPT_DAYS = 400

INSERT_USED_DOCUMENTS = """
INSERT INTO used_documents (digest, document)
SELECT DISTINCT digest, document FROM unnest($1::bytea[], $2::text[]) AS given (digest, document)
WHERE (SELECT count(*) FROM used_documents) < $3
ORDER BY digest
ON CONFLICT DO NOTHING
"""

# In order, so that processes do not wait for each other's rows in a circle.
ADD_USES = """
INSERT INTO operation_uses AS known (day, client, version, operation, digest, uses, last_used_at)
SELECT (now() AT TIME ZONE 'UTC')::date, client, version, operation, digest, sum(uses), now()
FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::bigint[])
    AS given (client, version, operation, digest, uses)
JOIN used_documents USING (digest)
WHERE (SELECT count(*) FROM operation_uses WHERE day = (now() AT TIME ZONE 'UTC')::date) < $6
GROUP BY client, version, operation, digest
ORDER BY client, version, operation, digest
ON CONFLICT (day, client, version, operation, digest)
    DO UPDATE SET uses = known.uses + excluded.uses, last_used_at = excluded.last_used_at
"""

DELETE_OLD_USES = "DELETE FROM operation_uses WHERE day < (now() AT TIME ZONE 'UTC')::date - $1::integer"

DELETE_UNUSED_DOCUMENTS = """
DELETE FROM used_documents AS document WHERE NOT EXISTS (SELECT FROM operation_uses WHERE digest = document.digest)
"""

USES = """
SELECT client, version, operation, document, sum(uses)::bigint AS uses, max(day) AS last_day
FROM operation_uses JOIN used_documents USING (digest)
WHERE day > (now() AT TIME ZONE 'UTC')::date - $1::integer
GROUP BY client, version, operation, digest, document
ORDER BY client, max(last_used_at) DESC, version, operation, digest
"""


async def add(postgres: PostgresManager, uses: Sequence[OperationUse]) -> None:
    """Add uses to those of today."""
    digests = [one.digest for one in uses]
    clients, versions = [one.of.client for one in uses], [one.of.version for one in uses]
    names, numbers = [one.operation for one in uses], [one.uses for one in uses]
    async with postgres.transaction() as records:
        documents = [one.document for one in uses]
        await records.execute(INSERT_USED_DOCUMENTS, digests, documents, MAX_DOCUMENTS, name="INSERT_USED_DOCUMENTS")
        await records.execute(ADD_USES, clients, versions, names, digests, numbers, MAX_USES_OF_DAY, name="ADD_USES")


async def delete_old(postgres: PostgresManager) -> None:
    """Delete uses older than ``KEPT_DAYS``, and documents without uses."""
    async with postgres.transaction() as records:
        await records.execute(DELETE_OLD_USES, KEPT_DAYS, name="DELETE_OLD_USES")
        await records.execute(DELETE_UNUSED_DOCUMENTS, name="DELETE_UNUSED_DOCUMENTS")


async def of_days(records: Reader, days: int) -> list[OperationUse]:
    """Return the uses of the last days, by client, the latest first.

    Args:
        days: number of days, today included.
    """
    rows = await records.fetch(USES, days, name="USES")
    return [
        OperationUse(ClientVersion(client, version), operation, document, uses, last_day)
        for client, version, operation, document, uses, last_day in rows
    ]
