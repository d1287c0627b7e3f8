"""What leaves the product because of a file: asking for it, seeing it, repeating and cancelling it, and its cost."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from time import monotonic
from typing import Any

from integrations.records.attempts import Send
from integrations.records.effects import Effect, EffectState, Service, ServiceCost, TracingCall, Trigger
from integrations.records.page import Page
from integrations.records.passengers import Language
from integrations.records.pirs import Pir
from integrations.records.sms import Sms
from integrations.stores.postgres import audit, effects, outbox
from integrations.stores.postgres.manager import Reader
from resolvers.context import Context
from resolvers.errors import BadInput, InvalidState, NotFound
from resolvers.notifications import case_file, render
from resolvers.notifications.render import Mail

DAY = timedelta(days=1)
LONGEST_TIME = timedelta(days=366)
LONGEST_WATCH_SECONDS = 8
LOOK_SECONDS = 0.4
WAITING = frozenset({EffectState.PENDING, EffectState.SENDING, EffectState.UNSETTLED})


async def trace(
    context: Context, records: Reader, pir_id: int, call: TracingCall, occurrence: int, detail: Mapping[str, Any]
) -> None:
    """Asks for a call to WorldTracer; part of the transaction that changes the file.

    Each bag that is forwarded has a forward file of its own, and so is an effect of its own.

    Args:
        occurrence: the place in the file's history of the entry that asks for it.
        detail: what the call needs beside the file as it then stands (``bags``: their places); no personal data.
    """
    parts: dict[str, Mapping[str, Any]] = {str(occurrence): detail}
    if call is TracingCall.FORWARD:
        parts = {f"{occurrence}.{seq}": {**detail, "bags": [seq]} for seq in detail["bags"]}
    for part, said in parts.items():
        await effects.insert(
            records, context.airline_id, Service.WORLDTRACER, pir_id, call.value, part, said, context.now()
        )
    await outbox.wake(records, Service.WORLDTRACER.consumer)


async def notify(
    context: Context, records: Reader, pir_id: int, trigger: Trigger, occurrence: int, detail: Mapping[str, Any]
) -> None:
    """Asks for the passenger to be told, by SMS and by email; part of the transaction that changes the file.

    Args:
        occurrence: the place in the file's history of the entry that asks for it.
        detail: what the words need beside the file as it then stands (``bags``: their places); no personal data.
    """
    for service in (Service.SMS, Service.EMAIL):
        await effects.insert(
            records, context.airline_id, service, pir_id, trigger.value, str(occurrence), detail, context.now()
        )
        await outbox.wake(records, service.consumer)


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
class Watched:
    """A file's effects at a moment; ``token`` stands for how far all of them were."""

    token: str
    effects: Sequence[Effect]


async def watch(context: Context, pir_id: int, token: str | None, seconds: float) -> Watched:
    """A file's effects as soon as they differ from what the caller saw last, or when the time is over.

    Args:
        token: of the last answer; None to be answered at once.
        seconds: 0 to 8, which leaves the request time to be answered.

    Raises:
        BadInput: another number of seconds.
    """
    if not 0 <= seconds <= LONGEST_WATCH_SECONDS:
        raise BadInput("seconds", f"Watch for 0 to {LONGEST_WATCH_SECONDS} seconds, and ask again.")
    ends = monotonic() + seconds
    while True:
        found = await effects.of_pirs(context.stores.postgres, context.airline_id, [pir_id])
        states = ",".join(f"{effect.id}:{effect.state}:{effect.reason}:{effect.tries}" for effect in found)
        seen = Watched(hashlib.sha256(states.encode()).hexdigest()[:16], found)
        if seen.token != token or monotonic() >= ends:
            return seen
        await asyncio.sleep(LOOK_SECONDS)


async def resend(context: Context, effect_id: int) -> Effect:
    """Makes an effect that failed, was left out or was cancelled wait to be sent again.

    Raises:
        NotFound: there is no such effect.
        InvalidState: it did not end without success.
    """
    async with context.stores.postgres.transaction() as records:
        effect = await _existing(context, records, effect_id)
        if not await effects.resend(records, context.airline_id, effect_id, context.now()):
            raise InvalidState(
                "effectId", f"It is {effect.state}: only what is FAILED, SUPPRESSED or CANCELLED can be sent again."
            )
        await _note(context, records, "RESEND_EFFECT", effect)
        await outbox.wake(records, Service(effect.service).consumer)
        return await _existing(context, records, effect_id)


async def cancel(context: Context, effect_id: int) -> Effect:
    """Gives up an effect that waits or failed.

    Raises:
        NotFound: there is no such effect.
        InvalidState: it is being sent, or it ended.
    """
    async with context.stores.postgres.transaction() as records:
        effect = await _existing(context, records, effect_id)
        if not await effects.cancel(records, context.airline_id, effect_id, context.now()):
            raise InvalidState("effectId", f"It is {effect.state}: only what is PENDING or FAILED can be cancelled.")
        await _note(context, records, "CANCEL_EFFECT", effect)
        return await _existing(context, records, effect_id)


async def _existing(context: Context, records: Reader, effect_id: int) -> Effect:
    effect = (await effects.by_id(records, context.airline_id, [effect_id])).get(effect_id)
    if effect is None:
        raise NotFound("effectId", "There is no such effect.")
    return effect


async def _note(context: Context, records: Reader, action: str, effect: Effect) -> None:
    await audit.write(
        records,
        context.airline_id,
        actor=context.actor.id,
        role=context.actor.role or "",
        request_id=context.request_id,
        action=action,
        subject="EFFECT",
        subjects=[effect.id],
        detail={"service": effect.service, "action": effect.action, "was": EffectState(effect.state)},
    )


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
    if not timedelta(0) < until - since <= LONGEST_TIME:
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
    dossier = await case_file.load(context.stores.postgres, installation, pir_id)
    if dossier is None:
        return None
    told = case_file.milestone(dossier, bags)
    chosen = language or Language.__members__.get(dossier.language, Language.EN)
    return Preview(chosen, render.render_sms(trigger, chosen, told), render.render_email(trigger, chosen, told))
