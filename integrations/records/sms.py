"""Short messages as networks count them: GSM 03.38 where every character is in it, UCS-2 otherwise.

A message of one part holds 160 characters of GSM-7 or 70 of UCS-2; in several parts each gives up room for its place in
the order and holds 153 or 67 (3GPP TS 23.038 and 23.040). One character outside moves the whole message to UCS-2.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

# 3GPP TS 23.038: the default alphabet, and its extension table, whose characters are sent as two.
GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_7_EXTENSION = frozenset("\f^{}\\[~]|€")

# What people's software puts in the place of a plain sign; its compatibility form is none.
PLAIN_SIGNS = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-"})  # noqa: RUF001 # those signs


class Encoding(StrEnum):
    """The alphabet that a short message is sent in."""

    GSM_7 = "GSM_7"
    UCS_2 = "UCS_2"


@dataclass(frozen=True, slots=True)
class Sms:
    """A short message and what it takes to send it.

    Args:
        parts: how many messages the network carries, and the provider charges.
    """

    text: str
    encoding: Encoding
    parts: int


def measure(text: str) -> Sms:
    """The text with its encoding and the number of its parts; an empty one is one part."""
    if all(sign in GSM_7 or sign in GSM_7_EXTENSION for sign in text):
        sizes = [2 if sign in GSM_7_EXTENSION else 1 for sign in text]
        return Sms(text, Encoding.GSM_7, _parts(sizes, single=160, part=153))
    sizes = [2 if ord(sign) > 0xFFFF else 1 for sign in text]
    return Sms(text, Encoding.UCS_2, _parts(sizes, single=70, part=67))


def gsm_safe(text: str) -> str:
    """The text taken back to GSM-7: ``Bogotá`` is ``Bogota``; signs that have no form in it are left out."""
    return "".join(
        sign if sign in GSM_7 else "".join(part for part in unicodedata.normalize("NFKD", sign) if part in GSM_7)
        for sign in unicodedata.normalize("NFC", text).translate(PLAIN_SIGNS)
    )


def _parts(sizes: Iterable[int], single: int, part: int) -> int:
    """Parts for characters of those sizes; one of two units is never cut in the middle."""
    sizes = list(sizes)
    if sum(sizes) <= single:
        return 1
    parts, room = 1, part
    for size in sizes:
        if size > room:
            parts, room = parts + 1, part
        room -= size
    return parts
