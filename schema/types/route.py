"""Ways through the network."""

from datetime import datetime

import strawberry

from integrations.records.routes import RouteSource


@strawberry.type(description="Flight of a route option.")
class RouteLeg:
    """Values are ``integrations.records.routes.RouteLeg``."""

    carrier: str = strawberry.field(description="IATA designator of the carrier.")
    origin: str = strawberry.field(description="IATA code of the origin.")
    destination: str = strawberry.field(description="IATA code of the destination.")
    block_minutes: int = strawberry.field(description="Scheduled minutes from off-block to on-block.")
    daily_frequency: int = strawberry.field(description="Number of flights a day.")
    aircraft: str = strawberry.field(description="IATA code of the usual aircraft type.")
    seats: int = strawberry.field(description="Number of seats of the usual aircraft type.")


@strawberry.type(description="Transfer between two flights of a route option.")
class RouteTransfer:
    """Values are ``integrations.records.routes.RouteTransfer``."""

    airport: str = strawberry.field(description="IATA code of the airport.")
    minimum_minutes: int | None = strawberry.field(
        description="Minimum connecting time of a bag in minutes; null if none is known."
    )


@strawberry.type(description="Nonstop or connecting route between two airports.")
class RouteOption:
    """Values are ``integrations.records.routes.RouteOption``."""

    minutes: int = strawberry.field(description="Total of block times and minimum connecting times in minutes.")
    legs: list[RouteLeg] = strawberry.field(description="Flights in travel order, one to three.")
    transfers: list[RouteTransfer] = strawberry.field(description="Transfers between the flights, in travel order.")


@strawberry.type(description="Routes between two airports in your airline's network.")
class Routes:
    """Values are ``integrations.records.routes.Routes``."""

    origin: str = strawberry.field(description="IATA code of the origin.")
    destination: str = strawberry.field(description="IATA code of the destination.")
    source: RouteSource = strawberry.field(description="Source of the routes.")
    computed_at: datetime = strawberry.field(description="When the routes were computed.")
    age_seconds: int = strawberry.field(description="Seconds since the routes were computed.")
    options: list[RouteOption] = strawberry.field(
        description="At most five routes, fastest first; empty if there is none."
    )
