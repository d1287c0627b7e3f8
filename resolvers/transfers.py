"""Transfers of bags between flights, each with its connection risk, and the connection board of an airport."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from integrations.records.airports import ConnectionTime
from integrations.records.bags import Bag
from integrations.records.events import Event
from integrations.records.flights import FlightColumns
from integrations.records.page import Page
from integrations.records.transfers import (
    ConnectingFlight,
    ConnectionBoard,
    EvidenceKind,
    Transfer,
    TransferEvidence,
    TransferGroup,
    TransferPosition,
    TransferRow,
)
from integrations.stores.postgres import airports, bags, events, transfers
from integrations.stores.postgres.manager import Reader
from resolvers.context import Context
from resolvers.errors import BadInput, check_range
from resolvers.rules.transfers import Minima, judge, pairs_of, with_bag_evidence

BOARD_BACK = timedelta(minutes=30)
BOARD_AHEAD = timedelta(hours=4)
MAX_BOARD = timedelta(hours=12)
MAX_BOARD_OFFSET = timedelta(days=3_660)
MAX_PAIRS = 1_000


async def judge_transfers(
    records: Reader, airline_id: int, rows: Sequence[TransferRow], now: datetime
) -> list[Transfer]:
    """Transfers with their connection risk; two statements for any number of rows."""
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
                judgement=replace(judgement, evidence=with_bag_evidence(judgement.evidence, row)),
            )
        )
    return found


async def _references(
    records: Reader, airline_id: int, rows: Sequence[TransferRow | TransferGroup]
) -> tuple[Mapping[int, ConnectingFlight], Sequence[ConnectionTime]]:
    if not rows:
        return {}, []
    ids = {row.inbound_id for row in rows} | {row.outbound_id for row in rows}
    flights = await transfers.flights(records, airline_id, sorted(ids))
    return flights, await airports.connection_times(records, airline_id)


async def of_bags(context: Context, parents: Sequence[Bag]) -> list[list[Transfer]]:
    """The transfers of each bag, in travel order."""
    found: dict[int, list[Transfer]] = {bag.id: [] for bag in parents}
    records, airline_id = context.stores.postgres, context.airline_id
    rows = await transfers.of_bags(records, airline_id, list(found))
    for transfer in await judge_transfers(records, airline_id, rows, context.now()):
        found[transfer.bag_id].append(transfer)
    for of_bag in found.values():
        of_bag.sort(key=lambda transfer: transfer.outbound.scheduled_departure)
    return [found[bag.id] for bag in parents]


async def onto_flights(context: Context, parents: Sequence[FlightColumns], page: Page) -> list[list[Transfer]]:
    """Transfers onto each flight; ``page`` applies to each flight."""
    found: dict[int, list[Transfer]] = {flight.id: [] for flight in parents}
    rows = await transfers.onto_flights(context.stores.postgres, context.airline_id, list(found), page)
    for transfer in await judge_transfers(context.stores.postgres, context.airline_id, rows, context.now()):
        found[transfer.outbound.id].append(transfer)
    return [found[flight.id] for flight in parents]


async def off_flights(context: Context, parents: Sequence[FlightColumns], page: Page) -> list[list[Transfer]]:
    """Transfers from each flight to others; ``page`` applies to each flight."""
    found: dict[int, list[Transfer]] = {flight.id: [] for flight in parents}
    rows = await transfers.off_flights(context.stores.postgres, context.airline_id, list(found), page)
    for transfer in await judge_transfers(context.stores.postgres, context.airline_id, rows, context.now()):
        found[transfer.inbound.id].append(transfer)
    return [found[flight.id] for flight in parents]


async def bags_of(context: Context, parents: Sequence[Transfer]) -> list[Bag | None]:
    """The bag of each transfer."""
    found = await bags.by_id(
        context.stores.postgres, context.airline_id, sorted({transfer.bag_id for transfer in parents})
    )
    return [found.get(transfer.bag_id) for transfer in parents]


async def last_scans(context: Context, parents: Sequence[TransferEvidence]) -> list[Event | None]:
    """The newest event of the bag for evidence of the kind LAST_SCAN; None for other evidence."""
    ids = sorted({one.bag_id for one in parents if one.bag_id and one.kind == EvidenceKind.LAST_SCAN})
    rows = await events.last_of_bags(context.stores.postgres, context.airline_id, ids, 1) if ids else []
    found = {event.bag_id: event for event in rows}
    return [found.get(one.bag_id) if one.bag_id and one.kind == EvidenceKind.LAST_SCAN else None for one in parents]


async def board(
    context: Context, airport: str, since: datetime | None, until: datetime | None, first: int
) -> ConnectionBoard:
    """The connection board of an airport: pairs of flights with transfers, the most urgent first.

    Three statements for any number of bags.

    Args:
        since: earliest departure of outbound flights; None for half an hour ago.
        until: outbound flights depart before; None for four and a half hours after ``since``.
        first: maximum number of pairs, 1 to 1,000.

    Raises:
        BadInput: the window is empty, longer than 12 hours or more than 3,660 days from now, or ``first`` is out of
            bounds.
    """
    now = context.now()
    since = since or now - BOARD_BACK
    if abs(since - now) > MAX_BOARD_OFFSET:
        raise BadInput("from", f"from must be within {MAX_BOARD_OFFSET.days} days of now")
    until = until or since + BOARD_BACK + BOARD_AHEAD
    if not timedelta() < until - since <= MAX_BOARD:
        raise BadInput("to", f"to must be after from and at most {MAX_BOARD // timedelta(hours=1)} hours later")
    check_range("first", first, 1, MAX_PAIRS)
    records, airline_id = context.stores.postgres, context.airline_id
    groups = await transfers.at_airport(records, airline_id, airport, since, until)
    flights, table = await _references(records, airline_id, groups)
    pairs = pairs_of(airport, groups, flights, table, now)
    return ConnectionBoard(airport, since, until, now, len(pairs), sum(pair.bags for pair in pairs), pairs[:first])
