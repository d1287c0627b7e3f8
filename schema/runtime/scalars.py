"""Custom scalars: timestamps have an offset and are returned in UTC, and each scalar names its specification."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import strawberry
from graphql import GraphQLError
from strawberry.schema.types.base_scalars import DateDefinition, DecimalDefinition
from strawberry.types.scalar import ScalarDefinition

from integrations.timestamps import read_timestamp


def write_date_time(value: object) -> str:
    """Returns an aware datetime as RFC 3339 in UTC, such as ``2026-11-23T10:00:00+00:00``.

    A fraction of a second has no trailing zeros, as PostgreSQL writes it in JSON.

    Raises:
        TypeError: the value is no datetime, or has no offset.
    """
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise TypeError(f"DateTime needs a datetime with an offset, not a {type(value).__name__} without an offset")
    text = value.astimezone(UTC).isoformat()
    if value.microsecond:
        timestamp, offset = text[:-6], text[-6:]
        return timestamp.rstrip("0") + offset
    return text


def read_date_time(value: object) -> datetime:
    """Returns a datetime in UTC from RFC 3339 text with an offset; digits after the microseconds are dropped.

    Raises:
        GraphQLError: the value is no such text, or its year in UTC is not between 1 and 9999.
    """
    if isinstance(value, str):
        try:
            return read_timestamp(value)
        except ValueError:
            pass
    raise GraphQLError("DateTime must be a string such as 2026-11-23T10:00:00Z, with an offset and a year 1 to 9999")


def scalar_map() -> Mapping[object, ScalarDefinition]:
    """Custom scalars by their Python types, for ``StrawberryConfig``."""
    return {
        datetime: strawberry.scalar(
            name="DateTime",
            description="Timestamp with an offset: 2026-11-23T10:00:00Z. Returned in UTC.",
            specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
            serialize=write_date_time,
            parse_value=read_date_time,
        ),
        date: replace(
            DateDefinition,
            description="Calendar date: 2026-11-23.",
            specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
        ),
        Decimal: replace(
            DecimalDefinition,
            description="Decimal number as a string, without an exponent: 0.0075.",
            specified_by_url="https://www.w3.org/TR/xmlschema11-2/#decimal",
            serialize="{:f}".format,
        ),
    }
