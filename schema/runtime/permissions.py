"""Who may use a root field: said at the field, denied where nothing is said.

``metadata=allow(Role.AGENT, Role.SUPERVISOR)`` beside a root field's description names the roles;
``metadata=everyone()`` opens it to callers without a credential. ``guard_roots`` refuses to build a schema with a root
field that says neither.
"""

from typing import Any

from graphql import GraphQLField, GraphQLSchema

from resolvers.actor import Actor, Role
from resolvers.errors import Forbidden, Unauthenticated
from schema.execution import with_rule

ROLES = "roles"
DEFINITION = "strawberry-definition"


def allow(*roles: Role) -> dict[str, object]:
    """Metadata of a root field that the named roles may use; at least one."""
    if not roles:
        raise ValueError("allow() needs at least one role; everyone() opens a field")
    return {ROLES: frozenset(roles)}


def everyone() -> dict[str, object]:
    """Metadata of a root field that needs no credential."""
    return {ROLES: None}


def admit(actor: Actor, roles: frozenset[Role]) -> None:
    """Let the actor pass if its role is one of ``roles``.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the role is not one of them.
    """
    if actor.role is None:
        raise Unauthenticated
    if actor.role not in roles:
        raise Forbidden


def guard_roots(schema: GraphQLSchema) -> None:
    """Put the check of its roles before every root field of a built schema.

    Raises:
        ValueError: root fields that do not say who may use them, all of them by name.
    """
    silent = []
    for root in (schema.query_type, schema.mutation_type, schema.subscription_type):
        for name, field in root.fields.items() if root else ():
            metadata = field.extensions[DEFINITION].metadata
            if ROLES not in metadata:
                silent.append(f"{root}.{name}")
            elif metadata[ROLES] is not None:
                _guard(field, metadata[ROLES])
    if silent:
        raise ValueError(f"say who may use these root fields, by allow() or everyone(): {', '.join(sorted(silent))}")


def _guard(field: GraphQLField, roles: frozenset[Role]) -> None:
    def rule(context: Any) -> None:
        admit(context.actor, roles)

    if field.subscribe is not None:
        field.subscribe = with_rule(field.subscribe, rule)
    elif field.resolve is not None:
        field.resolve = with_rule(field.resolve, rule)
