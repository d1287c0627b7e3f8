"""Scalars that differ from Strawberry's: a DateTime always has an offset and is returned in UTC."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?([Zz]|[+-]\d{2}:\d{2})")


def write_date_time(value: object) -> str:
    """Serializes an aware datetime as RFC 3339 in UTC, such as ``2026-11-23T10:00:00+00:00``.

    A fraction of a second has no trailing zeros, as in PostgreSQL's JSON.

    Raises:
        TypeError: the value is not a datetime with an offset.
    """
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise TypeError(f"a DateTime must be a datetime with an offset, not a {type(value).__name__}")
    text = value.astimezone(UTC).isoformat()
    if value.microsecond:
        time, offset = text[:-6], text[-6:]
        return time.rstrip("0") + offset
    return text


def read_date_time(value: object) -> datetime:
    """Parses RFC 3339 text with an offset; returns a datetime in UTC.

    Raises:
        GraphQLError: the value is not such a text, or is outside the years 1 to 9999 in UTC.
    """
    if isinstance(value, str) and DATE_TIME.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise GraphQLError("A DateTime must be text such as 2026-11-23T10:00:00Z, with an offset and a year from 1 to 9999")


def scalar_map() -> Mapping[object, ScalarDefinition]:
    """The scalars of Python types, for ``StrawberryConfig``."""
    return {
        datetime: strawberry.scalar(
            name="DateTime",
            description="A timestamp in RFC 3339 with an offset, such as 2026-11-23T10:00:00Z. Returned in UTC.",
            specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
            serialize=write_date_time,
            parse_value=read_date_time,
        )
    }
