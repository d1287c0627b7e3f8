"""The route network: airports and routes from the data files, corrected as ``seeds/data/README.md`` says."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt
from pathlib import Path

from integrations.stores.postgres.network import NewAirport, NewRoute

DATA = Path(__file__).parent / "data"
HUB = "PTY"
CARRIER = "CM"

EARTH_RADIUS_KM = 6371.0
KM_PER_NAUTICAL_MILE = 1.852


@dataclass(frozen=True, slots=True)
class Network:
    """Airports served, and routes between each of them and the hub in both directions."""

    airports: list[NewAirport]
    routes: list[NewRoute]


def read_rows(name: str) -> list[dict[str, str]]:
    """Rows of a data file by the names in its first line."""
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_network() -> Network:
    """The hub's network: routes that the airline itself flies to and from the hub, and destinations added since."""
    airports = {row["iata"]: _airport(row) for row in read_rows("airports.csv")}
    equipment = {
        row["destination"]: row["equipment"]
        for row in read_rows("copa_routes.csv")
        if row["origin"] == HUB and row["codeshare"] == "N"
    }
    additions = {row["destination"]: row for row in read_rows("network.csv")}
    routes: list[NewRoute] = []
    for destination in sorted(equipment.keys() | additions.keys()):
        addition = additions.get(destination)
        routes += _both_ways(
            airports[destination],
            airports[HUB],
            aircraft_equipment=equipment.get(destination, ""),
            daily_frequency=int(addition["daily_frequency"]) if addition else None,
            source="; ".join(
                filter(
                    None,
                    (
                        "OpenFlights 2014" if destination in equipment else "",
                        addition["source"] if addition else "frequency unverified",
                        "block time and aircraft unverified",
                    ),
                )
            ),
        )
    return Network(list(airports.values()), routes)


def _airport(row: dict[str, str]) -> NewAirport:
    return NewAirport(
        iata=row["iata"],
        icao=row["icao"] or None,
        name=row["name"],
        city=row["city"],
        country=row["country"],
        country_code=row["country_code"],
        latitude=float(row["lat"]),
        longitude=float(row["lon"]),
        time_zone=row["timezone"],
    )


def _both_ways(
    destination: NewAirport, hub: NewAirport, *, aircraft_equipment: str, daily_frequency: int | None, source: str
) -> Iterable[NewRoute]:
    km = distance_km(hub, destination)
    nautical_miles = km / KM_PER_NAUTICAL_MILE
    minutes = block_minutes(nautical_miles)
    for origin, end in ((hub, destination), (destination, hub)):
        yield NewRoute(
            carrier=CARRIER,
            origin=origin.iata,
            destination=end.iata,
            distance_km=round(km),
            block_minutes=minutes,
            daily_frequency=daily_frequency or (2 if minutes < 150 else 1),
            aircraft=aircraft(aircraft_equipment, nautical_miles),
            source=source,
        )


def distance_km(one: NewAirport, other: NewAirport) -> float:
    """Great-circle distance in kilometres."""
    latitude, longitude, other_latitude, other_longitude = map(
        radians, (one.latitude, one.longitude, other.latitude, other.longitude)
    )
    half_chord = (
        sin((other_latitude - latitude) / 2) ** 2
        + cos(latitude) * cos(other_latitude) * sin((other_longitude - longitude) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * asin(sqrt(half_chord))


def block_minutes(nautical_miles: float) -> int:
    """Gate-to-gate minutes: a line through published times of two routes, rounded to five minutes. Not a timetable."""
    return 5 * round((33 + 0.1465 * nautical_miles) / 5)


def aircraft(equipment: str, nautical_miles: float) -> str:
    """Aircraft type of today's fleet: the smallest where only the retired Embraer flew, the longest range far away."""
    if nautical_miles > 2400:
        return "7M9"
    if nautical_miles > 2000:
        return "7M8"
    return "73G" if equipment == "E90" else "738"
