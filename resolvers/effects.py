"""What leaves the product because of a file: asking for it, seeing it, repeating and cancelling it."""

from collections.abc import Mapping
from typing import Any

from integrations.records.effects import Service, TracingCall, Trigger
from integrations.stores import effects, outbox
from integrations.stores.postgres import Reader
from resolvers.context import Context


async def trace(
    context: Context,
    records: Reader,
    pir_id: int,
    call: TracingCall,
    occurrence: int,
    detail: Mapping[str, Any],
) -> None:
    """Asks for a call to WorldTracer; part of the transaction that changes the file.

    Args:
        occurrence: the place in the file's history of the entry that asks for it.
        detail: what the call needs beside the file as it then stands; no personal data.
    """
    await effects.insert(
        records, context.airline_id, Service.WORLDTRACER, pir_id, call.value, occurrence, detail, context.now()
    )
    await outbox.wake(records, "worldtracer")


async def notify(
    context: Context,
    records: Reader,
    pir_id: int,
    trigger: Trigger,
    occurrence: int,
    detail: Mapping[str, Any],
) -> None:
    """Asks for the passenger to be told, by SMS and by email; part of the transaction that changes the file.

    Args:
        occurrence: the place in the file's history of the entry that asks for it.
        detail: what the words need beside the file as it then stands; no personal data.
    """
    for service, consumer in ((Service.SMS, "sms"), (Service.EMAIL, "email")):
        await effects.insert(
            records, context.airline_id, service, pir_id, trigger.value, occurrence, detail, context.now()
        )
        await outbox.wake(records, consumer)
