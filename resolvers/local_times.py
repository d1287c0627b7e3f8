"""Local times: timestamps in the time zone of the airport where they matter."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from integrations.records.bags import Bag
from integrations.records.events import EventColumns
from integrations.records.flights import FlightColumns
from integrations.records.local_times import LocalFlightTimes, LocalTime
from integrations.records.pirs import Pir
from resolvers.context import Context


async def of_events(context: Context, parents: Sequence[EventColumns]) -> list[LocalTime | None]:
    """The local time of each event at its station."""
    return await _local(context, [(event.airport, event.at) for event in parents])


async def of_bags(context: Context, parents: Sequence[Bag]) -> list[LocalTime | None]:
    """The local time of each bag's last change of state, at the airport where the bag was seen last."""
    return await _local(context, [(bag.airport, bag.state_at) for bag in parents])


async def of_pirs(context: Context, parents: Sequence[Pir]) -> list[LocalTime | None]:
    """The local time of the opening of each PIR at its station."""
    return await _local(context, [(pir.station, pir.opened_at) for pir in parents])


async def of_departures(context: Context, parents: Sequence[FlightColumns]) -> list[LocalFlightTimes | None]:
    """The local departure times of each flight at its origin."""
    zones = await _zones(context, [flight.origin for flight in parents])
    return [
        _flight_times(
            zones.get(flight.origin), flight.scheduled_departure, flight.estimated_departure, flight.actual_departure
        )
        for flight in parents
    ]


async def of_arrivals(context: Context, parents: Sequence[FlightColumns]) -> list[LocalFlightTimes | None]:
    """The local arrival times of each flight at its destination."""
    zones = await _zones(context, [flight.destination for flight in parents])
    return [
        _flight_times(
            zones.get(flight.destination), flight.scheduled_arrival, flight.estimated_arrival, flight.actual_arrival
        )
        for flight in parents
    ]


async def _zones(context: Context, codes: Sequence[str | None]) -> dict[str, ZoneInfo]:
    wanted = list({code for code in codes if code})
    found = await context.stores.reference.airports(context.stores.postgres, wanted)
    return {code: ZoneInfo(airport.time_zone) for code, airport in found.items()}


async def _local(context: Context, times: Sequence[tuple[str | None, datetime]]) -> list[LocalTime | None]:
    zones = await _zones(context, [airport for airport, _ in times])
    return [
        LocalTime(at.astimezone(zone).isoformat(timespec="seconds"), zone.key)
        if airport and (zone := zones.get(airport))
        else None
        for airport, at in times
    ]


def _flight_times(
    zone: ZoneInfo | None, scheduled: datetime, estimated: datetime | None, actual: datetime | None
) -> LocalFlightTimes | None:
    if zone is None:
        return None

    def local(at: datetime | None) -> str | None:
        return None if at is None else at.astimezone(zone).isoformat(timespec="seconds")

    return LocalFlightTimes(zone.key, local(scheduled) or "", local(estimated), local(actual))
