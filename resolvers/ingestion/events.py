"""Recording what happens to bags: the one way in for scans, whoever sends them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from integrations.records.bags import BagWithAuthority
from integrations.records.events import EventKind, Scan
from integrations.records.journeys import BagStatus
from integrations.stores.postgres import bags, events, flights
from integrations.stores.postgres.events import EventTransfer, NewEvent
from integrations.stores.postgres.manager import Reader
from resolvers.audit import audit
from resolvers.context import Context
from resolvers.ingestion import history
from resolvers.ingestion.bag_tags import bags_for_tags
from resolvers.publish import ChangeSet, publish
from resolvers.rules.bag_state import status_of

# A scanner's clock may run a little ahead of ours.
CLOCK_TOLERANCE = timedelta(minutes=10)


class ScanOutcome(StrEnum):
    """What became of a scan."""

    RECORDED = "RECORDED"
    DUPLICATE = "DUPLICATE"
    UNKNOWN_FLIGHT = "UNKNOWN_FLIGHT"
    IN_THE_FUTURE = "IN_THE_FUTURE"
    INVALID = "INVALID"


@dataclass(frozen=True, slots=True)
class RecordedScan:
    """The answer to one scan.

    Args:
        event_id: the event's identity; None where the scan was refused.
        bag_id: the bag it was recorded for; None where refused or where the tag could not be read.
    """

    outcome: ScanOutcome
    event_id: UUID | None = None
    bag_id: int | None = None


async def record(context: Context, scans: Sequence[Scan], received_at: datetime | None = None) -> list[RecordedScan]:
    """Stores scans as events, moves their bags, and leaves word for the graph: one transaction.

    Safe to repeat: an event is known by its content. Scans may come late, twice and in any order. A scan of an unknown
    tag makes the bag. The number of statements does not depend on the number of scans.

    Args:
        received_at: when the scans reached the airline; now where not given.

    Returns:
        One outcome for each scan, in order. Refused scans leave no trace; the others are stored.
    """
    received = received_at or context.now()
    latest = received + CLOCK_TOLERANCE
    await context.stores.partitions.ensure(context.stores.postgres, [scan.at for scan in scans if scan.at <= latest])
    async with context.stores.postgres.transaction() as records:
        keys = list({scan.flight for scan in scans if scan.flight is not None})
        flight_ids = await flights.ids_by_key(records, context.airline_id, keys) if keys else {}
        outcomes: list[RecordedScan | None] = [
            RecordedScan(ScanOutcome.IN_THE_FUTURE)
            if scan.at > latest
            else RecordedScan(ScanOutcome.UNKNOWN_FLIGHT)
            if scan.flight is not None and scan.flight not in flight_ids
            else None
            for scan in scans
        ]
        accepted = [index for index, outcome in enumerate(outcomes) if outcome is None]
        if accepted:
            if flight_ids:
                await flights.lock_shared(records, context.airline_id, list(flight_ids.values()))
            chosen = [scans[index] for index in accepted]
            bag_ids = await bags_for_tags(
                records, context.airline_id, [scan.tag for scan in chosen], [scan.at for scan in chosen]
            )
            named = [flight_ids[scan.flight] if scan.flight else None for scan in chosen]
            stored = await store(context, records, received, chosen, bag_ids, named)
            if recorded := [scan for scan in stored if scan.outcome == ScanOutcome.RECORDED]:
                recorded_bags = sorted({scan.bag_id for scan in recorded if scan.bag_id is not None})
                await audit(context, records, "RECORD_SCANS", "BAG", recorded_bags, {"events": len(recorded)})
            for index, outcome in zip(accepted, stored, strict=True):
                outcomes[index] = outcome
    return [outcome for outcome in outcomes if outcome is not None]


async def store(
    context: Context,
    records: Reader,
    received_at: datetime,
    scans: Sequence[Scan],
    bag_ids: Sequence[int | None],
    flight_ids: Sequence[int | None],
) -> list[RecordedScan]:
    """Stores scans as events of bags, moves the bags, and leaves word for the graph; part of a transaction.

    Args:
        bag_ids: the bag of each scan; None for a tag that could not be read.
        flight_ids: the flight of each scan, which this transaction has locked; None where it names none.
    """
    await context.stores.partitions.ensure(records, [scan.at for scan in scans])
    known = {bag_id for bag_id in bag_ids if bag_id is not None}
    locked = await bags.lock(records, context.airline_id, sorted(known))
    happened = [
        ResolvedScan(scan, bag_id, flight_id)
        for scan, bag_id, flight_id in zip(scans, bag_ids, flight_ids, strict=True)
    ]
    return await append_events(records, context.airline_id, received_at, locked, happened)


@dataclass(frozen=True, slots=True)
class ResolvedScan:
    """A scan with what the product has found out about it.

    Args:
        bag_id: None for a tag that could not be read.
        flight_id: None where it names none.
        message_id: the message that it was read from, if any.
    """

    scan: Scan
    bag_id: int | None
    flight_id: int | None
    message_id: UUID | None = None


async def append_events(
    records: Reader,
    airline_id: int,
    received_at: datetime,
    locked: Mapping[int, BagWithAuthority],
    happened: Sequence[ResolvedScan],
    changed: Collection[tuple[int, UUID | None]] = (),
    replanned: Collection[int] = (),
) -> list[RecordedScan]:
    """Stores events of bags that are locked, moves the bags, and leaves word for the graph.

    Args:
        locked: the bags as they are now; others that ``changed`` names are gone.
        changed: bags that move for another reason as well, each with an event of which the graph must learn, or None.
        replanned: those of them whose plan, tags or passenger changed.
    """
    ids = [one.scan.identity(airline_id) for one in happened]
    fresh: set[UUID] = set()
    changes = set(changed)
    if happened:
        kinds, corrected = await _taken_over(records, airline_id, ids, happened)
        fresh = await events.insert(
            records,
            airline_id,
            received_at,
            [
                NewEvent(event_id, one.scan, kind, one.bag_id, one.flight_id, *_parties(one.scan, kind), one.message_id)
                for event_id, one, kind in zip(ids, happened, kinds, strict=True)
            ],
        )
        changes.update((one.bag_id, one.id) for one in corrected)
        changes.update(
            (one.bag_id, event_id)
            for event_id, one in zip(ids, happened, strict=True)
            if one.bag_id is not None and event_id in fresh
        )
    if changes:
        moved = {bag_id: locked[bag_id] for bag_id in sorted({bag_id for bag_id, _ in changes}) if bag_id in locked}
        await recompute_status(records, airline_id, moved, always=True)
        await publish(records, airline_id, ChangeSet(bags=changes, replanned=replanned))
    seen: set[UUID] = set()
    outcomes = []
    for event_id, one in zip(ids, happened, strict=True):
        first = event_id in fresh and event_id not in seen
        seen.add(event_id)
        outcomes.append(RecordedScan(ScanOutcome.RECORDED if first else ScanOutcome.DUPLICATE, event_id, one.bag_id))
    return outcomes


async def _taken_over(
    records: Reader, airline_id: int, ids: Sequence[UUID], happened: Sequence[ResolvedScan]
) -> tuple[list[EventKind], list[EventTransfer]]:
    """What each scan says, given the others, and stored ones that now say something else.

    Of the sortations of a transfer bag at one airport the first takes the bag over (rule 8).
    """
    sortations = {one.bag_id for one in happened if one.scan.transfer and one.bag_id is not None}
    if not sortations:
        return [one.scan.kind for one in happened], []
    known = await events.transfers(records, airline_id, sorted(sortations))
    first: dict[tuple[int | None, str], tuple[datetime, UUID]] = {}
    stored = [((one.bag_id, one.airport), (one.at, one.id)) for one in known]
    new = [
        ((one.bag_id, one.scan.airport), (one.scan.at, event_id))
        for event_id, one in zip(ids, happened, strict=True)
        if one.scan.transfer and one.bag_id is not None
    ]
    for where, when in (*stored, *new):
        first[where] = min(first.get(where, when), when)
    corrected = [
        one._replace(kind=EventKind.SORTED)
        for one in known
        if one.kind == EventKind.TRANSFER_IN and first[one.bag_id, one.airport] != (one.at, one.id)
    ]
    if corrected:
        await events.update_transfers(records, airline_id, corrected)
    takes_over = set(first.values())
    return [
        EventKind.TRANSFER_IN if one.scan.transfer and (one.scan.at, event_id) in takes_over else one.scan.kind
        for event_id, one in zip(ids, happened, strict=True)
    ], corrected


def _parties(scan: Scan, kind: EventKind) -> tuple[str | None, str | None]:
    """Who had the bag and who has it from now on, where the kind of event leaves no doubt and the scan does not say.

    As Resolution 753 lets custody move: domain reference, section 2.
    """
    carrier = scan.flight.carrier if scan.flight else None
    released_by, custodian = None, None
    if kind == EventKind.ACCEPTED and carrier:
        released_by, custodian = "PASSENGER", carrier
    elif kind in (EventKind.TRANSFER_IN, EventKind.LOADED):
        custodian = carrier
    elif kind == EventKind.DELIVERED:
        released_by, custodian = carrier, "PASSENGER"
    return scan.released_by or released_by, scan.custodian or custodian


async def recompute_status(
    records: Reader, airline_id: int, locked: Mapping[int, BagWithAuthority], *, always: bool
) -> list[int]:
    """Computes anew where bags stand and writes it; three reads and one write for any number of bags.

    Args:
        locked: the bags as they are now, held by this transaction.
        always: count the version up even where the standing is the same, because there are new events to tell of.

    Returns:
        The bags that were written.
    """
    histories = await history.sighted(records, airline_id, list(locked))
    moved: dict[int, BagStatus] = {}
    for bag_id, bag in locked.items():
        known = histories[bag_id]
        new = status_of(known.events, known.planned, known.flights, bag.created_at, deleted=bag.deleted)
        old = BagStatus(bag.state, bag.state_at, bag.airport, bag.place, bag.custodian, bag.flight_id)
        if always or new != old:
            moved[bag_id] = new
    if moved:
        first = {bag_id: histories[bag_id].events[0].at for bag_id in moved if histories[bag_id].events}
        await bags.update_statuses(records, airline_id, moved, first)
    return list(moved)
