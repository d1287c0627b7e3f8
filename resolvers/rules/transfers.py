"""Connection risk of a bag: whether it makes its next flight, with the evidence.

The rule, for a bag that has not left the airport yet:

- It is MISSED where a flight of the two is cancelled, where the next one left without it, where it was left behind or
  went astray, and where it is still coming on a flight that is on block only when the next one is off.
- Otherwise it has the minutes from now, or from on-block if that is later, until the next flight is off block. Once it
  is in the transfer system, they count from its scan there, and it needs only a share of the minimum. Flights count by
  their actual times, else the estimated, else the scheduled ones.
- Fewer than it needs is AT_RISK; not ``SPARE_MINUTES`` more is TIGHT; else SAFE. Without a flight's time, or a minimum
  for the two carriers at the airport, it is UNKNOWN.
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

# No source tells how a transfer system's time divides: half of the minimum lies before its first scan is assumed.
TRANSFERRED_SHARE = 0.5


SPARE_MINUTES = 15


URGENCY = {level: rank for rank, level in enumerate(ConnectionLevel)}


@dataclass(frozen=True, slots=True)
class Clocked:
    """One end of a flight: the time that counts.

    Args:
        at: None where it is not known.
        source: ACTUAL, ESTIMATED, SCHEDULED or UNKNOWN.
        late: minutes after the scheduled time, negative before; None where one of the two is not known.
    """

    at: datetime | None
    source: str
    late: int | None


def on_block(flight: ConnectingFlight) -> Clocked:
    """When a flight comes."""
    return _clocked(flight, flight.actual_arrival, flight.estimated_arrival, flight.scheduled_arrival)


def off_block(flight: ConnectingFlight) -> Clocked:
    """When a flight leaves."""
    return _clocked(flight, flight.actual_departure, flight.estimated_departure, flight.scheduled_departure)


def _clocked(
    flight: ConnectingFlight, actual: datetime | None, estimated: datetime | None, scheduled: datetime
) -> Clocked:
    source = "ACTUAL" if actual else "ESTIMATED" if estimated else "SCHEDULED" if flight.times_known else "UNKNOWN"
    at = actual or estimated or (scheduled if flight.times_known else None)
    return Clocked(at, source, minutes(scheduled, at) if at and flight.times_known else None)


def minutes(since: datetime, until: datetime) -> int:
    """Whole minutes between two moments, rounded down."""
    return int((until - since) // timedelta(minutes=1))


def minimum_of(
    connection_times: Iterable[ConnectionTime], airport: str, inbound_carrier: str, outbound_carrier: str
) -> ConnectionTime | None:
    """The minimum of the two carriers where one is filed, else that of one of them, else that of any."""
    filed = {(one.inbound_carrier, one.outbound_carrier): one for one in connection_times if one.airport == airport}
    pairs = ((inbound_carrier, outbound_carrier), (inbound_carrier, ""), ("", outbound_carrier), ("", ""))
    return next((filed[pair] for pair in pairs if pair in filed), None)


class Minima:
    """Minutes that bags need, looked up once for each airport and two carriers."""

    def __init__(self, connection_times: Sequence[ConnectionTime]) -> None:
        self._connection_times = connection_times
        self._found: dict[tuple[str, str, str], int | None] = {}

    def of(self, airport: str, inbound_carrier: str, outbound_carrier: str) -> int | None:
        """Minutes between the two carriers there; None where no minimum is filed."""
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
    """How a bag's connection stands, by the rule above.

    Args:
        state_at: when it came to its position, to the minute; None where nobody asks.
        minimum: minutes that the airport needs between the two carriers.
    """
    scan = TransferEvidence(EvidenceKind.LAST_SCAN, position.value, at=state_at)
    if position is TransferPosition.BEYOND:
        return Judgement(ConnectionLevel.MADE, None, None, [scan])
    if lost := _lost(position, inbound, outbound):
        return Judgement(ConnectionLevel.MISSED, None, None, [lost, scan] if lost.kind != scan.kind else [scan])
    if position is TransferPosition.ON_BOARD:
        return Judgement(ConnectionLevel.MADE, None, None, [scan])
    return _by_time(scan, position, inbound, outbound, minimum, now)


def _lost(position: TransferPosition, inbound: ConnectingFlight, outbound: ConnectingFlight) -> TransferEvidence | None:
    """Why there is nothing left to wait for."""
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
    came, leaves = on_block(inbound), off_block(outbound)
    evidence = [
        TransferEvidence(EvidenceKind.OUTBOUND_TIME, leaves.source, leaves.late, leaves.at, outbound),
        TransferEvidence(EvidenceKind.INBOUND_TIME, came.source, came.late, came.at, inbound),
        TransferEvidence(EvidenceKind.MINIMUM, f"{inbound.carrier}-{outbound.carrier}", minimum),
        scan,
    ]
    if came.at is None or leaves.at is None:
        return Judgement(ConnectionLevel.UNKNOWN, None, minimum, evidence)
    transferred = position is TransferPosition.TRANSFERRED
    since = scan.at if transferred and scan.at is not None else came.at
    if now > since:
        evidence.insert(0, TransferEvidence(EvidenceKind.CLOCK, outbound.designator, minutes(now, leaves.at), now))
    has = minutes(max(since, now), leaves.at)
    if position is TransferPosition.COMING and leaves.at <= came.at:
        return Judgement(ConnectionLevel.MISSED, minutes(came.at, leaves.at), minimum, evidence)
    if minimum is None:
        return Judgement(ConnectionLevel.UNKNOWN, has, None, evidence)
    needed = round(minimum * TRANSFERRED_SHARE) if transferred else minimum
    return Judgement(_level(has - needed), has, needed, evidence)


def _level(spare: int) -> ConnectionLevel:
    if spare < 0:
        return ConnectionLevel.AT_RISK
    return ConnectionLevel.SAFE if spare >= SPARE_MINUTES else ConnectionLevel.TIGHT


def evidence_of_bag(evidence: Sequence[TransferEvidence], row: TransferRow) -> list[TransferEvidence]:
    """With whose last scan it is and its moment, and with a word on the authority to load where that is withheld."""
    told = [
        replace(one, bag_id=row.bag_id, at=row.state_at) if one.kind == EvidenceKind.LAST_SCAN else one
        for one in evidence
    ]
    if row.authorised is False:
        told.append(TransferEvidence(EvidenceKind.NOT_AUTHORISED, "N", bag_id=row.bag_id))
    return told


def pairs_of(
    airport: str,
    groups: Iterable[TransferGroup],
    flights: Mapping[int, ConnectingFlight],
    table: Sequence[ConnectionTime],
    now: datetime,
) -> list[ConnectionPair]:
    """The pairs that groups of bags make, the most urgent first: by level, then by off-block time."""
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
    came, leaves = on_block(inbound).at, off_block(outbound).at
    return ConnectionPair(
        inbound=inbound,
        outbound=outbound,
        bags=sum(counts.values()),
        minutes=minutes(came, leaves) if came and leaves else None,
        minutes_left=minutes(now, leaves) if leaves else None,
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
    leaves = off_block(pair.outbound).at or pair.outbound.scheduled_departure
    return URGENCY[pair.level], leaves, pair.inbound.id, pair.outbound.id


ENDANGERED = frozenset({ConnectionLevel.AT_RISK, ConnectionLevel.MISSED})


Cause = tuple[IncidentCause, int]


def cause_of(transfer: Transfer) -> Cause | None:
    """What of which flight puts a bag's connection at stake; None where it is not, or no flight does."""
    if transfer.judgement.level not in ENDANGERED:
        return None
    inbound, outbound = transfer.inbound, transfer.outbound
    if outbound.status == FlightStatus.CANCELLED:
        return IncidentCause.OUTBOUND_CANCELLED, outbound.id
    if inbound.status == FlightStatus.CANCELLED and transfer.position is TransferPosition.COMING:
        return IncidentCause.INBOUND_CANCELLED, inbound.id
    came, leaves = on_block(inbound), off_block(outbound)
    if came.at is None or leaves.at is None or transfer.minimum is None:
        return None
    late, early = max(came.late or 0, 0), max(-(leaves.late or 0), 0)
    if minutes(came.at, leaves.at) >= transfer.minimum or late == early == 0:
        return None
    if late >= early:
        return IncidentCause.LATE_INBOUND, inbound.id
    return IncidentCause.EARLY_OUTBOUND, outbound.id
