"""Airports, routes, and the parties that hold bags."""

import strawberry

from integrations.records import airports as records
from resolvers import airports
from schema.fields.batching import batched
from schema.fields.node import Node


@strawberry.type(description="Timestamp in the local time of an airport.")
class LocalTime:
    """Values are ``integrations.records.local_times.LocalTime``."""

    time: str = strawberry.field(description="Local time in ISO 8601 with the offset then in force.")
    zone: str = strawberry.field(description="Time zone of the airport in the time zone database: America/Panama.")


@strawberry.type(description="Times of a departure or an arrival in the local time of its airport, in ISO 8601.")
class LocalFlightTimes:
    """Values are ``integrations.records.local_times.LocalFlightTimes``."""

    zone: str = strawberry.field(description="Time zone of the airport in the time zone database: America/Panama.")
    scheduled: str = strawberry.field(description="Scheduled time.")
    estimated: str | None = strawberry.field(description="Estimated time; null until one is reported.")
    actual: str | None = strawberry.field(description="Actual time; null until the flight has departed or arrived.")


@strawberry.type(description="Nonstop connection between two airports, operated by one carrier.")
class Route:
    """Values are ``integrations.records.airports.Route``."""

    carrier: str = strawberry.field(description="IATA designator of the carrier.")
    origin: str = strawberry.field(description="IATA code of the origin.")
    destination: str = strawberry.field(description="IATA code of the destination.")
    distance_km: int = strawberry.field(description="Great-circle distance in kilometres.")
    block_minutes: int = strawberry.field(description="Scheduled minutes from off-block to on-block.")
    daily_frequency: int = strawberry.field(description="Number of flights a day.")
    aircraft: str = strawberry.field(description="IATA code of the usual aircraft type.")
    seats: int = strawberry.field(description="Number of seats of the usual aircraft type.")


@strawberry.type(
    description="Airport. Those of the airline's network contain information from OpenFlights (openflights.org/data), "
    "made available under the ODbL; the others are from the package airportsdata."
)
class Airport(Node, record=records.Airport, load=airports.by_codes, key="iata", key_type=str):
    """Values are ``integrations.records.airports.Airport``."""

    iata: str = strawberry.field(description="IATA code of three letters.")
    icao: str | None = strawberry.field(description="ICAO code of four letters; null if the airport has none.")
    name: str = strawberry.field(description="Name of the airport.")
    city: str = strawberry.field(description="City that the airport serves; empty if the source names none.")
    country: str = strawberry.field(description="English name of the country.")
    country_code: str = strawberry.field(description="ISO 3166-1 alpha-2 code of the country.")
    latitude: float = strawberry.field(description="Latitude in degrees, north positive.")
    longitude: float = strawberry.field(description="Longitude in degrees, east positive.")
    time_zone: str = strawberry.field(description="Name in the time zone database: America/Panama.")
    departures: list[Route] = batched(
        airports.departures, description="Routes of your airline from this airport, by destination."
    )


@strawberry.type(description="Party that can hold a bag: a carrier, a handler, an authority, a courier, the passenger.")
class Party:
    """Values are ``integrations.records.airports.PartyColumns``."""

    code: str = strawberry.field(description="Short name, unique within your airline.")
    name: str = strawberry.field(description="Display name; the code where the reference data have no name.")
    kind: str = strawberry.field(
        description="CARRIER, HANDLER, AUTHORITY, COURIER or PASSENGER; UNKNOWN for a code without reference data."
    )
