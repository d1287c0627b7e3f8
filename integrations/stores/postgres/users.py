"""Accounts in PostgreSQL."""

from integrations.stores.postgres.manager import Reader

# The accounts disabled last: an older one has no valid token left, since tokens expire.
DISABLED_ACCOUNTS = """
SELECT airline_id, subject FROM users WHERE disabled_at <= now() ORDER BY disabled_at DESC LIMIT $1
"""


async def disabled(records: Reader, limit: int) -> frozenset[tuple[int, str]]:
    """Return the airline and subject of the accounts that are disabled.

    Args:
        limit: most accounts; those disabled last take precedence.
    """
    rows = await records.fetch(DISABLED_ACCOUNTS, limit, name="DISABLED_ACCOUNTS")
    return frozenset((row["airline_id"], row["subject"]) for row in rows)
