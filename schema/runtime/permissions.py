"""Permissions: the role sets, and the check before every root field. ``docs/ROLES.md`` shows them by field.

``metadata=allow(READERS)`` beside the description of a root field names its roles; ``metadata=everyone()`` opens it to
callers without a credential. ``guard_roots`` rejects a schema with a root field that has neither.
"""

from collections.abc import Set
from typing import Any

from graphql import GraphQLField, GraphQLSchema

from resolvers.actor import AGENTS, Actor, Role
from resolvers.errors import Forbidden, Unauthenticated
from schema.execution import with_rule

# Everyone with a credential.
ALL_ROLES = frozenset(Role)
# Everyone who works with bags. A monitor sees only health and metrics.
READERS = AGENTS | {Role.ANALYST, Role.SERVICE}
# Duty managers: decisions on incidents and dead letters.
SUPERVISORS = frozenset({Role.SUPERVISOR, Role.ADMIN})
# Senders of messages and flight updates, whether by GraphQL or by HTTP.
SENDERS = SUPERVISORS | {Role.SERVICE}
# Senders of scans: an agent may scan a bag by hand.
SCANNERS = AGENTS | {Role.SERVICE}
# Readers of the metrics.
MONITORS = frozenset({Role.MONITOR, Role.ADMIN})

ROLES = "roles"
DEFINITION = "strawberry-definition"


def allow(roles: Set[Role]) -> dict[str, object]:
    """Returns the metadata of a root field that these roles may use; at least one."""
    if not roles:
        raise ValueError("allow() needs at least one role; everyone() opens a field")
    return {ROLES: frozenset(roles)}


def everyone() -> dict[str, object]:
    """Returns the metadata of a root field that needs no credential."""
    return {ROLES: None}


def roles_of(field: GraphQLField) -> frozenset[Role] | None:
    """Returns the roles that may use a root field; None if it needs no credential.

    Raises:
        KeyError: its metadata does not say.
    """
    roles: frozenset[Role] | None = field.extensions[DEFINITION].metadata[ROLES]
    return roles


def admit(actor: Actor, roles: frozenset[Role]) -> None:
    """Checks that the role of the actor is one of ``roles``.

    Raises:
        Unauthenticated: the request has no credential.
        Forbidden: the role is another one.
    """
    if actor.role is None:
        raise Unauthenticated
    if actor.role not in roles:
        raise Forbidden


def guard_roots(schema: GraphQLSchema) -> None:
    """Puts the check of its roles before every root field of a built schema.

    Raises:
        ValueError: names all root fields without roles.
    """
    unguarded = []
    for root in (schema.query_type, schema.mutation_type, schema.subscription_type):
        for name, field in root.fields.items() if root else ():
            try:
                roles = roles_of(field)
            except KeyError:
                unguarded.append(f"{root}.{name}")
                continue
            if roles is not None:
                _guard(field, roles)
    if unguarded:
        raise ValueError(f"root fields without roles, add allow() or everyone(): {', '.join(sorted(unguarded))}")


def _guard(field: GraphQLField, roles: frozenset[Role]) -> None:
    def rule(context: Any) -> None:
        admit(context.actor, roles)

    if field.subscribe is not None:
        field.subscribe = with_rule(field.subscribe, rule)
    elif field.resolve is not None:
        field.resolve = with_rule(field.resolve, rule)
