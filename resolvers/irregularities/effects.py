"""Commands on effects: request those of a PIR, resend and cancel one."""

from collections.abc import Mapping
from typing import Any

from integrations.records.effects import Effect, EffectState, Service, TracingCall, Trigger
from integrations.stores.postgres import effects
from integrations.stores.postgres.manager import Reader
from resolvers.audit import audit
from resolvers.context import Context
from resolvers.errors import InvalidState, NotFound
from resolvers.publish import ChangeSet, publish


async def trace(
    context: Context, records: Reader, pir_id: int, call: TracingCall, occurrence: int, detail: Mapping[str, Any]
) -> None:
    """Requests a call to WorldTracer; part of the transaction that changes the PIR.

    Each forwarded bag has a forward file (FWD) of its own in WorldTracer, and therefore an effect of its own.

    Args:
        occurrence: number of the history entry that requests it.
        detail: what the call needs beside the PIR (``bags``: their numbers in it); never personal data.
    """
    parts: dict[str, Mapping[str, Any]] = {str(occurrence): detail}
    if call is TracingCall.FORWARD:
        parts = {f"{occurrence}.{seq}": {**detail, "bags": [seq]} for seq in detail["bags"]}
    for part, needed in parts.items():
        await effects.insert(
            records, context.airline_id, Service.WORLDTRACER, pir_id, call.value, part, needed, context.now()
        )
    await publish(records, context.airline_id, ChangeSet(effects=[Service.WORLDTRACER]))


async def notify(
    context: Context, records: Reader, pir_id: int, trigger: Trigger, occurrence: int, detail: Mapping[str, Any]
) -> None:
    """Requests an SMS and an email to the passenger; part of the transaction that changes the PIR.

    Args:
        occurrence: number of the history entry that requests it.
        detail: what the wording needs beside the PIR (``bags``: their numbers in it); never personal data.
    """
    services = (Service.SMS, Service.EMAIL)
    for service in services:
        await effects.insert(
            records, context.airline_id, service, pir_id, trigger.value, str(occurrence), detail, context.now()
        )
    await publish(records, context.airline_id, ChangeSet(effects=services))


async def resend(context: Context, effect_id: int) -> Effect:
    """Makes an effect that failed, was suppressed or was cancelled pending again.

    Raises:
        NotFound: the effect does not exist.
        InvalidState: it is in another state.
    """
    async with context.stores.postgres.transaction() as records:
        effect = await _existing(context, records, effect_id)
        if not await effects.resend(records, context.airline_id, effect_id, context.now()):
            states = f"FAILED, SUPPRESSED or CANCELLED, not {effect.state}"
            raise InvalidState("effectId", f"effectId must be an effect that is {states}")
        await _audit(context, records, "RESEND_EFFECT", effect)
        changes = ChangeSet(effects=[Service(effect.service)], pirs=[effect.pir_id])
        await publish(records, context.airline_id, changes)
        return await _existing(context, records, effect_id)


async def cancel(context: Context, effect_id: int) -> Effect:
    """Cancels a pending or failed effect.

    Raises:
        NotFound: the effect does not exist.
        InvalidState: it is in another state: an effect that is being sent cannot be called back.
    """
    async with context.stores.postgres.transaction() as records:
        effect = await _existing(context, records, effect_id)
        if not await effects.cancel(records, context.airline_id, effect_id, context.now()):
            states = f"PENDING or FAILED, not {effect.state}"
            raise InvalidState("effectId", f"effectId must be an effect that is {states}")
        await _audit(context, records, "CANCEL_EFFECT", effect)
        await publish(records, context.airline_id, ChangeSet(pirs=[effect.pir_id]))
        return await _existing(context, records, effect_id)


async def _existing(context: Context, records: Reader, effect_id: int) -> Effect:
    effect = (await effects.by_id(records, context.airline_id, [effect_id])).get(effect_id)
    if effect is None:
        raise NotFound("effectId", "effectId must be the id of an existing effect")
    return effect


async def _audit(context: Context, records: Reader, action: str, effect: Effect) -> None:
    detail = {"service": effect.service, "action": effect.action, "was": EffectState(effect.state)}
    await audit(context, records, action, "EFFECT", [effect.id], detail)
