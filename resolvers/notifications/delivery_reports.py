"""Delivery reports of providers, and consent changes of passengers."""

from collections.abc import Callable, Sequence
from datetime import datetime

from integrations.records.deliveries import ConsentChange, DeliveryReport
from integrations.records.effects import message_key
from integrations.repeats import repeated_after_migration
from integrations.stores.postgres import effects
from integrations.stores.postgres.manager import PostgresManager, Reader
from resolvers.publish import ChangeSet, publish


async def receive_reports(
    postgres: PostgresManager,
    airline_id: int,
    reports: Sequence[DeliveryReport | ConsentChange],
    now: Callable[[], datetime],
) -> None:
    """Stores delivery reports and consent changes, and updates the effects that they concern.

    Repeated and out-of-order reports give the same result.
    """
    for one in reports:
        match one:
            case DeliveryReport():
                await _receive_report(postgres, airline_id, one, now())
            case ConsentChange():
                await effects.insert_consent_change(postgres, airline_id, one)


@repeated_after_migration
async def _receive_report(
    postgres: PostgresManager, airline_id: int, report: DeliveryReport, received_at: datetime
) -> None:
    async with postgres.transaction() as records:
        effect_id = await _effect_of(records, airline_id, report.our_key)
        if await effects.insert_report(records, airline_id, report, effect_id, received_at):
            provider_id = report.provider_id or None
            pirs = await effects.apply_reports(records, airline_id, report.service, effect_id, provider_id)
            await publish(records, airline_id, ChangeSet(pirs=pirs))


async def _effect_of(records: Reader, airline_id: int, our_key: str | None) -> int | None:
    """The id of the effect whose last message has a key of ours; None if there is none.

    The effect may no longer exist after a reset of the records, and the message may be that of an earlier attempt.
    """
    key = message_key(airline_id, our_key)
    if key is None:
        return None
    effect = (await effects.by_id(records, airline_id, [key.effect_id])).get(key.effect_id)
    if effect is None or effect.our_key != key.our_key:
        return None
    attempts = await effects.sends(records, airline_id, [effect.id])
    if key.send_id is None:
        # Of several attempts that share a key, it names the last one only while that one's message is not known.
        is_last = len(attempts) <= 1 or effect.provider_id is None
    else:
        is_last = bool(attempts) and attempts[-1].id == key.send_id
    return effect.id if is_last else None
