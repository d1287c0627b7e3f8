"""Effects: reads, cost, and previews of messages to passengers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from integrations.records.attempts import Send
from integrations.records.effects import Effect, EffectState, ServiceCost, Trigger
from integrations.records.page import Page
from integrations.records.passengers import Language
from integrations.records.pirs import Pir
from integrations.records.sms import Sms
from integrations.stores.postgres import effects
from resolvers.context import Context
from resolvers.errors import BadInput
from resolvers.notifications import case_file, render
from resolvers.notifications.render import Mail

DAY = timedelta(days=1)


MAX_WINDOW = timedelta(days=366)


WAITING = frozenset({EffectState.PENDING, EffectState.SENDING, EffectState.UNSETTLED})


async def by_ids(context: Context, ids: Sequence[int]) -> list[Effect | None]:
    """The effect of each id, None for an unknown one."""
    found = await effects.by_id(context.stores.postgres, context.airline_id, ids)
    return [found.get(effect_id) for effect_id in ids]


async def of_pirs(context: Context, parents: Sequence[Pir]) -> list[list[Effect]]:
    """What was asked for because of each file, in order."""
    found: dict[int, list[Effect]] = {pir.id: [] for pir in parents}
    for effect in await effects.of_pirs(context.stores.postgres, context.airline_id, list(found)):
        found[effect.pir_id].append(effect)
    return [found[pir.id] for pir in parents]


async def page(
    context: Context, states: Sequence[str] | None, services: Sequence[str] | None, page: Page
) -> list[Effect]:
    """The newest first."""
    return await effects.page(context.stores.postgres, context.airline_id, states, services, page)


async def sends(context: Context, parents: Sequence[Effect]) -> list[list[Send]]:
    """The tries of each effect, in order."""
    found: dict[int, list[Send]] = {effect.id: [] for effect in parents}
    for send in await effects.sends(context.stores.postgres, context.airline_id, list(found)):
        found[send.effect_id].append(send)
    return [found[effect.id] for effect in parents]


@dataclass(frozen=True, slots=True)
class Costs:
    """What partners cost in a time, its end excluded; US dollars by the configured price list.

    Args:
        budget_exceeded: whether the last day of that time cost more than the daily budget.
    """

    since: datetime
    until: datetime
    total: Decimal
    daily_budget: Decimal | None
    budget_exceeded: bool
    by_call: Sequence[ServiceCost]


async def costs(context: Context, since: datetime, until: datetime) -> Costs:
    """What each call of each partner came to.

    Raises:
        BadInput: no time, or more than a year.
    """
    if not timedelta(0) < until - since <= MAX_WINDOW:
        raise BadInput("since", "Give a time before `until`, a year at most.")
    postgres, airline_id, budget = context.stores.postgres, context.airline_id, context.installation.daily_budget
    by_call = await effects.costs(postgres, airline_id, since, until)
    last_day = by_call if until - since <= DAY else await effects.costs(postgres, airline_id, until - DAY, until)
    exceeded = budget is not None and _dollars(last_day) > budget
    return Costs(since, until, _dollars(by_call), budget, exceeded, by_call)


def _dollars(costs: Sequence[ServiceCost]) -> Decimal:
    return Decimal(sum(cost.cost_micros for cost in costs)) / 1_000_000


def dollars(record: Send | ServiceCost) -> Decimal:
    """What it cost, from millionths."""
    return Decimal(record.cost_micros) / 1_000_000


def next_at(effect: Effect) -> datetime | None:
    """When an effect that has not ended is tried, or looked for, next."""
    return effect.due_at if effect.state in WAITING else None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a passenger would be told now."""

    language: Language
    sms: Sms
    email: Mail


async def preview(
    context: Context, pir_id: int, trigger: Trigger, bags: Sequence[int] | None, language: Language | None
) -> Preview | None:
    """The words of a milestone of a file as it stands; None where there is no such file.

    Args:
        bags: their places in the file; all of them for None.
        language: the passenger's where not given.
    """
    installation = replace(context.installation, airline_id=context.airline_id)
    case = await case_file.load(context.stores.postgres, installation, pir_id)
    if case is None:
        return None
    told = case_file.milestone(case, bags)
    chosen = language or Language.__members__.get(case.language, Language.EN)
    return Preview(chosen, render.render_sms(trigger, chosen, told), render.render_email(trigger, chosen, told))
