"""Tags (licence plates) of bags: ten digits, in the forms in which people and messages write them.

Rules: IATA Resolution 740 (tag), Resolution 751 (ten digits), RP1745 (count of consecutive tags); see
docs/DOMAIN.md#bag-tags. There is no check digit: any ten digits are a possible tag.
"""

import re
from dataclasses import dataclass

from integrations.records.transliteration import code_form

_PLATE = re.compile(r"[0-9]{10}")
_PRINTED = re.compile(r"(?=.?[A-Z])([A-Z0-9]{2})([0-9]{6})")
_LOST_ZERO = re.compile(r"[0-9]{9}")
_COUNTED = re.compile(r"([0-9]{10})([0-9]{3})")

# Sent by a scanner that saw a bag and could not read its tag (ACI). It identifies no bag.
UNREADABLE = "0000000000"

# The printed form has lost the leading digit. In order of likelihood: 0 is the normal case, 2 a rush tag, 1 a fallback
# tag.
LEADING_DIGITS = "0345678921"


class InvalidTagError(ValueError):
    """The text cannot be a tag; the message names the valid forms."""


@dataclass(frozen=True, slots=True)
class TagQuery:
    """Meaning of a written tag.

    Args:
        numbers: ten-digit numbers that it names exactly; several for a count of consecutive tags.
        printed: designator and serial of a printed form such as ``CM456781``, which has ten candidates.
        repaired: whether a lost leading zero was restored.
    """

    numbers: tuple[str, ...] = ()
    printed: tuple[str, str] | None = None
    repaired: bool = False


def parse_tag(text: str) -> TagQuery:
    """Parse a tag in any written form; spaces, hyphens, case and full-width forms do not matter.

    Raises:
        InvalidTagError: the text cannot be a tag, or its count runs past serial 999999.
    """
    plain = code_form(text)
    if not plain.isascii():
        raise InvalidTagError("A tag must have only digits, or a carrier's two characters and digits.")
    if _PLATE.fullmatch(plain):
        return TagQuery(numbers=(plain,))
    if printed := _PRINTED.fullmatch(plain):
        return TagQuery(printed=(printed[1], printed[2]))
    if _LOST_ZERO.fullmatch(plain):
        return TagQuery(numbers=("0" + plain,), repaired=True)
    if counted := _COUNTED.fullmatch(plain):
        return TagQuery(numbers=_consecutive(counted[1], int(counted[2])))
    raise InvalidTagError(
        "A tag must be ten digits (0230456781), carrier and six digits (CM456781), or ten digits and a count of three."
    )


def _consecutive(first: str, count: int) -> tuple[str, ...]:
    serial = int(first[4:])
    if count == 0:
        raise InvalidTagError("The count of tags must be at least 001.")
    if serial + count - 1 > 999_999:
        raise InvalidTagError("The count of tags must not run past serial 999999: write the tags one by one.")
    return tuple(f"{first[:4]}{serial + step:06d}" for step in range(count))


def printed_form(number: str, designator: str | None) -> str:
    """Return the printed form of a tag: ``CM456781`` for ``0230456781`` of CM; the ten digits for an unknown issuer."""
    return f"{designator}{number[4:]}" if designator else number
