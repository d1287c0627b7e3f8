"""Delivery of bags to the passenger: receive, arrange and confirm."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from integrations.records.effects import TracingCall, Trigger
from integrations.records.events import EventKind
from integrations.records.pirs import PirAction, PirKind
from resolvers.context import Context
from resolvers.errors import BadInput
from resolvers.irregularities.commands import CommandResult, change_pir
from resolvers.irregularities.pir_unit import PirUnit, Target, seqs_of


@dataclass(frozen=True, slots=True)
class Delivery:
    """Orders a courier."""

    courier: str
    window_start: datetime
    window_end: datetime
    bags: tuple[int, ...] | None = None


async def receive(context: Context, target: Target, seqs: Sequence[int] | None, key: str | None) -> CommandResult:
    """Bags came in at the passenger's airport, or a damaged one was taken in."""

    async def work(change: PirUnit) -> None:
        chosen = change.chosen(seqs)
        change.move(PirAction.RECEIVE, chosen)
        await change.write(PirAction.RECEIVE)
        await change.trace(TracingCall.UPDATE, bags=seqs_of(chosen))
        if change.kind == PirKind.DELAYED:
            await change.notify(Trigger.BAG_RECEIVED, bags=seqs_of(chosen))

    return await change_pir(context, key, "receiveBags", target, {"bags": seqs}, work)


async def arrange_delivery(context: Context, target: Target, command: Delivery, key: str | None) -> CommandResult:
    """Orders a courier for bags that came in.

    Raises:
        BadInput: a window that ends before it begins, or lasts for more than a day.
    """

    async def work(change: PirUnit) -> None:
        if not timedelta(0) < command.window_end - command.window_start <= timedelta(days=1):
            raise BadInput("windowEnd", "The window ends after it begins, within a day.")
        chosen = change.chosen(command.bags)
        window = {"window_start": command.window_start, "window_end": command.window_end}
        change.move(PirAction.ARRANGE_DELIVERY, chosen, courier=command.courier, **window)
        await change.happened(EventKind.OUT_FOR_DELIVERY, chosen, change.place, custodian="COURIER")
        await change.write(PirAction.ARRANGE_DELIVERY, detail={"courier": command.courier})
        await change.trace(TracingCall.UPDATE, bags=seqs_of(chosen))
        await change.notify(Trigger.OUT_FOR_DELIVERY, bags=seqs_of(chosen))

    return await change_pir(context, key, "arrangeDelivery", target, asdict(command), work)


async def confirm_delivery(
    context: Context, target: Target, at: datetime | None, seqs: Sequence[int] | None, key: str | None
) -> CommandResult:
    """The passenger has the bags.

    Raises:
        BadInput: in the future, or before the file was opened.
    """

    async def work(change: PirUnit) -> None:
        delivered_at = at or change.at
        if not change.pir.opened_at <= delivered_at <= change.at:
            raise BadInput("deliveredAt", "A delivery lies between the opening of the file and now.")
        chosen = change.chosen(seqs)
        change.move(PirAction.CONFIRM_DELIVERY, chosen, delivered_at=delivered_at)
        await change.happened(EventKind.DELIVERED, chosen, change.place, custodian="PASSENGER", at=delivered_at)
        await change.write(PirAction.CONFIRM_DELIVERY)
        await change.trace(TracingCall.UPDATE, bags=seqs_of(chosen))
        await change.notify(Trigger.DELIVERED, bags=seqs_of(chosen))

    return await change_pir(context, key, "confirmDelivery", target, {"at": at, "bags": seqs}, work)
