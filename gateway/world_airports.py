"""``python -m gateway airports``: writes the airports of the world, from the package ``airportsdata``."""

from collections.abc import Iterator
from importlib import resources

import airportsdata

from integrations.stores.postgres import network
from integrations.stores.postgres.manager import PostgresManager
from integrations.stores.postgres.network import NewAirport

COUNTRIES = "iso3166.tab"
# ISO 3166-1 assigns no code to it; airportsdata uses this one, which is reserved for users.
KOSOVO = ("XK", "Kosovo")


async def update_airports(postgres: PostgresManager) -> str:
    """Adds and updates airports and returns a summary; airports of an airline's routes stay as they are.

    Raises:
        OutsideError: PostgreSQL is unavailable; nothing is written.
    """
    airports = world_airports()
    async with postgres.transaction() as records:
        added, updated = await network.write_world_airports(records, airports)
    unchanged = len(airports) - added - updated
    return (
        f"airports: {len(airports):,} in airportsdata {airportsdata.__version__}, "
        f"{added:,} added, {updated:,} updated, {unchanged:,} unchanged"
    )


async def outdated_airports(postgres: PostgresManager) -> int:
    """Returns how many airports ``update_airports`` would add or update.

    Raises:
        OutsideError: PostgreSQL is unavailable.
    """
    return await network.count_outdated_airports(postgres, world_airports())


def world_airports() -> list[NewAirport]:
    """Returns all airports with an IATA code, in order of code. The city is empty where the package names none."""
    countries = dict(_countries())
    return [
        NewAirport(
            iata=code,
            icao=airport["icao"] or None,
            name=airport["name"],
            city=airport["city"],
            country=countries.get(airport["country"], airport["country"]),
            country_code=airport["country"],
            latitude=airport["lat"],
            longitude=airport["lon"],
            time_zone=airport["tz"],
        )
        for code, airport in sorted(airportsdata.load("IATA").items())
    ]


def _countries() -> Iterator[tuple[str, str]]:
    """English names of countries by ISO 3166-1 alpha-2 code, from the package ``tzdata``."""
    text = resources.files("tzdata.zoneinfo").joinpath(COUNTRIES).read_text(encoding="utf-8")
    for line in text.splitlines():
        if not line.startswith("#"):
            code, name = line.split("\t")
            yield code, name
    yield KOSOVO
