"""Root fields about connections: the board of an airport, and the incidents that put bags at risk."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Any, cast

import strawberry

from integrations.records import incidents as records
from resolvers import incidents, transfers
from resolvers.actor import Role
from resolvers.context import Context
from resolvers.errors import BadInput, InvalidState, NotFound
from schema.fields.pagination import After, Before, Connection, First, Last, Order, connection
from schema.fields.user_errors import UserError, told
from schema.inputs.common import airport_code, free_text, optional_airport_code
from schema.runtime.permissions import allow
from schema.types.incident import Incident
from schema.types.transfer import ConnectionBoard

Info = strawberry.Info[Context, None]

NEWEST_INCIDENTS = Order("incidents, newest first", id=int)
MOST_COMMENT = 500


@strawberry.type
class ConnectionQueries:
    """Part of the root of queries."""

    @strawberry.field(
        graphql_type=ConnectionBoard,
        description="The flights of an airport between which bags change, the most urgent first.",
        metadata=allow(Role.AGENT, Role.SUPERVISOR, Role.ANALYST, Role.SERVICE, Role.ADMIN),
    )
    async def connection_board(
        self,
        info: Info,
        airport: Annotated[str, strawberry.argument(description="IATA code of the airport: PTY.")],
        since: Annotated[
            datetime | None,
            strawberry.argument(
                name="from", description="Outbound flights that leave then or later; half an hour ago if absent."
            ),
        ] = None,
        until: Annotated[
            datetime | None,
            strawberry.argument(
                name="to",
                description="Outbound flights that leave before: at most 12 hours after `from`, 4.5 if absent.",
            ),
        ] = None,
        first: Annotated[int, strawberry.argument(description="How many pairs, 1 to 1,000.")] = 100,
    ) -> Any:
        """As it stands now."""
        return await transfers.board(info.context, airport_code(airport, "airport"), since, until, first)

    @strawberry.field(
        graphql_type=Connection[Incident],
        description="Flights that put bags at risk, the newest first.",
        metadata=allow(Role.AGENT, Role.SUPERVISOR, Role.ANALYST, Role.SERVICE, Role.ADMIN),
    )
    async def incidents(
        self,
        info: Info,
        airport: Annotated[
            str | None, strawberry.argument(description="Only those whose bags change flights there, by IATA code.")
        ] = None,
        is_open: Annotated[
            bool | None, strawberry.argument(name="open", description="Only open ones, or only closed ones.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """A page of incidents."""
        fetch = partial(incidents.page, info.context, optional_airport_code(airport, "airport"), is_open)
        return await connection(info.context, NEWEST_INCIDENTS, fetch, first, after, last, before)


@strawberry.input(description="Which incident, and what is to be said of it.")
class IncidentInput:
    """Input of ``acknowledgeIncident`` and ``closeIncident``."""

    incident_id: strawberry.ID = strawberry.field(description="Its global id.")
    comment: str = strawberry.field(
        default="", description=f"What is done about it, at most {MOST_COMMENT} characters; no personal data."
    )
    client_mutation_id: str | None = strawberry.field(default=None, description="Given back as it is.")


@strawberry.type(description="Answer of `acknowledgeIncident` and `closeIncident`.")
class IncidentPayload:
    """The incident after the change."""

    incident: Incident | None = strawberry.field(description="As it is now; null where it was refused.")
    user_errors: list[UserError] = strawberry.field(description="Why it was refused.")
    client_mutation_id: str | None = strawberry.field(description="As it was given.")


@strawberry.type
class ConnectionMutations:
    """Part of the root of mutations."""

    @strawberry.mutation(
        description="Notes that you take care of an incident. It stays open until none of its bags is at risk.",
        metadata=allow(Role.AGENT, Role.SUPERVISOR, Role.ADMIN),
    )
    async def acknowledge_incident(
        self, info: Info, input: Annotated[IncidentInput, strawberry.argument(description="Which.")]
    ) -> IncidentPayload:
        """An agent's word."""
        return await _decided(info, input, incidents.acknowledge)

    @strawberry.mutation(
        description="Closes an incident though bags are at risk: enough was done. The same bags do not open another.",
        metadata=allow(Role.SUPERVISOR, Role.ADMIN),
    )
    async def close_incident(
        self, info: Info, input: Annotated[IncidentInput, strawberry.argument(description="Which.")]
    ) -> IncidentPayload:
        """A duty manager's decision."""
        return await _decided(info, input, incidents.close)


async def _decided(
    info: Info, input: IncidentInput, decide: Callable[[Context, int, str], Awaitable[records.Incident]]
) -> IncidentPayload:
    try:
        incident_id = Incident.key_of(input.incident_id, "incidentId")
        comment = free_text(input.comment, "comment", MOST_COMMENT) or ""
        incident = await decide(info.context, incident_id, comment)
    except (BadInput, NotFound, InvalidState) as refusal:
        return IncidentPayload(incident=None, user_errors=[told(refusal)], client_mutation_id=input.client_mutation_id)
    return IncidentPayload(
        incident=cast(Incident, incident), user_errors=[], client_mutation_id=input.client_mutation_id
    )
