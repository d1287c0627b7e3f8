"""Actor of a request: the person or program that makes it, and its role."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Role(StrEnum):
    """Job of an actor. A credential names exactly one."""

    AGENT = "AGENT"
    SUPERVISOR = "SUPERVISOR"
    ANALYST = "ANALYST"
    MONITOR = "MONITOR"
    SERVICE = "SERVICE"
    ADMIN = "ADMIN"


# Roles that work with passengers and their PIRs. They alone see personal data (docs/DOMAIN.md#personal-data).
AGENTS = frozenset({Role.AGENT, Role.SUPERVISOR, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Actor:
    """The person or program that makes a request.

    Args:
        id: subject of the credential; a technical name that may be logged.
        role: None without a credential.
        airline_id: tenant whose records the actor sees; None without a credential.
    """

    id: str
    role: Role | None
    airline_id: int | None

    @classmethod
    def anonymous(cls) -> Self:
        """Returns the actor of a request without a credential."""
        return cls("anonymous", None, None)

    @property
    def sees_personal_data(self) -> bool:
        """Whether the actor works with passengers. Any other actor sees masked fields masked (docs/ROLES.md)."""
        return self.role in AGENTS
