"""Passengers and their bookings."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import asyncpg

from integrations.records.columns import Column, Joined
from integrations.records.transliteration import has_syllables, latin_letters, words

# Titles that messages write with given names (docs/DOMAIN.md#rule-18). One of age or office may stand beside another.
AGE_OR_OFFICE = frozenset({"CHD", "INF", "DR", "PROF"})
TITLES = frozenset({"MR", "MRS", "MS", "MISS", "MSTR", "SR", "SRA"}) | AGE_OR_OFFICE

_LOCATOR = re.compile(r"[A-Z0-9]{5,7}")

_NO_LETTER = re.compile(r"[^A-Z]+")
# The second vowel of a written-out umlaut or ring: ICAO Doc 9303 writes Ä and Æ as AE, Å as AA, Ö and Ø as OE, Ü as UE.
_SPELT_OUT = re.compile(r"(?<=A)[AE]+|(?<=[OU])E+")

# Bounds of a search by name. Names of passengers are indexed within the same.
MAX_NAME = 200
MAX_WORDS = 6
MAX_KEY = 60


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
    """Return text in the teletype alphabet of messages: ``Peña`` becomes ``PENA``, ``李`` becomes ``LI``.

    Letters of all scripts are transliterated; punctuation and symbols are left out.
    """
    return "".join(one for one in latin_letters(text).upper() if one.isalnum() or one in " /")


def readable_locator(text: str | None) -> str:
    """Return a locator as a message has it; empty for other texts in its place, which identify no booking."""
    return text if text and _LOCATOR.fullmatch(text) else ""


def name_key(text: str) -> str:
    """Return the letters by which names are compared: ``Müller``, ``MUELLER`` and ``Muller`` are ``MULLER``.

    Other scripts are transliterated. Blanks, hyphens, apostrophes and the second vowel of a written-out umlaut or ring
    (``AASE`` for ``Åse``) are left out.
    """
    return _SPELT_OUT.sub("", _NO_LETTER.sub("", latin_letters(text).upper()))


def search_name(surname: str, given_names: str) -> str:
    """Return the name by which found passengers are sorted: ``GARCIALOPEZ/MARIA``."""
    return f"{name_key(surname)}/{name_key(given_names)}"


def name_words(surname: str, given_names: str) -> str:
    """Return what a search by name finds a passenger by, as text of a ``tsvector``.

    It has the surname and the given names from each of their words on, behind an ``s`` or a ``g``: ``de la Cruz`` is
    found by ``sDELACRUZ``, ``sLACRUZ`` and ``sCRUZ``.
    """
    surnames = (f"s{key}" for key in _from_each_word(surname))
    return " ".join((*surnames, *(f"g{key}" for key in _from_each_word(given_names))))


def _from_each_word(name: str) -> Iterator[str]:
    parts = words(name[:MAX_NAME])
    return filter(None, (_joined(parts[first:]) for first in range(min(len(parts), MAX_WORDS))))


@dataclass(frozen=True, slots=True)
class NameQuery:
    """Search for passengers by name.

    Args:
        beginning: key of a surname; passengers whose surname begins with it come first.
        surname: text of the ``tsquery`` of a surname, or of surname and given names that the text tells apart.
        name: text of the ``tsquery`` of all that the text can be.
    """

    beginning: str
    surname: str
    name: str


def name_query(text: str) -> NameQuery | None:
    """Return the search for a name as people type it; None for a text without letters.

    ``SURNAME/GIVEN`` is in this order; a comma or blanks separate names in either order. Without a slash or comma the
    text can also be a surname alone, and in Han or Hangul signs given names alone.
    """
    text = unicodedata.normalize("NFKC", text[:MAX_NAME])
    for separator in "/,":
        if separator in text:
            one, _, other = text.partition(separator)
            surname, given_names = name_key(one)[:MAX_KEY], name_key(other)[:MAX_KEY]
            return _query((surname, given_names), [(given_names, surname)] if separator == "," else [])
    parts = words(text)
    if len(parts) > MAX_WORDS:
        parts[MAX_WORDS - 1 :] = ["".join(parts[MAX_WORDS - 1 :])]
    if not parts:
        return None
    first, *splits = ((_joined(parts[:end]), _joined(parts[end:])) for end in range(len(parts), 0, -1))
    turned = [(other, one) for one, other in ([*splits, first] if has_syllables(text) else splits)]
    return _query(first, [*splits, *turned])


def _joined(parts: Sequence[str]) -> str:
    return name_key("".join(parts))[:MAX_KEY]


def _query(surname_first: tuple[str, str], others: Sequence[tuple[str, str]]) -> NameQuery | None:
    """The query of pairs of surname and given names, either of which may be empty."""
    first = _term(*surname_first)
    terms = dict.fromkeys(filter(None, (first, *(_term(*pair) for pair in others))))
    return NameQuery(surname_first[0], first, " | ".join(terms)) if first else None


def _term(surname: str, given_names: str) -> str:
    """The text of a ``tsquery`` of names by their beginnings; a letter alone is a whole surname."""
    if surname and not given_names:
        return f"s{surname}:*" if len(surname) > 1 else f"s{surname}"
    return " & ".join(f"{kind}{key}:*" for kind, key in (("s", surname), ("g", given_names)) if key)
