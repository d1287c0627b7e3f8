"""Reads of airports, routes, minimum connecting times, parties and tag issuers in PostgreSQL."""

from collections.abc import Sequence

from integrations.records.airports import Airport, ConnectionTime, Party, Route
from integrations.records.page import Page
from integrations.stores.postgres.manager import Reader

AIRPORTS_BY_CODE = """
SELECT iata, icao, name, city, country, country_code, latitude, longitude, time_zone
FROM airports
WHERE iata = ANY($1::text[])
"""

AIRPORTS_SERVED = """
SELECT iata, icao, name, city, country, country_code, latitude, longitude, time_zone
FROM airports
WHERE iata IN (SELECT origin FROM routes WHERE airline_id = $1
               UNION SELECT destination FROM routes WHERE airline_id = $1)
ORDER BY iata
"""

AIRPORTS_PAGE = """
SELECT iata, icao, name, city, country, country_code, latitude, longitude, time_zone
FROM airports
WHERE iata IN (SELECT origin FROM routes WHERE airline_id = $1
               UNION SELECT destination FROM routes WHERE airline_id = $1)
  AND ($2::text IS NULL OR iata > $2)
ORDER BY iata
LIMIT $3
"""

AIRPORTS_PAGE_BACKWARD = """
SELECT iata, icao, name, city, country, country_code, latitude, longitude, time_zone
FROM airports
WHERE iata IN (SELECT origin FROM routes WHERE airline_id = $1
               UNION SELECT destination FROM routes WHERE airline_id = $1)
  AND ($2::text IS NULL OR iata < $2)
ORDER BY iata DESC
LIMIT $3
"""

ROUTES = """
SELECT airline_id, carrier, origin, destination, distance_km, block_minutes, daily_frequency, aircraft, seats
FROM routes
JOIN aircraft_types ON aircraft_types.code = routes.aircraft
WHERE airline_id = $1
ORDER BY carrier, origin, destination
"""

ROUTES_FROM_AIRPORTS = """
SELECT airline_id, carrier, origin, destination, distance_km, block_minutes, daily_frequency, aircraft, seats
FROM routes
JOIN aircraft_types ON aircraft_types.code = routes.aircraft
WHERE airline_id = $1 AND origin = ANY($2::text[])
ORDER BY origin, destination, carrier
"""

CONNECTION_TIMES = """
SELECT airport, inbound_carrier, outbound_carrier, passenger_minutes, bag_minutes
FROM connection_times
WHERE airline_id = $1
ORDER BY airport, inbound_carrier, outbound_carrier
"""

PARTIES_BY_CODE = """
SELECT code, name, kind FROM parties WHERE airline_id = $1 AND code = ANY($2::text[])
"""

CARRIERS_BY_DESIGNATOR = """
SELECT DISTINCT ON (designator) designator AS code, name, 'CARRIER' AS kind
FROM tag_issuers
WHERE designator = ANY($1::text[])
ORDER BY designator, accounting_code
"""

ISSUERS_BY_CODE = """
SELECT accounting_code, designator FROM tag_issuers WHERE accounting_code = ANY($1::text[])
"""

HUB = "SELECT hub FROM airlines WHERE id = $1"


async def by_code(records: Reader, codes: Sequence[str]) -> dict[str, Airport]:
    """The airports with these IATA codes; unknown ones are absent."""
    rows = await records.fetch(AIRPORTS_BY_CODE, codes, name="AIRPORTS_BY_CODE", record_class=Airport)
    return {airport.iata: airport for airport in rows}


async def served(records: Reader, airline_id: int) -> list[Airport]:
    """The airports of the airline's network, in order of code."""
    return await records.fetch(AIRPORTS_SERVED, airline_id, name="AIRPORTS_SERVED", record_class=Airport)


async def page(records: Reader, airline_id: int, page: Page) -> list[Airport]:
    """A page of the airports of the airline's network, by code."""
    statement, name = (
        (AIRPORTS_PAGE_BACKWARD, "AIRPORTS_PAGE_BACKWARD") if page.backward else (AIRPORTS_PAGE, "AIRPORTS_PAGE")
    )
    return await records.fetch(
        statement, airline_id, page.part(0), page.limit + 1, name=name, record_class=Airport, custom_plan=True
    )


async def routes(records: Reader, airline_id: int) -> list[Route]:
    """All routes of the airline, in order of carrier, origin and destination."""
    return await records.fetch(ROUTES, airline_id, name="ROUTES", record_class=Route)


async def routes_from(records: Reader, airline_id: int, origins: Sequence[str]) -> list[Route]:
    """The routes that leave these airports, in order of origin."""
    return await records.fetch(
        ROUTES_FROM_AIRPORTS, airline_id, origins, name="ROUTES_FROM_AIRPORTS", record_class=Route
    )


async def connection_times(records: Reader, airline_id: int) -> list[ConnectionTime]:
    """All minimum connecting times of the airline."""
    return await records.fetch(CONNECTION_TIMES, airline_id, name="CONNECTION_TIMES", record_class=ConnectionTime)


async def parties(records: Reader, airline_id: int, codes: Sequence[str]) -> dict[str, Party]:
    """The parties with these codes; unknown ones are absent."""
    rows = await records.fetch(PARTIES_BY_CODE, airline_id, codes, name="PARTIES_BY_CODE", record_class=Party)
    return {party.code: party for party in rows}


async def carriers(records: Reader, designators: Sequence[str]) -> dict[str, Party]:
    """The carriers that issue tags, by their two-character designators; unknown ones are absent."""
    rows = await records.fetch(CARRIERS_BY_DESIGNATOR, designators, name="CARRIERS_BY_DESIGNATOR", record_class=Party)
    return {carrier.code: carrier for carrier in rows}


async def issuers(records: Reader, accounting_codes: Sequence[str]) -> dict[str, str]:
    """The two-character designators of tag issuers, by accounting code; unknown ones are absent."""
    rows = await records.fetch(ISSUERS_BY_CODE, accounting_codes, name="ISSUERS_BY_CODE")
    return {row["accounting_code"]: row["designator"] for row in rows}


async def hub(records: Reader, airline_id: int) -> str | None:
    """IATA code of the airline's hub; None for an unknown airline."""
    code: str | None = await records.fetchval(HUB, airline_id, name="HUB")
    return code
