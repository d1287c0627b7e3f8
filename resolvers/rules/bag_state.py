"""Status and flown flights of a bag, computed from its events.

The order in which events arrive has no influence on the result (``docs/DOMAIN.md#bag-states``).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from integrations.records.bags import BagState
from integrations.records.events import SCANS, EventColumns, EventKind, ScanMethod
from integrations.records.flights import FlightColumns, LegColumns
from integrations.records.journeys import BagStatus, FlownLeg

EventT = TypeVar("EventT", bound=EventColumns)

# Kinds that a message can report about a bag before its first scan.
_MESSAGE_KINDS = frozenset({EventKind.EXPECTED, EventKind.ACCEPTED})


def sort_events(events: Iterable[EventT]) -> list[EventT]:
    """Events sorted by event time, then by rank of their state, then by id (``docs/DOMAIN.md#rule-15``)."""
    return sorted(events, key=lambda event: (event.at, event.rank, event.id))


def status_of(
    events: Sequence[EventColumns],
    planned: Sequence[LegColumns],
    flights: Mapping[int, FlightColumns],
    created_at: datetime,
    *,
    deleted: bool = False,
) -> BagStatus:
    """The status of a bag.

    Args:
        events: all events of the bag, in order (``sort_events``).
        planned: its itinerary in travel order; empty if no booking is known.
        flights: the flights that events or plan name, by id.
        created_at: when the bag became known. The bag is expected from then on, or from its first event if that is
            earlier.
        deleted: whether the last instruction is a deletion; the state is then DELETED whatever was scanned
            (``docs/DOMAIN.md#rule-4``).
    """
    stations = {leg.destination for leg in planned} | {leg.origin for leg in planned}
    # The first scan to arrive need not be the earliest one: a bag known by scans only may be older than its row.
    state, state_at = str(BagState.EXPECTED), min([created_at, *(event.at for event in events[:1])])
    airport: str | None = None
    place: str | None = None
    flight_id: int | None = None
    custodian: str | None = None
    announced: str | None = None
    for event, counts in _events_that_count(events, flights):
        if not counts:
            announced = event.custodian or announced
            continue
        kind = event.kind
        if kind in SCANS:
            airport, place = event.airport, event.place or None
        custodian = event.custodian or custodian
        flight_id = event.flight_id or flight_id
        if kind != EventKind.POSITION:
            # docs/DOMAIN.md#rule-12
            off_plan = kind == EventKind.ARRIVED and stations and event.airport not in stations
            state, state_at = str(BagState.MISROUTED) if off_plan else kind, event.at
    custodian = custodian or announced  # in_order_of_custody
    if deleted:
        return BagStatus(BagState.DELETED, state_at, airport, place, custodian, flight_id)
    if state == BagState.LOADED and flight_id is not None and flight_id in flights:
        departed_at = flights[flight_id].actual_departure
        if departed_at is not None:  # docs/DOMAIN.md#rule-10: never by the clock alone
            return BagStatus(BagState.IN_FLIGHT, max(state_at, departed_at), None, None, custodian, flight_id)
    return BagStatus(state, state_at, airport, place, custodian, flight_id)


def in_order_of_custody(events: Sequence[EventT], flights: Mapping[int, FlightColumns]) -> list[EventT]:
    """Events in the order in which their custodians replace each other (``docs/DOMAIN.md#custodians``).

    Those that do not replace a bag's state come first: they name its custodian only where no other event does.
    """
    weighed = list(_events_that_count(events, flights))
    return [event for event, counts in weighed if not counts] + [event for event, counts in weighed if counts]


def _events_that_count(events: Sequence[EventT], flights: Mapping[int, FlightColumns]) -> Iterator[tuple[EventT, bool]]:
    """Each event, and whether it counts against those before it."""
    loaded = {leg.id for leg, _ in _loadings(events, flights)}
    state: str = BagState.EXPECTED
    for event in events:
        kind = event.kind
        if kind == EventKind.NOT_SEEN and event.flight_id in loaded:
            yield event, False  # docs/DOMAIN.md#rule-9: a load scan for the same flight beats it, whichever is later
        elif kind in _MESSAGE_KINDS and event.method == ScanMethod.MESSAGE and state not in (BagState.EXPECTED, kind):
            yield event, False  # docs/DOMAIN.md#bag-states: it does not replace the state that a scan has set
        else:
            yield event, True
            state = state if kind == EventKind.POSITION else kind


def _loadings(
    events: Sequence[EventColumns], flights: Mapping[int, FlightColumns]
) -> list[tuple[FlightColumns, EventColumns]]:
    """Flights that the bag was loaded on and not offloaded from, each with the load event."""
    loadings: dict[int, EventColumns] = {}
    for event in events:
        if event.kind == EventKind.LOADED and event.flight_id is not None:
            loadings.pop(event.flight_id, None)
            loadings[event.flight_id] = event
        elif event.kind == EventKind.OFFLOADED and loadings:
            loadings.pop(event.flight_id if event.flight_id is not None else next(reversed(loadings)), None)
    return [(flights[flight_id], event) for flight_id, event in loadings.items() if flight_id in flights]


def flown_legs(events: Sequence[EventColumns], flights: Mapping[int, FlightColumns]) -> list[FlownLeg]:
    """The flights that the bag was on, in order: loaded and not offloaded, or arrived (``docs/DOMAIN.md#rule-9``)."""
    evidence: dict[int, tuple[FlightColumns, EventColumns | None, EventColumns | None]] = {
        flight.id: (flight, loading, None) for flight, loading in _loadings(events, flights)
    }
    for event in events:
        flight = flights.get(event.flight_id) if event.flight_id is not None else None
        if event.kind == EventKind.ARRIVED and flight is not None:
            evidence[flight.id] = (flight, evidence.get(flight.id, (flight, None, None))[1], event)
    in_sequence = sorted(evidence.values(), key=lambda leg: (leg[0].scheduled_departure, leg[0].id))
    return [FlownLeg(seq, *leg) for seq, leg in enumerate(in_sequence, start=1)]
