"""The licence plate of a bag: ten digits, in the forms people and messages write them.

Rules: IATA Resolution 740 (tag), Resolution 751 (ten digits), RP1745 (count of consecutive tags). There is no check
digit: any ten digits are a possible tag.
"""

import re
from dataclasses import dataclass

_PLATE = re.compile(r"[0-9]{10}")
_PRINTED = re.compile(r"(?=.?[A-Z])([A-Z0-9]{2})([0-9]{6})")
_ZERO_EATEN = re.compile(r"[0-9]{9}")
_COUNTED = re.compile(r"([0-9]{10})([0-9]{3})")

# A scanner that saw a bag and could not read its tag sends this (ACI). It identifies nothing.
UNREADABLE = "0000000000"

# The printed form has lost the leading digit. Usual ones first: 0 is the normal case, 2 a rush tag, 1 a fallback tag.
LEADING_DIGITS = "0345678921"


class InvalidTagError(ValueError):
    """The text cannot be a tag; the message says which forms can."""


@dataclass(frozen=True, slots=True)
class TagQuery:
    """What a written tag may stand for.

    Args:
        numbers: ten-digit numbers it names exactly (several for a count of consecutive tags).
        printed: designator and serial, where the text had the printed form ``CM456781``: ten candidates.
        repaired: a leading zero was put back.
    """

    numbers: tuple[str, ...] = ()
    printed: tuple[str, str] | None = None
    repaired: bool = False


def parse_tag(text: str) -> TagQuery:
    """Reads a tag in any written form; spaces, hyphens and case do not matter.

    Raises:
        InvalidTagError: the text cannot be a tag, or counts past serial 999999.
    """
    plain = re.sub(r"[\s\-]", "", text).upper()
    if not plain.isascii():
        raise InvalidTagError("A tag has only digits and a carrier's two characters.")
    if _PLATE.fullmatch(plain):
        return TagQuery(numbers=(plain,))
    if printed := _PRINTED.fullmatch(plain):
        return TagQuery(printed=(printed[1], printed[2]))
    if _ZERO_EATEN.fullmatch(plain):
        return TagQuery(numbers=("0" + plain,), repaired=True)
    if counted := _COUNTED.fullmatch(plain):
        return TagQuery(numbers=_consecutive(counted[1], int(counted[2])))
    raise InvalidTagError(
        "A tag is ten digits (0230456781), a carrier and six digits (CM456781), or ten digits and a count of three."
    )


def _consecutive(first: str, count: int) -> tuple[str, ...]:
    serial = int(first[4:])
    if count == 0:
        raise InvalidTagError("A count of tags starts at 001.")
    if serial + count - 1 > 999_999:
        raise InvalidTagError("The count runs past serial 999999: write the tags one by one.")
    return tuple(f"{first[:4]}{serial + step:06d}" for step in range(count))


def printed_form(number: str, designator: str | None) -> str:
    """``0230456781`` issued by CM as people read it: ``CM456781``; the ten digits where the issuer is unknown."""
    return f"{designator}{number[4:]}" if designator else number
