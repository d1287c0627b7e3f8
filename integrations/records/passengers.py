"""Passengers and their bookings."""

import unicodedata
from datetime import datetime
from enum import StrEnum

import asyncpg

from integrations.records.columns import Column, Joined


class Language(StrEnum):
    """Language of a passenger's messages."""

    ES = "ES"
    EN = "EN"
    PT = "PT"


class PassengerColumns:
    """Columns of a passenger, of a row of its own or a part of one."""

    __slots__ = ()

    id = Column[int]()
    airline_id = Column[int]()
    booking_id = Column[int | None]()
    locator = Column[str | None]()
    surname = Column[str]()
    given_names = Column[str]()
    loyalty_programme = Column[str | None]()
    loyalty_number = Column[str | None]()
    loyalty_tier = Column[str | None]()
    alliance_tier = Column[str | None]()
    language = Column[str]()
    phone = Column[str | None]()
    email = Column[str | None]()


class Passenger(PassengerColumns, asyncpg.Record):
    """Row of ``passengers`` with the locator of the booking."""

    __slots__ = ()


class JoinedPassenger(PassengerColumns, Joined):
    """A passenger whose columns are part of a bag's row."""

    __slots__ = ()
    prefix = "passenger."


class Booking(asyncpg.Record):
    """Row of ``bookings``."""

    __slots__ = ()

    id = Column[int]()
    airline_id = Column[int]()
    locator = Column[str]()
    booked_at = Column[datetime]()


def teletype(text: str) -> str:
    """Return text in the teletype alphabet of messages: ``Peña`` becomes ``PENA``, other characters are dropped."""
    folded = unicodedata.normalize("NFKD", text).upper()
    return "".join(one for one in folded if one.isascii() and (one.isalnum() or one in " /"))


def search_name(surname: str, given_names: str) -> str:
    """Return the name that a search compares: ``GONZALEZ/MARIA``."""
    return f"{teletype(surname).replace('/', ' ')}/{teletype(given_names).replace('/', ' ')}"
