"""Flights: reads, and updates of their times."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from integrations.records.bags import Bag, RelatedBag
from integrations.records.codes import DESIGNATOR, NO_DESIGNATOR
from integrations.records.events import EventColumns
from integrations.records.flights import Flight, FlightColumns, JoinedFlight
from integrations.records.page import Page
from integrations.records.pirs import PirBag
from integrations.records.transliteration import code_form
from integrations.stores.neo4j.analytics import MissedOnwardFlight
from integrations.stores.neo4j.journeys import Fellows
from integrations.stores.postgres import flights
from resolvers.context import Context
from resolvers.errors import BadInput
from resolvers.ingestion.flight_updates import FlightChange, UpdatedFlight, update_flights

# More than one designator has in two weeks.
MAX_PER_DESIGNATOR = 50


@dataclass(frozen=True, slots=True)
class Designator:
    """A flight designator such as ``CM758``: carrier, number, operational suffix (empty for none)."""

    carrier: str
    number: int
    suffix: str


def parse_designator(text: str) -> Designator | None:
    """Parses a flight designator, padded or not (``CM0758``, ``cm 758``); None for any other text."""
    match = DESIGNATOR.fullmatch(code_form(text))
    return Designator(match[1], int(match[2]), match[3]) if match else None


async def by_ids(context: Context, ids: Sequence[int]) -> list[Flight | None]:
    """The flight of each id; None for an unknown one."""
    found = await flights.by_id(context.stores.postgres, context.airline_id, ids)
    return [found.get(flight_id) for flight_id in ids]


async def of_forwarded(context: Context, parents: Sequence[PirBag]) -> list[Flight | None]:
    """The flight that carries each forwarded bag of a PIR; None for a bag that is not forwarded."""
    ids = list({bag.forward_flight_id for bag in parents if bag.forward_flight_id is not None})
    found = await flights.by_id(context.stores.postgres, context.airline_id, ids) if ids else {}
    return [found.get(bag.forward_flight_id) if bag.forward_flight_id is not None else None for bag in parents]


async def of_flight_ids(
    context: Context, parents: Sequence[Bag | EventColumns | Fellows | MissedOnwardFlight]
) -> list[Flight | None]:
    """The flight that each bag, event or group of fellow bags names, None where it names none."""
    ids = {parent.flight_id for parent in parents if parent.flight_id is not None}
    found = await flights.by_id(context.stores.postgres, context.airline_id, list(ids))
    return [found.get(parent.flight_id) if parent.flight_id else None for parent in parents]


def prefetched(parents: Sequence[Any]) -> Sequence[JoinedFlight | None] | None:
    """The flights of bags whose rows hold them; None if any row does not."""
    return [parent.flight for parent in parents] if set(map(type, parents)) == {RelatedBag} else None


async def by_designator(
    context: Context, text: str, departure_date: date | None, limit: int = MAX_PER_DESIGNATOR
) -> list[Flight]:
    """Flights with a designator, the one departing nearest to now first.

    Args:
        departure_date: local date at the origin; None for any date.

    Raises:
        BadInput: the text is not a designator.
    """
    designator = parse_designator(text)
    if designator is None:
        raise BadInput("designator", NO_DESIGNATOR)
    return await flights.by_designator(
        context.stores.postgres,
        context.airline_id,
        designator.carrier,
        designator.number,
        designator.suffix,
        departure_date,
        context.now(),
        limit,
    )


async def page(
    context: Context,
    origin: str | None,
    destination: str | None,
    departing_from: datetime | None,
    departing_before: datetime | None,
    page: Page,
) -> list[Flight]:
    """A page of flights, by scheduled departure."""
    return await flights.page(
        context.stores.postgres, context.airline_id, origin, destination, departing_from, departing_before, page
    )


async def stops(context: Context, parents: Sequence[FlightColumns]) -> list[list[str]]:
    """The airports other than its destination where planned bags leave each flight, in alphabetical order."""
    found = await flights.stops(context.stores.postgres, context.airline_id, list({flight.id for flight in parents}))
    return [found.get(flight.id, []) for flight in parents]


async def bag_counts(context: Context, parents: Sequence[Flight]) -> list[int]:
    """The number of bags planned on each flight."""
    found = await flights.bag_counts(
        context.stores.postgres, context.airline_id, list({flight.id for flight in parents})
    )
    return [found.get(flight.id, 0) for flight in parents]


async def update(context: Context, flight_id: int, change: FlightChange) -> UpdatedFlight:
    """Updates times, status or gate of a flight and the status of its bags, in one transaction.

    Safe to repeat: the same values change nothing. With an actual departure the bags loaded on the flight become
    IN_FLIGHT.

    Raises:
        NotFound: the flight does not exist.
        BadInput: as ``update_flights``.
    """
    async with context.stores.postgres.transaction() as records:
        return (await update_flights(context, records, {flight_id: change}))[flight_id]
