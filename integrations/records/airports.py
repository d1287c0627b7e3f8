"""Airports, routes, minimum connecting times and parties."""

from collections.abc import Mapping
from typing import Self
from zoneinfo import ZoneInfo

import asyncpg

from integrations.records.codes import CARRIER
from integrations.records.columns import Column, View

# The zone that stands for that of an unknown airport; what shows a time in it says so.
UNKNOWN_ZONE = "UTC"


class Airport(asyncpg.Record):
    """Row of ``airports``."""

    __slots__ = ()

    iata = Column[str]()
    icao = Column[str | None]()
    name = Column[str]()
    city = Column[str]()
    country = Column[str]()
    country_code = Column[str]()
    latitude = Column[float]()
    longitude = Column[float]()
    time_zone = Column[str]()


def zone_at(airports: Mapping[str, Airport], code: str) -> ZoneInfo:
    """The time zone of an airport; UTC if the airport is unknown."""
    airport = airports.get(code)
    return ZoneInfo(airport.time_zone if airport else UNKNOWN_ZONE)


class Route(asyncpg.Record):
    """Row of ``routes`` with the seats of its aircraft; block time in minutes, distance in kilometres."""

    __slots__ = ()

    airline_id = Column[int]()
    carrier = Column[str]()
    origin = Column[str]()
    destination = Column[str]()
    distance_km = Column[int]()
    block_minutes = Column[int]()
    daily_frequency = Column[int]()
    aircraft = Column[str]()
    seats = Column[int]()


class ConnectionTime(asyncpg.Record):
    """Row of ``connection_times``: minimum minutes between two flights; an empty carrier means any carrier."""

    __slots__ = ()

    airport = Column[str]()
    inbound_carrier = Column[str]()
    outbound_carrier = Column[str]()
    passenger_minutes = Column[int]()
    bag_minutes = Column[int]()


class PartyColumns:
    """Columns of an organisation or person that can hold a bag."""

    __slots__ = ()

    code = Column[str]()
    name = Column[str]()
    kind = Column[str]()


class Party(PartyColumns, asyncpg.Record):
    """Row of ``parties``."""

    __slots__ = ()


class UnlistedParty(PartyColumns, View):
    """A party that the reference data do not have, of which only the code is known."""

    __slots__ = ()

    @classmethod
    def of(cls, code: str) -> Self:
        """The party with a code: a carrier where the code is a designator."""
        kind = "CARRIER" if CARRIER.fullmatch(code) else "UNKNOWN"
        return cls({"code": code, "name": code, "kind": kind})
