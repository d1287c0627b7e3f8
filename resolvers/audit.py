"""Audit trail: who changed or revealed what."""

from collections.abc import Mapping, Sequence
from typing import Any

from integrations.stores.postgres import audit as store
from integrations.stores.postgres.manager import Reader
from resolvers.actor import Actor
from resolvers.context import Context


async def audit(
    context: Context,
    records: Reader,
    action: str,
    subject: str,
    ids: Sequence[int],
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Writes one audit row for an action of the request's actor; part of the transaction of the action.

    Args:
        action: in the imperative: ``UPDATE_FLIGHT``.
        subject: kind of the records: ``FLIGHT``.
        ids: of the records.
        detail: further facts about the action; never personal data.

    Raises:
        Unauthenticated: the request has no tenant.
    """
    await audit_actor(records, context.airline_id, context.actor, context.request_id, action, subject, ids, detail)


async def audit_actor(
    records: Reader,
    airline_id: int,
    actor: Actor,
    request_id: str,
    action: str,
    subject: str,
    ids: Sequence[int],
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Writes one audit row, as ``audit``, for an actor that a signed link names."""
    await store.write(
        records,
        airline_id,
        actor=actor.id,
        role=actor.role or "",
        request_id=request_id,
        action=action,
        subject=subject,
        subjects=ids,
        detail=detail or {},
    )
