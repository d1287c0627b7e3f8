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


@strawberry.type(description="Bag that an incident put at risk.")
class IncidentBag:
    """Values are ``integrations.records.incidents.AffectedBag``."""

    level: ConnectionLevel = strawberry.field(description="Risk of the bag when the incident was last updated.")
    added_at: datetime = strawberry.field(description="When the bag was added to the incident.")
    bag: LazyBag | None = batched(incidents.records_of, description="The bag; null if it was deleted.")
    transfer: Transfer | None = batched(
        incidents.transfers,
        description="Current transfer of the bag at the airport; null if the bag no longer transfers there.",
    )


@strawberry.type(description="Disruption of a flight that puts the transfers of bags at risk.")
class Incident(Node, record=records.Incident, load=incidents.by_ids):
    """Values are ``integrations.records.incidents.Incident``."""

    cause: IncidentCause = strawberry.field(description="Cause of the incident.")
    airport: str = strawberry.field(description="IATA code of the airport where the bags transfer.")
    flight: Flight | None = batched(incidents.flights_of, description="Disrupted flight; null if it was deleted.")
    opened_at: datetime = strawberry.field(description="When the first bag was at risk.")
    updated_at: datetime = strawberry.field(description="When the incident was last updated.")
    acknowledged_at: datetime | None = strawberry.field(
        description="When the incident was acknowledged; null until then."
    )
    acknowledged_by: str | None = strawberry.field(description="Actor who acknowledged the incident; null until then.")
    closed_at: datetime | None = strawberry.field(description="When the incident was closed; null while it is open.")
    closed_by: str | None = strawberry.field(
        description="Actor who closed the incident; null while it is open, and if it closed by itself because no "
        "bag was at risk any more."
    )
    comment: str = strawberry.field(description="Comment on acknowledgement or closing; may be empty.")
    levels: list[LevelCount] = batched(
        incidents.levels, description="Number of bags at each level of risk, as of the last update."
    )
    bags: Connection[IncidentBag] = paged(
        incidents.bags_of, order=BAGS_OF_INCIDENT, description="Bags of the incident, in order of registration."
    )
