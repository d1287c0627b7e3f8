"""Audit trail in PostgreSQL: who changed or revealed what."""

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
    """Insert one row for one action on subjects of one kind.

    Args:
        actor: id of the person or program.
        role: role of the actor.
        request_id: id of the request, as in the access log.
        action: name of the action.
        subject: kind of the subjects.
        subjects: ids of the subjects.
        detail: further values; never personal data.
    """
    await records.execute(
        INSERT_AUDIT, airline_id, actor, role, request_id, action, subject, subjects, dict(detail), name="INSERT_AUDIT"
    )
