"""Projector: writes changes of the records to the graph.

Delivery is at least once and safe to repeat. Any number of projectors can run, each on leased lanes
(``docs/DELIVERY.md#outbox-consumer-graph``).
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from opentelemetry.trace import Tracer

from integrations.errors import OutsideError
from integrations.records.bags import Bag, BagTag
from integrations.records.events import Event, EventKind
from integrations.records.flights import Leg
from integrations.records.journeys import BagPlan, BagProjection, FlownLeg
from integrations.records.outbox import Consumer, OutboxMessage, PendingChanges, Subject
from integrations.stores.neo4j import network, projections
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.postgres import airports, bags, events, flights, outbox, passengers
from integrations.stores.postgres.manager import PostgresManager, Reader
from integrations.tracing import continued_span
from resolvers.ingestion import history
from resolvers.rules.bag_state import flown_legs
from resolvers.workers.lanes import LaneWorker

BATCH = 2_000
# A batch of more bags is written in two concurrent transactions.
SPLIT_ABOVE = 125
EVENTS_PER_WRITE = 2_000
LEASE_SECONDS = 24.0
# A batch starts only if its lanes are leased for longer than the batch may take.
MARGIN_SECONDS = 11.0
# A graph database that has just started needs seconds to plan a statement for the first time.
WRITE_SECONDS = 10.0
CLEAN_SECONDS = 60.0
KEEP_DONE = timedelta(hours=24)

# The kinds that ``flown_legs`` depends on; without a new event of these kinds the flown flights of a bag are unchanged.
BOARDINGS = frozenset({EventKind.LOADED, EventKind.OFFLOADED, EventKind.ARRIVED})


async def full_projections(records: Reader, airline_id: int, changed: Sequence[Bag]) -> list[BagProjection]:
    """Complete projections of bags, read after the rows of the bags.

    Args:
        changed: the rows of the bags, read before.
    """
    if not changed:
        return []
    bag_ids = [bag.id for bag in changed]
    known = await history.of_bags(records, airline_id, bag_ids)
    plans = await _plans(records, airline_id, changed, {bag_id: one.planned for bag_id, one in known.items()})
    return [
        BagProjection(
            bag=bag,
            events=known[bag.id].events,
            as_of=_newest(known[bag.id].events, bag),
            plan=plans[bag.id],
            flown=flown_legs(known[bag.id].events, known[bag.id].flights),
        )
        for bag in changed
    ]


async def _plans(
    records: Reader, airline_id: int, changed: Sequence[Bag], planned: Mapping[int, Sequence[Leg]]
) -> dict[int, BagPlan]:
    tags: dict[int, list[BagTag]] = {bag.id: [] for bag in changed}
    for tag in await bags.tags(records, airline_id, list(tags)):
        tags[tag.bag_id].append(tag)
    owner_ids = sorted({bag.passenger_id for bag in changed if bag.passenger_id})
    owners = await passengers.by_id(records, airline_id, owner_ids)
    return {bag.id: BagPlan(tags[bag.id], planned[bag.id], owners.get(bag.passenger_id or 0)) for bag in changed}


async def ensure_flights(records: Reader, graph: Neo4jManager, airline_id: int, batch: Sequence[BagProjection]) -> None:
    """Writes the flights that a batch of bags names and that the graph does not have."""
    named = {event.flight_id for bag in batch for event in bag.events if event.flight_id is not None}
    named.update(leg.id for bag in batch if bag.plan is not None for leg in bag.plan.legs)
    named.update(leg.flight.id for bag in batch for leg in bag.flown or ())
    if named:
        known = await projections.known_flights(graph, airline_id, sorted(named), WRITE_SECONDS)
        await _write_flights(records, graph, airline_id, named - known)


async def _write_flights(records: Reader, graph: Neo4jManager, airline_id: int, flight_ids: set[int]) -> None:
    if flight_ids:
        current = await flights.by_id(records, airline_id, sorted(flight_ids))
        await projections.write_flights(graph, list(current.values()), WRITE_SECONDS)


class Projector(LaneWorker):
    """A worker of the lanes of the consumer ``graph``.

    Args:
        owner: unique name of the worker, stored with each lease.
        tracer: continues the traces of the requests that caused the work; None where tracing is off.
    """

    def __init__(
        self, postgres: PostgresManager, graph: Neo4jManager, owner: str, tracer: Tracer | None = None
    ) -> None:
        super().__init__(postgres, Consumer.GRAPH, owner, LEASE_SECONDS, tracer=tracer)
        self.graph = graph
        self._cleaned_at = float("-inf")
        self._batch = BATCH

    async def process_batch(self) -> int:
        """Projects a batch of outbox messages; returns their number, 0 if none is pending."""
        messages = await outbox.waiting_messages(self.postgres, Consumer.GRAPH, self.owner, MARGIN_SECONDS, self._batch)
        traceparents = (message.traceparent for message in messages)
        try:
            with continued_span(self.tracer, "project", traceparents, {"messages": len(messages)}):
                for airline_id, group in groupby(sorted(messages, key=_airline), _airline):
                    await self._project(airline_id, list(group))
        except OutsideError:
            # A graph that cannot take the whole batch may take smaller parts.
            self._batch = max(1, self._batch // 2)
            raise
        self._batch = min(BATCH, self._batch * 2)
        if messages:
            await outbox.mark_done(self.postgres, [message.id for message in messages])
        else:
            await self._delete_done()
        return len(messages)

    async def _delete_done(self) -> None:
        clock = asyncio.get_running_loop().time()
        if clock > self._cleaned_at + CLEAN_SECONDS:
            self._cleaned_at = clock
            await outbox.delete_done(self.postgres, KEEP_DONE, 10_000)

    async def _project(self, airline_id: int, messages: Sequence[OutboxMessage]) -> None:
        if any(message.subject == Subject.NETWORK for message in messages):
            await self._write_network(airline_id)
        flight_ids = {message.subject_id for message in messages if message.subject == Subject.FLIGHT}
        await _write_flights(self.postgres, self.graph, airline_id, flight_ids)
        bag_ids = sorted({message.subject_id for message in messages if message.subject == Subject.BAG})
        # Bags with neighbouring ids often share a passenger; in two transactions they would wait for each other.
        half = len(bag_ids) // 2
        parts = [bag_ids[:half], bag_ids[half:]] if len(bag_ids) > SPLIT_ABOVE else [bag_ids] if bag_ids else []
        writes = (self._project_bags(airline_id, part) for part in parts)
        failures = await asyncio.gather(*writes, return_exceptions=True)
        for failure in failures:
            if failure is not None:
                raise failure

    async def _write_network(self, airline_id: int) -> None:
        await network.write(
            self.graph,
            airline_id,
            await airports.served(self.postgres, airline_id),
            await airports.routes(self.postgres, airline_id),
            await airports.connection_times(self.postgres, airline_id),
        )

    async def _project_bags(self, airline_id: int, bag_ids: Sequence[int]) -> None:
        # The rows of the bags are read first, so that everything read after them is as new or newer and the graph has
        # at least what its version of a bag states. For the same reason all pending changes of a bag are projected,
        # including those whose messages come in a later batch.
        current = await bags.by_id(self.postgres, airline_id, bag_ids)
        pending = await outbox.pending(self.postgres, airline_id, Consumer.GRAPH, bag_ids)
        known = await projections.known_bags(self.graph, airline_id, list(current), WRITE_SECONDS)
        pending_of_known = {bag_id: pending[bag_id] for bag_id in known & pending.keys()}
        new_bags = [bag for bag in current.values() if bag.id not in known]
        batch = [
            *await self._changes_of(airline_id, current, pending_of_known),
            *await full_projections(self.postgres, airline_id, new_bags),
        ]
        await ensure_flights(self.postgres, self.graph, airline_id, batch)
        for chunk in _chunks(batch):
            await projections.write_bags(self.graph, airline_id, chunk, WRITE_SECONDS)
        await projections.delete_bags(self.graph, airline_id, sorted(pending.keys() - current.keys()), WRITE_SECONDS)

    async def _changes_of(
        self, airline_id: int, current: Mapping[int, Bag], pending: Mapping[int, PendingChanges]
    ) -> list[BagProjection]:
        """The pending changes of bags that the graph has."""
        new_events: dict[int, list[Event]] = {bag_id: [] for bag_id in pending}
        if event_ids := {bag_id: one.events for bag_id, one in pending.items() if one.events}:
            for event in await events.by_id(self.postgres, airline_id, event_ids):
                new_events[event.bag_id].append(event)
        boarded = [bag_id for bag_id, of_bag in new_events.items() if any(event.kind in BOARDINGS for event in of_bag)]
        all_flown = await self._flown(airline_id, boarded) if boarded else {}
        replanned = [current[bag_id] for bag_id, one in pending.items() if one.replanned]
        plans = await self._replanned(airline_id, replanned) if replanned else {}
        return [
            BagProjection(
                bag=current[bag_id],
                events=of_bag,
                as_of=_newest(of_bag, current[bag_id]),
                plan=plans.get(bag_id),
                flown=all_flown.get(bag_id),
            )
            for bag_id, of_bag in new_events.items()
        ]

    async def _replanned(self, airline_id: int, changed: Sequence[Bag]) -> dict[int, BagPlan]:
        planned: dict[int, list[Leg]] = {bag.id: [] for bag in changed}
        for leg in await flights.legs_of_bags(self.postgres, airline_id, list(planned)):
            planned[leg.bag_id].append(leg)
        return await _plans(self.postgres, airline_id, changed, planned)

    async def _flown(self, airline_id: int, bag_ids: Sequence[int]) -> dict[int, Sequence[FlownLeg]]:
        known = await history.of_bags(self.postgres, airline_id, bag_ids)
        return {bag_id: flown_legs(one.events, one.flights) for bag_id, one in known.items()}


def _chunks(batch: Sequence[BagProjection]) -> Iterator[Sequence[BagProjection]]:
    """Chunks of a batch that the graph writes in much less than ``WRITE_SECONDS``."""
    chunk: list[BagProjection] = []
    event_count = 0
    for projection in batch:
        chunk.append(projection)
        event_count += len(projection.events)
        if event_count >= EVENTS_PER_WRITE:
            yield chunk
            chunk, event_count = [], 0
    if chunk:
        yield chunk


def _newest(of_bag: Sequence[Event], bag: Bag) -> datetime:
    return max((event.received_at for event in of_bag), default=bag.created_at)


def _airline(message: OutboxMessage) -> int:
    return message.airline_id
