"""Tracing of missed bags: suspend, reinstate, locate and forward."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from integrations.records.bags import TagRole
from integrations.records.effects import TracingCall, Trigger
from integrations.records.events import EventKind
from integrations.records.flights import Flight, FlightStatus
from integrations.records.matches import Match
from integrations.records.pirs import PirAction, PirBag, PirKind
from integrations.stores.postgres import airports, bags, flights
from integrations.stores.postgres.bags import NewTag
from integrations.stores.postgres.flights import NewLeg
from integrations.stores.postgres.manager import Reader
from resolvers.context import Context
from resolvers.errors import BadInput, NotFound
from resolvers.ingestion import history
from resolvers.ingestion.bag_tags import UNKNOWN_TAG_WINDOW
from resolvers.irregularities import matches
from resolvers.irregularities.commands import CommandResult, change_pir, check_airport
from resolvers.irregularities.pir_unit import PirUnit, Target, seqs_of
from resolvers.rules import fault


@dataclass(frozen=True, slots=True)
class Forward:
    """Sends bags on.

    Args:
        rush_tag: ten digits; for one bag only.
    """

    flight_id: int
    bags: tuple[int, ...] | None = None
    rush_tag: str | None = None


async def propose_reason(change: PirUnit) -> None:
    """What the journeys of a delayed file's bags prove by now; where they prove nothing, what was proposed stays."""
    ids = [bag.bag_id for bag in change.bags.values() if bag.bag_id is not None]
    if change.kind != PirKind.DELAYED or not ids:
        return
    airline_id = change.context.airline_id
    times = await airports.connection_times(change.records, airline_id)
    switch = await matches.tag_switch(change.records, airline_id, change.pir.id)
    journeys = await history.of_bags(change.records, airline_id, ids)
    proposals = (
        fault.propose(journeys[bag_id], times, final_destination=change.values.destination, switch=switch)
        for bag_id in ids
    )
    proposal = next(filter(None, proposals), None)
    if proposal is not None:
        change.set(
            proposed_reason=proposal.reason,
            proposed_station=proposal.station,
            evidence=[
                {"name": fact.name.value, "value": fact.value, "at": fact.at.isoformat() if fact.at else None}
                for fact in proposal.evidence
            ],
        )


async def suspend(context: Context, target: Target, seqs: Sequence[int] | None, key: str | None) -> CommandResult:
    """Lets the search for bags rest: they seem to be found."""

    async def work(change: PirUnit) -> None:
        chosen = change.chosen(seqs)
        change.move(PirAction.SUSPEND, chosen)
        await change.write(PirAction.SUSPEND)
        await change.trace(TracingCall.SUSPEND, bags=seqs_of(chosen))
        await matches.propose(context, change.records, target.pir_id)

    return await change_pir(context, key, "suspendTracing", target, {"bags": seqs}, work)


async def reinstate(context: Context, target: Target, seqs: Sequence[int] | None, key: str | None) -> CommandResult:
    """Looks for bags again: the wrong one was found, or it was lost again."""

    async def work(change: PirUnit) -> None:
        chosen = change.chosen(seqs)
        gone = {"located_airport": None, "forward_flight_id": None, "rush_tag": None, "courier": None}
        gone |= {"window_start": None, "window_end": None, "delivered_at": None, "matched_pir_id": None}
        change.move(PirAction.REINSTATE, chosen, **gone)
        await matches.release(context, change.records, target.pir_id, seqs_of(chosen))
        await change.write(PirAction.REINSTATE)
        if change.kind == PirKind.DELAYED:
            await change.happened(EventKind.DELAYED, chosen, change.place)
            await change.trace(TracingCall.REINSTATE, bags=seqs_of(chosen))
        await matches.propose(context, change.records, target.pir_id)

    return await change_pir(context, key, "reinstateTracing", target, {"bags": seqs}, work)


async def locate(
    context: Context, target: Target, airport: str, seqs: Sequence[int] | None, key: str | None
) -> CommandResult:
    """Bags of a delayed file were found at an airport."""

    async def work(change: PirUnit) -> None:
        await check_airport(change.records, airport)
        await bags_located(change, airport, change.chosen(seqs))
        await matches.propose(context, change.records, target.pir_id)

    return await change_pir(context, key, "locateBags", target, {"airport": airport, "bags": seqs}, work)


async def bags_located(
    change: PirUnit, airport: str, chosen: Sequence[PirBag], matched_pir_id: int | None = None
) -> None:
    """Records that bags of a delayed PIR were found at an airport, and notifies WorldTracer and the passenger."""
    change.move(PirAction.LOCATE, chosen, located_airport=airport, matched_pir_id=matched_pir_id)
    await propose_reason(change)
    await change.happened(EventKind.LOCATED, chosen, airport)
    await change.write(PirAction.LOCATE, detail={"airport": airport})
    await change.trace(TracingCall.UPDATE, bags=seqs_of(chosen))
    await change.notify(Trigger.BAG_LOCATED, bags=seqs_of(chosen))


async def locate_match(context: Context, records: Reader, match: Match) -> None:
    """What follows for two files from an agent's word that a found bag is a missed one; part of that transaction.

    Raises:
        PirClosed, InvalidState: one of the files does not allow it.
    """
    missed = await PirUnit.of_open(context, records, Target(match.delayed_pir_id))
    found = await PirUnit.of_open(context, records, Target(match.on_hand_pir_id))
    found.move(PirAction.MATCH, found.chosen(None), matched_pir_id=match.delayed_pir_id)
    await found.write(PirAction.MATCH, detail={"file": match.delayed_pir_id, "bag": match.seq})
    await found.trace(TracingCall.UPDATE)
    await bags_located(missed, found.pir.station, missed.chosen([match.seq]), match.on_hand_pir_id)


async def forward(context: Context, target: Target, command: Forward, key: str | None) -> CommandResult:
    """Sends found bags on by a flight, under a rush tag where one is given; that of a found bag closes its file.

    Raises:
        NotFound: there is no such flight.
        BadInput: one rush tag for several bags.
    """

    async def work(change: PirUnit) -> None:
        chosen = change.chosen(command.bags)
        locked = await flights.lock(change.records, context.airline_id, [command.flight_id])
        flight = locked.get(command.flight_id)
        if flight is None:
            raise NotFound("flightId", "There is no such flight.")
        if flight.status == FlightStatus.CANCELLED:
            raise BadInput("flightId", f"{flight.designator} is cancelled.")
        if command.rush_tag is not None:
            if len(chosen) != 1:
                raise BadInput("rushTag", "A rush tag is for one bag: forward the others by themselves.")
            await _tie_rush_tag(change, chosen[0], command.rush_tag, flight)
        await _forwarded(change, chosen, flight, command.rush_tag)
        await change.happened(EventKind.FORWARDED, chosen, flight.origin, flight=flight)
        await matches.propose(context, change.records, target.pir_id)
        # A found bag and the missed one that it is are one bag: what is done with one file is done with the other.
        for bag in chosen:
            if bag.matched_pir_id is not None:
                other = await PirUnit.of_open(context, change.records, Target(bag.matched_pir_id))
                same = [one for one in other.bags.values() if one.matched_pir_id == target.pir_id]
                await _forwarded(other, same, flight, command.rush_tag)
                await matches.propose(context, change.records, other.pir.id)

    return await change_pir(context, key, "forwardBags", target, asdict(command), work)


async def _forwarded(change: PirUnit, chosen: Sequence[PirBag], flight: Flight, rush_tag: str | None) -> None:
    """Of two files of one bag, that of the found one tells WorldTracer and is closed; the other tells the passenger."""
    change.move(PirAction.FORWARD, chosen, forward_flight_id=flight.id, rush_tag=rush_tag)
    await propose_reason(change)
    await change.write(PirAction.FORWARD, detail={"flight": flight.designator, "flightId": flight.id})
    delayed = change.kind == PirKind.DELAYED
    if told := seqs_of(bag for bag in chosen if bag.matched_pir_id is None or not delayed):
        await change.trace(TracingCall.FORWARD, bags=told)
    if delayed:
        await change.notify(Trigger.BAG_FORWARDED, bags=seqs_of(chosen))


async def _tie_rush_tag(change: PirUnit, bag: PirBag, number: str, flight: Flight) -> None:
    """The bag travels under a second tag, on a flight that its plan then has.

    Raises:
        BadInput: another bag carries the number: what is scanned of that one would be taken for this one.
    """
    if bag.bag_id is None:
        return
    airline_id, at = change.context.airline_id, change.at
    await bags.lock_unknown_tags(change.records, airline_id, [number])
    carrier = (await bags.tagged_at(change.records, airline_id, [number], [at])).get(0)
    if carrier not in (None, bag.bag_id):
        raise BadInput("rushTag", "Another bag carries this number: check its digits.")
    if carrier is None:
        tag = NewTag(bag.bag_id, number, TagRole.RUSH.value, at, at + UNKNOWN_TAG_WINDOW)
        await bags.insert_tags(change.records, airline_id, [tag])
    legs = await flights.legs_of_bags(change.records, airline_id, [bag.bag_id])
    if flight.id not in {leg.id for leg in legs}:
        leg = NewLeg(bag.bag_id, max((leg.seq for leg in legs), default=0) + 1, flight.id)
        await flights.insert_legs(change.records, airline_id, [leg])
    await change.happened(EventKind.RUSH_TAGGED, [bag], flight.origin, tags={bag.seq: number})
