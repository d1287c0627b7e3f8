"""Matching of a found bag with a missed bag: elements compared one by one, and a score.

The rule is WorldTracer's (``docs/DOMAIN.md#matching-of-found-bags``): each element that both sides have earns points by
how well it agrees; the score is the points earned of the points possible, as a percentage. WorldTracer's weights are
not public. The weights here are assumed, tuned by ``python -m benchmarks.matching --tune`` on a generated set of missed
and found bags, and measured on another.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from rapidfuzz.distance import OSA

from integrations.records.matches import MatchElement, TracedBagColumns
from integrations.records.transliteration import words
from resolvers.rules.contents_synonyms import COMMON_WORDS, canonical_word

WEIGHTS: Mapping[MatchElement, float] = {
    MatchElement.TAG: 18.0,
    MatchElement.SURNAME: 14.0,
    MatchElement.GIVEN_NAMES: 12.0,
    MatchElement.COLOUR: 5.0,
    MatchElement.TYPE: 3.0,
    MatchElement.DESCRIPTORS: 5.0,
    MatchElement.BRAND: 10.0,
    MatchElement.CONTENTS: 6.0,
    MatchElement.ROUTE: 4.0,
    MatchElement.FLIGHT: 8.0,
    MatchElement.DATE: 4.0,
}

# An element counts for the match from this agreement on, and against it below.
AGREES = 0.5

# Agreement of similar tags (assumed).
SAME_BUT_FIRST_DIGIT = 0.95  # the printed form does not show the first digit
ONE_DIGIT_OFF = 0.7  # wrong, lost or exchanged; not higher, since tags are issued in sequence and others are as near

# Colours and types that people confuse, and the agreement of such a pair (assumed).
NEAR = 0.5
NEAR_COLOURS: Mapping[str, frozenset[str]] = {
    "BK": frozenset({"BU", "GY"}),
    "BU": frozenset({"BK", "GN", "PU"}),
    "GY": frozenset({"BK", "GN", "WT"}),
    "GN": frozenset({"BU", "GY"}),
    "PU": frozenset({"BU", "RD"}),
    "RD": frozenset({"BN", "PU"}),
    "BN": frozenset({"BE", "RD"}),
    "BE": frozenset({"BN", "WT", "YW"}),
    "WT": frozenset({"BE", "GY"}),
    "YW": frozenset({"BE"}),
    "MC": frozenset({"PR", "TD"}),
    "PR": frozenset({"MC", "TD"}),
    "TD": frozenset({"MC", "PR"}),
}
NEAR_TYPES: Mapping[str, frozenset[str]] = {
    "01": frozenset({"02", "03"}),
    "02": frozenset({"01", "22"}),
    "03": frozenset({"01", "05"}),
    "05": frozenset({"03", "22", "23", "25"}),
    "22": frozenset({"02", "05", "23", "27"}),
    "23": frozenset({"05", "22"}),
    "25": frozenset({"05", "26", "28", "29"}),
    "26": frozenset({"25", "29"}),
    "27": frozenset({"22"}),
    "28": frozenset({"25"}),
    "29": frozenset({"25", "26"}),
}
MIXED_COLOURS = frozenset({"MC", "PR", "TD"})
MIXED = 0.25  # any colour may be one of several

# Words that people write for a bag without a brand.
NO_BRAND = frozenset({"UNBRANDED", "UNKNOWN", "NONE", "NOT", "KNOWN", "NO", "BRAND", "OWN", "LABEL", "WORN", "OFF"})

# A bag is found at about the time when its passenger misses it; the agreement of the dates falls from day to day.
EARLIEST = timedelta(days=-3)
FULL_AGREEMENT = timedelta(days=3)
NO_AGREEMENT = timedelta(days=45)
OTHER_DAY = 0.6  # the same flight a day earlier or later

# Longer texts are cut; distinguishing words come early.
MAX_CHARACTERS = 2_000
MAX_SHOWN = 200
MAX_WORDS = 40
MAX_WORD_LENGTH = 24

_WORD = re.compile(r"[A-Z0-9]+")
_NAME_WORD = re.compile(r"[A-Z]+")
_SOUNDS = (("QU", "K"), ("LH", "LI"), ("PH", "F"), ("GE", "JE"), ("GI", "JI"), ("CE", "SE"), ("CI", "SI"))
_LETTERS = str.maketrans({"C": "K", "Z": "S", "V": "B", "W": "B", "Y": "I", "H": None, "X": "S", "Q": "K"})


@dataclass(frozen=True, slots=True)
class Traits:
    """A bag prepared for comparison: its texts in Latin letters, split into words.

    Args:
        bag: the record itself, for display.
        near_tags: its tags with one digit left out; two tags that share such a number are one digit apart.
        names: words of the surname, and of the given names.
        label: words of the name on the bag.
        contents: canonical words, independent of language.
        flights: departure date of each flight, by designator.
    """

    bag: TracedBagColumns
    tags: frozenset[str]
    near_tags: frozenset[str]
    names: tuple[tuple[str, ...], tuple[str, ...]]
    label: tuple[str, ...]
    colour: str
    type: str
    descriptors: frozenset[str]
    brand: tuple[str, ...]
    contents: frozenset[str]
    stations: tuple[str, ...]
    flights: Mapping[str, date]
    at: datetime


@dataclass(frozen=True, slots=True)
class ElementComparison:
    """Comparison of one element of two bags.

    Args:
        found: the element of the found bag, as written.
        reported: the element of the missed bag, as written.
        earned: points earned.
        possible: points possible.
    """

    element: MatchElement
    found: str
    reported: str
    earned: float
    possible: float


@dataclass(frozen=True, slots=True)
class Score:
    """Agreement of two bags.

    Args:
        percentage: points earned of the points possible, 0 to 100, over the elements that both sides have.
        points: points earned; of two matches with the same percentage, the one with more points has more evidence.
    """

    percentage: float
    points: float
    matched: tuple[ElementComparison, ...]
    contradicting: tuple[ElementComparison, ...]


def traits(bag: TracedBagColumns) -> Traits:
    """The traits of a bag."""
    tags = frozenset(bag.tags)
    description = bag.description or "       "
    return Traits(
        bag=bag,
        tags=tags,
        near_tags=frozenset(tag[:digit] + tag[digit + 1 :] for tag in tags for digit in range(len(tag))),
        names=(_words(bag.surname, _NAME_WORD), _words(bag.given_names, _NAME_WORD)),
        label=_words(bag.name_on_bag, _NAME_WORD),
        colour=description[:2].strip(),
        type=description[2:4].strip(),
        descriptors=frozenset(description[4:]) - {"X", " "},
        brand=tuple(word for word in _words(bag.brand, _WORD) if word not in NO_BRAND),
        contents=frozenset(filter(None, map(canonical_word, _words(bag.contents, _WORD)))),
        stations=tuple(dict.fromkeys(bag.stations)),
        flights={designator: date.fromisoformat(day) for designator, _, day in map(_split, bag.flights)},
        at=bag.at,
    )


def _split(flight: str) -> tuple[str, str, str]:
    return flight.partition("/")


def _words(text: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
    plain = " ".join(words(text[:MAX_CHARACTERS]))
    return tuple(word[:MAX_WORD_LENGTH] for word in pattern.findall(plain))[:MAX_WORDS]


def score(found: Traits, missed: Traits) -> Score:
    """The agreement of a found bag and a missed bag, element by element."""
    agreed = agreements(found, missed)
    compared = [
        ElementComparison(
            element, *_texts(element, found, missed), round(agreement * WEIGHTS[element], 2), WEIGHTS[element]
        )
        for element, agreement in agreed.items()
    ]
    return Score(
        *rate(agreed),
        tuple(one for one in compared if agreed[one.element] >= AGREES),
        tuple(one for one in compared if agreed[one.element] < AGREES),
    )


def rate(agreed: Mapping[MatchElement, float], weights: Mapping[MatchElement, float] = WEIGHTS) -> tuple[float, float]:
    """Points earned of the points possible as a percentage, 0 to 100, and the points earned."""
    possible = sum(weights[element] for element in agreed)
    earned = sum(weights[element] * agreement for element, agreement in agreed.items())
    return (round(100 * earned / possible, 1) if possible else 0.0), round(earned, 2)


def agreements(found: Traits, missed: Traits) -> dict[MatchElement, float]:
    """The agreement of each element that both sides have, 0 to 1."""
    on_found_bag = found.label + found.names[0] + found.names[1]
    compared = {
        MatchElement.TAG: _tags(found, missed),
        MatchElement.SURNAME: _names(on_found_bag, missed.names[0] or missed.label),
        MatchElement.GIVEN_NAMES: _names(on_found_bag, missed.names[1]) if len(on_found_bag) > 1 else None,
        MatchElement.COLOUR: _colours(found.colour, missed.colour),
        MatchElement.TYPE: _codes(found.type, missed.type, NEAR_TYPES),
        MatchElement.DESCRIPTORS: _shared(found.descriptors, missed.descriptors),
        MatchElement.BRAND: _names(found.brand, missed.brand),
        MatchElement.CONTENTS: _contents(found.contents, missed.contents),
        MatchElement.ROUTE: _route(found.stations, missed.stations),
        MatchElement.FLIGHT: _flights(found.flights, missed.flights),
        MatchElement.DATE: _date(found.at - missed.at),
    }
    return {element: agreement for element, agreement in compared.items() if agreement is not None}


def _tags(found: Traits, missed: Traits) -> float | None:
    if not found.tags or not missed.tags:
        return None
    if found.tags & missed.tags:
        return 1.0
    if {tag[1:] for tag in found.tags} & {tag[1:] for tag in missed.tags}:
        return SAME_BUT_FIRST_DIGIT
    # A nine-digit number is itself a tag with one digit left out.
    if (found.near_tags | found.tags) & (missed.near_tags | missed.tags):
        return ONE_DIGIT_OFF
    return 0.0


def _names(found: Sequence[str], reported: Sequence[str]) -> float | None:
    """The agreement of the best pair of words; people omit second surnames and write names in any order."""
    if not found or not reported:
        return None
    return max(_similar(one, other) for one in found for other in reported)


def _similar(one: str, other: str) -> float:
    """Similarity of two words: 1 for the same word, 0 if half of the letters differ, ``AGREES`` for an initial."""
    if one != other and min(len(one), len(other)) == 1:
        return AGREES if one[0] == other[0] else 0.0
    return max(0.0, 2 * OSA.normalized_similarity(one, other, score_cutoff=0.5) - 1)


def _colours(found: str, reported: str) -> float | None:
    agreement = _codes(found, reported, NEAR_COLOURS)
    return MIXED if agreement == 0 and {found, reported} & MIXED_COLOURS else agreement


def _codes(found: str, reported: str, near: Mapping[str, frozenset[str]]) -> float | None:
    if not found or not reported:
        return None
    if found == reported:
        return 1.0
    return NEAR if reported in near.get(found, ()) else 0.0


def _shared(found: frozenset[str], reported: frozenset[str]) -> float | None:
    return len(found & reported) / len(found | reported) if found and reported else None


def _contents(found: frozenset[str], reported: frozenset[str]) -> float | None:
    """The weighted share of the shorter list that is in the longer one; contents of most bags count little."""
    if not found or not reported:
        return None
    shorter, longer = sorted((found, reported), key=_weight)
    agreed = _weight(frozenset(one for one in shorter if one in longer or _misspelt(one, longer)))
    return min(1.0, agreed / _weight(shorter))


def _weight(things: frozenset[str]) -> float:
    return sum(0.25 if one in COMMON_WORDS else 1.0 for one in things)


def _misspelt(word: str, words: frozenset[str]) -> bool:
    return any(OSA.distance(word, other, score_cutoff=1) <= 1 for other in words if min(len(word), len(other)) > 4)


def _route(found: Sequence[str], reported: Sequence[str]) -> float | None:
    if not found or not reported:
        return None
    return sum(station in reported for station in found) / len(found)


def _flights(found: Mapping[str, date], reported: Mapping[str, date]) -> float | None:
    if not found or not reported:
        return None
    days = [abs(day - reported[designator]) for designator, day in found.items() if designator in reported]
    if not days or min(days) > timedelta(days=1):
        return 0.0
    return 1.0 if min(days) == timedelta() else OTHER_DAY


def _date(later: timedelta) -> float:
    if later < EARLIEST:
        return 0.0
    return min(1.0, max(0.0, 1 - (later - FULL_AGREEMENT) / (NO_AGREEMENT - FULL_AGREEMENT)))


def _texts(element: MatchElement, found: Traits, missed: Traits) -> tuple[str, str]:
    """The element of both bags, as written."""
    return _text(element, found), _text(element, missed)


def _text(element: MatchElement, one: Traits) -> str:
    bag = one.bag
    texts = {
        MatchElement.TAG: ", ".join(sorted(bag.tags)),
        MatchElement.SURNAME: bag.surname or bag.name_on_bag,
        MatchElement.GIVEN_NAMES: bag.given_names or bag.name_on_bag,
        MatchElement.COLOUR: one.colour,
        MatchElement.TYPE: one.type,
        MatchElement.DESCRIPTORS: bag.description[4:],
        MatchElement.BRAND: bag.brand,
        MatchElement.CONTENTS: bag.contents,
        MatchElement.ROUTE: "-".join(one.stations),
        MatchElement.FLIGHT: ", ".join(bag.flights),
        MatchElement.DATE: f"{bag.at:%Y-%m-%d}",
    }
    return texts[element][:MAX_SHOWN]


# Candidates are bags that share a key. Keys have weights, so that the candidates with the most evidence come first.

TAG_KEY, NEAR_TAG_KEY, NAME_KEY, FLIGHT_KEY, BRAND_KEY, LOOKS_KEY, NEAR_LOOKS_KEY, CONTENTS_KEY = (
    20,
    8,
    5,
    2,
    2,
    2,
    1,
    1,
)
MAX_KEYS = 80
MAX_PER_KEY = 200  # the newest files
MAX_CANDIDATES = 500


def keys(one: Traits) -> list[str]:
    """The keys that a bag is indexed by."""
    return _bounded([*_tag_keys(one), *_common_keys(one), *_looks_keys(one, [(one.colour, one.type)])])


def wanted_keys(one: Traits) -> dict[str, int]:
    """The keys of bags that may be this one, each with its weight."""
    tags = dict.fromkeys(_tag_keys(one), NEAR_TAG_KEY) | {f"T{tag}": TAG_KEY for tag in one.tags}
    weights = {"N": NAME_KEY, "F": FLIGHT_KEY, "B": BRAND_KEY, "C": CONTENTS_KEY}
    common = {key: weights[key[0]] for key in _common_keys(one)}
    near = [(colour, one.type) for colour in sorted(NEAR_COLOURS.get(one.colour, ()))]
    near += [(one.colour, type_) for type_ in sorted(NEAR_TYPES.get(one.type, ()))]
    looks = dict.fromkeys(_looks_keys(one, near), NEAR_LOOKS_KEY)
    looks |= dict.fromkeys(_looks_keys(one, [(one.colour, one.type)]), LOOKS_KEY)
    everything = tags | common | looks
    return {key: everything[key] for key in _bounded(everything)}


def _bounded(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))[:MAX_KEYS]


def _tag_keys(one: Traits) -> list[str]:
    return [f"T{tag}" for tag in (*sorted(one.tags), *sorted(one.near_tags))]


def _common_keys(one: Traits) -> list[str]:
    names = dict.fromkeys((*one.label, *one.names[0], *one.names[1]))
    distinctive = sorted(one.contents - COMMON_WORDS)
    return [
        *(f"N{sound(name)}" for name in names if len(name) > 1),
        *(f"F{designator}/{day}" for designator, day in one.flights.items()),
        *(f"B{sound(word)}{one.colour}" for word in one.brand[:2]),
        *(f"C{word}" for word in distinctive[:10]),
    ]


def _looks_keys(one: Traits, looks: Iterable[tuple[str, str]]) -> list[str]:
    return [f"L{station}{colour}{type_}" for colour, type_ in looks for station in one.stations]


def sound(word: str) -> str:
    """A rough phonetic key of a word in Spanish, Portuguese or English: GONZALES and GONSALEZ have the same."""
    for written, spoken in _SOUNDS:
        word = word.replace(written, spoken)
    letters = word.translate(_LETTERS)
    unlike = "".join(letter for letter, before in zip(letters, " " + letters, strict=False) if letter != before)
    return (unlike[:1] + re.sub("[AEIOU]", "", unlike[1:]))[:5]
