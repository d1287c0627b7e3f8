"""Delivery of bags to the passenger: receive, arrange and confirm."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from integrations.records.effects import TracingCall, Trigger
from integrations.records.events import EventKind
from integrations.records.pirs import PirAction, PirKind
from resolvers.errors import BadInput
from resolvers.irregularities.commands import ChosenBags, pir_command
from resolvers.irregularities.pir_unit import PirUnit, seqs_of

MAX_WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class ArrangeDelivery:
    """Orders a courier.

    Args:
        bags: numbers of the bags in the PIR; None for all of them.
    """

    courier: str
    window_start: datetime
    window_end: datetime
    bags: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class ConfirmDelivery:
    """Records a delivery.

    Args:
        at: timestamp of the delivery; None for now.
        bags: numbers of the bags in the PIR; None for all of them.
    """

    at: datetime | None = None
    bags: tuple[int, ...] | None = None


@pir_command("receiveBags")
async def receive(pir: PirUnit, command: ChosenBags) -> None:
    """Records that bags arrived at the passenger's airport, or that a damaged bag was taken in."""
    chosen = pir.chosen(command.bags)
    pir.move(PirAction.RECEIVE, chosen)
    await pir.write(PirAction.RECEIVE)
    await pir.trace(TracingCall.UPDATE, bags=seqs_of(chosen))
    if pir.kind == PirKind.DELAYED:
        await pir.notify(Trigger.BAG_RECEIVED, bags=seqs_of(chosen))


@pir_command("arrangeDelivery")
async def arrange_delivery(pir: PirUnit, command: ArrangeDelivery) -> None:
    """Orders a courier for received bags.

    Raises:
        BadInput: the window ends before it begins, or is longer than 24 hours.
    """
    if not timedelta(0) < command.window_end - command.window_start <= MAX_WINDOW:
        raise BadInput("windowEnd", "windowEnd must be after windowStart and at most 24 hours later")
    chosen = pir.chosen(command.bags)
    window = {"window_start": command.window_start, "window_end": command.window_end}
    pir.move(PirAction.ARRANGE_DELIVERY, chosen, courier=command.courier, **window)
    await pir.append_events(EventKind.OUT_FOR_DELIVERY, chosen, pir.place, custodian="COURIER")
    await pir.write(PirAction.ARRANGE_DELIVERY, detail={"courier": command.courier})
    await pir.trace(TracingCall.UPDATE, bags=seqs_of(chosen))
    await pir.notify(Trigger.OUT_FOR_DELIVERY, bags=seqs_of(chosen))


@pir_command("confirmDelivery")
async def confirm_delivery(pir: PirUnit, command: ConfirmDelivery) -> None:
    """Records that the passenger has the bags.

    Raises:
        BadInput: the timestamp is in the future, or before the PIR was opened.
    """
    delivered_at = command.at or pir.at
    if not pir.before.opened_at <= delivered_at <= pir.at:
        raise BadInput("deliveredAt", "deliveredAt must be between the opening of the PIR and now")
    chosen = pir.chosen(command.bags)
    pir.move(PirAction.CONFIRM_DELIVERY, chosen, delivered_at=delivered_at)
    await pir.append_events(EventKind.DELIVERED, chosen, pir.place, custodian="PASSENGER", at=delivered_at)
    await pir.write(PirAction.CONFIRM_DELIVERY)
    await pir.trace(TracingCall.UPDATE, bags=seqs_of(chosen))
    await pir.notify(Trigger.DELIVERED, bags=seqs_of(chosen))
