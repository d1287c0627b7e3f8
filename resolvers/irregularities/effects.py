"""What leaves the product because of a file: asking for it, seeing it, repeating and cancelling it, and its cost."""

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
    await publish(records, context.airline_id, ChangeSet(effects=[Service.WORLDTRACER]))


async def notify(
    context: Context, records: Reader, pir_id: int, trigger: Trigger, occurrence: int, detail: Mapping[str, Any]
) -> None:
    """Asks for the passenger to be told, by SMS and by email; part of the transaction that changes the file.

    Args:
        occurrence: the place in the file's history of the entry that asks for it.
        detail: what the words need beside the file as it then stands (``bags``: their places); no personal data.
    """
    services = (Service.SMS, Service.EMAIL)
    for service in services:
        await effects.insert(
            records, context.airline_id, service, pir_id, trigger.value, str(occurrence), detail, context.now()
        )
    await publish(records, context.airline_id, ChangeSet(effects=services))


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
        await _audit(context, records, "RESEND_EFFECT", effect)
        await publish(records, context.airline_id, ChangeSet(effects=[Service(effect.service)]))
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
        await _audit(context, records, "CANCEL_EFFECT", effect)
        return await _existing(context, records, effect_id)


async def _existing(context: Context, records: Reader, effect_id: int) -> Effect:
    effect = (await effects.by_id(records, context.airline_id, [effect_id])).get(effect_id)
    if effect is None:
        raise NotFound("effectId", "There is no such effect.")
    return effect


async def _audit(context: Context, records: Reader, action: str, effect: Effect) -> None:
    detail = {"service": effect.service, "action": effect.action, "was": EffectState(effect.state)}
    await audit(context, records, action, "EFFECT", [effect.id], detail)
