"""Timestamps as text: one form for every way in."""

import re
from datetime import UTC, datetime

FORM = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:\d{2})")
EXAMPLE = "2026-11-23T19:12:05Z"


def read_timestamp(text: str) -> datetime:
    """Returns a datetime in UTC from RFC 3339 text; seconds may be absent, digits after the microseconds are dropped.

    Raises:
        ValueError: the text is none, has no zone, or is a time that RFC 3339 does not know, such as 24:00.
    """
    if not FORM.fullmatch(text):
        raise ValueError(text)
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except OverflowError:
        raise ValueError(text) from None
