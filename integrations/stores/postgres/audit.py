"""Who changed or revealed what: the audit trail in PostgreSQL."""

from collections.abc import Mapping, Sequence
from typing import Any

from integrations.stores.postgres.manager import Reader

INSERT_AUDIT = """
INSERT INTO audit (airline_id, actor, role, request_id, action, subject, subjects, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""


async def write(
    records: Reader,
    airline_id: int,
    *,
    actor: str,
    role: str,
    request_id: str,
    action: str,
    subject: str,
    subjects: Sequence[int],
    detail: Mapping[str, Any],
) -> None:
    """One row for one action on things of one kind. ``detail`` never holds personal data."""
    await records.execute(
        INSERT_AUDIT, airline_id, actor, role, request_id, action, subject, subjects, dict(detail), name="INSERT_AUDIT"
    )
