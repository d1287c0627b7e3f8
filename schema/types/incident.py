"""What makes bags miss their next flights."""

from datetime import datetime

import strawberry

from integrations.records import incidents as records
from integrations.records.incidents import IncidentCause
from integrations.records.transfers import ConnectionLevel
from resolvers import incidents
from schema.fields.batching import batched
from schema.fields.node import Node
from schema.fields.pagination import Connection, Order, paged
from schema.types.flight import Flight
from schema.types.refs import LazyBag
from schema.types.transfer import LevelCount, Transfer

BAGS_OF_INCIDENT = Order("bags of an incident", bag_id=int)


@strawberry.type(description="A bag that an incident ever put at risk.")
class IncidentBag:
    """Values are ``integrations.records.incidents.AffectedBag``."""

    level: ConnectionLevel = strawberry.field(description="How it stood when the incident was updated last.")
    added_at: datetime = strawberry.field(description="Since when it belongs to the incident.")
    bag: LazyBag | None = batched(incidents.records_of, description="The bag.")
    transfer: Transfer | None = batched(
        incidents.transfers,
        description="Its connection as it stands now, with the evidence; null where it has none there any more.",
    )


@strawberry.type(description="A flight that makes bags miss their next one: late, early or cancelled.")
class Incident(Node, record=records.Incident, load=incidents.by_ids):
    """Values are ``integrations.records.incidents.Incident``."""

    cause: IncidentCause = strawberry.field(description="What is the matter.")
    airport: str = strawberry.field(description="IATA code of the airport where its bags change flights.")
    flight: Flight | None = batched(incidents.flights_of, description="The flight that it comes from.")
    opened_at: datetime = strawberry.field(description="When the first bag was at risk.")
    updated_at: datetime = strawberry.field(description="When it changed last.")
    acknowledged_at: datetime | None = strawberry.field(description="When somebody took care of it.")
    acknowledged_by: str | None = strawberry.field(description="Who did.")
    closed_at: datetime | None = strawberry.field(description="When it was over or closed; null while it is open.")
    closed_by: str | None = strawberry.field(
        description="Who closed it; null where it closed by itself: none of its bags was at risk any more."
    )
    comment: str = strawberry.field(description="What was said when it was acknowledged or closed; may be empty.")
    levels: list[LevelCount] = batched(
        incidents.levels, description="How many of its bags are of each level, as of the last update."
    )
    bags: Connection[IncidentBag] = paged(
        incidents.bags_of, order=BAGS_OF_INCIDENT, description="Its bags, in the order they became known."
    )
