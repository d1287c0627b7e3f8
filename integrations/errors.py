"""Errors of stores and partners.

OutsideError
├── Unavailable          was not reached, or did not respond in time; a retry may succeed
│   ├── DeadlineExceeded the caller's own time has run out
│   └── SchemaChanged    a migration made a prepared statement obsolete; nothing was stored
├── Unsettled            was called, and its response never came; the outcome must be looked up before a repeat
├── Refused              was reached and rejected the call; a retry is rejected again
└── Conflict             another transaction changed or created the same thing first

Every store and partner translates its driver's exceptions into these at its own edge, so that no layer above
knows a driver. ``extensions`` may be shown to a GraphQL client; the reason stays in the log.
"""


class OutsideError(Exception):
    """A failed call to a store or partner.

    Args:
        store: ``records`` (PostgreSQL), ``graph`` (Neo4j), ``cache`` (Redis) or a partner's name.
        reason: for the log only, since it may quote a driver.
    """

    code = "STORE_ERROR"

    def __init__(self, store: str, reason: str) -> None:
        super().__init__(f"{store}: {reason}")
        self.store = store
        self.reason = reason

    @property
    def extensions(self) -> dict[str, object]:
        """The machine-readable part of a GraphQL error."""
        return {"code": self.code, "store": self.store}


class Unavailable(OutsideError):
    """The store was not reached or did not respond in time; the same call may succeed later.

    Args:
        retry_after_seconds: seconds until a retry makes sense.
    """

    code = "STORE_UNAVAILABLE"

    def __init__(self, store: str, reason: str, retry_after_seconds: float = 5.0) -> None:
        super().__init__(store, reason)
        self.retry_after_seconds = retry_after_seconds

    @property
    def extensions(self) -> dict[str, object]:
        """The base fields with ``retryAfterSeconds``."""
        return {**super().extensions, "retryAfterSeconds": self.retry_after_seconds}


class DeadlineExceeded(Unavailable):
    """The caller's own deadline passed before the store responded."""

    code = "DEADLINE_EXCEEDED"


class SchemaChanged(Unavailable):
    """A migration made a prepared statement obsolete, so the store did not run it and rolled its transaction back.

    The same call succeeds on a fresh connection; see ``integrations.repeats``.
    """


class Unsettled(OutsideError):
    """The request may have reached the partner, and no response came: its outcome is unknown."""

    code = "OUTCOME_UNKNOWN"


class Refused(OutsideError):
    """The store understood the call and rejected it; a repeat does not help."""

    code = "STORE_REFUSED"


class Conflict(OutsideError):
    """Something with the same identity exists, or has changed in the meantime."""

    code = "CONFLICT"
