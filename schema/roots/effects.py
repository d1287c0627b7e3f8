"""Root fields of effects: list, resend and cancel them, their wording and their cost."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Self, cast

import strawberry

from integrations.records import effects as records
from integrations.records.effects import EffectState, Service, Trigger
from integrations.records.passengers import Language
from resolvers import effects
from resolvers.actor import AGENTS
from resolvers.context import Context
from resolvers.irregularities import effects as effect_commands
from schema.fields.commands import Payload, command
from schema.fields.pagination import After, Before, Connection, First, Last, Order, connection
from schema.inputs.common import values
from schema.inputs.effects import EffectInput
from schema.runtime.permissions import READERS, allow
from schema.types.effect import ApiCosts, Effect, NotificationPreview
from schema.types.pir import Pir

Info = strawberry.Info[Context, None]

NEWEST_EFFECTS = Order("effects, newest first", id=int)


@strawberry.type
class EffectQueries:
    """Part of the root of queries."""

    @strawberry.field(
        graphql_type=Connection[Effect],
        description="Effects, newest first. `states: [FAILED]` are those on which agents decide.",
        metadata=allow(READERS),
    )
    async def effects(
        self,
        info: Info,
        states: Annotated[
            list[EffectState] | None, strawberry.argument(description="Only effects in these states.")
        ] = None,
        services: Annotated[
            list[Service] | None, strawberry.argument(description="Only effects for these partners.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """Returns a page of effects."""
        fetch = partial(effects.page, info.context, values(states), values(services))
        return await connection(info.context, NEWEST_EFFECTS, fetch, first, after, last, before)

    @strawberry.field(
        graphql_type=NotificationPreview | None,
        description="The notification that a passenger would be sent now; null for an unknown PIR.",
        metadata=allow(AGENTS),
    )
    async def notification_preview(
        self,
        info: Info,
        pir_id: Annotated[strawberry.ID, strawberry.argument(description="The PIR's global id.")],
        trigger: Annotated[Trigger, strawberry.argument(description="Milestone that the notification is about.")],
        bags: Annotated[
            list[int] | None, strawberry.argument(description="Numbers of the bags in the PIR; all bags if absent.")
        ] = None,
        language: Annotated[
            Language | None, strawberry.argument(description="Language; the passenger's own if absent.")
        ] = None,
    ) -> Any:
        """Returns the SMS and the email."""
        return await effects.preview(info.context, Pir.key_of(pir_id, "pirId"), trigger, bags, language)

    @strawberry.field(
        graphql_type=ApiCosts,
        description="Cost of calls to partners in a period, by the configured price list.",
        metadata=allow(READERS),
    )
    async def api_costs(
        self,
        info: Info,
        since: Annotated[datetime, strawberry.argument(description="Start of the period.")],
        until: Annotated[
            datetime | None, strawberry.argument(description="End of the period, exclusive; now if absent.")
        ] = None,
    ) -> Any:
        """Returns calls, units and dollars by kind of call."""
        return await effects.costs(info.context, since, until or info.context.now())


@strawberry.type(description="Result of `resendEffect` and `cancelEffect`.")
class EffectPayload(Payload):
    """Values are ``integrations.records.effects.Effect``."""

    effect: Effect | None = strawberry.field(
        description="The effect after the command; null if the command was rejected.", default=None
    )

    @classmethod
    def of(cls, effect: records.Effect) -> Self:
        """Makes the payload of a command that succeeded."""
        return cls(effect=cast(Effect, effect))


@strawberry.type
class EffectMutations:
    """Part of the root of mutations."""

    resend_effect = command(
        EffectPayload,
        EffectInput,
        effect_commands.resend,
        roles=AGENTS,
        description="Sends an effect again that failed, was suppressed or was cancelled. "
        "Safe to repeat: a pending effect is rejected.",
    )
    cancel_effect = command(
        EffectPayload,
        EffectInput,
        effect_commands.cancel,
        roles=AGENTS,
        description="Cancels a pending or failed effect. An effect that is being sent cannot be called back.",
    )
