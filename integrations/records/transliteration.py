"""Texts in Latin letters: one transliteration for messages, searches, SMS, comparisons and printed forms.

It takes each character by itself (``anyascii``), so that a name has one form everywhere: ``Ødegård`` is ``Odegard``,
``李明`` is ``LiMing``, ``Мусоргский`` is ``Musorgskiy``.
"""

import re
import unicodedata

from anyascii import anyascii

# Han and Hangul: each sign is a syllable, and a name may be written without blanks.
_SYLLABLES = "\u3400-\u9fff\uf900-\ufaff\uac00-\ud7a3\U00020000-\U0003ffff"
_SYLLABLE = re.compile(f"([{_SYLLABLES}])")
_NAME_OF_ONE_SIGN = re.compile(f"[{_SYLLABLES}\u3040-\u30ff]")
_WORD = re.compile(r"[A-Z0-9]+")
_NO_WORD = re.compile(r"[^A-Za-z0-9 ]+")
# Blanks, hyphens and dashes, and characters that a copied text has and that do not show.
_SEPARATORS = re.compile("[\\s\\-\u00ad\u2010-\u2015\u2212\u200b-\u200f\u2060\ufeff]+")


def transliterate(text: str) -> str:
    """Return text in ASCII."""
    return text if text.isascii() else anyascii(unicodedata.normalize("NFKC", text))


def latin_letters(text: str) -> str:
    """Return text in ASCII without symbols, such as emoji, which ``transliterate`` writes as words."""
    if text.isascii():
        return text
    composed = unicodedata.normalize("NFKC", text)
    return anyascii("".join(sign for sign in composed if unicodedata.category(sign) != "So"))


def words(text: str) -> list[str]:
    """Return the words of a text in capital letters and digits; each Han and Hangul sign is a word."""
    if not text.isascii():
        composed = unicodedata.normalize("NFKC", text)
        kept = "".join(sign if _is_part_of_a_word(sign) else " " for sign in composed)
        text = _NO_WORD.sub("", anyascii(_SYLLABLE.sub(r" \1 ", kept)))
    return _WORD.findall(text.upper())


def _is_part_of_a_word(sign: str) -> bool:
    return sign.isalnum() or unicodedata.category(sign)[0] == "M"


def has_syllables(text: str) -> bool:
    """Whether a text has Han or Hangul signs."""
    return _SYLLABLE.search(text) is not None


def is_name_of_one_sign(text: str) -> bool:
    """Whether a text is one sign of Han, Hangul or kana, which can be a complete name."""
    return _NAME_OF_ONE_SIGN.fullmatch(text) is not None


def code_form(text: str) -> str:
    """Return a code as it is compared: in capital letters, without blanks and hyphens; full-width forms are folded."""
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return _SEPARATORS.sub("", plain).upper()
