"""Mutations, in one shape: one input, one function of ``resolvers``, one payload.

A mutation is declared as a field::

    suspend_tracing = command(
        PirPayload, PirBagsInput, tracing.suspend, roles=AGENTS, description="Suspends the tracing of bags."
    )

``PirBagsInput.arguments`` returns what ``tracing.suspend`` takes after the context, and ``PirPayload.of`` takes what it
returns. The type checker compares the three. An error of ``REJECTIONS`` becomes a user error of the payload, whether
the input raises it or the function.
"""

from collections.abc import Awaitable, Callable, Set
from typing import Annotated, Any, Protocol, Self, TypeVar, TypeVarTuple

import strawberry
from strawberry.types import get_object_definition

from integrations.repeats import repeated_after_migration
from resolvers.actor import Role
from resolvers.context import Context
from schema.fields.user_errors import REJECTIONS, UserError, user_error
from schema.runtime.permissions import allow

Info = strawberry.Info[Context, None]

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")
ResultIn = TypeVar("ResultIn", contravariant=True)


@strawberry.input
class CommandInput:
    """Base of the inputs of mutations."""

    client_mutation_id: str | None = strawberry.field(
        default=None, description="Any string of the client; the payload returns it unchanged."
    )


@strawberry.type
class Payload:
    """Base of the payloads of mutations. Every field has a default, which a rejected command returns."""

    user_errors: list[UserError] = strawberry.field(
        description="Why the command was rejected; empty if it succeeded.", default_factory=list
    )
    client_mutation_id: str | None = strawberry.field(
        description="The `clientMutationId` of the input; null if it has none.", default=None
    )


class InputOf(Protocol[*Arguments]):
    """An input that converts to the arguments of a function."""

    client_mutation_id: str | None

    def arguments(self) -> tuple[*Arguments]:
        """Returns the arguments after the context.

        Raises:
            BadInput: a part of the input cannot be used.
        """


class PayloadOf(Protocol[ResultIn]):
    """A payload made of the result of a function."""

    user_errors: list[UserError]
    client_mutation_id: str | None

    def __init__(self) -> None:
        """Makes the payload of a rejected command."""

    @classmethod
    def of(cls, result: ResultIn, /) -> Self:
        """Makes the payload of a command that succeeded, wholly or in part."""


def command(
    payload: type[PayloadOf[Result]],
    input_type: type[InputOf[*Arguments]],
    function: Callable[[Context, *Arguments], Awaitable[Result]],
    *,
    roles: Set[Role],
    description: str,
) -> Any:
    """Declares a mutation.

    Args:
        payload: type of the payload.
        input_type: type of the argument ``input``, which takes over its description.
        function: runs the command.
        roles: roles that may use the mutation.
        description: of the mutation, for the caller.
    """

    run = repeated_after_migration(function)

    async def resolve(info: Info, data: InputOf[*Arguments]) -> PayloadOf[Result]:
        try:
            made = payload.of(await run(info.context, *data.arguments()))
        except REJECTIONS as error:
            made = payload()
            made.user_errors = [user_error(error)]
        made.client_mutation_id = data.client_mutation_id
        return made

    described = get_object_definition(input_type, strict=True).description
    argument = Annotated[input_type, strawberry.argument(name="input", description=described)]  # type: ignore[valid-type]
    resolve.__annotations__ |= {"data": argument, "return": payload}
    return strawberry.mutation(resolver=resolve, description=description, metadata=allow(roles))
