"""Checks and conversions that several inputs share."""

import re
from collections.abc import Sequence
from enum import Enum

from integrations.records.codes import AIRPORT, PLACE
from integrations.records.tags import InvalidTagError, TagQuery, parse_tag
from resolvers.errors import BadInput

MAX_TEXT = 4_000
MAX_PLACE = 40
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def values(members: Sequence[Enum] | None) -> list[str] | None:
    """Returns the values of enum members; None for None."""
    return None if members is None else [member.value for member in members]


def check_pattern(text: str | None, pattern: re.Pattern[str], field: str, constraint: str) -> None:
    """Checks that a text matches a pattern as a whole; None passes.

    Args:
        field: argument or input field, for the error.
        constraint: what the text must be, for the error: ``ten digits: 2230700001``.

    Raises:
        BadInput: it does not match.
    """
    if text is not None and not pattern.fullmatch(text):
        raise BadInput(field, f"{field} must be {constraint}")


def airport_code(text: str, field: str) -> str:
    """Returns an IATA code in capital letters, without spaces around it.

    Raises:
        BadInput: it is not three letters.
    """
    code = text.strip().upper()
    check_pattern(code, AIRPORT, field, "an IATA airport code of three letters: PTY")
    return code


def optional_airport_code(text: str | None, field: str) -> str | None:
    """Returns ``airport_code``; None for None."""
    return None if text is None else airport_code(text, field)


def check_place(text: str | None, field: str) -> None:
    """Checks a place, device or gate.

    Raises:
        BadInput: it is too long, or has other than printable ASCII characters.
    """
    check_pattern(text, PLACE, field, f"printable ASCII of at most {MAX_PLACE} characters")


def free_text(text: str, field: str, limit: int = MAX_TEXT) -> str:
    """Returns text that people wrote, line ends included.

    Raises:
        BadInput: it is too long, or has control characters or unpaired surrogates.
    """
    if len(text) > limit:
        raise BadInput(field, f"{field} must have at most {limit} characters, not {len(text)}")
    if _NO_TEXT.search(text):
        raise BadInput(field, f"{field} must have no control characters and no unpaired surrogates")
    return text


def optional_text(text: str | None, field: str, limit: int = MAX_TEXT) -> str | None:
    """Returns ``free_text``; None for None."""
    return None if text is None else free_text(text, field, limit)


def required_text(text: str, field: str, limit: int = MAX_TEXT) -> str:
    """Returns ``free_text``.

    Raises:
        BadInput: as ``free_text``, or it is empty or only spaces.
    """
    if not text.strip():
        raise BadInput(field, f"{field} must not be empty (1 to {limit} characters)")
    return free_text(text, field, limit)


def written_tag(text: str, field: str) -> TagQuery:
    """Parses a tag in any written form.

    Raises:
        BadInput: it is not a tag.
    """
    try:
        return parse_tag(text)
    except InvalidTagError as error:
        raise BadInput(field, f"{field} must be a bag tag. {error}") from error
