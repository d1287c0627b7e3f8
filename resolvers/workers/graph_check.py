"""The graph against the records: what differs, and the graph made anew.

Both work bag by bag in batches, beside the projector and all traffic, with no transaction longer than one batch.

A rebuild writes every bag and flight that the records know from nothing, under its version: one that the graph has
newer was told a moment ago by a projector, which may have told only what had changed, so that it is read again and
written from nothing as well. What was written carries the run's stamp. The sweep then takes out what has another stamp
and is not in the records; a bag that came during the rebuild has none, and is found there. A rebuild that was
interrupted has done part of the work: the next begins anew.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from integrations.records.flights import FlightColumns
from integrations.records.journeys import BagProjection
from integrations.records.outbox import Consumer, Subject
from integrations.records.places import kind_of_place
from integrations.stores.neo4j import drift, network
from integrations.stores.neo4j.time import micros, micros_or_none
from integrations.stores.postgres import airports, bags, flights, outbox
from integrations.stores.postgres.manager import PostgresManager
from resolvers.installation import Stores
from resolvers.workers.projector import ensure_flights, in_full

BATCH = 200
ROUNDS = 20
# How long a bag of which a notice waits is asked for again, and how often.
PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.5
SAY_EVERY = 5_000

Say = Callable[[str], None]


class Moving(Exception):
    """Bags change faster than they can be written."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What the graph has of a bag or flight that the records say otherwise.

    Args:
        subject: BAG or FLIGHT.
        what: each thing that differs, with both values in words.
    """

    subject: Subject
    id: int
    what: Sequence[str]


@dataclass(slots=True)
class Comparison:
    """What a check found.

    Args:
        undecided: bags and flights that changed all the while, or of which the graph was still to be told.
    """

    bags: int = 0
    flights: int = 0
    different: int = 0
    undecided: int = 0


async def rebuild(stores: Stores, airline_id: int, say: Say) -> None:
    """Makes an airline's part of the graph what the records say, beside all traffic; may be interrupted and repeated.

    Raises:
        Moving: some bags changed all the while; a later run may have more luck.
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
    say(f"{written:,} flights written")
    written = 0
    async for ids in _pages(records, airline_id, Subject.BAG):
        await _rewrite_bags(stores, airline_id, ids, stamp)
        written += len(ids)
        if written % SAY_EVERY < len(ids):
            say(f"{written:,} bags written")
    say(f"{written:,} bags written")
    for subject in (Subject.BAG, Subject.FLIGHT):
        gone = await _sweep(stores, airline_id, subject, stamp)
        say(f"{gone:,} {subject.value.lower()}s swept that no record knows")
    loose = 0
    while swept := await drift.sweep_orphans(stores.neo4j):
        loose += swept
    say(f"{loose:,} loose events, tags and the like swept")


async def check(stores: Stores, airline_id: int, say: Callable[[Difference], None]) -> Comparison:
    """Compares all bags and flights of an airline; says each that differs, when it is sure."""
    found = Comparison()
    for subject in (Subject.FLIGHT, Subject.BAG):
        async for ids in _pages(stores.postgres, airline_id, subject):
            await _check(stores, airline_id, subject, ids, found, say)
        async for ids in _unknown(stores, airline_id, subject):
            await _check(stores, airline_id, subject, ids, found, say)
    return found


async def _pages(records: PostgresManager, airline_id: int, subject: Subject) -> AsyncIterator[list[int]]:
    """All ids of the records in ascending order."""
    ids = bags.ids_after if subject == Subject.BAG else flights.ids_after
    after = 0
    while page := await ids(records, airline_id, after, BATCH):
        yield page
        after = page[-1]


async def _unknown(
    stores: Stores, airline_id: int, subject: Subject, stamp: str | None = None
) -> AsyncIterator[list[int]]:
    """Ids that the graph has, without this stamp, and the records do not."""
    in_graph = drift.bag_ids_in_graph if subject == Subject.BAG else drift.flight_ids_in_graph
    in_records = bags.by_id if subject == Subject.BAG else flights.by_id
    after = -1
    while page := await in_graph(stores.neo4j, airline_id, after, stamp):
        known = await in_records(stores.postgres, airline_id, page)
        if unknown := [one for one in page if one not in known]:
            yield unknown
        after = page[-1]


async def _sweep(stores: Stores, airline_id: int, subject: Subject, stamp: str) -> int:
    gone = 0
    sweep = drift.sweep_bags if subject == Subject.BAG else drift.sweep_flights
    async for ids in _unknown(stores, airline_id, subject, stamp):
        for first in range(0, len(ids), BATCH):
            await sweep(stores.neo4j, airline_id, ids[first : first + BATCH])
        gone += len(ids)
    return gone


async def _rewrite_flights(stores: Stores, airline_id: int, ids: Sequence[int], stamp: str) -> None:
    current = await flights.by_id(stores.postgres, airline_id, ids)
    await drift.rewrite_flights(stores.neo4j, airline_id, list(current.values()), stamp)


async def _rewrite_bags(stores: Stores, airline_id: int, ids: Sequence[int], stamp: str) -> None:
    left = list(ids)
    for _ in range(ROUNDS):
        current = await bags.by_id(stores.postgres, airline_id, left)
        told = await in_full(stores.postgres, airline_id, list(current.values()))
        await ensure_flights(stores.postgres, stores.neo4j, airline_id, told)
        newer = await drift.rewrite_bags(stores.neo4j, airline_id, told, stamp)
        if not newer:
            return
        left = newer
    raise Moving(f"{len(left)} bags changed all the while, such as {left[0]}")


async def _check(
    stores: Stores,
    airline_id: int,
    subject: Subject,
    ids: Sequence[int],
    found: Comparison,
    say: Callable[[Difference], None],
) -> None:
    clock = asyncio.get_running_loop().time
    ends_at = clock() + PATIENCE_SECONDS
    if subject == Subject.BAG:
        found.bags += len(ids)
    else:
        found.flights += len(ids)
    left: Sequence[int] = ids
    while True:
        sure, left = await _compare(stores, airline_id, subject, left)
        found.different += len(sure)
        for difference in sure:
            say(difference)
        if not left or clock() > ends_at:
            found.undecided += len(left)
            return
        await asyncio.sleep(PAUSE_SECONDS)


async def _compare(
    stores: Stores, airline_id: int, subject: Subject, ids: Sequence[int]
) -> tuple[list[Difference], list[int]]:
    """What differs for sure, and the ids of what differs but may only be on its way.

    The graph has been told all that the records said when no notice waited after they were read; whatever it lacks then
    it lacks for good, unless the records have moved on meanwhile.
    """
    read = _bags_of_records if subject == Subject.BAG else _flights_of_records
    read_graph = drift.bags_in_graph if subject == Subject.BAG else drift.flights_in_graph
    said = await read(stores.postgres, airline_id, ids)
    waiting = await outbox.pending_subjects(stores.postgres, airline_id, Consumer.GRAPH, subject, ids)
    has = await read_graph(stores.neo4j, airline_id, ids)
    different = {one: what for one in ids if (what := _differences(said.get(one), has.get(one)))}
    if not different:
        return [], []
    again = await read(stores.postgres, airline_id, list(different))
    unsure = [one for one in different if one in waiting or again.get(one) != said.get(one)]
    sure = [Difference(subject, one, what) for one, what in different.items() if one not in unsure]
    return sure, unsure


def _differences(said: Mapping[str, Any] | None, has: Mapping[str, Any] | None) -> list[str]:
    if said is None:
        return [] if has is None else ["in the graph and not in the records"]
    if has is None:
        # Nothing has happened to such a bag since it was made: it is told with its first event.
        return [] if said["version"] == 1 and said.get("events") == [] else ["in the records and not in the graph"]
    return [_difference(name, value, _plain(has[name])) for name, value in said.items() if _plain(has[name]) != value]


def _plain(value: Any) -> Any:
    """Lists of rows in an order of their own, to be compared."""
    return sorted(value, key=repr) if isinstance(value, list) and value and isinstance(value[0], list) else value


def _difference(name: str, said: Any, has: Any) -> str:
    if isinstance(said, list) and len(said) + len(has) > 8 and any(isinstance(one, list) for one in (*said, *has)):
        missing = sum(one not in has for one in said)
        return f"{name}: {missing} missing, {sum(one not in said for one in has)} too many"
    return f"{name}: records {said}, graph {has}"


async def _bags_of_records(records: PostgresManager, airline_id: int, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    current = await bags.by_id(records, airline_id, ids)
    return {one.bag.id: _bag(one) for one in await in_full(records, airline_id, list(current.values()))}


def _bag(one: BagProjection) -> dict[str, Any]:
    assert one.plan is not None
    assert one.flown is not None
    said: dict[str, Any] = {
        "version": one.bag.version,
        "state": one.bag.state,
        "custodian": one.bag.custodian,
        "planned": [[leg.seq, leg.id] for leg in one.plan.legs],
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
    return {name: _plain(value) for name, value in said.items()}


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
    seconds = [None if moment is None else moment // 1_000_000 for moment in map(micros_or_none, times)]
    return {
        "version": flight.version,
        "designator": flight.designator,
        "status": flight.status,
        "gate": flight.gate,
        "times": seconds,
        "origin": [flight.origin],
        "destination": [flight.destination],
    }
