"""Closing of PIRs, with reason for loss and fault station."""

from dataclasses import dataclass

from integrations.records.effects import TracingCall
from integrations.records.events import EventKind
from integrations.records.pirs import PirAction, PirKind, PirStatus
from integrations.stores.postgres import pirs
from integrations.stores.postgres.pirs import PirValues
from resolvers.errors import BadInput, ReasonRequired
from resolvers.irregularities.commands import DAMAGE, check_airport, pir_command
from resolvers.irregularities.pir_unit import PirUnit
from resolvers.irregularities.tracing import propose_reason


@dataclass(frozen=True, slots=True)
class ClosePir:
    """Closes a PIR.

    Args:
        accept_proposal: take reason for loss and fault station from the proposal where they are None.
        comment: for the history; may hold personal data.
    """

    reason_for_loss: str | None = None
    fault_station: str | None = None
    accept_proposal: bool = False
    comment: str = ""


@pir_command("closePir")
async def close(pir: PirUnit, command: ClosePir) -> None:
    """Closes a PIR; a delayed one needs reason for loss and fault station.

    Raises:
        ReasonRequired: one of the two is missing.
        BadInput: the reason is not on IATA's list, or not for this kind of PIR.
        NotFound: the fault station does not exist.
    """
    await propose_reason(pir)
    reason, station = _reason_and_station(pir, command)
    if reason is not None:
        await _check_reason(pir, reason)
    if command.fault_station is not None:
        await check_airport(pir.records, command.fault_station, "faultStation")
    pir.set(status=PirStatus.CLOSED.value, closed_at=pir.at, reason_for_loss=reason, fault_station=station)
    await pir.write(PirAction.CLOSE, comment=command.comment, detail={"reasonForLoss": reason, "faultStation": station})
    await _end_journeys(pir)
    await pir.trace(TracingCall.CLOSE)
    await pir.propose_matches()


def _reason_and_station(pir: PirUnit, command: ClosePir) -> tuple[str | None, str | None]:
    reason, station = command.reason_for_loss, command.fault_station
    if command.accept_proposal:
        reason, station = reason or pir.values.proposed_reason, station or pir.values.proposed_station
    if pir.kind == PirKind.DELAYED and (reason is None or station is None):
        missing = "reasonForLoss" if reason is None else "faultStation"
        raise ReasonRequired(missing, f"{missing} must be given for a DELAYED PIR{_proposed(pir.values)}")
    return reason, station


def _proposed(values: PirValues) -> str:
    return f"; proposed: {values.proposed_reason} at {values.proposed_station}" if values.proposed_reason else ""


async def _check_reason(pir: PirUnit, reason: str) -> None:
    """Checks a code of RP1743e. The list of 80 to 99, for damaged and pilfered bags only, is not public."""
    damage = reason[0] in "89"
    if damage != (pir.kind in DAMAGE):
        limits = "80 to 99 for a DAMAGED or PILFERED PIR, and 10 to 79 for any other"
        raise BadInput("reasonForLoss", f"reasonForLoss must be {limits}")
    if not damage and not await pirs.is_reason_for_loss(pir.records, reason, pir.at.date()):
        raise BadInput("reasonForLoss", f"reasonForLoss must be a code of IATA's list, for example 55; {reason} is not")


async def _end_journeys(pir: PirUnit) -> None:
    """Ends the journeys of the PIR's bags, except those of found bags and of bags with another open PIR."""
    if pir.kind == PirKind.ON_HAND:
        return
    ids = [bag.bag_id for bag in pir.bags.values() if bag.bag_id is not None]
    known = await pirs.of_bags(pir.records, pir.context.airline_id, ids)
    ended = [bag for bag in pir.bags.values() if bag.bag_id in known and known[bag.bag_id].closed_at is not None]
    await pir.append_events(EventKind.CLOSED, ended, pir.place)
