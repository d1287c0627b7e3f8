"""Incidents: one for each flight that makes bags miss their next one, kept by a worker as times and bags change.

A bag belongs to one where its connection is at risk or missed (``resolvers.transfers``), the two flights' times
leave less than the minimum, and it is this flight that is off its schedule: of a late inbound and an early outbound the
one that takes more minutes. The clock alone, or a slow handler, is no flight's incident. An incident is over when that
holds for none of its bags any more: the times have recovered, the bags have made it, or have other flights.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

from integrations.records.incidents import AssessedBag, Incident, IncidentCause
from integrations.records.outbox import Consumer
from integrations.records.transfers import ConnectionLevel, Transfer
from integrations.stores.postgres import incidents, outbox
from integrations.stores.postgres import transfers as connections
from integrations.stores.postgres.incidents import AffectedFlight, BagLevel, ChangedBag, NewIncident
from integrations.stores.postgres.manager import PostgresManager, Reader
from resolvers.publish import ChangeSet, publish
from resolvers.rules.transfers import Cause, cause_of
from resolvers.transfers import judged
from resolvers.workers.lanes import LaneWorker

BATCH = 100
LEASE_SECONDS = 24.0
MARGIN_SECONDS = 11.0
# Bags of open incidents are looked at as often when they move, however many events that are.
GATHER_SECONDS = 0.5
MOST_MOVED = 5_000
# Who watches a board is told of moved bags as often; the overlap is for transactions that end late.
BOARD_SECONDS = 2.0
BOARD_OVERLAP_SECONDS = 1.0
# Bags are newly planned on flights that are late already: those are looked at as often, some at a time.
SWEEP_SECONDS = 30.0
WATCHED = timedelta(hours=12)
WATCHED_AT_ONCE = 10


class IncidentWorker(LaneWorker):
    """One worker of the incidents' lanes.

    Args:
        owner: a name no other worker has; it stands in the lease.
        now: the clock.
    """

    def __init__(self, postgres: PostgresManager, owner: str, now: Callable[[], datetime]) -> None:
        super().__init__(postgres, Consumer.INCIDENTS, owner, LEASE_SECONDS)
        self._now = now
        self._gathered_at = self._boards_at = self._swept_at = float("-inf")
        self._watched: list[AffectedFlight] = []

    async def process_batch(self) -> int:
        """Looks at what has changed; answers how many notices and watched flights that were, 0 where none wait."""
        await self._gather()
        await self._tell_of_boards()
        notices = await outbox.waiting_messages(self.postgres, Consumer.INCIDENTS, self.owner, MARGIN_SECONDS, BATCH)
        told = {AffectedFlight(notice.airline_id, notice.subject_id) for notice in notices}
        watched = await self._sweep()
        for airline_id, of_airline in groupby(sorted(told.union(watched)), attrgetter("airline_id")):
            of_told = {flight_id for one, flight_id in told if one == airline_id}
            async with self.postgres.transaction() as records:
                looked_at = await refresh(records, airline_id, [one.flight_id for one in of_airline], self._now())
                await publish(records, airline_id, ChangeSet(boards=_boards(looked_at, of_told)))
        if notices:
            await outbox.mark_done(self.postgres, [notice.id for notice in notices])
        return len(notices) + len(watched)

    async def _gather(self) -> None:
        """Looks at bags of open incidents that have moved, if it is time to."""
        clock = asyncio.get_running_loop().time()
        if clock < self._gathered_at + GATHER_SECONDS:
            return
        self._gathered_at = clock
        moved = await incidents.changed_bags(self.postgres, Consumer.INCIDENTS, self.owner, MOST_MOVED)
        for airline_id, of_airline in groupby(sorted(moved), attrgetter("airline_id")):
            async with self.postgres.transaction() as records:
                await reassess(records, airline_id, list(of_airline), self._now())

    async def _tell_of_boards(self) -> None:
        """Leaves word of boards whose bags have moved, if it is time to."""
        clock = asyncio.get_running_loop().time()
        if clock < self._boards_at + BOARD_SECONDS:
            return
        self._boards_at = clock
        within = timedelta(seconds=BOARD_SECONDS + BOARD_OVERLAP_SECONDS)
        for airline_id, airport in await incidents.changed_boards(
            self.postgres, Consumer.INCIDENTS, self.owner, within
        ):
            await publish(self.postgres, airline_id, ChangeSet(boards=[airport]))

    async def _sweep(self) -> Sequence[AffectedFlight]:
        """Some flights to look at though nobody has left word of them, if it is time to."""
        clock = asyncio.get_running_loop().time()
        if not self._watched and clock >= self._swept_at + SWEEP_SECONDS:
            self._swept_at = clock
            self._watched = await incidents.flights_to_assess(self.postgres, Consumer.INCIDENTS, self.owner, WATCHED)
        taken, self._watched = self._watched[:WATCHED_AT_ONCE], self._watched[WATCHED_AT_ONCE:]
        return taken


def _boards(looked_at: Sequence[Transfer], flight_ids: Collection[int]) -> list[str]:
    """The airports whose boards show one of these flights."""
    return sorted({one.airport for one in looked_at if {one.inbound.id, one.outbound.id} & set(flight_ids)})


async def refresh(records: Reader, airline_id: int, flight_ids: Sequence[int], now: datetime) -> Sequence[Transfer]:
    """Opens, updates and closes the incidents that changes of these flights or their bags concern.

    Part of a transaction; the number of statements does not depend on how many flights, bags and incidents there are,
    but for one for each incident that opens.

    Returns:
        The transfers from and onto these flights.
    """
    await incidents.lock(records, airline_id)
    rows = await connections.by_flight(records, airline_id, flight_ids)
    looked_at = await judged(records, airline_id, rows, now)
    affected: dict[Cause, dict[int, Transfer]] = defaultdict(dict)
    for transfer in looked_at:
        if cause := cause_of(transfer):
            affected[cause][transfer.bag_id] = transfer
    concerned = {*flight_ids, *(one.inbound.id for one in looked_at), *(one.outbound.id for one in looked_at)}
    known = await incidents.open_of_flights(records, airline_id, sorted(concerned))
    if affected:
        await _leave_out_dismissed(records, airline_id, affected)
    opened = await _open(records, airline_id, affected, known, now)
    kept = {one.id: one for one in (*known, *opened)}
    if kept:
        whole = [one.id for one in known if one.flight_id in flight_ids]
        bag_ids = sorted({one.bag_id for one in looked_at})
        members = await incidents.assessed_bags(records, airline_id, list(kept), whole, bag_ids)
        await _rate(records, airline_id, kept, members, looked_at, affected, now)
    return looked_at


async def reassess(records: Reader, airline_id: int, moved: Sequence[ChangedBag], now: datetime) -> None:
    """Updates and closes incidents of which bags have moved. Part of a transaction; seven statements at most."""
    await incidents.lock(records, airline_id)
    kept = {
        one.id: one
        for one in await incidents.open_by_id(records, airline_id, sorted({one.incident_id for one in moved}))
    }
    members = await incidents.assessed_bags(records, airline_id, list(kept), [], sorted({one.bag_id for one in moved}))
    await _rate(records, airline_id, kept, members, [], {}, now)


async def _leave_out_dismissed(records: Reader, airline_id: int, affected: Mapping[Cause, dict[int, Transfer]]) -> None:
    for name, flight_id, bag_id in await incidents.dismissed(records, airline_id, sorted({one for _, one in affected})):
        affected.get((IncidentCause(name), flight_id), {}).pop(bag_id, None)


async def _open(
    records: Reader,
    airline_id: int,
    affected: Mapping[Cause, Mapping[int, Transfer]],
    known: Sequence[Incident],
    now: datetime,
) -> Sequence[Incident]:
    there = {(one.cause, one.flight_id) for one in known}
    new = [
        NewIncident(cause, flight_id, next(iter(of_cause.values())).airport)
        for (cause, flight_id), of_cause in affected.items()
        if of_cause and (cause, flight_id) not in there
    ]
    opened = await incidents.insert(records, airline_id, now, new) if new else []
    await publish(records, airline_id, ChangeSet(incidents=[(incident.id, incident.airport) for incident in opened]))
    return opened


async def _rate(
    records: Reader,
    airline_id: int,
    kept: Mapping[int, Incident],
    members: Sequence[AssessedBag],
    looked_at: Sequence[Transfer],
    affected: Mapping[Cause, Mapping[int, Transfer]],
    now: datetime,
) -> None:
    """Writes how bags of incidents stand, and adds those that are newly affected."""
    current = {(one.bag_id, one.airport): one for one in looked_at}
    others = {one.bag_id for one in members if (one.bag_id, kept[one.incident_id].airport) not in current}
    if others:
        rows = await connections.of_bags(records, airline_id, sorted(others))
        current.update({(one.bag_id, one.airport): one for one in await judged(records, airline_id, rows, now)})
    known = {
        (one.incident_id, one.bag_id): BagLevel(one.incident_id, one.bag_id, one.level, one.at_stake, one.bag_version)
        for one in members
    }
    new = {
        (one.incident_id, one.bag_id): _level(
            kept[one.incident_id], one.bag_id, one.version, current.get((one.bag_id, kept[one.incident_id].airport))
        )
        for one in members
    }
    for incident in kept.values():
        for bag_id, transfer in affected.get((IncidentCause(incident.cause), incident.flight_id), {}).items():
            new.setdefault((incident.id, bag_id), _level(incident, bag_id, transfer.bag_version, transfer))
    written = [level for key, level in new.items() if level != known.get(key)]
    if written:
        await incidents.write_bags(records, airline_id, now, written)
    changed = {key[0] for key, level in new.items() if key not in known or level[:-1] != known[key][:-1]}
    if changed:
        await incidents.update(records, airline_id, now, sorted(changed))


def _level(incident: Incident, bag_id: int, version: int, transfer: Transfer | None) -> BagLevel:
    """How a bag of an incident stands; ``transfer`` is None for one that changes flights there no longer."""
    level = ConnectionLevel.UNKNOWN if transfer is None else transfer.judgement.level
    cause = None if transfer is None else cause_of(transfer)
    at_stake = cause == (IncidentCause(incident.cause), incident.flight_id)
    return BagLevel(incident.id, bag_id, level.value, at_stake, version)


# What is asked, and what people say
