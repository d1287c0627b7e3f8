"""Errors that a caller can act on.

CallerError
├── BadInput         the value of an argument cannot be used; names the argument
├── Unauthenticated  the request has no valid credential
├── Forbidden        the actor's role does not allow the request
├── NotFound         a command names an object that does not exist (a query returns null instead)
├── CursorExpired    a subscription cannot resume from its cursor
└── Refusal          a command is rejected in the current state of its object; part of a mutation's payload
    ├── InvalidState     the state of the object does not allow the command; names the allowed commands
    ├── PirClosed        the PIR is closed
    ├── ReasonRequired   reason for loss or fault station is missing
    ├── AlreadyOpen      the bag has an open PIR; names it
    ├── VersionConflict  the object has changed since it was read
    └── KeyReused        the idempotency key was used for another input

Messages are written for the caller and reach it unchanged: they hold no driver's text and no personal data.
``extensions`` are the extensions of a GraphQL error.
"""


class CallerError(Exception):
    """An error that the caller has to resolve; ``code`` is stable and documented."""

    code = "BAD_USER_INPUT"

    @property
    def extensions(self) -> dict[str, object]:
        """The extensions of a GraphQL error."""
        return {"code": self.code}


class BadInput(CallerError):
    """A value of the right type that cannot be used.

    Args:
        field: the argument or input field, as the caller wrote it.
        message: names the argument, the constraint and the limit.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field

    @property
    def extensions(self) -> dict[str, object]:
        """The extensions with the name of the argument."""
        return {**super().extensions, "field": self.field}


class Unauthenticated(CallerError):
    """The request has no valid credential."""

    code = "UNAUTHENTICATED"

    def __init__(self, message: str = "This field requires a bearer token") -> None:
        super().__init__(message)


class Forbidden(CallerError):
    """The actor's role does not allow the request."""

    code = "FORBIDDEN"

    def __init__(self, message: str = "Your role does not allow this") -> None:
        super().__init__(message)


class NotFound(CallerError):
    """A command names an object that does not exist or belongs to another airline.

    Args:
        field: the argument that names the object.
        message: what was not found.
    """

    code = "NOT_FOUND"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field

    @property
    def extensions(self) -> dict[str, object]:
        """The extensions with the name of the argument."""
        return {**super().extensions, "field": self.field}


class CursorExpired(CallerError):
    """The change log no longer holds the changes after a cursor.

    Args:
        hours: lifetime of a cursor.
    """

    code = "CURSOR_EXPIRED"

    def __init__(self, hours: float) -> None:
        super().__init__(
            f"after must be at most {hours:g} hours old and from this database: query the current state, "
            "then subscribe without after"
        )


class Refusal(CallerError):
    """A command is rejected in the current state of its object.

    Args:
        field: the input field that the rejection concerns.
        message: the obstacle, and what the caller can do.
    """

    code = "INVALID_STATE"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class InvalidState(Refusal):
    """The state of the object does not allow the command."""


class PirClosed(Refusal):
    """The PIR is closed, and closed PIRs are never reopened."""

    code = "PIR_CLOSED"


class ReasonRequired(Refusal):
    """A PIR of the kind DELAYED is closed only with reason for loss and fault station."""

    code = "REASON_REQUIRED"


class AlreadyOpen(Refusal):
    """The bag has an open PIR of the same kind."""

    code = "ALREADY_OPEN"


class VersionConflict(Refusal):
    """The object has changed since the caller read it."""

    code = "VERSION_CONFLICT"


class KeyReused(Refusal):
    """The idempotency key was used for another input."""

    code = "IDEMPOTENCY_KEY_REUSED"


def check_range(field: str, value: int, lowest: int, highest: int) -> None:
    """Checks that a whole number lies within bounds.

    Args:
        field: the argument, as the caller wrote it.

    Raises:
        BadInput: the value is out of bounds.
    """
    if not lowest <= value <= highest:
        raise BadInput(field, f"{field} must be between {lowest} and {highest}")
