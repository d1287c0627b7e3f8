"""What the graph alone answers."""

from datetime import datetime

import strawberry

from resolvers import flights, graph_analytics
from schema.fields.batching import batched
from schema.types.refs import LazyBag, LazyFlight


@strawberry.type(description="Bags planned on a flight compared with bags that flew on it, from Neo4j.")
class PlannedAgainstActual:
    """Values are ``integrations.stores.neo4j.analytics.PlannedAgainstActual``."""

    planned: int = strawberry.field(description="Number of planned bags.")
    flown: int = strawberry.field(description="Number of bags that flew on the flight or are loaded on it.")
    as_planned: int = strawberry.field(description="Number of bags that were planned and flew.")
    not_flown: int = strawberry.field(description="Number of bags that were planned and neither flew nor are loaded.")
    not_planned: int = strawberry.field(description="Number of bags that flew or are loaded without being planned.")
    bags_not_flown: list[LazyBag] = batched(
        graph_analytics.not_flown, description="First of the bags that were planned and did not fly."
    )
    bags_not_planned: list[LazyBag] = batched(
        graph_analytics.not_planned, description="First of the bags that flew without being planned."
    )


@strawberry.type(description="Onward flight that planned bags would miss.")
class MissedOnwardFlight:
    """Values are ``integrations.stores.neo4j.analytics.MissedOnwardFlight``."""

    flight: LazyFlight | None = batched(flights.of_flight_ids, description="Onward flight; null if it was deleted.")
    minutes_left: int | None = strawberry.field(
        description="Whole minutes between arrival and departure, negative if the flight departs first; null if "
        "the inbound flight is cancelled. For the second transfer: assuming that the previous flight "
        "waits for the bags."
    )
    minimum: int | None = strawberry.field(
        name="minimumMinutes", description="Minimum connecting time of a bag in minutes; null if none is known."
    )
    total: int = strawberry.field(description="Number of bags.")
    bags: list[LazyBag] = batched(graph_analytics.missing, description="First of the bags.")
    onward: list["MissedOnwardFlight"] = strawberry.field(
        description="Onward flights of the same bags after this one; empty for the second transfer."
    )


@strawberry.type(description="Place at an airport during one hour, with the time that bags stayed there.")
class Bottleneck:
    """Values are ``integrations.stores.neo4j.analytics.Bottleneck``."""

    place: str = strawberry.field(description="Belt, sorter, cart, stand or desk; empty for events without a place.")
    hour: datetime = strawberry.field(description="Start of the hour in UTC.")
    events: int = strawberry.field(description="Number of events at the place in the hour.")
    waiting: int = strawberry.field(description="Number of these events that are the last one of their bag.")
    median: int | None = strawberry.field(
        name="medianSeconds",
        description="Median number of seconds until the next event of the bag; null if every event is the last one.",
    )
    p95: int | None = strawberry.field(
        name="p95Seconds",
        description="95th percentile of the seconds until the next event of the bag; null if every event is the "
        "last one.",
    )
