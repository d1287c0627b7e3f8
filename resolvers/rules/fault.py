"""Proposal of the reason for loss and the fault station from the records of a bag; an agent decides.

Rules: ``docs/DOMAIN.md#fault-station``. The codes of late transfers depend on the minutes between the actual on-block
of the inbound flight and the actual off-block of the outbound flight, compared with the station's minimum for bags.
There is no proposal where the evidence fits several reasons: a bag offloaded before departure may have been removed for
space, for security or by error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import Any

from integrations.records.airports import ConnectionTime
from integrations.records.events import SCANS, EventColumns, EventKind
from integrations.records.flights import FlightColumns
from resolvers.rules.bag_state import flown_legs
from resolvers.rules.history import History
from resolvers.rules.transfers import minimum_of

# After an event of one of these kinds a bag travels on new flights, which need not be in its plan.
_SENT_ON_KINDS = frozenset({EventKind.LEFT_BEHIND, EventKind.RUSH_TAGGED, EventKind.FORWARDED})


class FactName(StrEnum):
    """The subject of a fact of the evidence."""

    INBOUND_FLIGHT = "INBOUND_FLIGHT"
    INBOUND_ON_BLOCKS = "INBOUND_ON_BLOCKS"
    OUTBOUND_FLIGHT = "OUTBOUND_FLIGHT"
    OUTBOUND_OFF_BLOCKS = "OUTBOUND_OFF_BLOCKS"
    MINUTES_AVAILABLE = "MINUTES_AVAILABLE"
    MINUTES_NEEDED = "MINUTES_NEEDED"
    MINIMUM_SOURCE = "MINIMUM_SOURCE"
    SCAN = "SCAN"
    PLANNED_FLIGHT = "PLANNED_FLIGHT"
    ACTUAL_FLIGHT = "ACTUAL_FLIGHT"
    FINAL_DESTINATION = "FINAL_DESTINATION"
    OWN_TAG = "OWN_TAG"
    FOUND_TAG = "FOUND_TAG"


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact from the records.

    Args:
        value: text that needs no translation: a flight, a station, a number of minutes.
        at: when it happened, UTC; None for a fact without a time.
    """

    name: FactName
    value: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposed reason for loss.

    Args:
        reason: code of the list ``REASON_FOR_LOSS``.
        station: fault station: where the bag was left, or where the error was made.
        evidence: all facts that the proposal rests on.
    """

    reason: str
    station: str
    evidence: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class TagSwitch:
    """Evidence that the bag was found under the tag of another bag that was checked in at the same station.

    Args:
        at: when an agent confirmed that the found bag is this one, UTC.
    """

    own_tag: str
    found_tag: str
    station: str
    at: datetime


def propose(
    history: History,
    connection_times: Sequence[ConnectionTime],
    *,
    final_destination: str | None = None,
    switch: TagSwitch | None = None,
) -> Proposal | None:
    """The reason for loss of a delayed bag and the station at fault; None if the records prove none.

    Args:
        history: events in order, plan and flights of the bag.
        connection_times: the airline's minimum connecting times at all stations.
        final_destination: IATA code of the end of the passenger's journey, from the PIR; None if unknown.
        switch: evidence that the bag's tag was exchanged with another one; None without.
    """
    if switch is not None:
        return Proposal("15", switch.station, _switch_evidence(switch))
    return (
        _wrong_aircraft(history)
        or _not_offloaded(history)
        or _offloaded_on_the_way(history)
        or _missed_flight(history, connection_times)
        or _checked_short(history, final_destination)
    )


def _switch_evidence(switch: TagSwitch) -> tuple[Fact, ...]:
    return (
        Fact(FactName.OWN_TAG, switch.own_tag),
        Fact(FactName.FOUND_TAG, switch.found_tag, switch.at),
    )


def _wrong_aircraft(history: History) -> Proposal | None:
    """31: loaded at the origin of a planned flight, on another flight that goes to no station of the plan."""
    for loading in _of_the_first_journey(history, EventKind.LOADED):
        flight = history.flights.get(loading.flight_id or 0)
        planned = _planned_from(history, flight.origin) if flight else None
        if flight is None or planned is None or _is_planned(history, flight) or _not_flown(history, loading):
            continue
        destinations = {leg.destination for leg in history.once_planned}
        if flight.actual_departure is not None and flight.destination not in destinations:
            evidence = (
                _flight(FactName.PLANNED_FLIGHT, planned, planned.actual_departure),
                _flight(FactName.ACTUAL_FLIGHT, flight, flight.actual_departure),
                _scan(loading),
            )
            return Proposal("31", flight.origin, evidence)
    return None


def _not_offloaded(history: History) -> Proposal | None:
    """33: loaded for a station, never scanned there, and arrived on an unplanned flight from that station."""
    for arrival in _of_the_first_journey(history, EventKind.ARRIVED):
        flight = history.flights.get(arrival.flight_id or 0)
        if flight is None or _is_planned(history, flight):
            continue
        station = flight.origin
        planned = next((leg for leg in history.once_planned if leg.destination == station), None)
        loading = _loading(history, planned) if planned else None
        if planned is None or loading is None or any(one.airport == station for one in _scans(history)):
            continue
        arrived_at, departed_at = planned.actual_arrival, flight.actual_departure
        if arrived_at is None or departed_at is None or departed_at < arrived_at:
            continue
        evidence = (
            _flight(FactName.PLANNED_FLIGHT, planned, planned.actual_arrival),
            _scan(loading),
            _flight(FactName.ACTUAL_FLIGHT, flight, flight.actual_departure),
            _scan(arrival),
        )
        return Proposal("33", station, evidence)
    return None


def _offloaded_on_the_way(history: History) -> Proposal | None:
    """32: arrived from a planned flight at neither end of it, although the flight reached its destination."""
    for arrival in _of_the_first_journey(history, EventKind.ARRIVED):
        leg = next((one for one in history.once_planned if one.id == arrival.flight_id), None)
        if leg is None or arrival.airport in (leg.origin, leg.destination):
            continue
        if leg.actual_arrival is not None and leg.status == "ARRIVED":
            evidence = (_flight(FactName.PLANNED_FLIGHT, leg, leg.actual_arrival), _scan(arrival))
            return Proposal("32", arrival.airport, evidence)
    return None


def _missed_flight(history: History, connection_times: Sequence[ConnectionTime]) -> Proposal | None:
    """The first planned flight that left without the bag: 21 at the origin, 52, 53, 55 or 56 at a transfer."""
    flown_ids = {leg.flight.id for leg in flown_legs(history.events, history.flights)}
    inbound: FlightColumns | None = None
    for leg in history.once_planned:
        if leg.id in flown_ids:
            inbound = leg
            continue
        proof = _proof_of_staying(history, leg)
        if proof is None:
            return None
        if inbound is None:
            return _left_at_origin(history, leg, proof)
        if inbound.destination != leg.origin:
            return None
        return _missed_connection(inbound, leg, proof, connection_times)
    return None


def _left_at_origin(history: History, leg: FlightColumns, proof: EventColumns) -> Proposal | None:
    """21: accepted in time at the origin, under the tag of the plan, and left behind by the first flight."""
    accepted = next((one for one in history.events if one.kind == EventKind.ACCEPTED), None)
    if accepted is None or accepted.airport != leg.origin or leg.actual_departure is None:
        return None
    if accepted.at >= leg.actual_departure:
        return None
    evidence = (_scan(accepted), _flight(FactName.PLANNED_FLIGHT, leg, leg.actual_departure), _scan(proof))
    return Proposal("21", leg.origin, evidence)


def _missed_connection(
    inbound: FlightColumns, outbound: FlightColumns, proof: EventColumns, connection_times: Sequence[ConnectionTime]
) -> Proposal | None:
    arrived_at, departed_at = None if inbound.left_at_stop else inbound.actual_arrival, outbound.actual_departure
    minimum = minimum_of(connection_times, outbound.origin, inbound.carrier, outbound.carrier)
    if arrived_at is None or departed_at is None or minimum is None:
        return None
    available = (departed_at - arrived_at) // timedelta(minutes=1)
    in_time = available >= minimum.bag_minutes
    online = inbound.carrier == outbound.carrier
    reason = ("55" if in_time else "56") if online else ("52" if in_time else "53")
    pair = f"{minimum.inbound_carrier or 'ANY'}-{minimum.outbound_carrier or 'ANY'}"
    evidence = (
        _flight(FactName.INBOUND_FLIGHT, inbound),
        Fact(FactName.INBOUND_ON_BLOCKS, inbound.destination, arrived_at),
        _flight(FactName.OUTBOUND_FLIGHT, outbound),
        Fact(FactName.OUTBOUND_OFF_BLOCKS, outbound.origin, departed_at),
        Fact(FactName.MINUTES_AVAILABLE, str(available)),
        Fact(FactName.MINUTES_NEEDED, str(minimum.bag_minutes)),
        Fact(FactName.MINIMUM_SOURCE, f"{minimum.airport} {pair}"),
        _scan(proof),
    )
    return Proposal(reason, outbound.origin, evidence)


def _checked_short(history: History, final_destination: str | None) -> Proposal | None:
    """12: flew its whole plan, which ends before the passenger's journey does."""
    if final_destination is None or not history.once_planned:
        return None
    end = history.once_planned[-1].destination
    journey = flown_legs(history.events, history.flights)
    if not {leg.id for leg in history.once_planned} <= {leg.flight.id for leg in journey}:
        return None
    arrived = journey[-1].arrived
    through = {leg.origin for leg in history.once_planned} | {leg.destination for leg in history.once_planned}
    handed_over = any(event.kind == EventKind.DELIVERED for event in history.events)
    if arrived is None or arrived.airport != end or final_destination in through or handed_over:
        return None
    evidence = (
        *(_flight(FactName.PLANNED_FLIGHT, leg, leg.actual_arrival) for leg in history.once_planned),
        _scan(arrived),
        Fact(FactName.FINAL_DESTINATION, final_destination),
    )
    return Proposal("12", history.once_planned[0].origin, evidence)


def _proof_of_staying(history: History, leg: FlightColumns) -> EventColumns | None:
    """The event that proves that the bag was still at the origin when its flight left; None without one.

    An offload is no proof, since its cause is unknown. A bag that is next seen elsewhere may have flown unscanned.
    """
    departed_at = leg.actual_departure
    if departed_at is None or any(_offloaded(event, leg) for event in history.events):
        return None
    after = [event for event in _scans(history) if event.at > departed_at]
    if after and after[0].airport != leg.origin:
        return None
    reports = (
        event
        for event in history.events
        if (event.kind == EventKind.LEFT_BEHIND and event.airport == leg.origin)
        or (event.kind == EventKind.NOT_SEEN and event.flight_id == leg.id)
    )
    return next(reports, after[0] if after else None)


def _offloaded(event: EventColumns, leg: FlightColumns) -> bool:
    if event.kind != EventKind.OFFLOADED:
        return False
    return event.airport == leg.origin if event.flight_id is None else event.flight_id == leg.id


def _scans(history: History) -> list[EventColumns]:
    """Events that prove where the bag was; a rush tag is attached by hand."""
    return [event for event in history.events if event.kind in SCANS or event.kind == EventKind.RUSH_TAGGED]


def _of_the_first_journey(history: History, kind: EventKind) -> list[EventColumns]:
    """Events of a kind before the bag was left behind or sent on, after which its flights belong to no plan."""
    first = takewhile(lambda event: event.kind not in _SENT_ON_KINDS, history.events)
    return [event for event in first if event.kind == kind]


def _planned_from(history: History, station: str) -> FlightColumns | None:
    return next((leg for leg in history.once_planned if leg.origin == station), None)


def _is_planned(history: History, flight: FlightColumns) -> bool:
    return any(leg.id == flight.id for leg in history.once_planned)


def _loading(history: History, leg: FlightColumns) -> EventColumns | None:
    return next((one.loaded for one in flown_legs(history.events, history.flights) if one.flight.id == leg.id), None)


def _not_flown(history: History, loading: EventColumns) -> bool:
    return all(leg.flight.id != loading.flight_id for leg in flown_legs(history.events, history.flights))


def _flight(name: FactName, flight: FlightColumns, at: datetime | None = None) -> Fact:
    return Fact(name, f"{flight.designator} {flight.origin}-{flight.destination}", at)


def _scan(event: EventColumns) -> Fact:
    return Fact(FactName.SCAN, f"{event.kind} {event.airport}", event.at)


def fact_time(entry: Mapping[str, Any]) -> datetime | None:
    """When a fact happened, from its stored form; None for a fact without a time."""
    return datetime.fromisoformat(entry["at"]) if entry.get("at") else None
