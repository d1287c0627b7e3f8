"""Tracing of missed bags: suspend, reinstate, locate and forward."""

from collections.abc import Sequence
from dataclasses import dataclass

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
from resolvers.irregularities.commands import ChosenBags, check_airport, pir_command
from resolvers.irregularities.pir_unit import PirUnit, Target, seqs_of
from resolvers.rules import fault

# Values of a bag that no longer apply once it is traced again.
UNTRACED = {
    "located_airport": None,
    "forward_flight_id": None,
    "rush_tag": None,
    "courier": None,
    "window_start": None,
    "window_end": None,
    "delivered_at": None,
    "matched_pir_id": None,
}


@dataclass(frozen=True, slots=True)
class LocateBags:
    """Records where bags were found.

    Args:
        airport: IATA code.
        bags: numbers of the bags in the PIR; None for all of them.
    """

    airport: str
    bags: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class ForwardBags:
    """Sends bags to the passenger's airport.

    Args:
        bags: numbers of the bags in the PIR; None for all of them.
        rush_tag: ten digits; allowed for one bag only.
    """

    flight_id: int
    bags: tuple[int, ...] | None = None
    rush_tag: str | None = None


async def propose_reason(pir: PirUnit) -> None:
    """Proposes reason for loss and fault station of a delayed PIR from the journeys of its bags.

    An earlier proposal is kept if the journeys prove nothing.
    """
    ids = [bag.bag_id for bag in pir.bags.values() if bag.bag_id is not None]
    if pir.kind != PirKind.DELAYED or not ids:
        return
    airline_id = pir.context.airline_id
    times = await airports.connection_times(pir.records, airline_id)
    switch = await matches.tag_switch(pir.records, airline_id, pir.id)
    journeys = await history.with_replaced_flights(
        pir.records, airline_id, await history.of_bags(pir.records, airline_id, ids)
    )
    proposals = (
        fault.propose(journeys[bag_id], times, final_destination=pir.values.destination, switch=switch)
        for bag_id in ids
    )
    proposal = next(filter(None, proposals), None)
    if proposal is not None:
        pir.set(
            proposed_reason=proposal.reason,
            proposed_station=proposal.station,
            evidence=[
                {"name": fact.name.value, "value": fact.value, "at": fact.at.isoformat() if fact.at else None}
                for fact in proposal.evidence
            ],
        )


@pir_command("suspendTracing")
async def suspend(pir: PirUnit, command: ChosenBags) -> None:
    """Suspends the tracing of bags that seem to be found."""
    chosen = pir.chosen(command.bags)
    pir.move(PirAction.SUSPEND, chosen)
    await pir.write(PirAction.SUSPEND)
    await pir.trace(TracingCall.SUSPEND, bags=seqs_of(chosen))
    await pir.propose_matches()


@pir_command("reinstateTracing")
async def reinstate(pir: PirUnit, command: ChosenBags) -> None:
    """Resumes the tracing of bags: the wrong bag was found, or the bag was lost again."""
    chosen = pir.chosen(command.bags)
    pir.move(PirAction.REINSTATE, chosen, **UNTRACED)
    await matches.release(pir.context, pir.records, pir.id, seqs_of(chosen))
    await pir.write(PirAction.REINSTATE)
    if pir.kind == PirKind.DELAYED:
        await pir.append_events(EventKind.DELAYED, chosen, pir.place)
        await pir.trace(TracingCall.REINSTATE, bags=seqs_of(chosen))
    await pir.propose_matches()


@pir_command("locateBags")
async def locate(pir: PirUnit, command: LocateBags) -> None:
    """Records that bags of a delayed PIR were found at an airport."""
    await check_airport(pir.records, command.airport, "airport")
    await bags_located(pir, command.airport, pir.chosen(command.bags))
    await pir.propose_matches()


async def bags_located(pir: PirUnit, airport: str, chosen: Sequence[PirBag], matched_pir_id: int | None = None) -> None:
    """Records that bags of a delayed PIR were found at an airport, and notifies WorldTracer and the passenger."""
    pir.move(PirAction.LOCATE, chosen, located_airport=airport, matched_pir_id=matched_pir_id)
    await propose_reason(pir)
    await pir.append_events(EventKind.LOCATED, chosen, airport)
    await pir.write(PirAction.LOCATE, detail={"airport": airport})
    await pir.trace(TracingCall.UPDATE, bags=seqs_of(chosen))
    await pir.notify(Trigger.BAG_LOCATED, bags=seqs_of(chosen))


async def locate_match(context: Context, records: Reader, match: Match) -> None:
    """Applies a confirmed match to its two PIRs; part of the transaction that confirms it.

    Raises:
        PirClosed, InvalidState: the state of one of the PIRs does not allow it.
    """
    missed = await PirUnit.of_open(context, records, Target(match.delayed_pir_id))
    found = await PirUnit.of_open(context, records, Target(match.on_hand_pir_id))
    found.move(PirAction.MATCH, found.chosen(None), matched_pir_id=match.delayed_pir_id)
    await found.write(PirAction.MATCH, detail={"file": match.delayed_pir_id, "bag": match.seq})
    await found.trace(TracingCall.UPDATE)
    await bags_located(missed, found.before.station, missed.chosen([match.seq]), match.on_hand_pir_id)


@pir_command("forwardBags")
async def forward(pir: PirUnit, command: ForwardBags) -> None:
    """Forwards found bags by a flight, under a rush tag if one is given. Forwarding an on-hand bag closes its PIR.

    Raises:
        NotFound: the flight does not exist.
        BadInput: the flight is cancelled, or the rush tag is for several bags or belongs to another bag.
    """
    chosen = pir.chosen(command.bags)
    flight = await _lock_flight(pir, command.flight_id)
    if command.rush_tag is not None:
        if len(chosen) != 1:
            raise BadInput("rushTag", f"rushTag must be given for exactly 1 bag, not {len(chosen)}")
        await _add_rush_tag(pir, chosen[0], command.rush_tag, flight)
    await _forward_bags(pir, chosen, flight, command.rush_tag)
    await pir.append_events(EventKind.FORWARDED, chosen, flight.origin, flight=flight)
    await pir.propose_matches()
    # A found bag and the missed bag that it matches are one bag: forwarding one PIR also forwards the other.
    for bag in chosen:
        if bag.matched_pir_id is not None:
            other = await PirUnit.of_open(pir.context, pir.records, Target(bag.matched_pir_id))
            same = [one for one in other.bags.values() if one.matched_pir_id == pir.id]
            await _forward_bags(other, same, flight, command.rush_tag)
            await other.propose_matches()


async def _lock_flight(pir: PirUnit, flight_id: int) -> Flight:
    flight = (await flights.lock(pir.records, pir.context.airline_id, [flight_id])).get(flight_id)
    if flight is None:
        raise NotFound("flightId", "flightId must be the id of an existing flight")
    if flight.status == FlightStatus.CANCELLED:
        raise BadInput("flightId", f"flightId must be the id of a flight that is not cancelled; {flight.designator} is")
    return flight


async def _forward_bags(pir: PirUnit, chosen: Sequence[PirBag], flight: Flight, rush_tag: str | None) -> None:
    """Writes the forwarding of bags of one PIR.

    Of two matched PIRs, that of the found bag notifies WorldTracer and closes; that of the missed bag notifies the
    passenger.
    """
    pir.move(PirAction.FORWARD, chosen, forward_flight_id=flight.id, rush_tag=rush_tag)
    await propose_reason(pir)
    await pir.write(PirAction.FORWARD, detail={"flight": flight.designator, "flightId": flight.id})
    delayed = pir.kind == PirKind.DELAYED
    if traced := seqs_of(bag for bag in chosen if bag.matched_pir_id is None or not delayed):
        await pir.trace(TracingCall.FORWARD, bags=traced)
    if delayed:
        await pir.notify(Trigger.BAG_FORWARDED, bags=seqs_of(chosen))


async def _add_rush_tag(pir: PirUnit, bag: PirBag, number: str, flight: Flight) -> None:
    """Adds a second tag to the bag, and the flight to its itinerary.

    Raises:
        BadInput: another bag carries the number, so its scans would be recorded for this bag.
    """
    if bag.bag_id is None:
        return
    airline_id, at = pir.context.airline_id, pir.at
    await bags.lock_unknown_tags(pir.records, airline_id, [number])
    carrier = (await bags.tagged_at(pir.records, airline_id, [number], [at])).get(0)
    if carrier not in (None, bag.bag_id):
        raise BadInput("rushTag", f"rushTag must be a number that no other bag carries; another bag carries {number}")
    if carrier is None:
        tag = NewTag(bag.bag_id, number, TagRole.RUSH.value, at, at + UNKNOWN_TAG_WINDOW)
        await bags.insert_tags(pir.records, airline_id, [tag])
    legs = await flights.legs_of_bags(pir.records, airline_id, [bag.bag_id])
    if flight.id not in {leg.id for leg in legs}:
        leg = NewLeg(bag.bag_id, max((leg.seq for leg in legs), default=0) + 1, flight.id)
        await flights.insert_legs(pir.records, airline_id, [leg])
    await pir.append_events(EventKind.RUSH_TAGGED, [bag], flight.origin, tags={bag.seq: number}, replanned=True)
