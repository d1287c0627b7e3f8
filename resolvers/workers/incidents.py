"""Worker of incidents: opens, updates and closes them as flights and bags change (``docs/DOMAIN.md#incidents``)."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

from opentelemetry.trace import Tracer

from integrations.records.incidents import AssessedBag, Incident, IncidentCause
from integrations.records.outbox import Consumer
from integrations.records.transfers import ConnectionLevel, Transfer
from integrations.stores.postgres import incidents, outbox
from integrations.stores.postgres import transfers as connections
from integrations.stores.postgres.incidents import AffectedFlight, BagLevel, ChangedBag, NewIncident
from integrations.stores.postgres.manager import PostgresManager, Reader
from integrations.tracing import continued_span
from resolvers.publish import ChangeSet, publish
from resolvers.rules.transfers import Cause, cause_of
from resolvers.transfers import judge_transfers
from resolvers.workers.lanes import LaneWorker

BATCH = 100
LEASE_SECONDS = 24.0
MARGIN_SECONDS = 11.0
# Changed bags of open incidents are reassessed at this interval, however many events they have had.
REASSESS_SECONDS = 0.5
MAX_CHANGED_BAGS = 5_000
# Connection boards with changed bags are published at this interval; the overlap covers transactions that commit late.
BOARD_SECONDS = 2.0
BOARD_OVERLAP_SECONDS = 1.0
# Bags are also planned onto flights that are already late. Such flights are assessed at this interval, some at a time.
SWEEP_SECONDS = 30.0
SWEEP_AHEAD = timedelta(hours=12)
FLIGHTS_PER_SWEEP = 10


class IncidentWorker(LaneWorker):
    """A worker of the lanes of the consumer ``incidents``.

    Args:
        owner: unique name of the worker, stored with each lease.
        now: the clock; returns an aware datetime in UTC.
        tracer: continues the traces of the requests that changed the flights; None where tracing is off.
    """

    def __init__(
        self, postgres: PostgresManager, owner: str, now: Callable[[], datetime], tracer: Tracer | None = None
    ) -> None:
        super().__init__(postgres, Consumer.INCIDENTS, owner, LEASE_SECONDS, tracer=tracer)
        self._now = now
        self._reassessed_at = self._boards_at = self._swept_at = float("-inf")
        self._to_assess: list[AffectedFlight] = []

    async def process_batch(self) -> int:
        """Assesses changed flights; returns the number of outbox messages and swept flights, 0 if none is pending."""
        await self._reassess_changed()
        await self._publish_boards()
        messages = await outbox.waiting_messages(self.postgres, Consumer.INCIDENTS, self.owner, MARGIN_SECONDS, BATCH)
        changed = {AffectedFlight(message.airline_id, message.subject_id) for message in messages}
        swept = await self._next_swept()
        traceparents = (message.traceparent for message in messages)
        with continued_span(self.tracer, "assess incidents", traceparents, {"messages": len(messages)}):
            for airline_id, of_airline in groupby(sorted(changed.union(swept)), attrgetter("airline_id")):
                changed_ids = {flight_id for one, flight_id in changed if one == airline_id}
                async with self.postgres.transaction() as records:
                    transfers = await refresh(records, airline_id, [one.flight_id for one in of_airline], self._now())
                    await publish(records, airline_id, ChangeSet(boards=_boards_of(transfers, changed_ids)))
        if messages:
            await outbox.mark_done(self.postgres, [message.id for message in messages])
        return len(messages) + len(swept)

    async def _reassess_changed(self) -> None:
        """Reassesses the open incidents of changed bags, if due."""
        clock = asyncio.get_running_loop().time()
        if clock < self._reassessed_at + REASSESS_SECONDS:
            return
        self._reassessed_at = clock
        changed = await incidents.changed_bags(self.postgres, Consumer.INCIDENTS, self.owner, MAX_CHANGED_BAGS)
        for airline_id, of_airline in groupby(sorted(changed), attrgetter("airline_id")):
            async with self.postgres.transaction() as records:
                await reassess(records, airline_id, list(of_airline), self._now())

    async def _publish_boards(self) -> None:
        """Publishes the connection boards with changed bags, if due."""
        clock = asyncio.get_running_loop().time()
        if clock < self._boards_at + BOARD_SECONDS:
            return
        self._boards_at = clock
        within = timedelta(seconds=BOARD_SECONDS + BOARD_OVERLAP_SECONDS)
        for airline_id, airport in await incidents.changed_boards(
            self.postgres, Consumer.INCIDENTS, self.owner, within
        ):
            await publish(self.postgres, airline_id, ChangeSet(boards=[airport]))

    async def _next_swept(self) -> Sequence[AffectedFlight]:
        """The next flights of the sweep, which has no outbox messages; starts a new sweep if due."""
        clock = asyncio.get_running_loop().time()
        if not self._to_assess and clock >= self._swept_at + SWEEP_SECONDS:
            self._swept_at = clock
            self._to_assess = await incidents.flights_to_assess(
                self.postgres, Consumer.INCIDENTS, self.owner, SWEEP_AHEAD
            )
        taken, self._to_assess = self._to_assess[:FLIGHTS_PER_SWEEP], self._to_assess[FLIGHTS_PER_SWEEP:]
        return taken


def _boards_of(transfers: Sequence[Transfer], flight_ids: Collection[int]) -> list[str]:
    """IATA codes of the airports whose connection boards show one of the flights."""
    return sorted({one.airport for one in transfers if {one.inbound.id, one.outbound.id} & set(flight_ids)})


async def refresh(records: Reader, airline_id: int, flight_ids: Sequence[int], now: datetime) -> Sequence[Transfer]:
    """Opens, updates and closes the incidents of changed flights and of their bags; part of a transaction.

    The number of statements does not depend on the number of flights, bags and incidents, except one for each incident
    that opens.

    Returns:
        The transfers from and onto these flights.
    """
    await incidents.lock(records, airline_id)
    rows = await connections.by_flight(records, airline_id, flight_ids)
    transfers = await judge_transfers(records, airline_id, rows, now)
    affected: dict[Cause, dict[int, Transfer]] = defaultdict(dict)
    for transfer in transfers:
        if cause := cause_of(transfer):
            affected[cause][transfer.bag_id] = transfer
    named = {*flight_ids, *(one.inbound.id for one in transfers), *(one.outbound.id for one in transfers)}
    known = await incidents.open_of_flights(records, airline_id, sorted(named))
    if affected:
        await _remove_dismissed(records, airline_id, affected)
    opened = await _open(records, airline_id, affected, known, now)
    by_id = {one.id: one for one in (*known, *opened)}
    if by_id:
        whole = [one.id for one in known if one.flight_id in flight_ids]
        bag_ids = sorted({one.bag_id for one in transfers})
        members = await incidents.assessed_bags(records, airline_id, list(by_id), whole, bag_ids)
        await _update_members(records, airline_id, by_id, members, transfers, affected, now)
    return transfers


async def reassess(records: Reader, airline_id: int, changed: Sequence[ChangedBag], now: datetime) -> None:
    """Updates and closes the incidents of changed bags; part of a transaction, with seven statements at most."""
    await incidents.lock(records, airline_id)
    by_id = {
        one.id: one
        for one in await incidents.open_by_id(records, airline_id, sorted({one.incident_id for one in changed}))
    }
    members = await incidents.assessed_bags(
        records, airline_id, list(by_id), [], sorted({one.bag_id for one in changed})
    )
    await _update_members(records, airline_id, by_id, members, [], {}, now)


async def _remove_dismissed(records: Reader, airline_id: int, affected: Mapping[Cause, dict[int, Transfer]]) -> None:
    """Removes bags of incidents that an agent closed, which do not open another one for the same cause and flight."""
    for name, flight_id, bag_id in await incidents.dismissed(records, airline_id, sorted({one for _, one in affected})):
        affected.get((IncidentCause(name), flight_id), {}).pop(bag_id, None)


async def _open(
    records: Reader,
    airline_id: int,
    affected: Mapping[Cause, Mapping[int, Transfer]],
    known: Sequence[Incident],
    now: datetime,
) -> Sequence[Incident]:
    existing = {(one.cause, one.flight_id) for one in known}
    new = [
        NewIncident(cause, flight_id, next(iter(of_cause.values())).airport)
        for (cause, flight_id), of_cause in affected.items()
        if of_cause and (cause, flight_id) not in existing
    ]
    opened = await incidents.insert(records, airline_id, now, new) if new else []
    await publish(records, airline_id, ChangeSet(incidents=[(incident.id, incident.airport) for incident in opened]))
    return opened


async def _update_members(
    records: Reader,
    airline_id: int,
    by_id: Mapping[int, Incident],
    members: Sequence[AssessedBag],
    transfers: Sequence[Transfer],
    affected: Mapping[Cause, Mapping[int, Transfer]],
    now: datetime,
) -> None:
    """Updates the levels of the bags of incidents and adds newly affected bags."""
    current = {(one.bag_id, one.airport): one for one in transfers}
    others = {one.bag_id for one in members if (one.bag_id, by_id[one.incident_id].airport) not in current}
    if others:
        rows = await connections.of_bags(records, airline_id, sorted(others))
        for transfer in await judge_transfers(records, airline_id, rows, now):
            current[transfer.bag_id, transfer.airport] = transfer
    known = {
        (one.incident_id, one.bag_id): BagLevel(one.incident_id, one.bag_id, one.level, one.at_stake, one.bag_version)
        for one in members
    }
    new = {
        (one.incident_id, one.bag_id): _level(
            by_id[one.incident_id], one.bag_id, one.version, current.get((one.bag_id, by_id[one.incident_id].airport))
        )
        for one in members
    }
    for incident in by_id.values():
        for bag_id, transfer in affected.get((IncidentCause(incident.cause), incident.flight_id), {}).items():
            new.setdefault((incident.id, bag_id), _level(incident, bag_id, transfer.bag_version, transfer))
    written = [level for key, level in new.items() if level != known.get(key)]
    if written:
        await incidents.write_bags(records, airline_id, now, written)
    changed = {key[0] for key, level in new.items() if key not in known or level[:-1] != known[key][:-1]}
    if changed:
        await incidents.update(records, airline_id, now, sorted(changed))


def _level(incident: Incident, bag_id: int, version: int, transfer: Transfer | None) -> BagLevel:
    """The level of a bag of an incident.

    Args:
        transfer: None for a bag that no longer changes flights at the incident's airport.
    """
    level = ConnectionLevel.UNKNOWN if transfer is None else transfer.judgement.level
    cause = None if transfer is None else cause_of(transfer)
    at_stake = cause == (IncidentCause(incident.cause), incident.flight_id)
    return BagLevel(incident.id, bag_id, level.value, at_stake, version)
