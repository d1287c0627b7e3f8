"""Passengers and their bookings."""

import re
import unicodedata
from datetime import datetime
from enum import StrEnum

import asyncpg
from anyascii import anyascii

from integrations.records.columns import Column, Joined

# Titles that messages write with given names (docs/DOMAIN.md#rule-18). One of age or office may stand beside another.
AGE_OR_OFFICE = frozenset({"CHD", "INF", "DR", "PROF"})
TITLES = frozenset({"MR", "MRS", "MS", "MISS", "MSTR", "SR", "SRA"}) | AGE_OR_OFFICE

_LOCATOR = re.compile(r"[A-Z0-9]{5,7}")

# Words before a surname that people leave out when they search.
# fmt: off
PARTICLES = frozenset((
    "A", "AL", "BEN", "BIN", "D", "DA", "DAL", "DAS", "DE", "DEL", "DELLA", "DEN", "DER", "DI", "DO", "DOS", "DU", "EL",
    "IBN", "L", "LA", "LAS", "LE", "LO", "LOS", "O", "SAN", "ST", "TEN", "TER", "VAN", "VOM", "VON", "Y", "ZU",
))
# fmt: on
_NO_LETTER = re.compile(r"[^A-Z]+")
_UMLAUT = re.compile(r"([AOU])E")
_WORD_BREAK = re.compile(r"[^\w]+")


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
    title = Column[str]()
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


def readable_locator(text: str | None) -> str:
    """Return a locator as a message has it; empty for other texts in its place, which identify no booking."""
    return text if text and _LOCATOR.fullmatch(text) else ""


def name_key(text: str) -> str:
    """Return the letters by which names are compared: ``Müller``, ``MUELLER`` and ``Muller`` are ``MULLER``.

    Other scripts are transliterated. Blanks, hyphens, apostrophes and the E of a written-out umlaut are left out.
    """
    plain = text if text.isascii() else anyascii(text)
    return _UMLAUT.sub(r"\1", _NO_LETTER.sub("", plain.upper()))


def search_name(surname: str, given_names: str) -> str:
    """Return the name that a search compares: ``GARCIALOPEZ/MARIA``."""
    return f"{name_key(surname)}/{name_key(given_names)}"


def particle_free_name(surname: str, given_names: str) -> str | None:
    """Return the search name from the first word that is no particle: ``da Silva`` is ``SILVA``; None without one."""
    words = _WORD_BREAK.split(surname.strip())
    rest = next((words[index:] for index, word in enumerate(words) if name_key(word) not in PARTICLES), [])
    return search_name(" ".join(rest), given_names) if 0 < len(rest) < len(words) else None
