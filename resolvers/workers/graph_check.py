"""Check and rebuild of the graph against the records.

Both run in batches beside the projector and all traffic, with no transaction longer than one batch.

A rebuild writes every bag and flight of the records completely, under its version. Where the graph has a newer version,
a projector has just written the bag, possibly only its changes, so the rebuild reads the bag again and writes it
completely too. Everything written carries the run's stamp. The sweep then deletes what has another stamp and is not in
the records; a bag created during the rebuild has no stamp, but is in the records. An interrupted rebuild has done part
of the work, and the next one starts from the beginning.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from integrations.batches import in_batches
from integrations.progress import Progress
from integrations.records.flights import FlightColumns
from integrations.records.journeys import BagProjection
from integrations.records.outbox import Consumer, Subject
from integrations.records.places import kind_of_place
from integrations.stores.neo4j import drift, network, projections
from integrations.stores.neo4j.time import micros, micros_or_none
from integrations.stores.postgres import airports, bags, flights, outbox
from integrations.stores.postgres.manager import PostgresManager
from resolvers.installation import Stores
from resolvers.workers.projector import ensure_flights, full_projections

BATCH = 200
MAX_ROUNDS = 20
# How long, and how often, a bag with pending changes is compared again.
RETRY_SECONDS = 30.0
PAUSE_SECONDS = 0.5
PROGRESS_EVERY = 5_000


class ConcurrentChanges(Exception):
    """Bags changed faster than the rebuild could write them."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A bag or flight that differs between graph and records.

    Args:
        subject: BAG or FLIGHT.
        details: one text for each difference, with both values.
    """

    subject: Subject
    id: int
    details: Sequence[str]


@dataclass(slots=True)
class Comparison:
    """Counts of a check.

    Args:
        bags: bags compared.
        flights: flights compared.
        different: bags and flights that differ.
        undecided: bags and flights that kept changing, or had pending changes, until the end of the check.
    """

    bags: int = 0
    flights: int = 0
    different: int = 0
    undecided: int = 0


async def rebuild(stores: Stores, airline_id: int, report: Progress) -> None:
    """Rewrites an airline's part of the graph from the records; safe to interrupt and to repeat.

    Args:
        report: receives one line of text for each step.

    Raises:
        ConcurrentChanges: some bags kept changing; a later run may succeed.
    """
    stamp = uuid4().hex
    records = stores.postgres
    await network.write(
        stores.neo4j,
        airline_id,
        await airports.served(records, airline_id),
        await airports.routes(records, airline_id),
        await airports.connection_times(records, airline_id),
    )
    written = 0
    async for ids in _pages(records, airline_id, Subject.FLIGHT):
        await _rewrite_flights(stores, airline_id, ids, stamp)
        written += len(ids)
    report(f"{written:,} flights written")
    written = 0
    async for ids in _pages(records, airline_id, Subject.BAG):
        await _rewrite_bags(stores, airline_id, ids, stamp)
        written += len(ids)
        if written % PROGRESS_EVERY < len(ids):
            report(f"{written:,} bags written")
    report(f"{written:,} bags written")
    for subject in (Subject.BAG, Subject.FLIGHT):
        deleted = await _sweep(stores, airline_id, subject, stamp)
        report(f"{deleted:,} {subject.value.lower()}s deleted that are not in the records")
    orphans = 0
    while deleted := await drift.sweep_orphans(stores.neo4j):
        orphans += deleted
    report(f"{orphans:,} orphaned events, tags and other nodes deleted")


async def check(stores: Stores, airline_id: int, report: Callable[[Difference], None]) -> Comparison:
    """Compares all bags and flights of an airline between graph and records.

    Args:
        report: receives each confirmed difference.
    """
    found = Comparison()
    for subject in (Subject.FLIGHT, Subject.BAG):
        async for ids in _pages(stores.postgres, airline_id, subject):
            await _check(stores, airline_id, subject, ids, found, report)
        async for ids in _unknown(stores, airline_id, subject):
            await _check(stores, airline_id, subject, ids, found, report)
    return found


async def _pages(records: PostgresManager, airline_id: int, subject: Subject) -> AsyncIterator[list[int]]:
    """All ids in the records, in ascending order."""
    ids = bags.ids_after if subject == Subject.BAG else flights.ids_after
    after = 0
    while page := await ids(records, airline_id, after, BATCH):
        yield page
        after = page[-1]


async def _unknown(
    stores: Stores, airline_id: int, subject: Subject, stamp: str | None = None
) -> AsyncIterator[list[int]]:
    """Ids of the graph, without this stamp, that are not in the records."""
    in_graph = drift.bag_ids_in_graph if subject == Subject.BAG else drift.flight_ids_in_graph
    in_records = bags.by_id if subject == Subject.BAG else flights.by_id
    after = -1
    while page := await in_graph(stores.neo4j, airline_id, after, stamp):
        known = await in_records(stores.postgres, airline_id, page)
        if unknown := [one for one in page if one not in known]:
            yield unknown
        after = page[-1]


async def _sweep(stores: Stores, airline_id: int, subject: Subject, stamp: str) -> int:
    deleted = 0
    sweep = drift.sweep_bags if subject == Subject.BAG else drift.sweep_flights
    async for ids in _unknown(stores, airline_id, subject, stamp):
        for batch in in_batches(ids, BATCH):
            await sweep(stores.neo4j, airline_id, batch)
        deleted += len(ids)
    return deleted


async def _rewrite_flights(stores: Stores, airline_id: int, ids: Sequence[int], stamp: str) -> None:
    current = await flights.by_id(stores.postgres, airline_id, ids)
    await drift.rewrite_flights(stores.neo4j, airline_id, list(current.values()), stamp)


async def _rewrite_bags(stores: Stores, airline_id: int, ids: Sequence[int], stamp: str) -> None:
    left = list(ids)
    for _ in range(MAX_ROUNDS):
        current = await bags.by_id(stores.postgres, airline_id, left)
        full = await full_projections(stores.postgres, airline_id, list(current.values()))
        await ensure_flights(stores.postgres, stores.neo4j, airline_id, full)
        newer = await drift.rewrite_bags(stores.neo4j, airline_id, full, stamp)
        if not newer:
            return
        left = newer
    raise ConcurrentChanges(f"{len(left)} bags kept changing during the rebuild, such as {left[0]}")


async def _check(
    stores: Stores,
    airline_id: int,
    subject: Subject,
    ids: Sequence[int],
    found: Comparison,
    report: Callable[[Difference], None],
) -> None:
    clock = asyncio.get_running_loop().time
    ends_at = clock() + RETRY_SECONDS
    if subject == Subject.BAG:
        found.bags += len(ids)
    else:
        found.flights += len(ids)
    left: Sequence[int] = ids
    while True:
        confirmed, left = await _compare(stores, airline_id, subject, left)
        found.different += len(confirmed)
        for difference in confirmed:
            report(difference)
        if not left or clock() > ends_at:
            found.undecided += len(left)
            return
        await asyncio.sleep(PAUSE_SECONDS)


async def _compare(
    stores: Stores, airline_id: int, subject: Subject, ids: Sequence[int]
) -> tuple[list[Difference], list[int]]:
    """Confirmed differences, and the ids of subjects that differ but may still be on their way to the graph.

    If no change of a subject was pending after the records were read, the graph has received all of them. A difference
    is then confirmed, unless the records have changed since.
    """
    read = _bags_of_records if subject == Subject.BAG else _flights_of_records
    read_graph = drift.bags_in_graph if subject == Subject.BAG else drift.flights_in_graph
    recorded = await read(stores.postgres, airline_id, ids)
    pending = await outbox.pending_subjects(stores.postgres, airline_id, Consumer.GRAPH, subject, ids)
    projected = await read_graph(stores.neo4j, airline_id, ids)
    different = {one: details for one in ids if (details := _differences(recorded.get(one), projected.get(one)))}
    if not different:
        return [], []
    again = await read(stores.postgres, airline_id, list(different))
    uncertain = [one for one in different if one in pending or again.get(one) != recorded.get(one)]
    confirmed = [Difference(subject, one, details) for one, details in different.items() if one not in uncertain]
    return confirmed, uncertain


def _differences(recorded: Mapping[str, Any] | None, projected: Mapping[str, Any] | None) -> list[str]:
    if recorded is None:
        return [] if projected is None else ["in the graph and not in the records"]
    if projected is None:
        # A bag without events since its creation is projected with its first event.
        unused = recorded["version"] == 1 and recorded.get("events") == []
        return [] if unused else ["in the records and not in the graph"]
    return [
        _difference(name, value, _sorted_rows(projected[name]))
        for name, value in recorded.items()
        if _sorted_rows(projected[name]) != value
    ]


def _sorted_rows(value: Any) -> Any:
    """A list of rows in a fixed order, for comparison; any other value unchanged."""
    return sorted(value, key=repr) if isinstance(value, list) and value and isinstance(value[0], list) else value


def _difference(name: str, recorded: Any, projected: Any) -> str:
    many = isinstance(recorded, list) and len(recorded) + len(projected) > 8
    if many and any(isinstance(one, list) for one in (*recorded, *projected)):
        missing = sum(one not in projected for one in recorded)
        return f"{name}: {missing} missing, {sum(one not in recorded for one in projected)} too many"
    return f"{name}: records {recorded}, graph {projected}"


async def _bags_of_records(records: PostgresManager, airline_id: int, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    current = await bags.by_id(records, airline_id, ids)
    return {one.bag.id: _bag(one) for one in await full_projections(records, airline_id, list(current.values()))}


def _bag(one: BagProjection) -> dict[str, Any]:
    assert one.plan is not None
    assert one.flown is not None
    recorded: dict[str, Any] = {
        "version": one.bag.version,
        "state": one.bag.state,
        "custodian": one.bag.custodian,
        "planned": [projections.planned(leg) for leg in one.plan.legs],
        "flown": [[leg.seq, leg.flight.id] for leg in one.flown],
        "tags": [
            [tag.number, tag.role, micros(tag.valid_from) // 1_000_000, micros(tag.valid_until) // 1_000_000]
            for tag in one.plan.tags
        ],
        "passengers": [[one.bag.passenger_id]] if one.bag.passenger_id else [],
        "events": [
            [
                str(event.id),
                event.kind,
                micros(event.at),
                event.rank,
                [[f"{event.airport}/{event.place}", kind_of_place(event.place)]],
                [event.flight_id] if event.flight_id else [],
                [f"{event.airline_id}/{event.custodian}"] if event.custodian else [],
            ]
            for event in one.events
        ],
    }
    return {name: _sorted_rows(value) for name, value in recorded.items()}


async def _flights_of_records(
    records: PostgresManager, airline_id: int, ids: Sequence[int]
) -> dict[int, dict[str, Any]]:
    current = await flights.by_id(records, airline_id, ids)
    return {flight.id: _flight(flight) for flight in current.values()}


def _flight(flight: FlightColumns) -> dict[str, Any]:
    times = [
        flight.scheduled_departure,
        flight.scheduled_arrival,
        flight.estimated_departure,
        flight.estimated_arrival,
        flight.actual_departure,
        flight.actual_arrival,
    ]
    seconds = [None if at is None else at // 1_000_000 for at in map(micros_or_none, times)]
    return {
        "version": flight.version,
        "designator": flight.designator,
        "status": flight.status,
        "gate": flight.gate,
        "times": seconds,
        "origin": [flight.origin],
        "destination": [flight.destination],
    }
