"""The projector: tells the graph what changed in the records.

At least once, safe to repeat, any number of projectors at a time: each works on lanes that it has leased.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from integrations.errors import OutsideError
from integrations.records.bags import BagTag
from integrations.records.events import Event
from integrations.records.journeys import BagProjection
from integrations.records.outbox import GRAPH, Notice, Subject
from integrations.stores import airports, bags, flights, journeys, outbox, passengers
from integrations.stores.neo4j import Neo4jManager
from integrations.stores.postgres import PostgresManager
from resolvers import history
from resolvers.projection import flown
from resolvers.worker import LaneWorker

BATCH = 500
EVENTS_AT_ONCE = 2_000
LEASE_SECONDS = 24.0
# A batch is started only while its lanes are ours for longer than it may take.
MARGIN_SECONDS = 11.0
# A graph that has just started needs seconds to plan a statement it has not seen.
WRITE_SECONDS = 10.0
CLEAN_SECONDS = 60.0
KEEP_DONE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the graph is behind the records: waiting notices, and the age of the oldest in seconds."""

    notices: int
    seconds: float


async def lag(postgres: PostgresManager) -> Lag:
    """Measures how far the graph is behind."""
    return Lag(*await outbox.lag(postgres, GRAPH))


class Projector(LaneWorker):
    """One worker of the graph's lanes.

    Args:
        owner: a name no other worker has; it stands in the lease.
    """

    def __init__(self, postgres: PostgresManager, graph: Neo4jManager, owner: str) -> None:
        super().__init__(postgres, GRAPH, owner, LEASE_SECONDS)
        self.graph = graph
        self._cleaned_at = float("-inf")
        self._batch = BATCH

    async def work(self) -> int:
        """Tells the graph of one batch of changes; answers how many notices were told, 0 where none wait."""
        notices = await outbox.waiting(self.postgres, GRAPH, self.owner, MARGIN_SECONDS, self._batch)
        try:
            for airline_id, group in groupby(sorted(notices, key=_airline), _airline):
                await self._tell(airline_id, list(group))
        except OutsideError:
            # A batch that is too much for the graph at the moment may not be in smaller parts.
            self._batch = max(1, self._batch // 2)
            raise
        self._batch = min(BATCH, self._batch * 2)
        if notices:
            await outbox.done(self.postgres, [notice.id for notice in notices])
        else:
            await self._clean()
        return len(notices)

    async def _clean(self) -> None:
        clock = asyncio.get_running_loop().time()
        if clock > self._cleaned_at + CLEAN_SECONDS:
            self._cleaned_at = clock
            await outbox.delete_done(self.postgres, KEEP_DONE, 10_000)

    async def _tell(self, airline_id: int, notices: Sequence[Notice]) -> None:
        if any(notice.subject == Subject.NETWORK for notice in notices):
            await self._tell_network(airline_id)
        bag_ids = sorted({notice.subject_id for notice in notices if notice.subject == Subject.BAG})
        flight_ids = {notice.subject_id for notice in notices if notice.subject == Subject.FLIGHT}
        if bag_ids or flight_ids:
            await self._tell_bags(airline_id, bag_ids, flight_ids)

    async def _tell_network(self, airline_id: int) -> None:
        await journeys.write_network(
            self.graph,
            airline_id,
            await airports.served(self.postgres, airline_id),
            await airports.routes(self.postgres, airline_id),
            await airports.connection_times(self.postgres, airline_id),
        )

    async def _tell_bags(self, airline_id: int, bag_ids: Sequence[int], flight_ids: set[int]) -> None:
        # The bags' rows are read first: what is read after them is as new or newer, so that a version in the graph
        # never stands for less than it says. For the same reason all news of a bag are told, also those whose notices
        # come in a later batch.
        current = await bags.by_id(self.postgres, airline_id, bag_ids)
        news = await outbox.untold_events(self.postgres, airline_id, GRAPH, bag_ids)
        known = await history.of_bags(self.postgres, airline_id, bag_ids)
        tags: dict[int, list[BagTag]] = {bag_id: [] for bag_id in bag_ids}
        for tag in await bags.tags(self.postgres, airline_id, bag_ids):
            tags[tag.bag_id].append(tag)
        named = dict(next((one.flights for one in known.values()), {}))
        named.update(await flights.by_id(self.postgres, airline_id, sorted(flight_ids - named.keys())))
        owners = await passengers.by_id(
            self.postgres, airline_id, sorted({bag.passenger_id for bag in current.values() if bag.passenger_id})
        )
        projections = [
            BagProjection(
                bag=bag,
                tags=tags[bag.id],
                planned=known[bag.id].planned,
                flown=flown(known[bag.id].events, known[bag.id].flights),
                as_of=max((event.received_at for event in known[bag.id].events), default=bag.created_at),
            )
            for bag in current.values()
        ]
        happened = {bag_id: [event for event in one.events if event.id in news] for bag_id, one in known.items()}
        await journeys.write_flights(self.graph, list(named.values()), WRITE_SECONDS)
        await journeys.write_passengers(self.graph, list(owners.values()), WRITE_SECONDS)
        for part in _parts(projections, happened):
            news_of_part = [event for projection in part for event in happened[projection.bag.id]]
            await journeys.write_bags(self.graph, part, news_of_part, WRITE_SECONDS)


def _parts(
    projections: Sequence[BagProjection], happened: Mapping[int, Sequence[Event]]
) -> Iterator[Sequence[BagProjection]]:
    """Bags in parts that the graph takes well within ``WRITE_SECONDS``."""
    part: list[BagProjection] = []
    events_of_part = 0
    for projection in projections:
        part.append(projection)
        events_of_part += len(happened[projection.bag.id])
        if events_of_part >= EVENTS_AT_ONCE:
            yield part
            part, events_of_part = [], 0
    if part:
        yield part


def _airline(notice: Notice) -> int:
    return notice.airline_id
