"""Ways through the network."""

from datetime import datetime

import strawberry

from integrations.records.routes import RouteSource


@strawberry.type(description="One flight of a way.")
class RouteLeg:
    """Values are ``integrations.records.routes.RouteLeg``."""

    carrier: str = strawberry.field(description="IATA designator of the airline.")
    origin: str = strawberry.field(description="IATA code of the airport it leaves from.")
    destination: str = strawberry.field(description="IATA code of the airport it goes to.")
    block_minutes: int = strawberry.field(description="Minutes from off blocks to on blocks.")
    daily_frequency: int = strawberry.field(description="Flights a day.")
    aircraft: str = strawberry.field(description="IATA code of the usual aircraft type.")
    seats: int = strawberry.field(description="Seats of the usual aircraft.")


@strawberry.type(description="A change of flight on a way.")
class RouteTransfer:
    """Values are ``integrations.records.routes.RouteTransfer``."""

    airport: str = strawberry.field(description="IATA code of the airport.")
    minimum_minutes: int | None = strawberry.field(
        description="Minimum connecting time of a bag in minutes; null where none is known."
    )


@strawberry.type(description="One way from origin to destination.")
class RouteOption:
    """Values are ``integrations.records.routes.RouteOption``."""

    minutes: int = strawberry.field(description="Block times and minimum connecting times together.")
    legs: list[RouteLeg] = strawberry.field(description="The flights in travel order: one to three.")
    transfers: list[RouteTransfer] = strawberry.field(description="The changes of flight, in travel order.")


@strawberry.type(description="The ways from one airport to another through your airline's network.")
class Routes:
    """Values are ``integrations.records.routes.Routes``."""

    origin: str = strawberry.field(description="IATA code of the airport to start from.")
    destination: str = strawberry.field(description="IATA code of the airport to go to.")
    source: RouteSource = strawberry.field(description="Where this answer came from.")
    computed_at: datetime = strawberry.field(description="When it was computed from the graph.")
    age_seconds: int = strawberry.field(description="How long ago that was.")
    options: list[RouteOption] = strawberry.field(
        description="The quickest first, five at most; empty where there is none."
    )
