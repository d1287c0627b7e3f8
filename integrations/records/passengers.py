"""Passengers and their bookings."""

import unicodedata
from datetime import datetime
from enum import StrEnum

import asyncpg

from integrations.records.columns import Column, Joined


class Language(StrEnum):
    """A language that passengers are written to in."""

    ES = "ES"
    EN = "EN"
    PT = "PT"


class PassengerColumns:
    """The columns of a passenger, whether a row of its own or a part of one."""

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
    """A row of ``passengers`` with the locator of the booking."""

    __slots__ = ()


class JoinedPassenger(PassengerColumns, Joined):
    """A passenger as the row of a bag brings it along."""

    __slots__ = ()
    prefix = "passenger."


class Booking(asyncpg.Record):
    """A row of ``bookings``."""

    __slots__ = ()

    id = Column[int]()
    airline_id = Column[int]()
    locator = Column[str]()
    booked_at = Column[datetime]()


def teletype(text: str) -> str:
    """The text in the teletype alphabet, as messages write names: ``Peña`` is ``PENA``, other signs are dropped."""
    folded = unicodedata.normalize("NFKD", text).upper()
    return "".join(sign for sign in folded if sign.isascii() and (sign.isalnum() or sign in " /"))


def search_name(surname: str, given_names: str) -> str:
    """What a search by name compares: ``GONZALEZ/MARIA``."""
    return f"{teletype(surname).replace('/', ' ')}/{teletype(given_names).replace('/', ' ')}"
