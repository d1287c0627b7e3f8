"""From events to where a bag stands, what it flew and what is proved. Pure: the order of arrival never matters.

Rules: design section 4, and the binding readings of the domain reference, section 12 (numbers in the comments below).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from integrations.records.bags import BagState
from integrations.records.events import SCANS, EventColumns, EventKind
from integrations.records.flights import FlightColumns, LegColumns
from integrations.records.journeys import CustodyPoint, CustodyPointKind, FlownLeg, Standing

EventT = TypeVar("EventT", bound=EventColumns)


def in_order(events: Iterable[EventT]) -> list[EventT]:
    """By event time, then in the order of states, then by a digest of the content (rule 15)."""
    return sorted(events, key=lambda event: (event.at, event.rank, event.id))


def standing(
    events: Sequence[EventColumns],
    planned: Sequence[LegColumns],
    flights: Mapping[int, FlightColumns],
    created_at: datetime,
) -> Standing:
    """Where the bag stands.

    Args:
        events: all events of the bag, in order (``in_order``).
        planned: its itinerary in travel order; empty where no booking is known.
        flights: the flights that events or plan name, by id.
        created_at: when the bag became known; it is expected from then on, or from its first event if that is earlier.
    """
    stations = {leg.destination for leg in planned} | {leg.origin for leg in planned}
    loaded = {leg.id for leg, _ in _loadings(events, flights)}
    # Of a bag that only its scans made known, the first to arrive need not be the first that was taken.
    known_since = min([created_at, *(event.at for event in events[:1])])
    now = Standing(BagState.EXPECTED, known_since, None, None, None, None)
    for event in events:
        if event.kind == EventKind.NOT_SEEN and event.flight_id in loaded:
            continue  # rule 9: a load scan for the same flight wins, whichever is dated later
        now = _after(now, event, stations)
    if now.state == BagState.LOADED and now.flight_id is not None and now.flight_id in flights:
        departed_at = flights[now.flight_id].actual_departure
        if departed_at is not None:  # rule 10: never the clock alone
            return Standing(BagState.IN_FLIGHT, max(now.state_at, departed_at), None, None, now.holder, now.flight_id)
    return now


def _after(now: Standing, event: EventColumns, stations: set[str]) -> Standing:
    moved = event.kind in SCANS
    holder = event.holder or now.holder
    airport = event.airport if moved else now.airport
    place = (event.place or None) if moved else now.place
    flight_id = event.flight_id if event.flight_id is not None else now.flight_id
    if event.kind == EventKind.POSITION:
        return Standing(now.state, now.state_at, airport, place, holder, flight_id)
    off_plan = event.kind == EventKind.ARRIVED and stations and event.airport not in stations  # rule 12
    state = BagState.MISROUTED if off_plan else BagState(event.kind)
    return Standing(state, event.at, airport, place, holder, flight_id)


def _loadings(
    events: Sequence[EventColumns], flights: Mapping[int, FlightColumns]
) -> list[tuple[FlightColumns, EventColumns]]:
    """Flights that the bag was loaded on and not taken off again, with the loading."""
    loadings: dict[int, EventColumns] = {}
    for event in events:
        if event.kind == EventKind.LOADED and event.flight_id is not None:
            loadings.pop(event.flight_id, None)
            loadings[event.flight_id] = event
        elif event.kind == EventKind.OFFLOADED and loadings:
            loadings.pop(event.flight_id if event.flight_id is not None else next(reversed(loadings)), None)
    return [(flights[flight_id], event) for flight_id, event in loadings.items() if flight_id in flights]


def flown(events: Sequence[EventColumns], flights: Mapping[int, FlightColumns]) -> list[FlownLeg]:
    """The flights that the bag was on, in order: loaded and not taken off, or arrived from (rule 9)."""
    evidence: dict[int, tuple[FlightColumns, EventColumns | None, EventColumns | None]] = {
        flight.id: (flight, loading, None) for flight, loading in _loadings(events, flights)
    }
    for event in events:
        flight = flights.get(event.flight_id) if event.flight_id is not None else None
        if event.kind == EventKind.ARRIVED and flight is not None:
            evidence[flight.id] = (flight, evidence.get(flight.id, (flight, None, None))[1], event)
    in_sequence = sorted(evidence.values(), key=lambda leg: (leg[0].scheduled_departure, leg[0].id))
    return [FlownLeg(seq, *leg) for seq, leg in enumerate(in_sequence, start=1)]


def custody_points(events: Sequence[EventColumns], planned: Sequence[LegColumns]) -> list[CustodyPoint]:
    """The points of Resolution 753 that the bag has reached or passed, in travel order (rule 14).

    A point without proof is a gap, and is listed only once a scan further along shows that the bag has passed it.
    """
    planned = _as_travelled(events, planned)
    if not planned:
        return []
    scans = [(_progress(event, planned), event) for event in events if event.kind in SCANS]
    reached = max((progress for progress, _ in scans if progress is not None), default=-1.0)
    points = []
    for position, kind, airport, leg in _points(planned):
        proof = next((event for event in events if _proves(event, kind, airport, planned[leg - 1])), None)
        if proof is None and reached <= position:
            continue
        before = [event for progress, event in scans if progress is not None and progress < position and event.holder]
        points.append(CustodyPoint(kind, airport, planned[leg - 1].seq, proof, before[-1].holder if before else None))
    return points


def _as_travelled(events: Sequence[EventColumns], planned: Sequence[LegColumns]) -> list[LegColumns]:
    """The plan without missed legs: those not flown that a later one from the same airport replaces."""
    by_id = {leg.id: leg for leg in planned}
    flown_ids = {leg.flight.id for leg in flown(events, by_id)}
    return [
        leg
        for index, leg in enumerate(planned, start=1)
        if leg.id in flown_ids or all(later.origin != leg.origin for later in planned[index:])
    ]


def _points(planned: Sequence[LegColumns]) -> list[tuple[int, CustodyPointKind, str, int]]:
    """Each point's position along the journey, its airport and the planned leg it belongs to, from 1."""
    points = [(0, CustodyPointKind.ACCEPTANCE, planned[0].origin, 1)]
    for leg in range(1, len(planned) + 1):
        end = CustodyPointKind.ARRIVAL if leg == len(planned) else CustodyPointKind.TRANSFER
        points.append((2 * leg - 1, CustodyPointKind.LOADING, planned[leg - 1].origin, leg))
        points.append((2 * leg, end, planned[leg - 1].destination, leg))
    return points


def _proves(event: EventColumns, kind: CustodyPointKind, airport: str, leg: LegColumns) -> bool:
    if kind == CustodyPointKind.ACCEPTANCE:
        return event.kind == EventKind.ACCEPTED
    if kind == CustodyPointKind.LOADING:
        same = event.airport == airport if event.flight_id is None else event.flight_id == leg.id
        return event.kind == EventKind.LOADED and same
    if kind == CustodyPointKind.TRANSFER:
        return event.kind == EventKind.TRANSFER_IN and event.airport == airport
    return event.kind in (EventKind.AT_CLAIM, EventKind.DELIVERED)


def _progress(event: EventColumns, planned: Sequence[LegColumns]) -> float | None:
    """How far along the plan a scan shows the bag to be, in positions of ``_points``; None where it shows nothing."""
    if event.kind == EventKind.ACCEPTED:
        return 0
    if event.kind in (EventKind.AT_CLAIM, EventKind.DELIVERED):
        return 2 * len(planned)
    leaving = next((seq for seq, leg in enumerate(planned, start=1) if leg.origin == event.airport), None)
    arriving = next((seq for seq, leg in enumerate(planned, start=1) if leg.destination == event.airport), None)
    if event.kind == EventKind.LOADED:
        by_flight = next((seq for seq, leg in enumerate(planned, start=1) if leg.id == event.flight_id), leaving)
        return None if by_flight is None else 2 * by_flight - 1
    if event.kind == EventKind.TRANSFER_IN:
        return None if arriving is None else 2 * arriving
    if event.kind in (EventKind.SCREENED, EventKind.SORTED) and leaving is not None:
        return 2 * leaving - 1.5  # in the system of the station it leaves from: accepted, or taken over
    return None if arriving is None else 2 * arriving - 0.5  # seen where the leg ends: it was loaded there
