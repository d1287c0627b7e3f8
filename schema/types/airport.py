"""Airports, routes, and the parties that hold bags."""

import strawberry

from integrations.records import airports as records
from resolvers import airports
from schema.fields.batching import batched
from schema.fields.node import Node


@strawberry.type(description="A moment on the clock of an airport.")
class LocalTime:
    """Values are ``integrations.records.local_times.LocalTime``."""

    time: str = strawberry.field(description="ISO 8601 with the offset in force there then.")
    zone: str = strawberry.field(description="The airport's zone in the time zone database.")


@strawberry.type(description="A flight's times on the clock of one of its airports: ISO 8601 with offset.")
class LocalFlightTimes:
    """Values are ``integrations.records.local_times.LocalFlightTimes``."""

    zone: str = strawberry.field(description="The airport's zone in the time zone database.")
    scheduled: str = strawberry.field(description="As planned.")
    estimated: str | None = strawberry.field(description="As expected now, where that differs or was told.")
    actual: str | None = strawberry.field(description="As it happened.")


@strawberry.type(description="A nonstop flight that an airline offers between two airports.")
class Route:
    """Values are ``integrations.records.airports.Route``."""

    carrier: str = strawberry.field(description="IATA designator of the airline.")
    origin: str = strawberry.field(description="IATA code of the airport it leaves from.")
    destination: str = strawberry.field(description="IATA code of the airport it goes to.")
    distance_km: int = strawberry.field(description="Great-circle distance in kilometres.")
    block_minutes: int = strawberry.field(description="Minutes from off blocks to on blocks.")
    daily_frequency: int = strawberry.field(description="Flights a day.")
    aircraft: str = strawberry.field(description="IATA code of the usual aircraft type.")
    seats: int = strawberry.field(description="Seats of the usual aircraft.")


@strawberry.type(
    description="An airport. "
    "Contains information from OpenFlights (openflights.org/data), made available under the ODbL."
)
class Airport(Node, record=records.Airport, load=airports.by_codes, key="iata", key_type=str):
    """Values are ``integrations.records.airports.Airport``."""

    iata: str = strawberry.field(description="IATA code of three letters.")
    icao: str | None = strawberry.field(description="ICAO code of four letters.")
    name: str = strawberry.field(description="The airport's name.")
    city: str = strawberry.field(description="The city it serves.")
    country: str = strawberry.field(description="The country's English name.")
    country_code: str = strawberry.field(description="ISO 3166-1 alpha-2.")
    latitude: float = strawberry.field(description="Degrees north.")
    longitude: float = strawberry.field(description="Degrees east.")
    time_zone: str = strawberry.field(description="Name in the time zone database.")
    departures: list[Route] = batched(airports.departures, description="Your airline's routes from here.")


@strawberry.type(
    description="Somebody who can hold a bag: a carrier, a handler, an authority, a courier, the passenger."
)
class Party:
    """Values are ``integrations.records.airports.Party``."""

    code: str = strawberry.field(description="Short name, unique within your airline.")
    name: str = strawberry.field(description="Name to show.")
    kind: str = strawberry.field(description="CARRIER, HANDLER, AUTHORITY, COURIER or PASSENGER.")
