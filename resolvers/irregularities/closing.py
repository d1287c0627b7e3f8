"""Closing of PIRs, with reason for loss and fault station."""

from dataclasses import asdict, dataclass

from integrations.records.effects import TracingCall
from integrations.records.events import EventKind
from integrations.records.pirs import PirAction, PirKind, PirStatus
from integrations.stores.postgres import pirs
from integrations.stores.postgres.pirs import PirValues
from resolvers.context import Context
from resolvers.errors import BadInput, ReasonRequired
from resolvers.irregularities import matches
from resolvers.irregularities.commands import DAMAGE, CommandResult, change_pir, check_airport
from resolvers.irregularities.pir_unit import PirUnit, Target
from resolvers.irregularities.tracing import propose_reason


@dataclass(frozen=True, slots=True)
class ClosePir:
    """Closes a file.

    Args:
        accept_proposal: take reason and station from the proposal where they are not given.
    """

    reason_for_loss: str | None = None
    fault_station: str | None = None
    accept_proposal: bool = False
    comment: str = ""


async def close(context: Context, target: Target, command: ClosePir, key: str | None) -> CommandResult:
    """Closes a file; a delayed one with reason for loss and fault station.

    Raises:
        ReasonRequired: one of the two is missing.
        BadInput, NotFound: a code that is not on the list, a station that is none.
    """

    async def work(change: PirUnit) -> None:
        await propose_reason(change)
        proposed = change.values if command.accept_proposal else None
        reason = command.reason_for_loss or (proposed.proposed_reason if proposed else None)
        station = command.fault_station or (proposed.proposed_station if proposed else None)
        if change.kind == PirKind.DELAYED and (reason is None or station is None):
            raise ReasonRequired("reasonForLoss" if reason is None else "faultStation", _needed(change.values))
        if reason is not None:
            await _check_reason(change, reason)
        if station is not None:
            await check_airport(change.records, station)
        change.set(status=PirStatus.CLOSED.value, closed_at=change.at, reason_for_loss=reason, fault_station=station)
        await change.write(
            PirAction.CLOSE, comment=command.comment, detail={"reasonForLoss": reason, "faultStation": station}
        )
        await _tell_closed(change)
        await change.trace(TracingCall.CLOSE)
        await matches.propose(context, change.records, target.pir_id)

    return await change_pir(context, key, "closePir", target, asdict(command), work)


async def _tell_closed(change: PirUnit) -> None:
    """The bags' journeys end with their files: a bag that has another open file goes on, and so does a found one."""
    if change.kind == PirKind.ON_HAND:
        return
    ids = [bag.bag_id for bag in change.bags.values() if bag.bag_id is not None]
    known = await pirs.of_bags(change.records, change.context.airline_id, ids)
    ended = [bag for bag in change.bags.values() if bag.bag_id in known and known[bag.bag_id].closed_at is not None]
    await change.happened(EventKind.CLOSED, ended, change.place)


async def _check_reason(change: PirUnit, reason: str) -> None:
    """80 to 99 are for damaged and pilfered bags only, and their list is not public (RP1743e)."""
    of_damage = reason[0] in "89"
    if of_damage != (change.kind in DAMAGE):
        raise BadInput("reasonForLoss", "Reasons from 80 on are for damaged and pilfered bags, and only those are.")
    if not of_damage and not await pirs.is_reason_for_loss(change.records, reason, change.at.date()):
        raise BadInput("reasonForLoss", "This is no reason for loss of IATA's list: 55, for example, is one.")


def _needed(values: PirValues) -> str:
    proposed = f" Proposed: {values.proposed_reason} at {values.proposed_station}." if values.proposed_reason else ""
    return f"A delayed file is closed with reason for loss and fault station (WorldTracer).{proposed}"
