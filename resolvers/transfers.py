"""Connection risk: whether bags make their next flights, with what that rests on, and the board of an airport.

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
from integrations.records.bags import Bag
from integrations.records.events import Event
from integrations.records.flights import FlightColumns, FlightStatus
from integrations.records.page import Page
from integrations.records.transfers import (
    ConnectingFlight,
    ConnectionBoard,
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
from integrations.stores.postgres import airports, bags, events, transfers
from integrations.stores.postgres.manager import Reader
from resolvers.context import Context
from resolvers.errors import BadInput

# No source tells how a transfer system's time divides: half of the minimum lies before its first scan is assumed.
TRANSFERRED_SHARE = 0.5
SPARE_MINUTES = 15

BOARD_BACK = timedelta(minutes=30)
BOARD_AHEAD = timedelta(hours=4)
LONGEST_BOARD = timedelta(hours=12)
FURTHEST_BOARD = timedelta(days=3_660)
MOST_PAIRS = 1_000

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


# What is known of many


async def judged(records: Reader, airline_id: int, rows: Sequence[TransferRow], now: datetime) -> list[Transfer]:
    """Each transfer with how it stands; two statements for any number of them."""
    flights, table = await _references(records, airline_id, rows)
    minima = Minima(table)
    found = []
    for row in rows:
        inbound, outbound = flights[row.inbound_id], flights[row.outbound_id]
        minimum = minima.of(row.airport, inbound.carrier, outbound.carrier)
        position = TransferPosition(row.position)
        judgement = judge(position, row.state_at.replace(second=0, microsecond=0), inbound, outbound, minimum, now)
        found.append(
            Transfer(
                bag_id=row.bag_id,
                airport=row.airport,
                inbound=inbound,
                outbound=outbound,
                position=position,
                bag_version=row.bag_version,
                minimum=minimum,
                judgement=replace(judgement, evidence=_of_bag(judgement.evidence, row)),
            )
        )
    return found


def _of_bag(evidence: Sequence[TransferEvidence], row: TransferRow) -> list[TransferEvidence]:
    """With whose last scan it is and its moment, and with a word on the authority to load where that is withheld."""
    told = [
        replace(one, bag_id=row.bag_id, at=row.state_at) if one.kind == EvidenceKind.LAST_SCAN else one
        for one in evidence
    ]
    if row.authorised is False:
        told.append(TransferEvidence(EvidenceKind.NOT_AUTHORISED, "N", bag_id=row.bag_id))
    return told


async def _references(
    records: Reader, airline_id: int, rows: Sequence[TransferRow | TransferGroup]
) -> tuple[Mapping[int, ConnectingFlight], Sequence[ConnectionTime]]:
    if not rows:
        return {}, []
    ids = {row.inbound_id for row in rows} | {row.outbound_id for row in rows}
    flights = await transfers.flights(records, airline_id, sorted(ids))
    return flights, await airports.connection_times(records, airline_id)


async def of_bags(context: Context, parents: Sequence[Bag]) -> list[list[Transfer]]:
    """The changes of flight of each bag, in travel order."""
    found: dict[int, list[Transfer]] = {bag.id: [] for bag in parents}
    records, airline_id = context.stores.postgres, context.airline_id
    rows = await transfers.of_bags(records, airline_id, list(found))
    for transfer in await judged(records, airline_id, rows, context.now()):
        found[transfer.bag_id].append(transfer)
    for of_bag in found.values():
        of_bag.sort(key=lambda transfer: transfer.outbound.scheduled_departure)
    return [found[bag.id] for bag in parents]


async def onto_flights(context: Context, parents: Sequence[FlightColumns], page: Page) -> list[list[Transfer]]:
    """Bags that change onto each flight; ``page`` counts for every flight by itself."""
    found: dict[int, list[Transfer]] = {flight.id: [] for flight in parents}
    rows = await transfers.onto_flights(context.stores.postgres, context.airline_id, list(found), page)
    for transfer in await judged(context.stores.postgres, context.airline_id, rows, context.now()):
        found[transfer.outbound.id].append(transfer)
    return [found[flight.id] for flight in parents]


async def off_flights(context: Context, parents: Sequence[FlightColumns], page: Page) -> list[list[Transfer]]:
    """Bags that change from each flight to others; ``page`` counts for every flight by itself."""
    found: dict[int, list[Transfer]] = {flight.id: [] for flight in parents}
    rows = await transfers.off_flights(context.stores.postgres, context.airline_id, list(found), page)
    for transfer in await judged(context.stores.postgres, context.airline_id, rows, context.now()):
        found[transfer.inbound.id].append(transfer)
    return [found[flight.id] for flight in parents]


async def bags_of(context: Context, parents: Sequence[Transfer]) -> list[Bag | None]:
    """The bag of each transfer."""
    found = await bags.by_id(
        context.stores.postgres, context.airline_id, sorted({transfer.bag_id for transfer in parents})
    )
    return [found.get(transfer.bag_id) for transfer in parents]


async def last_scans(context: Context, parents: Sequence[TransferEvidence]) -> list[Event | None]:
    """The newest event of the bag for evidence that is its last scan, None for other evidence."""
    ids = sorted({one.bag_id for one in parents if one.bag_id and one.kind == EvidenceKind.LAST_SCAN})
    rows = await events.last_of_bags(context.stores.postgres, context.airline_id, ids, 1) if ids else []
    found = {event.bag_id: event for event in rows}
    return [found.get(one.bag_id) if one.bag_id and one.kind == EvidenceKind.LAST_SCAN else None for one in parents]


# The board


async def board(
    context: Context, airport: str, since: datetime | None, until: datetime | None, first: int
) -> ConnectionBoard:
    """The pairs of flights between which bags change at an airport, the most urgent first.

    Three statements for any number of bags.

    Args:
        since: outbound flights that leave then or later; half an hour ago where None.
        until: outbound flights that leave before; four and a half hours after ``since`` where None.
        first: the most pairs.

    Raises:
        BadInput: the time is empty, too long or far away, or ``first`` is out of bounds.
    """
    now = context.now()
    since = since or now - BOARD_BACK
    if abs(since - now) > FURTHEST_BOARD:
        raise BadInput("from", f"More than {FURTHEST_BOARD.days} days from now.")
    until = until or since + BOARD_BACK + BOARD_AHEAD
    if not timedelta() < until - since <= LONGEST_BOARD:
        raise BadInput("to", f"The board is of more than no time and at most {LONGEST_BOARD // timedelta(hours=1)} h.")
    if not 1 <= first <= MOST_PAIRS:
        raise BadInput("first", f"`first` must be between 1 and {MOST_PAIRS}.")
    records, airline_id = context.stores.postgres, context.airline_id
    groups = await transfers.at_airport(records, airline_id, airport, since, until)
    flights, table = await _references(records, airline_id, groups)
    pairs = pairs_of(airport, groups, flights, table, now)
    return ConnectionBoard(airport, since, until, now, len(pairs), sum(pair.bags for pair in pairs), pairs[:first])


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
