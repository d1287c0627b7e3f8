"""Parser of a plain scan as JSON, the format for scanners and brokers without Type B.

The names are those of the GraphQL input of ``recordScans``::

    {"tag": "0230456781", "kind": "LOADED", "at": "2026-11-23T19:12:05Z", "airport": "PTY", "place": "STAND208",
     "flight": {"designator": "CM758", "departureDate": "2026-11-23", "origin": "PTY"},
     "releasedBy": "HANDLER", "custodian": "CM", "method": "LASER", "device": "HHT112"}

``tag``, ``kind``, ``at`` and ``airport`` are required; a flight requires its designator and date.
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

EnumT = TypeVar("EnumT", bound=StrEnum)


class ScanError(ValueError):
    """The document is not a scan.

    Args:
        field: path of the part that cannot be used; empty for the whole document.
        reason: a sentence that quotes no part of the document.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


def read(data: bytes | str) -> Scan:
    """Parses one scan.

    Raises:
        ScanError: the document is not a scan. ``field`` is the part that cannot be used.
    """
    if len(data) > LARGEST_SCAN:
        raise ScanError("", f"A scan must have at most {LARGEST_SCAN} bytes.")
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise ScanError("", "The text is not valid JSON.") from None
    fields = _object(document, "", _FIELDS)
    airport = _pattern_value(fields, "airport", AIRPORT, NO_AIRPORT)
    return Scan(
        tag=tag(_text(fields, "tag"), "tag"),
        kind=_enum_value(EventKind, fields, "kind"),
        at=timestamp(_text(fields, "at"), "at"),
        airport=airport,
        place=_pattern_value(fields, "place", PLACE, NO_PLACE, ""),
        flight=None if fields.get("flight") is None else _flight(fields["flight"], airport),
        released_by=_party(fields, "releasedBy"),
        custodian=_party(fields, "custodian"),
        method=_enum_value(ScanMethod, fields, "method", ScanMethod.LASER),
        device=_pattern_value(fields, "device", PLACE, NO_PLACE, ""),
    )


def tag(text: str, field: str) -> str:
    """Ten digits of a tag. A lost leading zero is restored.

    Raises:
        ScanError: the text is not exactly one tag with all its digits.
    """
    try:
        numbers = parse_tag(text).numbers
    except InvalidTagError as error:
        raise ScanError(field, str(error)) from None
    if len(numbers) != 1:
        raise ScanError(field, "A scan must name one tag with all ten digits, such as 0230456781.")
    return numbers[0]


def timestamp(text: str, field: str) -> datetime:
    """Timestamp with a zone, in UTC.

    Raises:
        ScanError: the text is not a timestamp with a zone from 2000 to 2100.
    """
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None or at.year not in YEARS:
            raise ValueError
    except ValueError:
        example = "2026-11-23T19:12:05Z"
        raise ScanError(field, f"A time must have a date, a zone and a year of this century: {example}.") from None
    return at.astimezone(UTC)


def _flight(document: Any, airport: str) -> FlightKey:
    fields = _object(document, "flight", _FLIGHT_FIELDS)
    designator = DESIGNATOR.fullmatch(_text(fields, "designator", "flight."))
    if designator is None:
        raise ScanError("flight.designator", NO_DESIGNATOR)
    try:
        departure = date.fromisoformat(_text(fields, "departureDate", "flight."))
        if departure.year not in YEARS:
            raise ValueError
    except ValueError as error:
        if isinstance(error, ScanError):
            raise
        raise ScanError("flight.departureDate", "The date must be written as 2026-11-23.") from None
    origin = _pattern_value(fields, "origin", AIRPORT, NO_AIRPORT, airport, "flight.")
    return FlightKey(designator[1], int(designator[2]), designator[3], departure, origin)


def _object(document: Any, field: str, names: frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise ScanError(field, "The value must be an object.")
    if not names.issuperset(document):
        raise ScanError(field, f"The object has unknown fields; known are {', '.join(sorted(names))}.")
    return document


def _text(fields: Mapping[str, Any], name: str, path: str = "") -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise ScanError(path + name, "The field is required and must be a string.")
    return value


def _pattern_value(
    fields: Mapping[str, Any], name: str, form: re.Pattern[str], reason: str, default: str | None = None, path: str = ""
) -> str:
    if default is not None and fields.get(name) is None:
        return default
    value = _text(fields, name, path)
    if not form.fullmatch(value):
        raise ScanError(path + name, reason)
    return value


def _party(fields: Mapping[str, Any], name: str) -> str | None:
    if fields.get(name) is None:
        return None
    return _pattern_value(fields, name, PARTY, NO_PARTY)


def _enum_value(enum: type[EnumT], fields: Mapping[str, Any], name: str, default: EnumT | None = None) -> EnumT:
    if default is not None and fields.get(name) is None:
        return default
    try:
        return enum(_text(fields, name))
    except ScanError:
        raise
    except ValueError:
        raise ScanError(name, f"The value must be one of {', '.join(enum)}.") from None
