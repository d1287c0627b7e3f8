"""Names of passengers: titles apart, and whether two spellings can be one person (``docs/DOMAIN.md#rule-18``)."""

from collections.abc import Iterable
from dataclasses import dataclass

from integrations.records.passengers import AGE_OR_OFFICE, TITLES, name_key

_LONGEST_FIRST = sorted(TITLES, key=lambda title: (-len(title), title))
MOST_TITLES = 2


@dataclass(frozen=True, slots=True)
class PassengerName:
    """A passenger's name without titles.

    Args:
        title: titles in order, separated by blanks; empty without one.
    """

    surname: str
    given_names: str = ""
    title: str = ""


def read_name(surname: str, given_names: str) -> PassengerName:
    """The name that a message writes; at most two titles are taken off the given names, apart or glued."""
    words = given_names.split()
    before: list[str] = []
    while len(words) > 1 and words[0] in TITLES and len(before) < MOST_TITLES:
        before.append(words.pop(0))
    behind: list[str] = []
    while words and len(before) + len(behind) < MOST_TITLES:
        if words[-1] in TITLES:
            behind.insert(0, words.pop())
            continue
        title = _glued_title(words[-1], {*before, *behind})
        if title is None:
            break
        behind.insert(0, title)
        words[-1] = words[-1].removesuffix(title)
    return PassengerName(surname, " ".join(words), " ".join([*before, *behind]))


def _glued_title(word: str, others: set[str]) -> str | None:
    """A title at the end of a word; the second of a name only beside one of age or office, as WILLIAMSMR shows."""
    for title in _LONGEST_FIRST:
        if word.endswith(title) and word != title:
            alone = not others or title in AGE_OR_OFFICE or others <= AGE_OR_OFFICE
            return title if alone else None
    return None


def can_be_same(one: PassengerName, other: PassengerName) -> bool:
    """Whether one of two names of a booking can stand for the other.

    Surnames are equal, and given names are equal, cut short, initials, or absent on one side.
    """
    if name_key(one.surname) != name_key(other.surname):
        return False
    first, second = name_key(one.given_names), name_key(other.given_names)
    if first.startswith(second) or second.startswith(first):
        return True
    return _shortens(one.given_names.split(), other.given_names.split()) or _shortens(
        other.given_names.split(), one.given_names.split()
    )


def _shortens(short: list[str], full: list[str]) -> bool:
    """Whether each word is cut short from the word at its place: ``J C`` from ``JUAN CARLOS``."""
    return len(short) <= len(full) and all(
        name_key(word).startswith(name_key(part)) for part, word in zip(short, full, strict=False)
    )


def fuller(one: PassengerName, other: PassengerName) -> PassengerName:
    """The name that says more, of two that can be the same; the first if they say the same, with any title."""
    best = other if len(name_key(other.given_names)) > len(name_key(one.given_names)) else one
    return PassengerName(best.surname, best.given_names, best.title or one.title or other.title)


def merge_names(names: Iterable[PassengerName]) -> PassengerName:
    """The name that messages give in order: another person's name replaces, a poorer name does not."""
    found: PassengerName | None = None
    for name in names:
        found = fuller(found, name) if found is not None and can_be_same(found, name) else name
    assert found is not None
    return found
