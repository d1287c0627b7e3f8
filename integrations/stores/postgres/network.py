"""Writes of the network in PostgreSQL: airports and routes. Reads are in ``airports.py``."""

from collections.abc import Sequence
from typing import NamedTuple

from integrations.stores.postgres.manager import Reader

UPSERT_AIRPORTS = """
INSERT INTO airports (iata, icao, name, city, country, country_code, latitude, longitude, time_zone)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::double precision[],
                     $8::double precision[], $9::text[])
ON CONFLICT (iata) DO UPDATE
SET icao = excluded.icao, name = excluded.name, city = excluded.city, country = excluded.country,
    country_code = excluded.country_code, latitude = excluded.latitude, longitude = excluded.longitude,
    time_zone = excluded.time_zone
"""

# The source of the airline's own network is better than that of the world's airports.
UPSERT_WORLD_AIRPORTS = """
INSERT INTO airports (iata, icao, name, city, country, country_code, latitude, longitude, time_zone)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::double precision[],
                     $8::double precision[], $9::text[]) AS new(iata)
WHERE iata NOT IN (SELECT origin FROM routes UNION SELECT destination FROM routes)
ON CONFLICT (iata) DO UPDATE
SET icao = excluded.icao, name = excluded.name, city = excluded.city, country = excluded.country,
    country_code = excluded.country_code, latitude = excluded.latitude, longitude = excluded.longitude,
    time_zone = excluded.time_zone
WHERE airports IS DISTINCT FROM excluded
RETURNING xmax = 0 AS added
"""

# What UPSERT_WORLD_AIRPORTS would add or update.
COUNT_OUTDATED_AIRPORTS = """
SELECT count(*)
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::double precision[],
            $8::double precision[], $9::text[])
     AS new(iata, icao, name, city, country, country_code, latitude, longitude, time_zone)
LEFT JOIN airports ON airports.iata = new.iata
WHERE new.iata NOT IN (SELECT origin FROM routes UNION SELECT destination FROM routes)
  AND (airports.iata IS NULL
       OR (airports.icao, airports.name, airports.city, airports.country, airports.country_code, airports.latitude,
           airports.longitude, airports.time_zone)
          IS DISTINCT FROM (new.icao, new.name, new.city, new.country, new.country_code, new.latitude, new.longitude,
                            new.time_zone))
"""

UPSERT_ROUTES = """
INSERT INTO routes (airline_id, carrier, origin, destination, distance_km, block_minutes, daily_frequency, aircraft,
                    source)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::integer[], $6::integer[], $7::integer[], $8::text[],
                         $9::text[])
ON CONFLICT (airline_id, carrier, origin, destination) DO UPDATE
SET distance_km = excluded.distance_km, block_minutes = excluded.block_minutes,
    daily_frequency = excluded.daily_frequency, aircraft = excluded.aircraft, source = excluded.source
"""


class NewAirport(NamedTuple):
    """An airport to write. The fields are the columns of ``UPSERT_AIRPORTS``, in order."""

    iata: str
    icao: str | None
    name: str
    city: str
    country: str
    country_code: str
    latitude: float
    longitude: float
    time_zone: str


class NewRoute(NamedTuple):
    """A route to write. The fields are the columns of ``UPSERT_ROUTES``, in order."""

    carrier: str
    origin: str
    destination: str
    distance_km: int
    block_minutes: int
    daily_frequency: int
    aircraft: str
    source: str


async def write_airports(records: Reader, airports: Sequence[NewAirport]) -> None:
    """Insert or update airports, which belong to all airlines."""
    await records.execute(UPSERT_AIRPORTS, *zip(*airports, strict=True), name="UPSERT_AIRPORTS")


async def write_world_airports(records: Reader, airports: Sequence[NewAirport]) -> tuple[int, int]:
    """Insert or update airports that no route touches; returns the numbers of added and of updated airports."""
    rows = await records.fetch(UPSERT_WORLD_AIRPORTS, *zip(*airports, strict=True), name="UPSERT_WORLD_AIRPORTS")
    added = sum(row["added"] for row in rows)
    return added, len(rows) - added


async def count_outdated_airports(records: Reader, airports: Sequence[NewAirport]) -> int:
    """Return how many airports ``write_world_airports`` would add or update."""
    values = tuple(zip(*airports, strict=True))
    return int(await records.fetchval(COUNT_OUTDATED_AIRPORTS, *values, name="COUNT_OUTDATED_AIRPORTS"))


async def write_routes(records: Reader, airline_id: int, routes: Sequence[NewRoute]) -> None:
    """Insert or update routes of the airline."""
    await records.execute(UPSERT_ROUTES, airline_id, *zip(*routes, strict=True), name="UPSERT_ROUTES")
