"""Questions: each root field says who may ask it, calls one function, and answers with its records."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any

import strawberry

from integrations.records import pirs as records
from integrations.records.bags import BagState
from integrations.records.pirs import PirFilter, PirKind, PirOrder, PirStatus
from resolvers import airports, bags, flights, health, passengers, pirs, routes, search
from resolvers.context import Context
from schema.execution import selected_of
from schema.fields.node import Node, node_registry
from schema.fields.pagination import After, Before, Connection, First, Last, Order, connection
from schema.inputs.common import airport_code, optional_airport_code, values
from schema.inputs.lookups import BagBy, FlightBy, PirBy
from schema.roots.effects import EffectQueries
from schema.roots.graph_analytics import GraphQueries
from schema.roots.messages import IngestionQueries
from schema.roots.transfers import ConnectionQueries
from schema.runtime.permissions import READERS, allow, everyone
from schema.types.airport import Airport
from schema.types.bag import Bag
from schema.types.flight import Flight
from schema.types.health import Health
from schema.types.passenger import Passenger
from schema.types.pir import Pir
from schema.types.route import Routes
from schema.types.search import SearchResults

Info = strawberry.Info[Context, None]

AIRPORTS_BY_CODE = Order("airports by code", iata=str)
NEWEST_BAGS = Order("bags, newest first", id=int)
FLIGHTS_BY_DEPARTURE = Order("flights by departure", scheduled_departure=datetime, id=int)
PIRS_BY_URGENCY = Order("files by urgency", urgency=datetime, id=int)
NEWEST_PIRS = Order("files, newest first", opened_at=datetime, id=int)

AirportCode = Annotated[str | None, strawberry.argument(description="IATA code of an airport: PTY.")]


async def pir_of(context: Context, by: PirBy) -> records.Pir | None:
    """The PIR that an argument identifies, None where there is none."""
    if by.id is not None:
        return (await pirs.by_ids(context, [Pir.key_of(by.id)]))[0]
    found = await pirs.by_reference(context, by.reference or "", 1)
    return found[0] if found else None


# Values are records, which stand behind the declared types: the fields answer ``Any``.
@strawberry.type(description="Everything that can be asked.")
class Query(EffectQueries, ConnectionQueries, GraphQueries, IngestionQueries):
    """The root of queries."""

    @strawberry.field(graphql_type=Health, description="How the product is. Needs no sign-in.", metadata=everyone())
    async def health(self, info: Info) -> Any:
        """Asks all stores at once."""
        return await health.check(info.context.stores, info.context.now, info.context.installation)

    @strawberry.field(graphql_type=Node | None, description="The object with this global id.", metadata=allow(READERS))
    async def node(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="A global id.")]
    ) -> Any:
        """One object of any type."""
        return (await node_registry(info).fetch(info.context, [id], "id"))[0]

    @strawberry.field(
        graphql_type=list[Node | None],
        description="The objects with these global ids, in their order; null for each that is not there.",
        metadata=allow(READERS),
    )
    async def nodes(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="Global ids, 200 at most.")],
    ) -> Any:
        """Objects of any types, one statement for each type."""
        return await node_registry(info).fetch(info.context, ids)

    @strawberry.field(graphql_type=Bag | None, description="One bag; null where none matches.", metadata=allow(READERS))
    async def bag(
        self, info: Info, by: Annotated[BagBy, strawberry.argument(description="What identifies the bag.")]
    ) -> Any:
        """One bag."""
        if by.id is not None:
            return (await bags.by_ids(info.context, [Bag.key_of(by.id)]))[0]
        if by.tag_at is not None:
            return await bags.carrying(info.context, by.tag_at.tag, by.tag_at.at, selected_of(info))
        return await bags.carrying(info.context, by.tag or "", None, selected_of(info))

    @strawberry.field(
        graphql_type=Connection[Bag], description="Bags, those that became known last first.", metadata=allow(READERS)
    )
    async def bags(
        self,
        info: Info,
        states: Annotated[
            list[BagState] | None, strawberry.argument(description="Only bags in one of these states.")
        ] = None,
        airport: Annotated[
            str | None, strawberry.argument(description="Only bags seen last at this airport, by IATA code.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """A page of bags."""
        fetch = partial(bags.page, info.context, values(states), optional_airport_code(airport, "airport"))
        return await connection(info.context, NEWEST_BAGS, fetch, first, after, last, before)

    @strawberry.field(
        graphql_type=Flight | None, description="One flight; null where none matches.", metadata=allow(READERS)
    )
    async def flight(
        self, info: Info, by: Annotated[FlightBy, strawberry.argument(description="What identifies the flight.")]
    ) -> Any:
        """One flight."""
        if by.id is not None:
            return (await flights.by_ids(info.context, [Flight.key_of(by.id)]))[0]
        if by.departure is not None:
            found = await flights.by_designator(info.context, by.departure.designator, by.departure.departure_date, 1)
        else:
            found = await flights.by_designator(info.context, by.designator or "", None, 1)
        return found[0] if found else None

    @strawberry.field(
        graphql_type=Connection[Flight],
        description="Flights in order of planned departure.",
        metadata=allow(READERS),
    )
    async def flights(
        self,
        info: Info,
        origin: AirportCode = None,
        destination: AirportCode = None,
        departing_from: Annotated[
            datetime | None, strawberry.argument(description="Only flights planned to leave then or later.")
        ] = None,
        departing_before: Annotated[
            datetime | None, strawberry.argument(description="Only flights planned to leave before.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """A page of flights."""
        fetch = partial(
            flights.page,
            info.context,
            optional_airport_code(origin, "origin"),
            optional_airport_code(destination, "destination"),
            departing_from,
            departing_before,
        )
        return await connection(info.context, FLIGHTS_BY_DEPARTURE, fetch, first, after, last, before)

    @strawberry.field(
        graphql_type=Passenger | None, description="One passenger, by global id.", metadata=allow(READERS)
    )
    async def passenger(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The passenger's global id.")]
    ) -> Any:
        """One passenger."""
        return (await passengers.by_ids(info.context, [Passenger.key_of(id)]))[0]

    @strawberry.field(graphql_type=Pir | None, description="One PIR; null where none matches.", metadata=allow(READERS))
    async def pir(
        self, info: Info, by: Annotated[PirBy, strawberry.argument(description="What identifies the PIR.")]
    ) -> Any:
        """One PIR."""
        return await pir_of(info.context, by)

    @strawberry.field(
        graphql_type=Connection[Pir], description="Files: the newest first, or by urgency.", metadata=allow(READERS)
    )
    async def pirs(
        self,
        info: Info,
        statuses: Annotated[
            list[PirStatus] | None, strawberry.argument(description="Only files of one of these statuses.")
        ] = None,
        kinds: Annotated[
            list[PirKind] | None, strawberry.argument(description="Only files of one of these kinds.")
        ] = None,
        station: Annotated[
            str | None, strawberry.argument(description="Only files of this station, by IATA code.")
        ] = None,
        assignee: Annotated[str | None, strawberry.argument(description="Only files that this agent works on.")] = None,
        due_before: Annotated[
            datetime | None, strawberry.argument(description="Only files whose next legal deadline ends before then.")
        ] = None,
        order_by: Annotated[
            PirOrder, strawberry.argument(description="Newest first, or the work list: nearest deadline first.")
        ] = PirOrder.NEWEST,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """A page of files."""
        which = PirFilter(
            values(statuses), values(kinds), optional_airport_code(station, "station"), assignee, due_before
        )
        order, page = (NEWEST_PIRS, pirs.page) if order_by is PirOrder.NEWEST else (PIRS_BY_URGENCY, pirs.by_urgency)
        return await connection(info.context, order, partial(page, info.context, which), first, after, last, before)

    @strawberry.field(graphql_type=Airport | None, description="One airport.", metadata=allow(READERS))
    async def airport(
        self, info: Info, iata: Annotated[str, strawberry.argument(description="IATA code: PTY.")]
    ) -> Any:
        """One airport."""
        return (await airports.by_codes(info.context, [airport_code(iata, "iata")]))[0]

    @strawberry.field(
        graphql_type=Connection[Airport],
        description="The airports of your airline's network, by IATA code.",
        metadata=allow(READERS),
    )
    async def airports(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Any:
        """A page of airports."""
        fetch = partial(airports.page, info.context)
        return await connection(info.context, AIRPORTS_BY_CODE, fetch, first, after, last, before)

    @strawberry.field(
        graphql_type=Routes | None,
        description="The ways from one airport to another: nonstop, or with one or two changes of flight.",
        metadata=allow(READERS),
    )
    async def routes(
        self,
        info: Info,
        origin: Annotated[str, strawberry.argument(name="from", description="IATA code of the airport to start from.")],
        destination: Annotated[str, strawberry.argument(name="to", description="IATA code of the airport to go to.")],
    ) -> Any:
        """From the cache, or from the graph."""
        return await routes.between(info.context, airport_code(origin, "from"), airport_code(destination, "to"))

    @strawberry.field(
        graphql_type=SearchResults,
        description="Finds bags, passengers, flights and files by tag, locator (PNR), surname, file or flight.",
        metadata=allow(READERS),
    )
    async def search(
        self,
        info: Info,
        text: Annotated[str, strawberry.argument(description="What you have: CM456781, F7K2QX, GONZALEZ, CM758.")],
        first: Annotated[int, strawberry.argument(description="How many results, 1 to 100.")] = 20,
    ) -> Any:
        """One box for everything."""
        return await search.search(info.context, text, first)
