"""Connection risk: whether a bag makes its next flight, with the evidence.

``docs/DOMAIN.md#missed-connections`` states the rule.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from integrations.records.airports import ConnectionTime
from integrations.records.flights import FlightStatus
from integrations.records.incidents import IncidentCause
from integrations.records.transfers import (
    ConnectingFlight,
    ConnectionLevel,
    ConnectionPair,
    EvidenceKind,
    Judgement,
    LevelCount,
    PairStatus,
    Transfer,
    TransferEvidence,
    TransferGroup,
    TransferPosition,
    TransferRow,
)

# Share of the minimum that a bag in the transfer system still needs. Assumed: no source divides the minimum.
TRANSFERRED_SHARE = 0.5


# A connection with fewer minutes to spare is TIGHT.
SPARE_MINUTES = 15
URGENCY = {level: rank for rank, level in enumerate(ConnectionLevel)}


@dataclass(frozen=True, slots=True)
class BlockTime:
    """The time of a flight's on-block or off-block that counts.

    Args:
        at: UTC; None if unknown.
        source: ACTUAL, ESTIMATED, SCHEDULED or UNKNOWN.
        late: minutes after the scheduled time, negative if earlier; None if one of the two times is unknown.
    """

    at: datetime | None
    source: str
    late: int | None


def on_block(flight: ConnectingFlight, airport: str) -> BlockTime:
    """The arrival of a flight: actual, else estimated, else scheduled; unknown at any airport but its destination."""
    if flight.destination != airport:
        return BlockTime(None, "UNKNOWN", None)
    return _block_time(flight, flight.actual_arrival, flight.estimated_arrival, flight.scheduled_arrival)


def off_block(flight: ConnectingFlight) -> BlockTime:
    """The departure of a flight: actual, else estimated, else scheduled."""
    return _block_time(flight, flight.actual_departure, flight.estimated_departure, flight.scheduled_departure)


def _block_time(
    flight: ConnectingFlight, actual: datetime | None, estimated: datetime | None, scheduled: datetime
) -> BlockTime:
    source = "ACTUAL" if actual else "ESTIMATED" if estimated else "SCHEDULED" if flight.times_known else "UNKNOWN"
    at = actual or estimated or (scheduled if flight.times_known else None)
    return BlockTime(at, source, minutes_between(scheduled, at) if at and flight.times_known else None)


def minutes_between(since: datetime, until: datetime) -> int:
    """Whole minutes between two timestamps, rounded down."""
    return int((until - since) // timedelta(minutes=1))


def minimum_of(
    connection_times: Iterable[ConnectionTime], airport: str, inbound_carrier: str, outbound_carrier: str
) -> ConnectionTime | None:
    """The minimum connecting time of the two carriers, else of one of them, else of any carriers."""
    filed = {(one.inbound_carrier, one.outbound_carrier): one for one in connection_times if one.airport == airport}
    pairs = ((inbound_carrier, outbound_carrier), (inbound_carrier, ""), ("", outbound_carrier), ("", ""))
    return next((filed[pair] for pair in pairs if pair in filed), None)


class Minima:
    """Minimum connecting times of bags, looked up once for each airport and pair of carriers."""

    def __init__(self, connection_times: Sequence[ConnectionTime]) -> None:
        self._connection_times = connection_times
        self._found: dict[tuple[str, str, str], int | None] = {}

    def of(self, airport: str, inbound_carrier: str, outbound_carrier: str) -> int | None:
        """Minimum for bags between two carriers at an airport, in minutes; None if none is filed."""
        key = airport, inbound_carrier, outbound_carrier
        if key not in self._found:
            filed = minimum_of(self._connection_times, *key)
            self._found[key] = None if filed is None else filed.bag_minutes
        return self._found[key]


def judge(
    position: TransferPosition,
    state_at: datetime | None,
    inbound: ConnectingFlight,
    outbound: ConnectingFlight,
    minimum: int | None,
    now: datetime,
) -> Judgement:
    """The connection risk of a bag (``docs/DOMAIN.md#missed-connections``).

    Args:
        state_at: when the bag reached its position, to the minute; None for a group of bags.
        minimum: minimum connecting time of bags between the two carriers, in minutes; None if none is filed.
    """
    scan = TransferEvidence(EvidenceKind.LAST_SCAN, position.value, at=state_at)
    if position is TransferPosition.BEYOND:
        return Judgement(ConnectionLevel.MADE, None, None, [scan])
    if miss := _certain_miss(position, inbound, outbound):
        return Judgement(ConnectionLevel.MISSED, None, None, [miss, scan] if miss.kind != scan.kind else [scan])
    if position is TransferPosition.ON_BOARD:
        return Judgement(ConnectionLevel.MADE, None, None, [scan])
    return _by_time(scan, position, inbound, outbound, minimum, now)


def _certain_miss(
    position: TransferPosition, inbound: ConnectingFlight, outbound: ConnectingFlight
) -> TransferEvidence | None:
    """Why the connection is missed whatever the times are; None if it may still be made."""
    if outbound.status == FlightStatus.CANCELLED:
        return TransferEvidence(EvidenceKind.OUTBOUND_CANCELLED, outbound.designator, flight=outbound)
    if position is TransferPosition.COMING and inbound.status == FlightStatus.CANCELLED:
        return TransferEvidence(EvidenceKind.INBOUND_CANCELLED, inbound.designator, flight=inbound)
    if position in (TransferPosition.LEFT_BEHIND, TransferPosition.ASTRAY):
        return TransferEvidence(EvidenceKind.LAST_SCAN, position.value)
    if position is not TransferPosition.ON_BOARD and outbound.actual_departure is not None:
        departed_at = outbound.actual_departure
        return TransferEvidence(EvidenceKind.OUTBOUND_DEPARTED, outbound.designator, at=departed_at, flight=outbound)
    return None


def _by_time(
    scan: TransferEvidence,
    position: TransferPosition,
    inbound: ConnectingFlight,
    outbound: ConnectingFlight,
    minimum: int | None,
    now: datetime,
) -> Judgement:
    arrival, departure = on_block(inbound, outbound.origin), off_block(outbound)
    evidence = [
        TransferEvidence(EvidenceKind.OUTBOUND_TIME, departure.source, departure.late, departure.at, outbound),
        TransferEvidence(EvidenceKind.INBOUND_TIME, arrival.source, arrival.late, arrival.at, inbound),
        TransferEvidence(EvidenceKind.MINIMUM, f"{inbound.carrier}-{outbound.carrier}", minimum),
        scan,
    ]
    if arrival.at is None or departure.at is None:
        return Judgement(ConnectionLevel.UNKNOWN, None, minimum, evidence)
    transferred = position is TransferPosition.TRANSFERRED
    since = scan.at if transferred and scan.at is not None else arrival.at
    if now > since:
        left = minutes_between(now, departure.at)
        evidence.insert(0, TransferEvidence(EvidenceKind.CLOCK, outbound.designator, left, now))
    available = minutes_between(max(since, now), departure.at)
    if position is TransferPosition.COMING and departure.at <= arrival.at:
        return Judgement(ConnectionLevel.MISSED, minutes_between(arrival.at, departure.at), minimum, evidence)
    if minimum is None:
        return Judgement(ConnectionLevel.UNKNOWN, available, None, evidence)
    needed = round(minimum * TRANSFERRED_SHARE) if transferred else minimum
    return Judgement(_level(available - needed), available, needed, evidence)


def _level(spare: int) -> ConnectionLevel:
    if spare < 0:
        return ConnectionLevel.AT_RISK
    return ConnectionLevel.SAFE if spare >= SPARE_MINUTES else ConnectionLevel.TIGHT


def with_bag_evidence(evidence: Sequence[TransferEvidence], row: TransferRow) -> list[TransferEvidence]:
    """The evidence with the bag and time of the last scan, and with the authority to load where it is withheld."""
    completed = [
        replace(one, bag_id=row.bag_id, at=row.state_at) if one.kind == EvidenceKind.LAST_SCAN else one
        for one in evidence
    ]
    if row.authorised is False:
        completed.append(TransferEvidence(EvidenceKind.NOT_AUTHORISED, "N", bag_id=row.bag_id))
    return completed


def pairs_of(
    airport: str,
    groups: Iterable[TransferGroup],
    flights: Mapping[int, ConnectingFlight],
    table: Sequence[ConnectionTime],
    now: datetime,
) -> list[ConnectionPair]:
    """The pairs of flights of groups of bags, the most urgent first: by level, then by off-block time."""
    by_pair: dict[tuple[int, int], list[TransferGroup]] = {}
    for group in groups:
        by_pair.setdefault((group.inbound_id, group.outbound_id), []).append(group)
    minima = Minima(table)
    pairs = [
        _pair(
            flights[one],
            flights[other],
            minima.of(airport, flights[one].carrier, flights[other].carrier),
            of_pair,
            now,
        )
        for (one, other), of_pair in by_pair.items()
    ]
    return sorted(pairs, key=_urgency)


def _pair(
    inbound: ConnectingFlight,
    outbound: ConnectingFlight,
    minimum: int | None,
    groups: Iterable[TransferGroup],
    now: datetime,
) -> ConnectionPair:
    counts = dict.fromkeys(ConnectionLevel, 0)
    for group in groups:
        position = TransferPosition(group.position)
        counts[judge(position, group.state_at, inbound, outbound, minimum, now).level] += group.bags
    levels = [LevelCount(level, bags) for level, bags in counts.items() if bags]
    arrival, departure = on_block(inbound, outbound.origin).at, off_block(outbound).at
    return ConnectionPair(
        inbound=inbound,
        outbound=outbound,
        bags=sum(counts.values()),
        minutes=minutes_between(arrival, departure) if arrival and departure else None,
        minutes_left=minutes_between(now, departure) if departure else None,
        minimum=minimum,
        level=levels[0].level,
        levels=levels,
        status=_status(inbound, outbound),
    )


def _status(inbound: ConnectingFlight, outbound: ConnectingFlight) -> PairStatus:
    if FlightStatus.CANCELLED in (inbound.status, outbound.status):
        return PairStatus.CANCELLED
    if outbound.actual_departure is not None:
        return PairStatus.OUTBOUND_DEPARTED
    return PairStatus.INBOUND_EXPECTED if inbound.actual_arrival is None else PairStatus.CONNECTING


def _urgency(pair: ConnectionPair) -> tuple[int, datetime, int, int]:
    departure = off_block(pair.outbound).at or pair.outbound.scheduled_departure
    return URGENCY[pair.level], departure, pair.inbound.id, pair.outbound.id


# A cause and the id of the flight that it concerns.
Cause = tuple[IncidentCause, int]

AT_STAKE = frozenset({ConnectionLevel.AT_RISK, ConnectionLevel.MISSED})


def cause_of(transfer: Transfer) -> Cause | None:
    """The incident that a transfer belongs to (``docs/DOMAIN.md#incidents``); None if it belongs to none.

    The connection must be at risk or missed, the flights' times must leave less than the minimum, and the flight must
    be off its schedule: of a late inbound and an early outbound flight, the one that takes more minutes.
    """
    if transfer.judgement.level not in AT_STAKE:
        return None
    inbound, outbound = transfer.inbound, transfer.outbound
    if outbound.status == FlightStatus.CANCELLED:
        return IncidentCause.OUTBOUND_CANCELLED, outbound.id
    if inbound.status == FlightStatus.CANCELLED and transfer.position is TransferPosition.COMING:
        return IncidentCause.INBOUND_CANCELLED, inbound.id
    arrival, departure = on_block(inbound, outbound.origin), off_block(outbound)
    if arrival.at is None or departure.at is None or transfer.minimum is None:
        return None
    late, early = max(arrival.late or 0, 0), max(-(departure.late or 0), 0)
    if minutes_between(arrival.at, departure.at) >= transfer.minimum or late == early == 0:
        return None
    if late >= early:
        return IncidentCause.LATE_INBOUND, inbound.id
    return IncidentCause.EARLY_OUTBOUND, outbound.id
