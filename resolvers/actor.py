"""Who asks."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Role(StrEnum):
    """What an actor is employed to do; a credential names exactly one."""

    AGENT = "AGENT"
    SUPERVISOR = "SUPERVISOR"
    ANALYST = "ANALYST"
    MONITOR = "MONITOR"
    SERVICE = "SERVICE"
    ADMIN = "ADMIN"


@dataclass(frozen=True, slots=True)
class Actor:
    """The person or program behind a request.

    Args:
        id: the credential's subject; a technical name that may be logged.
        role: None for somebody who is not signed in.
        airline_id: the tenant whose records the actor sees; None for somebody who is not signed in.
    """

    id: str
    role: Role | None
    airline_id: int | None

    @classmethod
    def anonymous(cls) -> Self:
        """Somebody without a credential."""
        return cls("anonymous", None, None)
