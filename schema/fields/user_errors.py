"""User errors: the rejections of a command that its caller can act on, part of every mutation's payload."""

import strawberry

from resolvers.errors import BadInput, NotFound, Refusal

# Errors that become user errors. Any other error becomes an error of the response.
REJECTIONS = (BadInput, NotFound, Refusal)


@strawberry.type(description="Why a command was rejected, in a form that the caller can act on.")
class UserError:
    """A rejection."""

    code: str = strawberry.field(description="Stable code: one of the documented `extensions.code` values.")
    field: str = strawberry.field(description="Path of the part of the input that it is about: `scans[3].tag`.")
    message: str = strawberry.field(description="The part of the input, its constraint and the limit.")


def user_error(error: BadInput | NotFound | Refusal) -> UserError:
    """Returns a rejection as the payload shows it."""
    return UserError(code=error.code, field=error.field, message=str(error))
