"""Incidents: reads, and decisions of agents."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from integrations.records.bags import Bag
from integrations.records.flights import Flight
from integrations.records.incidents import AffectedBag, Incident
from integrations.records.page import Page
from integrations.records.transfers import ConnectionLevel, LevelCount, Transfer
from integrations.stores.postgres import bags, flights, incidents
from integrations.stores.postgres import transfers as connections
from integrations.stores.postgres.manager import Reader
from resolvers.audit import audit
from resolvers.context import Context
from resolvers.errors import InvalidState, NotFound
from resolvers.transfers import judge_transfers

Decide = Callable[[Reader, int, int, datetime, str, str], Awaitable[Incident | None]]


async def by_ids(context: Context, ids: Sequence[int]) -> list[Incident | None]:
    """The incident of each id; None for an unknown one."""
    found = await incidents.by_id(context.stores.postgres, context.airline_id, ids)
    return [found.get(incident_id) for incident_id in ids]


async def page(context: Context, airport: str | None, is_open: bool | None, page: Page) -> list[Incident]:
    """A page of incidents, the newest first."""
    return await incidents.page(context.stores.postgres, context.airline_id, airport, is_open, page)


async def flights_of(context: Context, parents: Sequence[Incident]) -> list[Flight | None]:
    """The flight that causes each incident."""
    ids = sorted({incident.flight_id for incident in parents})
    found = await flights.by_id(context.stores.postgres, context.airline_id, ids)
    return [found.get(incident.flight_id) for incident in parents]


async def levels(context: Context, parents: Sequence[Incident]) -> list[list[LevelCount]]:
    """The number of bags of each incident by level, the most urgent first."""
    ids = sorted({incident.id for incident in parents})
    found = await incidents.levels(context.stores.postgres, context.airline_id, ids)
    return [
        [LevelCount(level, found[incident.id][level]) for level in ConnectionLevel if level in found[incident.id]]
        for incident in parents
    ]


async def bags_of(context: Context, parents: Sequence[Incident], page: Page) -> list[list[AffectedBag]]:
    """The bags of each incident; ``page`` applies to each incident."""
    found: dict[int, list[AffectedBag]] = {incident.id: [] for incident in parents}
    for bag in await incidents.bags(context.stores.postgres, context.airline_id, list(found), page):
        found[bag.incident_id].append(bag)
    return [found[incident.id] for incident in parents]


async def transfers(context: Context, parents: Sequence[AffectedBag]) -> list[Transfer | None]:
    """The current transfer of each bag at the incident's airport; None if the bag no longer changes flights there."""
    records, airline_id = context.stores.postgres, context.airline_id
    rows = await connections.of_bags(records, airline_id, sorted({one.bag_id for one in parents}))
    found = {(one.bag_id, one.airport): one for one in await judge_transfers(records, airline_id, rows, context.now())}
    return [found.get((one.bag_id, one.airport)) for one in parents]


async def records_of(context: Context, parents: Sequence[AffectedBag]) -> list[Bag | None]:
    """The bag of each affected bag."""
    found = await bags.by_id(context.stores.postgres, context.airline_id, sorted({one.bag_id for one in parents}))
    return [found.get(one.bag_id) for one in parents]


async def acknowledge(context: Context, incident_id: int, comment: str) -> Incident:
    """Acknowledges an incident: the caller takes care of it.

    Raises:
        NotFound: the incident does not exist.
        InvalidState: the incident is closed.
    """
    return await _decide(context, incident_id, comment, incidents.acknowledge, "ACKNOWLEDGE_INCIDENT")


async def close(context: Context, incident_id: int, comment: str) -> Incident:
    """Closes an incident although bags are at stake; the same bags do not open another one.

    Raises:
        NotFound: the incident does not exist.
        InvalidState: the incident is closed.
    """
    return await _decide(context, incident_id, comment, incidents.close, "CLOSE_INCIDENT")


async def _decide(context: Context, incident_id: int, comment: str, decide: Decide, action: str) -> Incident:
    airline_id = context.airline_id
    async with context.stores.postgres.transaction() as records:
        decided = await decide(records, airline_id, incident_id, context.now(), context.actor.id, comment)
        if decided is None:
            if not await incidents.by_id(records, airline_id, [incident_id]):
                raise NotFound("incidentId", "incidentId must be the id of an existing incident")
            raise InvalidState("incidentId", "The incident is closed")
        await audit(context, records, action, "INCIDENT", [incident_id])
    return decided
