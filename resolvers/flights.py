"""Flights: finding them, and changing their times."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from integrations.records.bags import Bag, RelatedBag
from integrations.records.codes import DESIGNATOR, NO_DESIGNATOR
from integrations.records.events import EventColumns
from integrations.records.flights import Flight, JoinedFlight
from integrations.records.page import Page
from integrations.records.pirs import PirBag
from integrations.stores.neo4j.analytics import MissedOnwardFlight
from integrations.stores.neo4j.journeys import Fellows
from integrations.stores.postgres import flights
from resolvers.context import Context
from resolvers.errors import BadInput
from resolvers.ingestion.flight_updates import FlightChange, UpdatedFlight, update_flights

# More flights than one designator has in a fortnight are never asked for.
MAX_PER_DESIGNATOR = 50


@dataclass(frozen=True, slots=True)
class Designator:
    """``CM758``: carrier, number, operational suffix (empty for none)."""

    carrier: str
    number: int
    suffix: str


def parse_designator(text: str) -> Designator | None:
    """Reads a flight's designator, padded or not (``CM0758``, ``cm 758``); None for anything else."""
    match = DESIGNATOR.fullmatch(re.sub(r"\s", "", text).upper())
    return Designator(match[1], int(match[2]), match[3]) if match else None


async def by_ids(context: Context, ids: Sequence[int]) -> list[Flight | None]:
    """The flight of each id, None for an unknown one."""
    found = await flights.by_id(context.stores.postgres, context.airline_id, ids)
    return [found.get(flight_id) for flight_id in ids]


async def of_forwarded(context: Context, parents: Sequence[PirBag]) -> list[Flight | None]:
    """The flight that brings each bag of a file."""
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
    """The flights that bags prefetched, if all have."""
    return [parent.flight for parent in parents] if set(map(type, parents)) == {RelatedBag} else None


async def by_designator(
    context: Context, text: str, departure_date: date | None, limit: int = MAX_PER_DESIGNATOR
) -> list[Flight]:
    """Flights so called, on that local departure date or on any, the one departing nearest to now first.

    Raises:
        BadInput: the text is no designator.
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
    """Flights in order of scheduled departure."""
    return await flights.page(
        context.stores.postgres, context.airline_id, origin, destination, departing_from, departing_before, page
    )


async def bag_counts(context: Context, parents: Sequence[Flight]) -> list[int]:
    """How many bags are planned on each flight."""
    found = await flights.bag_counts(
        context.stores.postgres, context.airline_id, list({flight.id for flight in parents})
    )
    return [found.get(flight.id, 0) for flight in parents]


async def update(context: Context, flight_id: int, change: FlightChange) -> UpdatedFlight:
    """Changes a flight's times, status or gate, and moves the bags that this moves: one transaction.

    Safe to repeat: the same values again change nothing. An actual departure puts the bags loaded on it in flight.

    Raises:
        NotFound: no such flight.
        BadInput: an arrival before the departure, an actual arrival without a departure, or a time far from the plan.
    """
    async with context.stores.postgres.transaction() as records:
        return (await update_flights(context, records, {flight_id: change}))[flight_id]
