"""What a caller may be told.

CallerError
├── BadInput         an argument's value cannot be used; names the argument
├── Unauthenticated  nobody is signed in
├── Forbidden        who is signed in may not do this
├── NotFound         a command names something that is not there (a query answers null instead)
├── CursorExpired    a subscription cannot go on from its cursor
└── Refusal          a command does not fit how things stand; part of a mutation's payload
    ├── InvalidState     what is to be changed is not in a state for it; names what is allowed
    ├── PirClosed        the file is closed
    ├── ReasonRequired   reason for loss or fault station is missing
    ├── AlreadyOpen      there is an open file for the bag; names it
    ├── VersionConflict  somebody changed it since it was read
    └── KeyReused        the idempotency key was used for another input

The message is written for the caller and reaches it as it is: no driver's words, no personal data.
``extensions`` is what a GraphQL error carries beside it.
"""


class CallerError(Exception):
    """The caller, not the product, has to change something; ``code`` is stable and documented."""

    code = "BAD_USER_INPUT"

    @property
    def extensions(self) -> dict[str, object]:
        """The machine-readable part of a GraphQL error."""
        return {"code": self.code}


class BadInput(CallerError):
    """A value that passed its type and still cannot be used.

    Args:
        field: the argument or input field, as the caller wrote it.
        message: what is wrong and what would be right.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field

    @property
    def extensions(self) -> dict[str, object]:
        """Adds which argument it is."""
        return {**super().extensions, "field": self.field}


class Unauthenticated(CallerError):
    """No valid credential came with the request."""

    code = "UNAUTHENTICATED"

    def __init__(self, message: str = "Sign in: this field needs a bearer token.") -> None:
        super().__init__(message)


class Forbidden(CallerError):
    """The actor's role does not allow this."""

    code = "FORBIDDEN"

    def __init__(self, message: str = "Your role does not allow this.") -> None:
        super().__init__(message)


class NotFound(CallerError):
    """A command names a thing that does not exist or belongs to another airline.

    Args:
        field: the argument that names it.
        message: what was not found, in the caller's words.
    """

    code = "NOT_FOUND"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field

    @property
    def extensions(self) -> dict[str, object]:
        """Adds which argument named it."""
        return {**super().extensions, "field": self.field}


class CursorExpired(CallerError):
    """What follows a subscription's cursor is no longer kept.

    Args:
        hours: for which it is.
    """

    code = "CURSOR_EXPIRED"

    def __init__(self, hours: float) -> None:
        super().__init__(
            f"This cursor is older than {hours:g} hours, or of other records: ask for what you show anew, "
            "then subscribe without `after`."
        )


class Refusal(CallerError):
    """A command that does not fit how things stand.

    Args:
        field: the input field that it is about.
        message: what stands in the way and what would be right.
    """

    code = "INVALID_STATE"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class InvalidState(Refusal):
    """What is to be changed is not in a state for it."""


class PirClosed(Refusal):
    """A closed file is never reopened."""

    code = "PIR_CLOSED"


class ReasonRequired(Refusal):
    """A delayed file is closed with reason for loss and fault station only."""

    code = "REASON_REQUIRED"


class AlreadyOpen(Refusal):
    """A bag has one open file of a kind."""

    code = "ALREADY_OPEN"


class VersionConflict(Refusal):
    """Somebody changed it since the caller read it."""

    code = "VERSION_CONFLICT"


class KeyReused(Refusal):
    """An idempotency key stands for one input."""

    code = "IDEMPOTENCY_KEY_REUSED"
