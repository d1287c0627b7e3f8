"""Mutations of PIRs and matches."""

from functools import partial
from typing import Self, cast

import strawberry

from integrations.records import matches as records
from resolvers.actor import AGENTS
from resolvers.irregularities import closing, commands, delivery, matches, opening, tracing
from resolvers.irregularities.commands import CommandResult
from schema.fields.commands import Payload, command
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
)
from schema.types.match import Match
from schema.types.pir import Pir


@strawberry.type(description="Result of a command on a PIR.")
class PirPayload(Payload):
    """Values are ``resolvers.irregularities.commands.CommandResult``."""

    pir: Pir | None = strawberry.field(
        description="The PIR after the command; null if the command was rejected.", default=None
    )
    replayed: bool = strawberry.field(
        description="Whether the command ran earlier under the same `idempotencyKey`; this call changed nothing.",
        default=False,
    )

    @classmethod
    def of(cls, result: CommandResult) -> Self:
        """Makes the payload of a command that succeeded."""
        return cls(pir=cast(Pir, result.pir), replayed=result.replayed)


@strawberry.type(description="Result of `confirmMatch` and `rejectMatch`.")
class MatchPayload(Payload):
    """Values are ``integrations.records.matches.Match``."""

    match: Match | None = strawberry.field(
        description="The match after the decision; null if the command was rejected.", default=None
    )

    @classmethod
    def of(cls, match: records.Match) -> Self:
        """Makes the payload of a decision."""
        return cls(match=cast(Match, match))


@strawberry.type
class PirMutations:
    """Part of the root of mutations."""

    create_pir = command(
        PirPayload,
        CreatePirInput,
        opening.create,
        roles=AGENTS,
        description="Opens a PIR, filled in from its bags, their booking and their journey. "
        "WorldTracer and the passenger are notified.",
    )
    update_pir = command(
        PirPayload,
        UpdatePirInput,
        commands.update,
        roles=AGENTS,
        description="Updates values of an open PIR and of its bags.",
    )
    assign_pir = command(
        PirPayload,
        AssignPirInput,
        commands.assign,
        roles=AGENTS,
        description="Assigns an open PIR to an agent, or removes the assignment.",
    )
    comment_pir = command(
        PirPayload,
        CommentPirInput,
        commands.comment,
        roles=AGENTS,
        description="Adds a comment to the history of an open PIR.",
    )
    suspend_tracing = command(
        PirPayload,
        PirBagsInput,
        tracing.suspend,
        roles=AGENTS,
        description="Suspends the tracing of bags of a delayed PIR that seem to be found.",
    )
    reinstate_tracing = command(
        PirPayload,
        PirBagsInput,
        tracing.reinstate,
        roles=AGENTS,
        description="Resumes the tracing of bags: the wrong bag was found, the bag was lost again, "
        "or it was suspended by mistake.",
    )
    locate_bags = command(
        PirPayload,
        LocateBagsInput,
        tracing.locate,
        roles=AGENTS,
        description="Records that bags of a delayed PIR were found at an airport.",
    )
    forward_bags = command(
        PirPayload,
        ForwardBagsInput,
        tracing.forward,
        roles=AGENTS,
        description="Forwards found bags by a flight. Forwarding an on-hand bag closes its PIR.",
    )
    receive_bags = command(
        PirPayload,
        PirBagsInput,
        delivery.receive,
        roles=AGENTS,
        description="Records that bags arrived at the passenger's airport, or that a damaged bag was taken in.",
    )
    arrange_delivery = command(
        PirPayload,
        ArrangeDeliveryInput,
        delivery.arrange_delivery,
        roles=AGENTS,
        description="Orders a courier for received bags.",
    )
    confirm_delivery = command(
        PirPayload,
        ConfirmDeliveryInput,
        delivery.confirm_delivery,
        roles=AGENTS,
        description="Records that the passenger has the bags.",
    )
    close_pir = command(
        PirPayload,
        ClosePirInput,
        closing.close,
        roles=AGENTS,
        description="Closes a PIR for good. A delayed PIR needs reason for loss and fault station.",
    )
    recreate_pir = command(
        PirPayload,
        PirInput,
        opening.recreate,
        roles=AGENTS,
        description="Opens a new PIR from a closed one, with a reference of its own that quotes the old one.",
    )
    confirm_match = command(
        MatchPayload,
        MatchInput,
        partial(matches.confirm, locate=tracing.locate_match),
        roles=AGENTS,
        description="Confirms that a found bag and a missed bag are the same. Safe to repeat.",
    )
    reject_match = command(
        MatchPayload,
        MatchInput,
        matches.reject,
        roles=AGENTS,
        description="Rejects a match: the found bag and the missed bag are not the same. Safe to repeat.",
    )
