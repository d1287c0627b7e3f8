"""A plain scan as JSON, the form for scanners and brokers that speak no Type B.

The names are those of the GraphQL input of ``recordScans``::

    {"tag": "0230456781", "kind": "LOADED", "at": "2026-11-23T19:12:05Z", "airport": "PTY", "place": "STAND208",
     "flight": {"designator": "CM758", "departureDate": "2026-11-23", "origin": "PTY"},
     "releasedBy": "HANDLER", "custodian": "CM", "method": "LASER", "device": "HHT112"}

``tag``, ``kind``, ``at`` and ``airport`` are needed, and of a flight its designator and date.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, TypeVar

import orjson

from integrations.records.codes import (
    AIRPORT,
    DESIGNATOR,
    NO_AIRPORT,
    NO_DESIGNATOR,
    NO_PARTY,
    NO_PLACE,
    PARTY,
    PLACE,
)
from integrations.records.events import EventKind, FlightKey, Scan, ScanMethod
from integrations.records.tags import InvalidTagError, parse_tag

LARGEST_SCAN = 16_384
YEARS = range(2000, 2101)

_FIELDS = frozenset({"tag", "kind", "at", "airport", "place", "flight", "releasedBy", "custodian", "method", "device"})
_FLIGHT_FIELDS = frozenset({"designator", "departureDate", "origin"})

WordT = TypeVar("WordT", bound=StrEnum)


class ScanError(ValueError):
    """The document is no scan.

    Args:
        field: the part that cannot be used, as a path; empty for the whole.
        reason: a sentence that quotes nothing.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


def read(data: bytes | str) -> Scan:
    """Reads one scan.

    Raises:
        ScanError: it is none; names the field.
    """
    if len(data) > LARGEST_SCAN:
        raise ScanError("", f"A scan has at most {LARGEST_SCAN} bytes.")
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise ScanError("", "This is no JSON.") from None
    said = _object(document, "", _FIELDS)
    airport = _matching(said, "airport", AIRPORT, NO_AIRPORT)
    return Scan(
        tag=tag(_text(said, "tag"), "tag"),
        kind=_word(EventKind, said, "kind"),
        at=moment(_text(said, "at"), "at"),
        airport=airport,
        place=_matching(said, "place", PLACE, NO_PLACE, ""),
        flight=None if said.get("flight") is None else _flight(said["flight"], airport),
        released_by=_party(said, "releasedBy"),
        custodian=_party(said, "custodian"),
        method=_word(ScanMethod, said, "method", ScanMethod.LASER),
        device=_matching(said, "device", PLACE, NO_PLACE, ""),
    )


def tag(text: str, field: str) -> str:
    """The ten digits of a tag, its leading zero put back where it was lost.

    Raises:
        ScanError: it is not one tag with all its digits.
    """
    try:
        numbers = parse_tag(text).numbers
    except InvalidTagError as error:
        raise ScanError(field, str(error)) from None
    if len(numbers) != 1:
        raise ScanError(field, "A scan is of one tag and needs all its digits: 0230456781.")
    return numbers[0]


def moment(text: str, field: str) -> datetime:
    """A time with its zone, in UTC.

    Raises:
        ScanError: no such time, or none of this century.
    """
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None or at.year not in YEARS:
            raise ValueError
    except ValueError:
        raise ScanError(field, "A time has a date, a zone and a year of this century: 2026-11-23T19:12:05Z.") from None
    return at.astimezone(UTC)


def _flight(document: Any, airport: str) -> FlightKey:
    said = _object(document, "flight", _FLIGHT_FIELDS)
    designator = DESIGNATOR.fullmatch(_text(said, "designator", "flight."))
    if designator is None:
        raise ScanError("flight.designator", NO_DESIGNATOR)
    try:
        departure = date.fromisoformat(_text(said, "departureDate", "flight."))
        if departure.year not in YEARS:
            raise ValueError
    except ValueError as error:
        if isinstance(error, ScanError):
            raise
        raise ScanError("flight.departureDate", "A date is written as 2026-11-23.") from None
    origin = _matching(said, "origin", AIRPORT, NO_AIRPORT, airport, "flight.")
    return FlightKey(designator[1], int(designator[2]), designator[3], departure, origin)


def _object(document: Any, field: str, names: frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise ScanError(field, "This is no object.")
    if not names.issuperset(document):
        raise ScanError(field, f"It has other fields than {', '.join(sorted(names))}.")
    return document


def _text(said: Mapping[str, Any], name: str, path: str = "") -> str:
    value = said.get(name)
    if not isinstance(value, str):
        raise ScanError(path + name, "It is missing, or no text.")
    return value


def _matching(
    said: Mapping[str, Any], name: str, form: re.Pattern[str], reason: str, default: str | None = None, path: str = ""
) -> str:
    if default is not None and said.get(name) is None:
        return default
    value = _text(said, name, path)
    if not form.fullmatch(value):
        raise ScanError(path + name, reason)
    return value


def _party(said: Mapping[str, Any], name: str) -> str | None:
    if said.get(name) is None:
        return None
    return _matching(said, name, PARTY, NO_PARTY)


def _word(words: type[WordT], said: Mapping[str, Any], name: str, default: WordT | None = None) -> WordT:
    if default is not None and said.get(name) is None:
        return default
    try:
        return words(_text(said, name))
    except ScanError:
        raise
    except ValueError:
        raise ScanError(name, f"It is one of {', '.join(words)}.") from None
