"""Root fields that work a file: opening, tracing, finding, delivering and closing it."""

from collections.abc import Awaitable
from typing import Annotated, cast

import strawberry

from resolvers.actor import Role
from resolvers.context import Context
from resolvers.errors import BadInput, NotFound, Refusal
from resolvers.irregularities import closing, commands, delivery, matches, opening, tracing
from resolvers.irregularities.commands import CommandResult
from schema.fields.user_errors import UserError, told
from schema.inputs.common import airport_code
from schema.inputs.pirs import (
    ArrangeDeliveryInput,
    AssignPirInput,
    ClosePirInput,
    CommentPirInput,
    ConfirmDeliveryInput,
    CreatePirInput,
    ForwardBagsInput,
    LocateBagsInput,
    MatchInput,
    PirBagsInput,
    PirInput,
    UpdatePirInput,
    idempotency_key,
)
from schema.runtime.permissions import allow
from schema.types.match import Match
from schema.types.pir import Pir

Info = strawberry.Info[Context, None]


@strawberry.type(description="Answer of every command on a file.")
class PirPayload:
    """The file after the change."""

    pir: Pir | None = strawberry.field(description="The file as it is now; null where the command was refused.")
    replayed: bool = strawberry.field(
        description="Whether the command was done before under its key: nothing was done now."
    )
    user_errors: list[UserError] = strawberry.field(description="Why it was refused.")
    client_mutation_id: str | None = strawberry.field(description="As it was given.")


@strawberry.type(description="Answer of `confirmMatch` and `rejectMatch`.")
class MatchPayload:
    """The match after the decision."""

    match: Match | None = strawberry.field(description="The match as it is now; null where it was refused.")
    user_errors: list[UserError] = strawberry.field(description="Why it was refused.")
    client_mutation_id: str | None = strawberry.field(description="As it was given.")


def for_agents() -> dict[str, object]:
    """Those who work files."""
    return allow(Role.AGENT, Role.SUPERVISOR, Role.ADMIN)


@strawberry.type
class IrregularityMutations:
    """Part of the root of mutations."""

    @strawberry.mutation(
        description="Opens a file, filled in from its bags, their booking and their journey. "
        "WorldTracer and the passenger are told by themselves.",
        metadata=for_agents(),
    )
    async def create_pir(
        self, info: Info, input: Annotated[CreatePirInput, strawberry.argument(description="What it says.")]
    ) -> PirPayload:
        """One command."""

        async def work() -> CommandResult:
            return await opening.create(info.context, input.command(), idempotency_key(input.idempotency_key))

        return await _answer(work(), input.client_mutation_id)

    @strawberry.mutation(description="Changes what an open file says.", metadata=for_agents())
    async def update_pir(
        self, info: Info, input: Annotated[UpdatePirInput, strawberry.argument(description="New values.")]
    ) -> PirPayload:
        """One command."""

        async def work() -> CommandResult:
            return await commands.update(
                info.context, input.target(), input.command(), idempotency_key(input.idempotency_key)
            )

        return await _answer(work(), input.client_mutation_id)

    @strawberry.mutation(description="Gives an open file to an agent.", metadata=for_agents())
    async def assign_pir(
        self, info: Info, input: Annotated[AssignPirInput, strawberry.argument(description="To whom.")]
    ) -> PirPayload:
        """One command."""

        async def work() -> CommandResult:
            return await commands.assign(
                info.context, input.target(), input.name(), idempotency_key(input.idempotency_key)
            )

        return await _answer(work(), input.client_mutation_id)

    @strawberry.mutation(description="Adds a comment to an open file's history.", metadata=for_agents())
    async def comment_pir(
        self, info: Info, input: Annotated[CommentPirInput, strawberry.argument(description="The words.")]
    ) -> PirPayload:
        """One command."""

        async def work() -> CommandResult:
            return await commands.comment(
                info.context, input.target(), input.text(), idempotency_key(input.idempotency_key)
            )

        return await _answer(work(), input.client_mutation_id)

    @strawberry.mutation(
        description="Lets the search for bags of a delayed file rest: they seem to be found.", metadata=for_agents()
    )
    async def suspend_tracing(
        self, info: Info, input: Annotated[PirBagsInput, strawberry.argument(description="Which bags.")]
    ) -> PirPayload:
        """One command."""

        async def work() -> CommandResult:
            return await tracing.suspend(
                info.context, input.target(), input.bags, idempotency_key(input.idempotency_key)
            )

        return await _answer(work(), input.client_mutation_id)

    @strawberry.mutation(
        description="Looks for bags again: the wrong one was found, it was lost again, or suspended by mistake.",
        metadata=for_agents(),
    )
    async def reinstate_tracing(
        self, info: Info, input: Annotated[PirBagsInput, strawberry.argument(description="Which bags.")]
    ) -> PirPayload:
        """One command."""

        async def work() -> CommandResult:
            return await tracing.reinstate(
                info.context, input.target(), input.bags, idempotency_key(input.idempotency_key)
            )

        return await _answer(work(), input.client_mutation_id)

    @strawberry.mutation(description="Bags of a delayed file were found.", metadata=for_agents())
    async def locate_bags(
        self, info: Info, input: Annotated[LocateBagsInput, strawberry.argument(description="Where.")]
    ) -> PirPayload:
        """One command."""

        async def work() -> CommandResult:
            return await tracing.locate(
                info.context,
                input.target(),
                airport_code(input.airport, "airport"),
                input.bags,
                idempotency_key(input.idempotency_key),
            )

        return await _answer(work(), input.client_mutation_id)

    @strawberry.mutation(
        description="Sends found bags on by a flight. The file of a found bag is closed by it.", metadata=for_agents()
    )
    async def forward_bags(
        self, info: Info, input: Annotated[ForwardBagsInput, strawberry.argument(description="How.")]
    ) -> PirPayload:
        """One command."""

        async def work() -> CommandResult:
            return await tracing.forward(
                info.context, input.target(), input.command(), idempotency_key(input.idempotency_key)
            )

        return await _answer(work(), input.client_mutation_id)

    @strawberry.mutation(description="Bags came in at the passenger's airport.", metadata=for_agents())
    async def receive_bags(
        self, info: Info, input: Annotated[PirBagsInput, strawberry.argument(description="Which bags.")]
    ) -> PirPayload:
        """One command."""

        async def work() -> CommandResult:
            return await delivery.receive(
                info.context, input.target(), input.bags, idempotency_key(input.idempotency_key)
            )

        return await _answer(work(), input.client_mutation_id)

    @strawberry.mutation(description="Orders a courier for bags that came in.", metadata=for_agents())
    async def arrange_delivery(
        self, info: Info, input: Annotated[ArrangeDeliveryInput, strawberry.argument(description="Who and when.")]
    ) -> PirPayload:
        """One command."""

        async def work() -> CommandResult:
            return await delivery.arrange_delivery(
                info.context, input.target(), input.command(), idempotency_key(input.idempotency_key)
            )

        return await _answer(work(), input.client_mutation_id)

    @strawberry.mutation(description="The passenger has the bags.", metadata=for_agents())
    async def confirm_delivery(
        self, info: Info, input: Annotated[ConfirmDeliveryInput, strawberry.argument(description="When.")]
    ) -> PirPayload:
        """One command."""

        async def work() -> CommandResult:
            return await delivery.confirm_delivery(
                info.context, input.target(), input.delivered_at, input.bags, idempotency_key(input.idempotency_key)
            )

        return await _answer(work(), input.client_mutation_id)

    @strawberry.mutation(
        description="Closes a file for good; a delayed one with reason for loss and fault station.",
        metadata=for_agents(),
    )
    async def close_pir(
        self, info: Info, input: Annotated[ClosePirInput, strawberry.argument(description="Why bags were lost.")]
    ) -> PirPayload:
        """One command."""

        async def work() -> CommandResult:
            return await closing.close(
                info.context, input.target(), input.command(), idempotency_key(input.idempotency_key)
            )

        return await _answer(work(), input.client_mutation_id)

    @strawberry.mutation(
        description="Makes a closed file anew: it gets a reference of its own that quotes the old one.",
        metadata=for_agents(),
    )
    async def recreate_pir(
        self, info: Info, input: Annotated[PirInput, strawberry.argument(description="Which file.")]
    ) -> PirPayload:
        """One command."""

        async def work() -> CommandResult:
            return await opening.recreate(info.context, input.target(), idempotency_key(input.idempotency_key))

        return await _answer(work(), input.client_mutation_id)

    @strawberry.mutation(
        description="Says that a found bag and a missed one are the same. Safe to repeat.", metadata=for_agents()
    )
    async def confirm_match(
        self, info: Info, input: Annotated[MatchInput, strawberry.argument(description="Which match.")]
    ) -> MatchPayload:
        """An agent's decision."""

        async def work() -> object:
            match_id = Match.key_of(input.match_id, "matchId")
            return await matches.confirm(info.context, match_id, tracing.locate_match)

        return await _decided(work(), input.client_mutation_id)

    @strawberry.mutation(
        description="Says that a found bag and a missed one are not the same. Safe to repeat.", metadata=for_agents()
    )
    async def reject_match(
        self, info: Info, input: Annotated[MatchInput, strawberry.argument(description="Which match.")]
    ) -> MatchPayload:
        """An agent's decision."""

        async def work() -> object:
            return await matches.reject(info.context, Match.key_of(input.match_id, "matchId"))

        return await _decided(work(), input.client_mutation_id)


async def _answer(work: Awaitable[CommandResult], client_mutation_id: str | None) -> PirPayload:
    try:
        done = await work
    except (BadInput, NotFound, Refusal) as refusal:
        return PirPayload(pir=None, replayed=False, user_errors=[told(refusal)], client_mutation_id=client_mutation_id)
    return PirPayload(
        pir=cast(Pir, done.pir), replayed=done.replayed, user_errors=[], client_mutation_id=client_mutation_id
    )


async def _decided(work: Awaitable[object], client_mutation_id: str | None) -> MatchPayload:
    try:
        match = await work
    except (BadInput, NotFound, Refusal) as refusal:
        return MatchPayload(match=None, user_errors=[told(refusal)], client_mutation_id=client_mutation_id)
    return MatchPayload(match=cast(Match, match), user_errors=[], client_mutation_id=client_mutation_id)
