"""Idempotency keys: a repeated command returns the result of its first run.

Key, change and result are written in one transaction. A rejected command leaves its key free, since it changed nothing.
"""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson

from integrations.stores.postgres import idempotency
from integrations.stores.postgres.manager import Reader
from resolvers.context import Context
from resolvers.errors import KeyReused

# No client repeats a command later than this.
RETENTION = timedelta(days=7)
# Each new key deletes more old keys than it adds.
DELETED_PER_KEY = 10


def fingerprint(command: Any) -> bytes:
    """Returns a digest of a command, given as a mapping or a dataclass."""
    return hashlib.sha256(orjson.dumps(command, option=orjson.OPT_SORT_KEYS)).digest()


async def earlier_result(
    context: Context, records: Reader, key: str, operation: str, command: Any
) -> Mapping[str, Any] | None:
    """Returns the result that is stored under a key; None for a new key, which this transaction then claims.

    Waits while another transaction holds the key.

    Raises:
        KeyReused: the key was used for another command.
    """
    airline_id, actor, digest = context.airline_id, context.actor.id, fingerprint(command)
    if await idempotency.claim_key(records, airline_id, actor, key, operation, digest, context.now()):
        await idempotency.delete_old(records, airline_id, context.now() - RETENTION, DELETED_PER_KEY)
        return None
    kept = await idempotency.find_result(records, airline_id, actor, key)
    if kept is None or (kept.operation, kept.fingerprint) != (operation, digest):
        raise KeyReused("idempotencyKey", "idempotencyKey must be new for a new input; it was used for another one")
    return kept.result


async def keep(context: Context, records: Reader, key: str, result: Mapping[str, Any]) -> None:
    """Stores the result under the key that this transaction has claimed."""
    await idempotency.store_result(records, context.airline_id, context.actor.id, key, result)
