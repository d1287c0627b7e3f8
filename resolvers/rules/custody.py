"""Custody points of IATA Resolution 753 (``docs/DOMAIN.md#custody-points``): due, proved, and by which event."""

from collections import Counter
from collections.abc import Mapping, Sequence

from integrations.records.events import SCANS, EventColumns, EventKind
from integrations.records.flights import LegColumns
from integrations.records.inventory import CustodyCompleteness, CustodyGap, PointCount
from integrations.records.journeys import CustodyPoint, CustodyPointKind
from resolvers.rules.bag_state import flown_legs


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


def custody_points(events: Sequence[EventColumns], planned: Sequence[LegColumns]) -> list[CustodyPoint]:
    """The custody points that a bag has reached or passed, in travel order (``docs/DOMAIN.md#rule-14``).

    A point without proof is a gap. It is listed only once a later scan shows that the bag has passed it.

    Args:
        events: of the bag, in order.
        planned: its itinerary in travel order.
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
        before = [
            event for progress, event in scans if progress is not None and progress < position and event.custodian
        ]
        points.append(
            CustodyPoint(kind, airport, planned[leg - 1].seq, proof, before[-1].custodian if before else None)
        )
    return points


def _as_travelled(events: Sequence[EventColumns], planned: Sequence[LegColumns]) -> list[LegColumns]:
    """The plan without missed legs, which were not flown and which a later leg from the same airport replaces."""
    by_id = {leg.id: leg for leg in planned}
    flown_ids = {leg.flight.id for leg in flown_legs(events, by_id)}
    return [
        leg
        for index, leg in enumerate(planned, start=1)
        if leg.id in flown_ids or all(later.origin != leg.origin for later in planned[index:])
    ]


def _points(planned: Sequence[LegColumns]) -> list[tuple[int, CustodyPointKind, str, int]]:
    """Position along the journey, kind, airport and leg number (from 1) of each custody point."""
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
