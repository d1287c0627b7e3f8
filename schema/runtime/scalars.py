"""Scalars that differ from the library's: times always carry their offset and are answered in UTC."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?([Zz]|[+-]\d{2}:\d{2})")


def write_date_time(value: object) -> str:
    """An aware datetime as RFC 3339 in UTC, such as ``2026-11-23T10:00:00+00:00``.

    A fraction of a second has no zeros at its end, as PostgreSQL writes it in JSON.

    Raises:
        TypeError: it is no datetime, or one without an offset, which says nothing about when.
    """
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise TypeError(f"a {type(value).__name__} without an offset cannot be answered as a time")
    text = value.astimezone(UTC).isoformat()
    if value.microsecond:
        moment, offset = text[:-6], text[-6:]
        return moment.rstrip("0") + offset
    return text


def read_date_time(value: object) -> datetime:
    """A datetime in UTC from RFC 3339 text with an offset.

    Raises:
        GraphQLError: not such a text, or not a time between the years 1 and 9999 in UTC.
    """
    if isinstance(value, str) and DATE_TIME.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise GraphQLError("A DateTime is text such as 2026-11-23T10:00:00Z, with an offset and a year from 1 to 9999.")


def scalar_map() -> Mapping[object, ScalarDefinition]:
    """Python types and the scalars that stand for them, for ``StrawberryConfig``."""
    return {
        datetime: strawberry.scalar(
            name="DateTime",
            description="A moment: RFC 3339 with an offset, such as 2026-11-23T10:00:00Z. Answers are in UTC.",
            specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
            serialize=write_date_time,
            parse_value=read_date_time,
        )
    }
