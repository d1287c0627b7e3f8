"""Airports, routes and parties: reads."""

from collections.abc import Sequence

from integrations.records.airports import Airport, PartyColumns, Route, UnlistedParty
from integrations.records.bags import Bag
from integrations.records.codes import CARRIER
from integrations.records.events import EventColumns
from integrations.records.flights import FlightColumns
from integrations.records.journeys import CustodyPoint, Journey
from integrations.records.page import Page
from integrations.records.pirs import Pir
from integrations.stores.postgres import airports
from resolvers.context import Context


async def by_codes(context: Context, codes: Sequence[str | None]) -> list[Airport | None]:
    """The airport of each IATA code; None for an unknown one."""
    wanted = list({code for code in codes if code})
    found = await context.stores.reference.airports(context.stores.postgres, wanted)
    return [found.get(code) if code else None for code in codes]


async def of_origins(context: Context, parents: Sequence[FlightColumns]) -> list[Airport | None]:
    """The airport that each flight leaves from."""
    return await by_codes(context, [flight.origin for flight in parents])


async def of_destinations(context: Context, parents: Sequence[FlightColumns]) -> list[Airport | None]:
    """The airport that each flight goes to."""
    return await by_codes(context, [flight.destination for flight in parents])


async def of_places(context: Context, parents: Sequence[Bag | EventColumns]) -> list[Airport | None]:
    """The station of each event; the airport where each bag was seen last."""
    return await by_codes(context, [parent.airport for parent in parents])


async def of_stations(context: Context, parents: Sequence[Pir]) -> list[Airport | None]:
    """The station of each PIR."""
    return await by_codes(context, [pir.station for pir in parents])


async def page(context: Context, page: Page) -> list[Airport]:
    """The airports of the airline's network, by code."""
    return await airports.page(context.stores.postgres, context.airline_id, page)


async def departures(context: Context, parents: Sequence[Airport]) -> list[list[Route]]:
    """The airline's routes that leave each airport, by destination."""
    found: dict[str, list[Route]] = {airport.iata: [] for airport in parents}
    for route in await airports.routes_from(context.stores.postgres, context.airline_id, list(found)):
        found[route.origin].append(route)
    return [found[airport.iata] for airport in parents]


async def releasers(context: Context, parents: Sequence[EventColumns]) -> list[PartyColumns | None]:
    """The releasing party of each event."""
    return await _parties(context, [event.released_by for event in parents])


async def custodians(context: Context, parents: Sequence[Bag | EventColumns | Journey]) -> list[PartyColumns | None]:
    """The custodian of each bag now, or after each event."""
    return await _parties(context, [parent.custodian for parent in parents])


async def last_custodians(context: Context, parents: Sequence[CustodyPoint]) -> list[PartyColumns | None]:
    """The last custodian with proof before each custody point."""
    return await _parties(context, [point.last_custodian for point in parents])


async def _parties(context: Context, codes: Sequence[str | None]) -> list[PartyColumns | None]:
    """The party of each code; None where there is no code. A code without a row is shown as it is written."""
    reference, records = context.stores.reference, context.stores.postgres
    wanted = {code for code in codes if code}
    found: dict[str, PartyColumns] = {**await reference.parties(records, context.airline_id, list(wanted))}
    if unlisted := wanted - found.keys():
        found = {code: UnlistedParty.of(code) for code in unlisted} | found
        found |= await reference.carriers(records, sorted(filter(CARRIER.fullmatch, unlisted)))
    return [found[code] if code else None for code in codes]
