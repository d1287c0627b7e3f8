"""Subscriptions: each change once, from now on or from a cursor."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any, NamedTuple

import strawberry

from integrations.records.changes import ChangeEvent, ChangeFilter, LogPosition, Topic
from resolvers import bags, flights, live_updates
from resolvers.context import Context
from resolvers.errors import BadInput, NotFound
from resolvers.ports import LiveUpdates
from schema.fields.batching import batched, masked
from schema.fields.pagination import Order
from schema.inputs.common import airport_code, optional_airport_code
from schema.inputs.lookups import BagsBy, PirBy
from schema.roots.query import pir_of
from schema.runtime.permissions import ALL_ROLES, READERS, allow
from schema.types.bag import Bag
from schema.types.event import BagEvent
from schema.types.flight import Flight
from schema.types.health import Health
from schema.types.incident import Incident
from schema.types.pir import Pir
from schema.types.transfer import ConnectionBoard

Info = strawberry.Info[Context, None]

MAX_BAGS = 200
CHANGES = Order("changes", xid=int, position=int, item=int, at=datetime)

Resumed = Annotated[
    str | None,
    strawberry.argument(
        description="`cursor` of the last received message, to resume after it; changes from now on if absent."
    ),
]


class Checkpoint(NamedTuple):
    """Content of a cursor: a position in the change log and its timestamp."""

    xid: int
    position: int
    item: int
    at: datetime


def _delays(context: Context) -> Any:
    return lambda update: (context.now() - update.at) / timedelta(milliseconds=1) if update.changed else None


def _cursor() -> Any:
    return strawberry.field(description="Cursor of this message, for `after`.")


def _at() -> Any:
    return strawberry.field(description="When the change was written; for a checkpoint, when the log was read.")


def _delay() -> Any:
    return masked(_delays, description="Delay of this message after the change in milliseconds; null for a checkpoint.")


@strawberry.type(
    description="Change of a bag, or a checkpoint: all changes up to its cursor have been delivered. A checkpoint is "
    "sent at the start, and every 30 seconds without changes."
)
class BagUpdate:
    """Values are ``integrations.records.changes.ChangeEvent``."""

    cursor: str = _cursor()
    at: datetime = _at()
    delay_ms: float | None = _delay()
    bag: Bag | None = strawberry.field(description="The bag after the change; null for a checkpoint.")
    events: list[BagEvent] = strawberry.field(
        description="New events of the bag in order of event time; empty for another change and for a checkpoint."
    )


@strawberry.type(
    description="Change of a flight or of one of its bags, or a checkpoint: all changes up to its cursor have been "
    "delivered. A checkpoint is sent at the start, and every 30 seconds without changes."
)
class FlightUpdate:
    """Values are ``integrations.records.changes.ChangeEvent``."""

    cursor: str = _cursor()
    at: datetime = _at()
    delay_ms: float | None = _delay()
    bag: Bag | None = strawberry.field(
        description="The bag after the change; null for a change of the flight and for a checkpoint."
    )
    events: list[BagEvent] = strawberry.field(
        description="New events of the bag in order of event time; empty for another change and for a checkpoint."
    )
    flight: Flight | None = strawberry.field(
        description="The flight after the change; null for a change of a bag and for a checkpoint."
    )


@strawberry.type(
    description="Change of the connection board of an airport, or a checkpoint: all changes up to its cursor have been "
    "delivered. A checkpoint is sent at the start, and every 30 seconds without changes."
)
class ConnectionBoardUpdate:
    """Values are ``integrations.records.changes.ChangeEvent``."""

    cursor: str = _cursor()
    at: datetime = _at()
    delay_ms: float | None = _delay()
    airport: str | None = strawberry.field(description="IATA code of the airport; null for a checkpoint.")
    board: ConnectionBoard | None = batched(
        live_updates.boards,
        description="The board of the next four hours after the change; null for a checkpoint.",
        arguments={"first": "Number of pairs, 1 to 1,000."},
    )


@strawberry.type(
    description="Opening of an incident, or a checkpoint: all changes up to its cursor have been delivered. A "
    "checkpoint is sent at the start, and every 30 seconds without changes."
)
class IncidentUpdate:
    """Values are ``integrations.records.changes.ChangeEvent``."""

    cursor: str = _cursor()
    at: datetime = _at()
    delay_ms: float | None = _delay()
    incident: Incident | None = batched(live_updates.incidents_of, description="The incident; null for a checkpoint.")


@strawberry.type(
    description="Change of a PIR or of one of its effects, or a checkpoint: all changes up to its cursor have been "
    "delivered. A checkpoint is sent at the start, and every 30 seconds without changes."
)
class PirUpdate:
    """Values are ``integrations.records.changes.ChangeEvent``."""

    cursor: str = _cursor()
    at: datetime = _at()
    delay_ms: float | None = _delay()
    pir: Pir | None = batched(live_updates.pirs_of, description="The PIR after the change; null for a checkpoint.")


# Fields yield ``Any``: their values are records of the declared types.
@strawberry.type(description="Root of all subscriptions, over graphql-transport-ws or server-sent events.")
class Subscription:
    """Root of subscriptions."""

    @strawberry.subscription(
        graphql_type=BagUpdate,
        description="Changes of bags, each once, in the order in which they were committed.",
        metadata=allow(READERS),
    )
    async def bag_updated(
        self,
        info: Info,
        by: Annotated[BagsBy, strawberry.argument(description="Identity of the bags.")],
        after: Resumed = None,
    ) -> AsyncGenerator[Any, None]:
        """Yields changes of bags."""
        known = await _bags_of(info.context, by)
        async with aclosing(updates(info.context, ChangeFilter(Topic.BAG, ids=known), after)) as events:
            async for update in events:
                yield update

    @strawberry.subscription(
        graphql_type=FlightUpdate,
        description="Changes of a flight and of its bags, each once, in the order in which they were committed. The "
        "bags are those planned on it, loaded on it, or last scanned for it.",
        metadata=allow(READERS),
    )
    async def flight_bags(
        self,
        info: Info,
        flight_id: Annotated[strawberry.ID, strawberry.argument(description="Global id of the flight.")],
        after: Resumed = None,
    ) -> AsyncGenerator[Any, None]:
        """Yields changes of a flight and its bags."""
        [flight] = await flights.by_ids(info.context, [Flight.key_of(flight_id, "flightId")])
        if flight is None:
            raise NotFound("flightId", "No such flight.")
        async with aclosing(updates(info.context, ChangeFilter(Topic.FLIGHT, flight_id=flight.id), after)) as events:
            async for update in events:
                yield update

    @strawberry.subscription(
        graphql_type=ConnectionBoardUpdate,
        description="Changes of the connection board of an airport.",
        metadata=allow(READERS),
    )
    async def connection_board_changed(
        self,
        info: Info,
        airport: Annotated[str, strawberry.argument(description="IATA code of the airport: PTY.")],
        after: Resumed = None,
    ) -> AsyncGenerator[Any, None]:
        """Yields changes of a connection board."""
        wanted = ChangeFilter(Topic.BOARD, airport=airport_code(airport, "airport"))
        async with aclosing(updates(info.context, wanted, after)) as events:
            async for update in events:
                yield update

    @strawberry.subscription(
        graphql_type=IncidentUpdate,
        description="Incidents as they are opened.",
        metadata=allow(READERS),
    )
    async def incident_opened(
        self,
        info: Info,
        airport: Annotated[
            str | None, strawberry.argument(description="Only incidents with transfers at this airport: PTY.")
        ] = None,
        after: Resumed = None,
    ) -> AsyncGenerator[Any, None]:
        """Yields incidents of one airport, or of all."""
        wanted = ChangeFilter(Topic.INCIDENT, airport=optional_airport_code(airport, "airport"))
        async with aclosing(updates(info.context, wanted, after)) as events:
            async for update in events:
                yield update

    @strawberry.subscription(
        graphql_type=PirUpdate,
        description="Changes of a PIR and of its effects, each once, in the order in which they were committed.",
        metadata=allow(READERS),
    )
    async def pir_updated(
        self,
        info: Info,
        by: Annotated[PirBy, strawberry.argument(description="Identity of the PIR.")],
        after: Resumed = None,
    ) -> AsyncGenerator[Any, None]:
        """Yields changes of a PIR and its effects."""
        pir = await pir_of(info.context, by)
        if pir is None:
            raise NotFound("reference" if by.id is None else "id", "No such PIR.")
        async with aclosing(updates(info.context, ChangeFilter(Topic.PIR, pir_id=pir.id), after)) as events:
            async for update in events:
                yield update

    @strawberry.subscription(
        graphql_type=Health,
        description="Health of the service: at the start, and when a store or a partner becomes healthy or unhealthy. "
        "Checked every second; without a cursor.",
        metadata=allow(ALL_ROLES),
    )
    async def health_changed(self, info: Info) -> AsyncGenerator[Any, None]:
        """Yields the results of one check for all subscribers."""
        async with aclosing(_live(info.context).health.changes()) as found:
            async for health in found:
                yield health


async def _bags_of(context: Context, by: BagsBy) -> frozenset[int]:
    """Returns the ids of the known bags that an argument identifies.

    Raises:
        BadInput: no id, or more than ``MAX_BAGS``.
        NotFound: none of the bags is known.
    """
    if by.ids is not None:
        if not 1 <= len(by.ids) <= MAX_BAGS:
            raise BadInput("ids", f"ids must have 1 to {MAX_BAGS} items")
        found = await bags.by_ids(context, list({Bag.key_of(one, "ids") for one in by.ids}))
    else:
        found = [await bags.carrying(context, by.tag or "", None)]
    known = frozenset(bag.id for bag in found if bag is not None)
    if not known:
        raise NotFound("tag" if by.ids is None else "ids", "No such bag.")
    return known


async def updates(context: Context, wanted: ChangeFilter, after: str | None) -> AsyncGenerator[ChangeEvent, None]:
    """Yields the change events of a subscription.

    Raises:
        BadInput: the cursor is not one of this airline.
        CursorExpired: the log no longer holds the changes after the cursor.
    """
    given = context.resume or after
    known = None
    if given is not None:
        xid, position, item, at = CHANGES.key(context, given, "after")
        known = LogPosition(xid, position, item), at
    async with aclosing(_live(context).hub.subscribe(context.airline_id, wanted, known)) as events:
        async for event in events:
            yield replace(event, cursor=CHANGES.cursor(context, Checkpoint(*event.position, event.at)))


def _live(context: Context) -> LiveUpdates:
    assert context.live is not None, "a schema with subscriptions is served with a hub"
    return context.live
