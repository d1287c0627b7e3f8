"""Root fields of connections: the board of an airport, and incidents."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Self, cast

import strawberry

from integrations.records import incidents as records
from resolvers import incidents, transfers
from resolvers.actor import AGENTS
from resolvers.context import Context
from schema.fields.commands import Payload, command
from schema.fields.pagination import After, Before, Connection, First, Last, Order, connection
from schema.inputs.common import airport_code, optional_airport_code
from schema.inputs.incidents import IncidentInput
from schema.runtime.permissions import READERS, SUPERVISORS, allow
from schema.types.incident import Incident
from schema.types.transfer import ConnectionBoard

Info = strawberry.Info[Context, None]

NEWEST_INCIDENTS = Order("incidents, newest first", id=int)


@strawberry.type
class TransferQueries:
    """Part of the root of queries."""

    @strawberry.field(
        graphql_type=ConnectionBoard,
        description="Pairs of flights between which bags connect at an airport, most urgent first.",
        metadata=allow(READERS),
    )
    async def connection_board(
        self,
        info: Info,
        airport: Annotated[str, strawberry.argument(description="IATA code of the airport: PTY.")],
        since: Annotated[
            datetime | None,
            strawberry.argument(
                name="from", description="Earliest departure of the outbound flights; 30 minutes ago if absent."
            ),
        ] = None,
        until: Annotated[
            datetime | None,
            strawberry.argument(
                name="to",
                description="Latest departure of the outbound flights, exclusive: at most 12 hours after `from`; "
                "4.5 hours after it if absent.",
            ),
        ] = None,
        first: Annotated[int, strawberry.argument(description="Number of pairs, 1 to 1,000.")] = 100,
    ) -> Any:
        """Returns the board as of now."""
        return await transfers.board(info.context, airport_code(airport, "airport"), since, until, first)

    @strawberry.field(
        graphql_type=Connection[Incident],
        description="Incidents: causes on one flight that make bags miss their next flight, newest first.",
        metadata=allow(READERS),
    )
    async def incidents(
        self,
        info: Info,
        airport: Annotated[
            str | None, strawberry.argument(description="Only incidents with connections at this airport: PTY.")
        ] = None,
        is_open: Annotated[
            bool | None, strawberry.argument(name="open", description="Only open incidents, or only closed ones.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """Returns a page of incidents."""
        fetch = partial(incidents.page, info.context, optional_airport_code(airport, "airport"), is_open)
        return await connection(info.context, NEWEST_INCIDENTS, fetch, first, after, last, before)


@strawberry.type(description="Result of `acknowledgeIncident` and `closeIncident`.")
class IncidentPayload(Payload):
    """Values are ``integrations.records.incidents.Incident``."""

    incident: Incident | None = strawberry.field(
        description="The incident after the command; null if the command was rejected.", default=None
    )

    @classmethod
    def of(cls, incident: records.Incident) -> Self:
        """Makes the payload of a command that succeeded."""
        return cls(incident=cast(Incident, incident))


@strawberry.type
class TransferMutations:
    """Part of the root of mutations."""

    acknowledge_incident = command(
        IncidentPayload,
        IncidentInput,
        incidents.acknowledge,
        roles=AGENTS,
        description="Records that the caller takes care of an incident. It stays open while a bag of it is at risk.",
    )
    close_incident = command(
        IncidentPayload,
        IncidentInput,
        incidents.close,
        roles=SUPERVISORS,
        description="Closes an incident although bags are at risk. The same bags do not open another one.",
    )
