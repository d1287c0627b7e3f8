"""Records behind a change event: the connection board, the incident and the PIR."""

from collections.abc import Sequence

from integrations.records.changes import ChangeEvent
from integrations.records.incidents import Incident
from integrations.records.pirs import Pir
from integrations.records.transfers import ConnectionBoard
from resolvers import incidents, pirs, transfers
from resolvers.context import Context


async def boards(context: Context, parents: Sequence[ChangeEvent], *, first: int = 100) -> list[ConnectionBoard | None]:
    """The connection board of the airport of each event, None where an event has none."""
    codes = {event.airport for event in parents}
    found = {code: await transfers.board(context, code, None, None, first) for code in codes if code is not None}
    return [found.get(event.airport) if event.airport is not None else None for event in parents]


async def incidents_of(context: Context, parents: Sequence[ChangeEvent]) -> list[Incident | None]:
    """The incident of each event, None where an event has none."""
    ids = {event.incident_id for event in parents if event.incident_id is not None}
    found = dict(zip(ids, await incidents.by_ids(context, list(ids)), strict=True)) if ids else {}
    return [found.get(event.incident_id) if event.incident_id is not None else None for event in parents]


async def pirs_of(context: Context, parents: Sequence[ChangeEvent]) -> list[Pir | None]:
    """The PIR of each event, None where an event has none."""
    ids = {event.pir_id for event in parents if event.pir_id is not None}
    found = dict(zip(ids, await pirs.by_ids(context, list(ids)), strict=True)) if ids else {}
    return [found.get(event.pir_id) if event.pir_id is not None else None for event in parents]
