"""Root fields of queries. Each names its roles, calls one function and returns its records."""

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
from schema.roots.analytics import AnalyticsQueries
from schema.roots.effects import EffectQueries
from schema.roots.graph_analytics import GraphQueries
from schema.roots.messages import IngestionQueries
from schema.roots.transfers import TransferQueries
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
PIRS_BY_URGENCY = Order("PIRs by urgency", urgency=datetime, id=int)
NEWEST_PIRS = Order("PIRs, newest first", opened_at=datetime, id=int)


async def pir_of(context: Context, by: PirBy) -> records.Pir | None:
    """Returns the PIR that an argument identifies; None if there is none."""
    if by.id is not None:
        return (await pirs.by_ids(context, [Pir.key_of(by.id)]))[0]
    found = await pirs.by_reference(context, by.reference or "", 1)
    return found[0] if found else None


# Fields return ``Any``: their values are records of the declared types.
@strawberry.type(description="Root of all queries.")
class Query(EffectQueries, TransferQueries, GraphQueries, AnalyticsQueries, IngestionQueries):
    """Root of queries."""

    @strawberry.field(
        graphql_type=Health,
        description="Health of the service. No authentication required.",
        metadata=everyone(),
    )
    async def health(self, info: Info) -> Any:
        """Checks all stores concurrently."""
        return await health.check(info.context.stores, info.context.now, info.context.installation)

    @strawberry.field(
        graphql_type=Node | None,
        description="Object with this global id; null if there is none.",
        metadata=allow(READERS),
    )
    async def node(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Global id.")]
    ) -> Any:
        """Returns an object of any type."""
        return (await node_registry(info).fetch(info.context, [id], "id"))[0]

    @strawberry.field(
        graphql_type=list[Node | None],
        description="Objects with these global ids, in their order; null for each unknown id.",
        metadata=allow(READERS),
    )
    async def nodes(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="Global ids, at most 200.")],
    ) -> Any:
        """Returns objects of any types, by one statement for each type."""
        return await node_registry(info).fetch(info.context, ids)

    @strawberry.field(graphql_type=Bag | None, description="A bag; null if none matches.", metadata=allow(READERS))
    async def bag(
        self, info: Info, by: Annotated[BagBy, strawberry.argument(description="Identity of the bag.")]
    ) -> Any:
        """Returns a bag."""
        if by.id is not None:
            return (await bags.by_ids(info.context, [Bag.key_of(by.id)]))[0]
        if by.tag_at is not None:
            return await bags.carrying(info.context, by.tag_at.tag, by.tag_at.at, selected_of(info))
        return await bags.carrying(info.context, by.tag or "", None, selected_of(info))

    @strawberry.field(
        graphql_type=Connection[Bag], description="Bags, the last registered first.", metadata=allow(READERS)
    )
    async def bags(
        self,
        info: Info,
        states: Annotated[list[BagState] | None, strawberry.argument(description="Only bags in these states.")] = None,
        airport: Annotated[
            str | None, strawberry.argument(description="Only bags last seen at this airport: PTY.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """Returns a page of bags."""
        fetch = partial(bags.page, info.context, values(states), optional_airport_code(airport, "airport"))
        return await connection(info.context, NEWEST_BAGS, fetch, first, after, last, before)

    @strawberry.field(
        graphql_type=Flight | None, description="A flight; null if none matches.", metadata=allow(READERS)
    )
    async def flight(
        self, info: Info, by: Annotated[FlightBy, strawberry.argument(description="Identity of the flight.")]
    ) -> Any:
        """Returns a flight."""
        if by.id is not None:
            return (await flights.by_ids(info.context, [Flight.key_of(by.id)]))[0]
        if by.departure is not None:
            found = await flights.by_designator(info.context, by.departure.designator, by.departure.departure_date, 1)
        else:
            found = await flights.by_designator(info.context, by.designator or "", None, 1)
        return found[0] if found else None

    @strawberry.field(
        graphql_type=Connection[Flight],
        description="Flights in order of scheduled departure.",
        metadata=allow(READERS),
    )
    async def flights(
        self,
        info: Info,
        origin: Annotated[str | None, strawberry.argument(description="Only flights from this airport: PTY.")] = None,
        destination: Annotated[
            str | None, strawberry.argument(description="Only flights to this airport: PTY.")
        ] = None,
        departing_from: Annotated[
            datetime | None, strawberry.argument(description="Earliest scheduled departure.")
        ] = None,
        departing_before: Annotated[
            datetime | None, strawberry.argument(description="Latest scheduled departure, exclusive.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """Returns a page of flights."""
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
        graphql_type=Passenger | None, description="A passenger; null if the id is unknown.", metadata=allow(READERS)
    )
    async def passenger(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Global id of the passenger.")]
    ) -> Any:
        """Returns a passenger."""
        return (await passengers.by_ids(info.context, [Passenger.key_of(id)]))[0]

    @strawberry.field(graphql_type=Pir | None, description="A PIR; null if none matches.", metadata=allow(READERS))
    async def pir(
        self, info: Info, by: Annotated[PirBy, strawberry.argument(description="Identity of the PIR.")]
    ) -> Any:
        """Returns a PIR."""
        return await pir_of(info.context, by)

    @strawberry.field(
        graphql_type=Connection[Pir], description="PIRs, newest first or by urgency.", metadata=allow(READERS)
    )
    async def pirs(
        self,
        info: Info,
        statuses: Annotated[
            list[PirStatus] | None, strawberry.argument(description="Only PIRs with these statuses.")
        ] = None,
        kinds: Annotated[list[PirKind] | None, strawberry.argument(description="Only PIRs of these kinds.")] = None,
        station: Annotated[str | None, strawberry.argument(description="Only PIRs of this station: PTY.")] = None,
        assignee: Annotated[str | None, strawberry.argument(description="Only PIRs assigned to this agent.")] = None,
        due_before: Annotated[
            datetime | None,
            strawberry.argument(description="Only PIRs whose next legal deadline ends before this time."),
        ] = None,
        order_by: Annotated[PirOrder, strawberry.argument(description="Order of the list.")] = PirOrder.NEWEST,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """Returns a page of PIRs."""
        which = PirFilter(
            values(statuses), values(kinds), optional_airport_code(station, "station"), assignee, due_before
        )
        order, page = (NEWEST_PIRS, pirs.page) if order_by is PirOrder.NEWEST else (PIRS_BY_URGENCY, pirs.by_urgency)
        return await connection(info.context, order, partial(page, info.context, which), first, after, last, before)

    @strawberry.field(
        graphql_type=Airport | None, description="An airport; null if the code is unknown.", metadata=allow(READERS)
    )
    async def airport(
        self, info: Info, iata: Annotated[str, strawberry.argument(description="IATA code: PTY.")]
    ) -> Any:
        """Returns an airport."""
        return (await airports.by_codes(info.context, [airport_code(iata, "iata")]))[0]

    @strawberry.field(
        graphql_type=Connection[Airport],
        description="Airports of your airline's network, in order of IATA code.",
        metadata=allow(READERS),
    )
    async def airports(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Any:
        """Returns a page of airports."""
        fetch = partial(airports.page, info.context)
        return await connection(info.context, AIRPORTS_BY_CODE, fetch, first, after, last, before)

    @strawberry.field(
        graphql_type=Routes | None,
        description="Routes between two airports: nonstop, or with one or two transfers; null with an error if neither "
        "Neo4j nor the cache has them.",
        metadata=allow(READERS),
    )
    async def routes(
        self,
        info: Info,
        origin: Annotated[str, strawberry.argument(name="from", description="IATA code of the origin.")],
        destination: Annotated[str, strawberry.argument(name="to", description="IATA code of the destination.")],
    ) -> Any:
        """Returns routes from the cache or from Neo4j."""
        return await routes.between(info.context, airport_code(origin, "from"), airport_code(destination, "to"))

    @strawberry.field(
        graphql_type=SearchResults,
        description="Searches bags, passengers, flights and PIRs by tag, record locator (PNR), name, PIR reference or "
        "flight. Case, accents, blanks, hyphens and full-width forms do not matter. A name is a surname or its "
        "beginning, any word of a surname (MARQUEZ finds GARCIA-MARQUEZ), or surname and given names in either order "
        "with a blank or comma between them; SURNAME/GIVEN names are in this order. Any usual transliteration finds a "
        "name: Ødegård, ODEGARD, OEDEGAARD. Only roles that see names search by name.",
        metadata=allow(READERS),
    )
    async def search(
        self,
        info: Info,
        text: Annotated[
            str,
            strawberry.argument(
                description="Search text: CM456781, F7K2QX, Maria Gonzalez, CM758. At least 2 letters or digits, or "
                "one sign of Han, Hangul or kana."
            ),
        ],
        first: Annotated[int, strawberry.argument(description="Number of results, 1 to 100.")] = 20,
    ) -> Any:
        """Returns results of any type."""
        return await search.search(info.context, text, first)
