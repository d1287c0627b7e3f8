"""Answers of mutations with an outside effect, kept so that a repeated one gets the same answer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from integrations.stores.postgres.manager import Reader

# Whoever comes second with a key waits here until the first one's transaction ends.
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
    """What was answered under a key; the fingerprint is a digest of the input."""

    operation: str
    fingerprint: bytes
    result: Mapping[str, Any]


async def claim_key(
    records: Reader, airline_id: int, actor: str, key: str, operation: str, fingerprint: bytes, at: datetime
) -> bool:
    """Takes a key for the transaction that it is part of; False where it is taken."""
    return (
        await records.fetchval(CLAIM_KEY, airline_id, actor, key, operation, fingerprint, at, name="CLAIM_KEY")
        is not None
    )


async def find_result(records: Reader, airline_id: int, actor: str, key: str) -> StoredResult | None:
    """What was answered under the key."""
    row = await records.fetchrow(STORED_RESULT, airline_id, actor, key, name="STORED_RESULT")
    return StoredResult(*row) if row else None


async def store_result(records: Reader, airline_id: int, actor: str, key: str, answer: Mapping[str, Any]) -> None:
    """Writes the answer under a key that this transaction has claimed."""
    await records.execute(STORE_RESULT, airline_id, actor, key, dict(answer), name="STORE_RESULT")


async def delete_old(records: Reader, airline_id: int, before: datetime, limit: int) -> None:
    """Drops answers from before a moment, at most ``limit``."""
    await records.execute(DELETE_OLD_KEYS, airline_id, before, limit, name="DELETE_OLD_KEYS")
