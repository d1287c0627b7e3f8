"""Custody points of IATA Resolution 753 (``docs/DOMAIN.md#custody-points``): due, proved, and by which event."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

from integrations.records.events import SCANS, EventColumns, EventKind
from integrations.records.flights import FlightColumns, LegColumns
from integrations.records.inventory import CustodyCompleteness, CustodyGap, PointCount
from integrations.records.journeys import CustodyPoint, CustodyPointKind
from resolvers.rules.bag_state import flown_legs, in_order_of_custody


def completeness(of_bags: Mapping[int, Sequence[CustodyPoint]]) -> CustodyCompleteness:
    """Number of custody points due and proved for the bags of a flight, by kind, with the gaps.

    Args:
        of_bags: custody points of each bag, by bag id.
    """
    due, proved = Counter[CustodyPointKind](), Counter[CustodyPointKind]()
    for points in of_bags.values():
        due.update(point.kind for point in points)
        proved.update(point.kind for point in points if point.proved)
    return CustodyCompleteness(
        bags=len(of_bags),
        points=[PointCount(kind, due[kind], proved[kind]) for kind in CustodyPointKind],
        gaps=[CustodyGap(bag_id, point) for bag_id, points in of_bags.items() for point in points if not point.proved],
    )


class _Leg(NamedTuple):
    """A leg of the chain that a bag travelled or is to travel; ``seq`` is its ordinal in the plan."""

    id: int
    seq: int
    origin: str
    destination: str


def custody_points(
    events: Sequence[EventColumns], planned: Sequence[LegColumns], flights: Mapping[int, FlightColumns]
) -> list[CustodyPoint]:
    """The custody points that a bag has reached or passed, in travel order (``docs/DOMAIN.md#rule-14``).

    A point without proof is a gap. It is listed only once a later scan shows that the bag has passed it. A bag without
    a plan has the points that its flown legs and scans imply (``docs/DOMAIN.md#rule-20``).

    Args:
        events: of the bag, in order.
        planned: its itinerary in travel order.
        flights: the flights that events name, by id.
    """
    if not planned:
        return _unplanned_points(events, flights)
    chain = _as_travelled(events, planned, flights)
    ordered = in_order_of_custody(events, flights)
    scans = [(_progress(event, chain), event) for event in ordered if event.kind in SCANS]
    reached = max((progress for progress, _ in scans if progress is not None), default=-1.0)
    points = []
    for position, kind, airport, number in _points(chain):
        leg = chain[number - 1]
        proof = next((event for event in events if _proves(event, kind, airport, leg)), None)
        if proof is None and reached <= position:
            continue
        before = [
            event for progress, event in scans if progress is not None and progress < position and event.custodian
        ]
        points.append(CustodyPoint(kind, airport, leg.seq, leg.id, proof, before[-1].custodian if before else None))
    return points


def _as_travelled(
    events: Sequence[EventColumns], planned: Sequence[LegColumns], flights: Mapping[int, FlightColumns]
) -> list[_Leg]:
    """The chain of legs that the bag travels (``docs/DOMAIN.md#rule-19``).

    It has no missed legs, which were not flown and which a later leg from the same airport replaces. Flown legs off the
    plan fill a gap between two planned legs: the bag went astray there, and a new itinerary begins where it was found.
    """
    flown = flown_legs(events, {**flights, **{leg.id: leg for leg in planned}})
    flown_ids = {leg.flight.id for leg in flown}
    kept = [
        leg
        for index, leg in enumerate(planned, start=1)
        if leg.id in flown_ids or all(later.origin != leg.origin for later in planned[index:])
    ]
    off_plan = [leg.flight for leg in flown if leg.flight.id not in {leg.id for leg in planned}]
    chain: list[_Leg] = []
    for leg in kept:
        while chain and chain[-1].destination != leg.origin:
            last = chain[-1]
            strayed = next((one for one in off_plan if one.origin == last.destination), None)
            if strayed is None:
                break
            off_plan.remove(strayed)
            chain.append(_Leg(strayed.id, last.seq, strayed.origin, strayed.destination))
        chain.append(_Leg(leg.id, leg.seq, leg.origin, leg.destination))
    return chain


def _unplanned_points(events: Sequence[EventColumns], flights: Mapping[int, FlightColumns]) -> list[CustodyPoint]:
    """The points of a bag that only scans know: loading where it was loaded, arrival where it was claimed."""
    flown = flown_legs(events, flights)
    found: list[tuple[CustodyPointKind, str, int, int | None, EventColumns | None, EventColumns | None]] = []
    first_id = flown[0].flight.id if flown else None
    if accepted := _first(events, EventKind.ACCEPTED):
        found.append((CustodyPointKind.ACCEPTANCE, accepted.airport, 1, first_id, accepted, accepted))
    if not flown and (loaded := _first(events, EventKind.LOADED)) and _first(events, EventKind.OFFLOADED) is None:
        found.append((CustodyPointKind.LOADING, loaded.airport, 1, loaded.flight_id, loaded, loaded))
    for leg, following in zip_longest(flown, flown[1:]):
        flight = leg.flight
        found.append(
            (CustodyPointKind.LOADING, flight.origin, leg.seq, flight.id, leg.loaded, leg.loaded or leg.arrived)
        )
        if following is not None and following.flight.origin == flight.destination:
            taken_over = _first(events, EventKind.TRANSFER_IN, flight.destination)
            by = taken_over or following.loaded or following.arrived
            found.append((CustodyPointKind.TRANSFER, flight.destination, leg.seq, flight.id, taken_over, by))
    if claimed := _first(events, EventKind.AT_CLAIM) or _first(events, EventKind.DELIVERED):
        last = flown[-1] if flown else None
        leg_seq, flight_id = (last.seq, last.flight.id) if last else (1, None)
        found.append((CustodyPointKind.ARRIVAL, claimed.airport, leg_seq, flight_id, claimed, claimed))
    ordered = in_order_of_custody(events, flights)
    return [
        CustodyPoint(kind, airport, seq, flight_id, proof, _custodian_before(ordered, by))
        for kind, airport, seq, flight_id, proof, by in found
    ]


def _first(events: Sequence[EventColumns], kind: EventKind, airport: str | None = None) -> EventColumns | None:
    return next((one for one in events if one.kind == kind and airport in (None, one.airport)), None)


def _custodian_before(events: Sequence[EventColumns], by: EventColumns | None) -> str | None:
    """The last custodian before an event."""
    custodian = None
    for event in events:
        if by is not None and event.id == by.id:
            break
        custodian = event.custodian or custodian
    return custodian


def _points(planned: Sequence[_Leg]) -> list[tuple[int, CustodyPointKind, str, int]]:
    """Position along the journey, kind, airport and leg number (from 1) of each custody point."""
    points = [(0, CustodyPointKind.ACCEPTANCE, planned[0].origin, 1)]
    for leg in range(1, len(planned) + 1):
        end = CustodyPointKind.ARRIVAL if leg == len(planned) else CustodyPointKind.TRANSFER
        points.append((2 * leg - 1, CustodyPointKind.LOADING, planned[leg - 1].origin, leg))
        points.append((2 * leg, end, planned[leg - 1].destination, leg))
    return points


def _proves(event: EventColumns, kind: CustodyPointKind, airport: str, leg: _Leg) -> bool:
    if kind == CustodyPointKind.ACCEPTANCE:
        return event.kind == EventKind.ACCEPTED
    if kind == CustodyPointKind.LOADING:
        same = event.airport == airport if event.flight_id is None else event.flight_id == leg.id
        return event.kind == EventKind.LOADED and same
    if kind == CustodyPointKind.TRANSFER:
        return event.kind == EventKind.TRANSFER_IN and event.airport == airport
    return event.kind in (EventKind.AT_CLAIM, EventKind.DELIVERED)


def _progress(event: EventColumns, planned: Sequence[_Leg]) -> float | None:
    """Position along the journey that a scan shows, in positions of ``_points``; None if it shows none."""
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
        return 2 * leaving - 1.5  # in the baggage system of the origin of a leg: after acceptance or transfer
    return None if arriving is None else 2 * arriving - 0.5  # at the destination of a leg: after loading
