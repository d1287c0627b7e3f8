"""Refusals that a caller can act on: part of every mutation's payload."""

import strawberry

from resolvers.errors import BadInput, NotFound, Refusal


@strawberry.type(description="A refusal that the caller can act on.")
class UserError:
    """Why something was not done."""

    code: str = strawberry.field(description="A stable code: one of the documented `extensions.code` values.")
    field: str = strawberry.field(description="The part of the input that it is about: scans[3].tag.")
    message: str = strawberry.field(description="What is wrong and what would be right.")


def told(refusal: BadInput | NotFound | Refusal) -> UserError:
    """A refusal as the caller is told of it."""
    return UserError(code=refusal.code, field=refusal.field, message=str(refusal))
