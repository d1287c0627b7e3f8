"""Recording of scans as events of bags; the only way in for scans of every source."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from integrations.records.bags import BagWithAuthority
from integrations.records.events import EventKind, Scan
from integrations.records.journeys import BagStatus
from integrations.repeats import repeated_on_conflict
from integrations.stores.postgres import bags, events, flights
from integrations.stores.postgres.events import EventTransfer, NewEvent
from integrations.stores.postgres.manager import Reader
from resolvers.audit import audit
from resolvers.context import Context
from resolvers.ingestion import history
from resolvers.ingestion.bag_tags import bags_for_tags, lock_carriers
from resolvers.publish import ChangeSet, publish
from resolvers.rules.bag_state import status_of

# A scanner's clock may be ahead of ours.
CLOCK_TOLERANCE = timedelta(minutes=10)


class ScanOutcome(StrEnum):
    """The outcome of a scan."""

    RECORDED = "RECORDED"
    DUPLICATE = "DUPLICATE"
    UNKNOWN_FLIGHT = "UNKNOWN_FLIGHT"
    IN_THE_FUTURE = "IN_THE_FUTURE"
    INVALID = "INVALID"


@dataclass(frozen=True, slots=True)
class RecordedScan:
    """The result of one scan.

    Args:
        event_id: id of the event; None if the scan was rejected.
        bag_id: id of the bag; None if the scan was rejected or its tag could not be read.
    """

    outcome: ScanOutcome
    event_id: UUID | None = None
    bag_id: int | None = None


@repeated_on_conflict
async def record_scans(
    context: Context, scans: Sequence[Scan], received_at: datetime | None = None
) -> list[RecordedScan]:
    """Stores scans as events, recomputes the status of their bags and publishes the changes, in one transaction.

    Safe to repeat: an event is identified by its content. Scans may arrive late, twice and in any order. A scan of an
    unknown tag creates the bag. The number of statements does not depend on the number of scans.

    Args:
        received_at: when the scans reached the airline, UTC; None for now.

    Returns:
        One result for each scan, in order. Rejected scans are not stored.
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
            to_store = [scans[index] for index in accepted]
            bag_ids = await bags_for_tags(
                records, context.airline_id, [scan.tag for scan in to_store], [scan.at for scan in to_store]
            )
            scan_flights = [flight_ids[scan.flight] if scan.flight else None for scan in to_store]
            stored = await store_scans(context, records, received, to_store, bag_ids, scan_flights)
            if recorded := [scan for scan in stored if scan.outcome == ScanOutcome.RECORDED]:
                recorded_bags = sorted({scan.bag_id for scan in recorded if scan.bag_id is not None})
                await audit(context, records, "RECORD_SCANS", "BAG", recorded_bags, {"events": len(recorded)})
            for index, outcome in zip(accepted, stored, strict=True):
                outcomes[index] = outcome
    return [outcome for outcome in outcomes if outcome is not None]


async def store_scans(
    context: Context,
    records: Reader,
    received_at: datetime,
    scans: Sequence[Scan],
    bag_ids: Sequence[int | None],
    flight_ids: Sequence[int | None],
    replanned: Collection[int] = (),
) -> list[RecordedScan]:
    """Stores scans as events of bags, as ``record_scans``; part of a transaction.

    Args:
        bag_ids: the bag of each scan; None for a tag that could not be read.
        flight_ids: the flight of each scan, which this transaction has locked; None for a scan without a flight.
        replanned: ids of those bags whose plan or tags changed in this transaction.

    Raises:
        Conflict: since the bags were read, one of them was merged into another one.
    """
    await context.stores.partitions.ensure(records, [scan.at for scan in scans])
    locked = await lock_carriers(records, context.airline_id, {bag_id for bag_id in bag_ids if bag_id is not None})
    resolved = [
        ResolvedScan(scan, bag_id, flight_id)
        for scan, bag_id, flight_id in zip(scans, bag_ids, flight_ids, strict=True)
    ]
    return await append_events(records, context.airline_id, received_at, locked, resolved, replanned=replanned)


@dataclass(frozen=True, slots=True)
class ResolvedScan:
    """A scan with its bag, flight and message.

    Args:
        bag_id: None for a tag that could not be read.
        flight_id: None for a scan without a flight.
        message_id: the message that the scan was read from; None for a scan that came without one.
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
    resolved: Sequence[ResolvedScan],
    changed: Collection[tuple[int, UUID | None]] = (),
    replanned: Collection[int] = (),
) -> list[RecordedScan]:
    """Stores events of locked bags, recomputes the status of these bags and publishes the changes.

    Args:
        locked: the current rows of the bags, locked by this transaction. Bags in ``changed`` without a row were merged
            into other bags.
        changed: further bags that changed, each with an event to publish, or with None.
        replanned: ids of those bags whose plan, tags or passenger changed.
    """
    ids = [one.scan.identity(airline_id) for one in resolved]
    inserted: set[UUID] = set()
    changes = set(changed)
    # Events that came from another bag may change which sortation of the bag is its first.
    merged = {bag_id for bag_id, event_id in changed if event_id is not None}
    kinds, corrected = await _transfer_kinds(records, airline_id, ids, resolved, merged)
    changes.update((one.bag_id, one.id) for one in corrected)
    if resolved:
        inserted = await events.insert(
            records,
            airline_id,
            received_at,
            [
                NewEvent(event_id, one.scan, kind, one.bag_id, one.flight_id, *_parties(one.scan, kind), one.message_id)
                for event_id, one, kind in zip(ids, resolved, kinds, strict=True)
            ],
        )
        changes.update(
            (one.bag_id, event_id)
            for event_id, one in zip(ids, resolved, strict=True)
            if one.bag_id is not None and event_id in inserted
        )
    if changes:
        affected = {bag_id: locked[bag_id] for bag_id in sorted({bag_id for bag_id, _ in changes}) if bag_id in locked}
        await recompute_status(records, airline_id, affected, always=True)
        await publish(records, airline_id, ChangeSet(bags=changes, replanned=replanned))
    seen: set[UUID] = set()
    outcomes = []
    for event_id, one in zip(ids, resolved, strict=True):
        first = event_id in inserted and event_id not in seen
        seen.add(event_id)
        outcomes.append(RecordedScan(ScanOutcome.RECORDED if first else ScanOutcome.DUPLICATE, event_id, one.bag_id))
    return outcomes


async def correct_transfers(records: Reader, airline_id: int, bag_ids: Collection[int]) -> list[EventTransfer]:
    """Corrects kind and custodian of the stored sortations of locked bags; returns those that were wrong."""
    return (await _transfer_kinds(records, airline_id, [], [], bag_ids))[1]


async def _transfer_kinds(
    records: Reader, airline_id: int, ids: Sequence[UUID], resolved: Sequence[ResolvedScan], others: Collection[int]
) -> tuple[list[EventKind], list[EventTransfer]]:
    """The kind of each new event, and the stored events that were corrected because of them.

    The first sortation of a transfer bag at an airport is TRANSFER_IN, later ones are SORTED and name no custodian
    (``docs/DOMAIN.md#rule-8``).

    Args:
        others: further bags whose stored events are checked.
    """
    bag_ids = {one.bag_id for one in resolved if one.scan.transfer and one.bag_id is not None} | set(others)
    if not bag_ids:
        return [one.scan.kind for one in resolved], []
    known = await events.transfers(records, airline_id, sorted(bag_ids))
    first: dict[tuple[int | None, str], tuple[datetime, UUID]] = {}
    stored = [((one.bag_id, one.airport), (one.at, one.id)) for one in known]
    new = [
        ((one.bag_id, one.scan.airport), (one.scan.at, event_id))
        for event_id, one in zip(ids, resolved, strict=True)
        if one.scan.transfer and one.bag_id is not None
    ]
    for bag_at_airport, event in (*stored, *new):
        first[bag_at_airport] = min(first.get(bag_at_airport, event), event)
    corrected = [
        one._replace(kind=EventKind.SORTED, custodian=None)
        for one in known
        if first[one.bag_id, one.airport] != (one.at, one.id)
        and (one.kind != EventKind.SORTED or one.custodian is not None)
    ]
    if corrected:
        await events.update_transfers(records, airline_id, corrected)
    transfers_in = set(first.values())
    return [
        EventKind.TRANSFER_IN if one.scan.transfer and (one.scan.at, event_id) in transfers_in else one.scan.kind
        for event_id, one in zip(ids, resolved, strict=True)
    ], corrected


def _parties(scan: Scan, kind: EventKind) -> tuple[str | None, str | None]:
    """The releasing party and the custodian of an event, filled in from its kind where the scan names none.

    Rules: ``docs/DOMAIN.md#custodians``.
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
    """Computes the status of bags from their events and stores it; three reads and one write for any number of bags.

    Args:
        locked: the current rows of the bags, locked by this transaction.
        always: whether to increase the version of a bag even if its status is unchanged, because it has new events.

    Returns:
        The ids of the bags that were written.
    """
    histories = await history.sightings_of_bags(records, airline_id, list(locked))
    changed: dict[int, BagStatus] = {}
    for bag_id, bag in locked.items():
        known = histories[bag_id]
        new = status_of(known.events, known.planned, known.flights, bag.created_at, deleted=bag.deleted)
        old = BagStatus(bag.state, bag.state_at, bag.airport, bag.place, bag.custodian, bag.flight_id)
        if always or new != old:
            changed[bag_id] = new
    if changed:
        first = {bag_id: histories[bag_id].events[0].at for bag_id in changed if histories[bag_id].events}
        await bags.update_statuses(records, airline_id, changed, first)
    return list(changed)
