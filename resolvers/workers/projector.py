"""The projector: tells the graph what changed in the records.

At least once, safe to repeat, any number of projectors at a time: each works on lanes that it has leased.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

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
from resolvers.ingestion import history
from resolvers.rules.bag_state import flown
from resolvers.workers.lanes import LaneWorker

BATCH = 2_000
# A batch of more bags than that is written in two transactions at a time.
PART = 125
EVENTS_AT_ONCE = 2_000
LEASE_SECONDS = 24.0
# A batch is started only while its lanes are ours for longer than it may take.
MARGIN_SECONDS = 11.0
# A graph that has just started needs seconds to plan a statement it has not seen.
WRITE_SECONDS = 10.0
CLEAN_SECONDS = 60.0
KEEP_DONE = timedelta(hours=24)

# The kinds that ``flown`` looks at: without a new one of them a bag's flown flights stay.
BOARDINGS = frozenset({EventKind.LOADED, EventKind.OFFLOADED, EventKind.ARRIVED})


async def in_full(records: Reader, airline_id: int, changed: Sequence[Bag]) -> list[BagProjection]:
    """Bags with all that the records know of them, read after the bags' own rows."""
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
            flown=flown(known[bag.id].events, known[bag.id].flights),
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


async def ensure_flights(records: Reader, graph: Neo4jManager, airline_id: int, told: Sequence[BagProjection]) -> None:
    """Tells the graph of flights that bags name and that nobody has told it of."""
    named = {event.flight_id for bag in told for event in bag.events if event.flight_id is not None}
    named.update(leg.id for bag in told if bag.plan is not None for leg in bag.plan.legs)
    named.update(leg.flight.id for bag in told for leg in bag.flown or ())
    if named:
        known = await projections.known_flights(graph, airline_id, sorted(named), WRITE_SECONDS)
        await _tell_flights(records, graph, airline_id, named - known)


async def _tell_flights(records: Reader, graph: Neo4jManager, airline_id: int, flight_ids: set[int]) -> None:
    if flight_ids:
        current = await flights.by_id(records, airline_id, sorted(flight_ids))
        await projections.write_flights(graph, list(current.values()), WRITE_SECONDS)


class Projector(LaneWorker):
    """One worker of the graph's lanes.

    Args:
        owner: a name no other worker has; it stands in the lease.
    """

    def __init__(self, postgres: PostgresManager, graph: Neo4jManager, owner: str) -> None:
        super().__init__(postgres, Consumer.GRAPH, owner, LEASE_SECONDS)
        self.graph = graph
        self._cleaned_at = float("-inf")
        self._batch = BATCH

    async def process_batch(self) -> int:
        """Tells the graph of one batch of changes; answers how many notices were told, 0 where none wait."""
        notices = await outbox.waiting_messages(self.postgres, Consumer.GRAPH, self.owner, MARGIN_SECONDS, self._batch)
        try:
            for airline_id, group in groupby(sorted(notices, key=_airline), _airline):
                await self._tell(airline_id, list(group))
        except OutsideError:
            # A batch that is too much for the graph at the moment may not be in smaller parts.
            self._batch = max(1, self._batch // 2)
            raise
        self._batch = min(BATCH, self._batch * 2)
        if notices:
            await outbox.mark_done(self.postgres, [notice.id for notice in notices])
        else:
            await self._clean()
        return len(notices)

    async def _clean(self) -> None:
        clock = asyncio.get_running_loop().time()
        if clock > self._cleaned_at + CLEAN_SECONDS:
            self._cleaned_at = clock
            await outbox.delete_done(self.postgres, KEEP_DONE, 10_000)

    async def _tell(self, airline_id: int, notices: Sequence[OutboxMessage]) -> None:
        if any(notice.subject == Subject.NETWORK for notice in notices):
            await self._tell_network(airline_id)
        flight_ids = {notice.subject_id for notice in notices if notice.subject == Subject.FLIGHT}
        await _tell_flights(self.postgres, self.graph, airline_id, flight_ids)
        bag_ids = sorted({notice.subject_id for notice in notices if notice.subject == Subject.BAG})
        # Neighbours belong to one passenger: apart, their transactions would wait for each other.
        half = len(bag_ids) // 2
        parts = [bag_ids[:half], bag_ids[half:]] if len(bag_ids) > PART else [bag_ids] if bag_ids else []
        failures = await asyncio.gather(*(self._tell_bags(airline_id, part) for part in parts), return_exceptions=True)
        for failure in failures:
            if failure is not None:
                raise failure

    async def _tell_network(self, airline_id: int) -> None:
        await network.write(
            self.graph,
            airline_id,
            await airports.served(self.postgres, airline_id),
            await airports.routes(self.postgres, airline_id),
            await airports.connection_times(self.postgres, airline_id),
        )

    async def _tell_bags(self, airline_id: int, bag_ids: Sequence[int]) -> None:
        # The bags' rows are read first: what is read after them is as new or newer, so that a version in the graph
        # never stands for less than it says. For the same reason all news of a bag are told, also those whose notices
        # come in a later batch.
        current = await bags.by_id(self.postgres, airline_id, bag_ids)
        news = await outbox.pending(self.postgres, airline_id, Consumer.GRAPH, bag_ids)
        known = await projections.known_bags(self.graph, airline_id, list(current), WRITE_SECONDS)
        told = [
            *await self._told_before(airline_id, current, {bag_id: news[bag_id] for bag_id in known & news.keys()}),
            *await in_full(self.postgres, airline_id, [bag for bag in current.values() if bag.id not in known]),
        ]
        await ensure_flights(self.postgres, self.graph, airline_id, told)
        for part in _parts(told):
            await projections.write_bags(self.graph, airline_id, part, WRITE_SECONDS)
        await projections.delete_bags(self.graph, airline_id, sorted(news.keys() - current.keys()), WRITE_SECONDS)

    async def _told_before(
        self, airline_id: int, current: Mapping[int, Bag], news: Mapping[int, PendingChanges]
    ) -> list[BagProjection]:
        """Bags that the graph knows: what is new of them."""
        happened: dict[int, list[Event]] = {bag_id: [] for bag_id in news}
        if told_of := {bag_id: one.events for bag_id, one in news.items() if one.events}:
            for event in await events.by_id(self.postgres, airline_id, told_of):
                happened[event.bag_id].append(event)
        boarded = [bag_id for bag_id, of_bag in happened.items() if any(event.kind in BOARDINGS for event in of_bag)]
        all_flown = await self._flown(airline_id, boarded) if boarded else {}
        replanned = [current[bag_id] for bag_id, one in news.items() if one.replanned]
        plans = await self._replanned(airline_id, replanned) if replanned else {}
        return [
            BagProjection(
                bag=current[bag_id],
                events=of_bag,
                as_of=_newest(of_bag, current[bag_id]),
                plan=plans.get(bag_id),
                flown=all_flown.get(bag_id),
            )
            for bag_id, of_bag in happened.items()
        ]

    async def _replanned(self, airline_id: int, changed: Sequence[Bag]) -> dict[int, BagPlan]:
        planned: dict[int, list[Leg]] = {bag.id: [] for bag in changed}
        for leg in await flights.legs_of_bags(self.postgres, airline_id, list(planned)):
            planned[leg.bag_id].append(leg)
        return await _plans(self.postgres, airline_id, changed, planned)

    async def _flown(self, airline_id: int, bag_ids: Sequence[int]) -> dict[int, Sequence[FlownLeg]]:
        known = await history.of_bags(self.postgres, airline_id, bag_ids)
        return {bag_id: flown(one.events, one.flights) for bag_id, one in known.items()}


def _parts(told: Sequence[BagProjection]) -> Iterator[Sequence[BagProjection]]:
    """Bags in parts that the graph takes well within ``WRITE_SECONDS``."""
    part: list[BagProjection] = []
    events_of_part = 0
    for projection in told:
        part.append(projection)
        events_of_part += len(projection.events)
        if events_of_part >= EVENTS_AT_ONCE:
            yield part
            part, events_of_part = [], 0
    if part:
        yield part


def _newest(happened: Sequence[Event], bag: Bag) -> datetime:
    return max((event.received_at for event in happened), default=bag.created_at)


def _airline(notice: OutboxMessage) -> int:
    return notice.airline_id
