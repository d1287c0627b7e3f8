"""What the graph alone answers."""

from datetime import datetime

import strawberry

from resolvers import flights, graph_analytics
from schema.fields.batching import batched
from schema.types.refs import LazyBag, LazyFlight


@strawberry.type(description="Who was planned on a flight, and who flew with it, from the graph.")
class PlannedAgainstActual:
    """Values are ``integrations.stores.neo4j.analytics.PlannedAgainstActual``."""

    planned: int = strawberry.field(description="How many bags are planned on it.")
    flown: int = strawberry.field(description="How many have flown with it, or are loaded on it.")
    as_planned: int = strawberry.field(description="How many are both.")
    not_flown: int = strawberry.field(description="How many are planned on it and neither flown nor loaded.")
    not_planned: int = strawberry.field(description="How many flew with it, or are loaded, without such a plan.")
    bags_not_flown: list[LazyBag] = batched(
        graph_analytics.not_flown, description="The first of those that are planned and did not fly."
    )
    bags_not_planned: list[LazyBag] = batched(
        graph_analytics.not_planned, description="The first of those that flew without a plan."
    )


@strawberry.type(description="An onward flight, and the bags that would miss it by their plans.")
class MissedOnwardFlight:
    """Values are ``integrations.stores.neo4j.analytics.MissedOnwardFlight``."""

    flight: LazyFlight | None = batched(flights.of_flight_ids, description="The onward flight.")
    minutes_left: int | None = strawberry.field(
        description="Whole minutes between arrival and departure, below zero where it leaves first; null for a "
        "cancelled inbound. At the second hop: those that are left if the flight before waits for the bags."
    )
    minimum: int | None = strawberry.field(
        name="minimumMinutes", description="What a bag needs there, in minutes; null where nobody has said."
    )
    total: int = strawberry.field(description="How many bags.")
    bags: list[LazyBag] = batched(graph_analytics.missing, description="The first of them.")
    onward: list["MissedOnwardFlight"] = strawberry.field(
        description="The second hop: what the same bags were to change to after it; empty at the second hop itself."
    )


@strawberry.type(description="A place of an airport in one hour: how many events it had, and how long bags stayed.")
class Bottleneck:
    """Values are ``integrations.stores.neo4j.analytics.Bottleneck``."""

    place: str = strawberry.field(description="Belt, sorter, cart, stand or desk; empty for events that name none.")
    hour: datetime = strawberry.field(description="The beginning of the hour, in UTC.")
    events: int = strawberry.field(description="Events there in this hour.")
    waiting: int = strawberry.field(description="Those after which nothing has happened to the bag yet.")
    median: int | None = strawberry.field(
        name="medianSeconds", description="Seconds until the bag's next event, the median; null where all wait."
    )
    p95: int | None = strawberry.field(
        name="p95Seconds", description="Seconds until the bag's next event: 95 of 100 took no longer."
    )
