"""Subscriptions: what goes on being told, each change once, from now on or from a cursor."""

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

MOST_WATCHED = 200
CHANGES = Order("changes", xid=int, position=int, item=int, moment=datetime)

Resumed = Annotated[
    str | None,
    strawberry.argument(
        description="The `cursor` of the last message that was received: goes on behind it; from now on if absent."
    ),
]


class Checkpoint(NamedTuple):
    """What a cursor holds: a place in the log, and as of when everything up to it was told."""

    xid: int
    position: int
    item: int
    moment: datetime


def _delays(context: Context) -> Any:
    return lambda update: (context.now() - update.at) / timedelta(milliseconds=1) if update.changed else None


def _cursor() -> Any:
    return strawberry.field(description="Give it as `after` to go on behind this message.")


def _at() -> Any:
    return strawberry.field(description="When the change was written; in a message without one, when the log was read.")


def _delay() -> Any:
    return masked(
        _delays, description="Milliseconds from when the change was written to this message; null without a change."
    )


@strawberry.type(
    description="A bag changed. A message without a bag says that everything up to its cursor has been told: one comes "
    "at the start, and one every 30 seconds while nothing happens."
)
class BagUpdate:
    """Values are ``integrations.records.changes.ChangeEvent``."""

    cursor: str = _cursor()
    at: datetime = _at()
    delay_ms: float | None = _delay()
    bag: Bag | None = strawberry.field(description="The bag as it stands now.")
    events: list[BagEvent] = strawberry.field(
        description="What happened to it, in order of event time; empty where something else moved it."
    )


@strawberry.type(
    description="A flight or one of its bags changed. A message without either says that everything up to its cursor "
    "has been told: one comes at the start, and one every 30 seconds while nothing happens."
)
class FlightUpdate:
    """Values are ``integrations.records.changes.ChangeEvent``."""

    cursor: str = _cursor()
    at: datetime = _at()
    delay_ms: float | None = _delay()
    bag: Bag | None = strawberry.field(description="The bag as it stands now; null where the flight itself changed.")
    events: list[BagEvent] = strawberry.field(
        description="What happened to the bag, in order of event time; empty where something else moved it."
    )
    flight: Flight | None = strawberry.field(description="The flight as it is now; null where a bag changed.")


@strawberry.type(
    description="The connection board of an airport changed. A message without an airport says that everything up to "
    "its cursor has been told: one comes at the start, and one every 30 seconds while nothing happens."
)
class ConnectionBoardUpdate:
    """Values are ``integrations.records.changes.ChangeEvent``."""

    cursor: str = _cursor()
    at: datetime = _at()
    delay_ms: float | None = _delay()
    airport: str | None = strawberry.field(description="IATA code of the airport.")
    board: ConnectionBoard | None = batched(
        live_updates.boards,
        description="The board as it stands now, of the next four hours; null in a message without an airport.",
        arguments={"first": "How many pairs, 1 to 1,000."},
    )


@strawberry.type(
    description="An incident was opened. A message without an incident says that everything up to its cursor has been "
    "told: one comes at the start, and one every 30 seconds while nothing happens."
)
class IncidentUpdate:
    """Values are ``integrations.records.changes.ChangeEvent``."""

    cursor: str = _cursor()
    at: datetime = _at()
    delay_ms: float | None = _delay()
    incident: Incident | None = batched(live_updates.incidents_of, description="The incident as it stands now.")


@strawberry.type(
    description="Change of a PIR or of one of its effects. A checkpoint has no PIR: all changes up to its cursor have "
    "been delivered. A checkpoint is sent at the start, and every 30 seconds without changes."
)
class PirUpdate:
    """Values are ``integrations.records.changes.ChangeEvent``."""

    cursor: str = _cursor()
    at: datetime = _at()
    delay_ms: float | None = _delay()
    pir: Pir | None = batched(live_updates.pirs_of, description="The PIR as it is now; null in a checkpoint.")


# Values are records, which stand behind the declared types.
@strawberry.type(description="Everything that goes on being told, over graphql-transport-ws or server-sent events.")
class Subscription:
    """The root of subscriptions."""

    @strawberry.subscription(
        graphql_type=BagUpdate,
        description="Changes of some bags, each once, in the order in which they became known.",
        metadata=allow(READERS),
    )
    async def bag_updated(
        self,
        info: Info,
        by: Annotated[BagsBy, strawberry.argument(description="What identifies the bags.")],
        after: Resumed = None,
    ) -> AsyncGenerator[Any, None]:
        """Some bags."""
        known = await _bags_of(info.context, by)
        async with aclosing(updates(info.context, ChangeFilter(Topic.BAG, ids=known), after)) as events:
            async for update in events:
                yield update

    @strawberry.subscription(
        graphql_type=FlightUpdate,
        description="Changes of a flight and of its bags, each once, in the order in which they became known. "
        "Its bags are those that are planned on it, or loaded on it or last scanned for it.",
        metadata=allow(READERS),
    )
    async def flight_bags(
        self,
        info: Info,
        flight_id: Annotated[strawberry.ID, strawberry.argument(description="The flight's global id.")],
        after: Resumed = None,
    ) -> AsyncGenerator[Any, None]:
        """One flight."""
        [flight] = await flights.by_ids(info.context, [Flight.key_of(flight_id, "flightId")])
        if flight is None:
            raise NotFound("flightId", "There is no such flight.")
        async with aclosing(updates(info.context, ChangeFilter(Topic.FLIGHT, flight_id=flight.id), after)) as events:
            async for update in events:
                yield update

    @strawberry.subscription(
        graphql_type=ConnectionBoardUpdate,
        description="Tells each time that the connection board of an airport is another one.",
        metadata=allow(READERS),
    )
    async def connection_board_changed(
        self,
        info: Info,
        airport: Annotated[str, strawberry.argument(description="IATA code of the airport: PTY.")],
        after: Resumed = None,
    ) -> AsyncGenerator[Any, None]:
        """One airport."""
        interest = ChangeFilter(Topic.BOARD, airport=airport_code(airport, "airport"))
        async with aclosing(updates(info.context, interest, after)) as events:
            async for update in events:
                yield update

    @strawberry.subscription(
        graphql_type=IncidentUpdate,
        description="Incidents as they are opened: flights that make bags miss their next one.",
        metadata=allow(READERS),
    )
    async def incident_opened(
        self,
        info: Info,
        airport: Annotated[
            str | None, strawberry.argument(description="Only those whose bags change flights there, by IATA code.")
        ] = None,
        after: Resumed = None,
    ) -> AsyncGenerator[Any, None]:
        """One airport, or all."""
        interest = ChangeFilter(Topic.INCIDENT, airport=optional_airport_code(airport, "airport"))
        async with aclosing(updates(info.context, interest, after)) as events:
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
        by: Annotated[PirBy, strawberry.argument(description="What identifies the PIR.")],
        after: Resumed = None,
    ) -> AsyncGenerator[Any, None]:
        """One PIR."""
        pir = await pir_of(info.context, by)
        if pir is None:
            raise NotFound("reference" if by.id is None else "id", "No such PIR.")
        async with aclosing(updates(info.context, ChangeFilter(Topic.PIR, pir_id=pir.id), after)) as events:
            async for update in events:
                yield update

    @strawberry.subscription(
        graphql_type=Health,
        description="How the product is: now, and each time that one of its services becomes well or unwell. "
        "It is checked every second, and has no cursor: what was missed is past.",
        metadata=allow(ALL_ROLES),
    )
    async def health_changed(self, info: Info) -> AsyncGenerator[Any, None]:
        """From one check for all."""
        async with aclosing(_live(info.context).health.changes()) as found:
            async for health in found:
                yield health


async def _bags_of(context: Context, by: BagsBy) -> frozenset[int]:
    """The ids of the known bags that an argument identifies.

    Raises:
        BadInput: no id, or more than ``MOST_WATCHED``.
        NotFound: none of the bags is known.
    """
    if by.ids is not None:
        if not 1 <= len(by.ids) <= MOST_WATCHED:
            raise BadInput("ids", f"ids must have 1 to {MOST_WATCHED} items")
        found = await bags.by_ids(context, list({Bag.key_of(one, "ids") for one in by.ids}))
    else:
        found = [await bags.carrying(context, by.tag or "", None)]
    known = frozenset(bag.id for bag in found if bag is not None)
    if not known:
        raise NotFound("tag" if by.ids is None else "ids", "No such bag.")
    return known


async def updates(context: Context, wanted: ChangeFilter, after: str | None) -> AsyncGenerator[ChangeEvent, None]:
    """What a subscriber is told, as values of messages.

    Raises:
        BadInput: the cursor is none of this airline's.
        CursorExpired: the log no longer has what comes next.
    """
    given = context.resume or after
    known = None
    if given is not None:
        xid, position, item, moment = CHANGES.key(context, given, "after")
        known = LogPosition(xid, position, item), moment
    async with aclosing(_live(context).hub.subscribe(context.airline_id, wanted, known)) as events:
        async for event in events:
            yield replace(event, cursor=CHANGES.cursor(context, Checkpoint(*event.position, event.at)))


def _live(context: Context) -> LiveUpdates:
    assert context.live is not None, "a schema with subscriptions is served with a hub"
    return context.live
