"""Results of mutations under their idempotency keys, so that a repeated mutation returns the first result."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from integrations.stores.postgres.manager import Reader

# A second transaction with the same key waits here until the first one ends.
CLAIM_KEY = """
INSERT INTO idempotency_keys (airline_id, actor, key, operation, fingerprint, answer, created_at)
VALUES ($1, $2, $3, $4, $5, 'null', $6)
ON CONFLICT (airline_id, actor, key) DO NOTHING
RETURNING key
"""

STORED_RESULT = """
SELECT operation, fingerprint, answer FROM idempotency_keys WHERE airline_id = $1 AND actor = $2 AND key = $3
"""

STORE_RESULT = "UPDATE idempotency_keys SET answer = $4 WHERE airline_id = $1 AND actor = $2 AND key = $3"

DELETE_OLD_KEYS = """
DELETE FROM idempotency_keys
WHERE (airline_id, actor, key) IN (SELECT airline_id, actor, key
                                   FROM idempotency_keys
                                   WHERE airline_id = $1 AND created_at < $2
                                   ORDER BY created_at
                                   LIMIT $3
                                   FOR UPDATE SKIP LOCKED)
"""


class StoredResult(NamedTuple):
    """The result stored under a key.

    Args:
        operation: name of the mutation.
        fingerprint: digest of the input.
        result: the mutation's result.
    """

    operation: str
    fingerprint: bytes
    result: Mapping[str, Any]


async def claim_key(
    records: Reader, airline_id: int, actor: str, key: str, operation: str, fingerprint: bytes, at: datetime
) -> bool:
    """Claim a key for the running transaction; return False if it is taken."""
    return (
        await records.fetchval(CLAIM_KEY, airline_id, actor, key, operation, fingerprint, at, name="CLAIM_KEY")
        is not None
    )


async def find_result(records: Reader, airline_id: int, actor: str, key: str) -> StoredResult | None:
    """The result stored under the key, None for an unknown key."""
    row = await records.fetchrow(STORED_RESULT, airline_id, actor, key, name="STORED_RESULT")
    return StoredResult(*row) if row else None


async def store_result(records: Reader, airline_id: int, actor: str, key: str, result: Mapping[str, Any]) -> None:
    """Store the result under a key that the running transaction has claimed."""
    await records.execute(STORE_RESULT, airline_id, actor, key, dict(result), name="STORE_RESULT")


async def delete_old(records: Reader, airline_id: int, before: datetime, limit: int) -> None:
    """Delete results from before a time, at most ``limit``."""
    await records.execute(DELETE_OLD_KEYS, airline_id, before, limit, name="DELETE_OLD_KEYS")
