"""One effect for one key: a command that is sent again gets the answer of the first time.

The key, the change and the answer are one transaction. A refused command leaves its key free, since it had no effect.
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

# Nobody repeats a command later; and each new key clears away more old ones than it adds.
KEPT = timedelta(days=7)
CLEARED_AT_ONCE = 10


def fingerprint(command: Any) -> bytes:
    """A digest of all that a command (a dataclass) says."""
    return hashlib.sha256(orjson.dumps(command, option=orjson.OPT_SORT_KEYS)).digest()


async def earlier_answer(
    context: Context, records: Reader, key: str, operation: str, command: Any
) -> Mapping[str, Any] | None:
    """The answer that was given under this key; None for a new key, which is then taken by this transaction.

    Where another transaction holds the key, waits for its end.

    Raises:
        KeyReused: the key was used for another command.
    """
    airline_id, actor, digest = context.airline_id, context.actor.id, fingerprint(command)
    if await idempotency.claim_key(records, airline_id, actor, key, operation, digest, context.now()):
        await idempotency.delete_old(records, airline_id, context.now() - KEPT, CLEARED_AT_ONCE)
        return None
    kept = await idempotency.find_result(records, airline_id, actor, key)
    if kept is None or (kept.operation, kept.fingerprint) != (operation, digest):
        raise KeyReused("idempotencyKey", "This key was used for another input: take a new one.")
    return kept.result


async def keep(context: Context, records: Reader, key: str, answer: Mapping[str, Any]) -> None:
    """Keeps the answer under the key that this transaction has taken."""
    await idempotency.store_result(records, context.airline_id, context.actor.id, key, answer)
