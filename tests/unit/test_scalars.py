from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from schema.runtime.scalars import read_date_time, scalar_map, write_date_time


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-23T10:00:00Z", datetime(2026, 11, 23, 10, tzinfo=UTC)),
        ("2026-11-23t10:00z", datetime(2026, 11, 23, 10, tzinfo=UTC)),
        ("2026-11-23T05:00:00.25-05:00", datetime(2026, 11, 23, 10, 0, 0, 250_000, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_with_an_offset_are_read(text: str, time: datetime) -> None:
    assert read_date_time(text) == time


@pytest.mark.parametrize(
    "value",
    [
        "",
        "2026-11-23",
        "2026-11-23T10:00:00",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2026-11-23T10:00:00+99:00",
        "2026-11-23T10:00:00Z\n",
        "\u0662\u0660\u0662\u0666-11-23T10:00:00Z",
        "20261123T100000Z",
        5,
        None,
        [],
        True,
    ],
)
def test_any_other_value_is_rejected(value: object) -> None:
    with pytest.raises(GraphQLError, match="DateTime must be a string such as"):
        read_date_time(value)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("2026-11-23T10:00:00.5Z", 500_000),
        ("2026-11-23T10:00:00.123456Z", 123_456),
        ("2026-11-23T10:00:00.1234567Z", 123_456),
        ("2026-11-23T05:00:00.123456789-05:00", 123_456),
        ("2026-11-23t10:00:00.000000999z", 0),
        ("2026-11-23T10:00:00.9999999999999999999999Z", 999_999),
        (f"2026-11-23T10:00:00.{'1' * 100_000}Z", 111_111),
    ],
)
def test_a_fraction_of_a_second_has_any_length(text: str, microseconds: int) -> None:
    """Go and Java write nanoseconds, and .NET 100 ns."""
    assert read_date_time(text) == datetime(2026, 11, 23, 10, 0, 0, microseconds, UTC)


@pytest.mark.parametrize("fraction", [".", ".Z", ".12x", ",5", ".\u0661", "..1", ".1.2", ".-1"])
def test_other_fractions_are_rejected(fraction: str) -> None:
    with pytest.raises(GraphQLError, match="DateTime must be a string such as"):
        read_date_time(f"2026-11-23T10:00:00{fraction}Z")


@given(st.text() | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", fullmatch=True))
def test_parsing_returns_utc_or_raises(text: str) -> None:
    try:
        time = read_date_time(text)
    except GraphQLError:
        return
    assert read_date_time(write_date_time(time)) == time


def test_decimals_have_no_exponent() -> None:
    serialize = scalar_map()[Decimal].serialize
    assert serialize is not None
    assert [serialize(Decimal(text)) for text in ("0", "1E+3", "1E-7", "0.50")] == ["0", "1000", "0.0000001", "0.50"]


def test_times_are_serialized_in_utc() -> None:
    panama = timezone(timedelta(hours=-5))
    assert write_date_time(datetime(2026, 11, 23, 5, tzinfo=panama)) == "2026-11-23T10:00:00+00:00"
    with pytest.raises(TypeError, match="without an offset"):
        write_date_time(datetime(2026, 11, 23, 5))  # noqa: DTZ001 # that is what is refused
