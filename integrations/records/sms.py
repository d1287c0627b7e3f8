"""Encoding and parts of an SMS: GSM-7 if the alphabet has every character, UCS-2 otherwise.

An SMS of one part holds 160 characters of GSM-7 or 70 of UCS-2. In several parts each holds 153 or 67, since a header
takes the rest (3GPP TS 23.038 and 23.040). One character outside GSM-7 moves the whole SMS to UCS-2.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from integrations.records.transliteration import transliterate

# 3GPP TS 23.038: the default alphabet, and its extension table, whose characters count as two.
GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_7_EXTENSION = frozenset("\f^{}\\[~]|€")


class Encoding(StrEnum):
    """Alphabet of an SMS."""

    GSM_7 = "GSM_7"
    UCS_2 = "UCS_2"


@dataclass(frozen=True, slots=True)
class Sms:
    """Text of an SMS with its encoding and size.

    Args:
        parts: number of messages that the network carries and the provider charges.
    """

    text: str
    encoding: Encoding
    parts: int


def measure(text: str) -> Sms:
    """Return the text with its encoding and the number of its parts; an empty text is one part."""
    if all(character in GSM_7 or character in GSM_7_EXTENSION for character in text):
        return Sms(text, Encoding.GSM_7, _parts(map(_septets, text), single=160, part=153))
    sizes = [2 if ord(character) > 0xFFFF else 1 for character in text]
    return Sms(text, Encoding.UCS_2, _parts(sizes, single=70, part=67))


def gsm_safe(text: str) -> str:
    """Return the text in GSM-7: ``Bogotá 5 €`` becomes ``Bogota 5 €``; other scripts are transliterated."""
    return "".join(
        character if character in GSM_7 or character in GSM_7_EXTENSION else _gsm_form(character)
        for character in unicodedata.normalize("NFC", text)
    )


def cut(text: str, septets: int) -> str:
    """Return the beginning of a text in GSM-7 that takes at most a number of septets."""
    taken = list(accumulate(map(_septets, text)))
    return text[: bisect_right(taken, septets)]


def _septets(character: str) -> int:
    return 2 if character in GSM_7_EXTENSION else 1


def _gsm_form(character: str) -> str:
    """Return the ASCII form of a character; a grave accent, which GSM-7 lacks, becomes an apostrophe, a tab a blank."""
    form = " " if character.isspace() else transliterate(character).replace("`", "'")
    return "".join(part for part in form if part in GSM_7 or part in GSM_7_EXTENSION)


def _parts(sizes: Iterable[int], single: int, part: int) -> int:
    """Return the number of parts for characters of these sizes; a character of two units stays in one part.

    Args:
        single: units of an SMS of one part.
        part: units of each of several parts.
    """
    sizes = list(sizes)
    if sum(sizes) <= single:
        return 1
    parts, left = 1, part
    for size in sizes:
        if size > left:
            parts, left = parts + 1, part
        left -= size
    return parts
