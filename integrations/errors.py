"""What can go wrong outside the process.

OutsideError
├── Unavailable          could not be reached or did not answer in time: worth a retry
│   └── DeadlineExceeded the time the caller gave is used up
├── Unsettled            was asked, and its answer never came: whether it did it is to be found out before a repeat
├── Refused              was reached and said no: a retry says no again
└── Conflict             somebody else changed or made the same thing first

Every store and partner translates its driver's exceptions into these at its own edge, so that no layer above
knows a driver. ``extensions`` is what a GraphQL client may be told; the reason stays in the log.
"""


class OutsideError(Exception):
    """A store or partner did not do what was asked.

    Args:
        store: ``records`` (PostgreSQL), ``graph`` (Neo4j), ``cache`` (Redis) or a partner's name.
        reason: for the log only: it may hold a driver's words.
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
    """The store could not be reached or did not answer in time; the same call may succeed later."""

    code = "STORE_UNAVAILABLE"

    def __init__(self, store: str, reason: str, retry_after_seconds: float = 5.0) -> None:
        super().__init__(store, reason)
        self.retry_after_seconds = retry_after_seconds

    @property
    def extensions(self) -> dict[str, object]:
        """Adds when to try again, in seconds."""
        return {**super().extensions, "retryAfterSeconds": self.retry_after_seconds}


class DeadlineExceeded(Unavailable):
    """The caller's own deadline passed before the store answered."""

    code = "DEADLINE_EXCEEDED"


class Unsettled(OutsideError):
    """The request may have reached the partner and the answer did not come: it may or may not have been done."""

    code = "OUTCOME_UNKNOWN"


class Refused(OutsideError):
    """The store understood and refused; repeating the call does not help."""

    code = "STORE_REFUSED"


class Conflict(OutsideError):
    """Something with the same identity exists or changed meanwhile."""

    code = "CONFLICT"
