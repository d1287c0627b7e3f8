"""Effects: reads, cost, and previews of messages to passengers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from integrations.records.attempts import Send
from integrations.records.effects import Effect, EffectState, Service, ServiceCost, Trigger
from integrations.records.page import Page
from integrations.records.passengers import Language
from integrations.records.pirs import Pir
from integrations.records.sms import Sms
from integrations.stores.postgres import effects
from resolvers import passengers
from resolvers.audit import audit
from resolvers.context import Context
from resolvers.errors import BadInput
from resolvers.notifications import case_file, render
from resolvers.notifications.render import Mail

DAY = timedelta(days=1)
MAX_WINDOW = timedelta(days=366)


WAITING = frozenset({EffectState.PENDING, EffectState.SENDING, EffectState.UNSETTLED})


async def by_ids(context: Context, ids: Sequence[int]) -> list[Effect | None]:
    """The effect of each id; None for an unknown one."""
    found = await effects.by_id(context.stores.postgres, context.airline_id, ids)
    return [found.get(effect_id) for effect_id in ids]


async def of_pirs(context: Context, parents: Sequence[Pir]) -> list[list[Effect]]:
    """The effects of each PIR, in order."""
    found: dict[int, list[Effect]] = {pir.id: [] for pir in parents}
    for effect in await effects.of_pirs(context.stores.postgres, context.airline_id, list(found)):
        found[effect.pir_id].append(effect)
    return [found[pir.id] for pir in parents]


async def page(
    context: Context, states: Sequence[str] | None, services: Sequence[str] | None, page: Page
) -> list[Effect]:
    """A page of effects, the newest first."""
    return await effects.page(context.stores.postgres, context.airline_id, states, services, page)


async def sends(context: Context, parents: Sequence[Effect]) -> list[list[Send]]:
    """The attempts of each effect, in order."""
    found: dict[int, list[Send]] = {effect.id: [] for effect in parents}
    for send in await effects.sends(context.stores.postgres, context.airline_id, list(found)):
        found[send.effect_id].append(send)
    return [found[effect.id] for effect in parents]


async def recipients(context: Context, parents: Sequence[Send]) -> list[str | None]:
    """The recipients of attempts; writes an audit row. None for callers that do not see personal data."""
    if passengers.personal(context) is not None:
        return [None] * len(parents)
    revealed = sorted({send.effect_id for send in parents if send.service != Service.WORLDTRACER})
    if revealed:
        await audit(context, context.stores.postgres, "REVEAL_RECIPIENT", "EFFECT", revealed)
    return [send.recipient for send in parents]


@dataclass(frozen=True, slots=True)
class Costs:
    """Cost of partners in a window, in US dollars by the configured price list.

    Args:
        since: start of the window, UTC.
        until: end of the window, UTC, excluded.
        budget_exceeded: whether the last 24 hours of the window cost more than the daily budget.
        by_call: cost of each call of each partner.
    """

    since: datetime
    until: datetime
    total: Decimal
    daily_budget: Decimal | None
    budget_exceeded: bool
    by_call: Sequence[ServiceCost]


async def costs(context: Context, since: datetime, until: datetime) -> Costs:
    """The cost of partners in a window.

    Raises:
        BadInput: the window is empty or longer than 366 days.
    """
    if not timedelta(0) < until - since <= MAX_WINDOW:
        raise BadInput("since", f"since must be before until, at most {MAX_WINDOW.days} days")
    postgres, airline_id, budget = context.stores.postgres, context.airline_id, context.installation.daily_budget
    by_call = await effects.costs(postgres, airline_id, since, until)
    last_day = by_call if until - since <= DAY else await effects.costs(postgres, airline_id, until - DAY, until)
    exceeded = budget is not None and _dollars(last_day) > budget
    return Costs(since, until, _dollars(by_call), budget, exceeded, by_call)


def _dollars(costs: Sequence[ServiceCost]) -> Decimal:
    return Decimal(sum(cost.cost_micros for cost in costs)) / 1_000_000


def dollars(record: Send | ServiceCost) -> Decimal:
    """The cost of an attempt or service in US dollars."""
    return Decimal(record.cost_micros) / 1_000_000


def next_at(effect: Effect) -> datetime | None:
    """When an unsettled effect is sent or looked up next, UTC; None for a settled effect."""
    return effect.due_at if effect.state in WAITING else None


@dataclass(frozen=True, slots=True)
class Preview:
    """The messages that a passenger would get now."""

    language: Language
    sms: Sms
    email: Mail


async def preview(
    context: Context, pir_id: int, trigger: Trigger, bags: Sequence[int] | None, language: Language | None
) -> Preview | None:
    """The messages of a milestone with the current content of a PIR; None if there is no such PIR.

    Args:
        bags: numbers of bags in the PIR; None for all.
        language: None for the passenger's language.
    """
    installation = replace(context.installation, airline_id=context.airline_id)
    case = await case_file.load(context.stores.postgres, installation, pir_id)
    if case is None:
        return None
    milestone = case_file.milestone(case, bags)
    chosen = language or Language.__members__.get(case.language, Language.EN)
    return Preview(
        chosen, render.render_sms(trigger, chosen, milestone), render.render_email(trigger, chosen, milestone)
    )
