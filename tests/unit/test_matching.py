"""Matching of found and missed bags: agreement of each element, score, and keys of candidates."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.records.matches import MatchElement, TracedBagView
from resolvers.rules.contents_synonyms import canonical_word
from resolvers.rules.matching import (
    MAX_CHARACTERS,
    MAX_KEYS,
    MAX_WORDS,
    NEAR_COLOURS,
    NEAR_TYPES,
    WEIGHTS,
    Traits,
    agreements,
    keys,
    score,
    sound,
    traits,
    wanted_keys,
)

DAY = datetime(2025, 7, 1, 12, tzinfo=UTC)


def bag(**said: Any) -> Traits:
    nothing = {
        "pir_id": 1,
        "seq": 1,
        "kind": "DELAYED",
        "at": DAY,
        "tags": [],
        "surname": "",
        "given_names": "",
        "name_on_bag": "",
        "description": "",
        "brand": "",
        "contents": "",
        "stations": [],
        "flights": [],
    }
    return traits(TracedBagView(nothing | said))


def agreement(element: str, found: dict[str, Any], reported: dict[str, Any]) -> float | None:
    return agreements(bag(**found), bag(**reported)).get(MatchElement(element))


MISSED = {
    "tags": ["0230456782", "2230000457"],
    "surname": "González Pérez",
    "given_names": "María José",
    "description": "BK22RHW",
    "brand": "Samsonite",
    "contents": "ropa, zapatos, cámara, regalos",
    "stations": ["MIA", "PTY", "GRU"],
    "flights": ["CM335/2025-07-01", "CM758/2025-07-01"],
}


@pytest.mark.parametrize(
    ("tag", "agrees"),
    [
        ("0230456782", 1.0),
        ("2230000457", 1.0),
        ("3230456782", 0.95),
        ("0230456792", 0.7),
        ("0230456728", 0.7),
        ("023045678", 0.7),
        ("0023045682", 0.7),
        ("0230999999", 0.0),
    ],
    ids=["same", "rush", "first digit lost", "wrong digit", "exchanged", "cut off", "lost, and zero put back", "other"],
)
def test_tags(tag: str, agrees: float) -> None:
    assert agreement("TAG", {"tags": [tag]}, MISSED) == agrees


@pytest.mark.parametrize(
    ("label", "surname", "given"),
    [
        ("GONZALEZ/MARIA", 1.0, 1.0),
        ("María González", 1.0, 1.0),
        ("Mari\u0301a González", 1.0, 1.0),
        ("M GONZALEZ", 1.0, 0.5),
        ("PEREZ", 1.0, None),
        ("GONSALEZ/MARIO", 0.75, 0.6),
        ("SMITH/JOHN", 0.0, 0.0),
        ("🧳 ☎", None, None),
    ],
)
def test_names_in_any_order_and_with_typing_errors(label: str, surname: float | None, given: float | None) -> None:
    agreed = agreements(bag(name_on_bag=label), bag(**MISSED))
    assert agreed.get(MatchElement.SURNAME) == (None if surname is None else pytest.approx(surname, abs=0.01))
    assert agreed.get(MatchElement.GIVEN_NAMES) == (None if given is None else pytest.approx(given, abs=0.01))


@pytest.mark.parametrize(
    ("description", "colour", "type_", "descriptors"),
    [
        ("BK22RHW", 1.0, 1.0, 1.0),
        ("BU02RHX", 0.5, 0.5, 2 / 3),
        ("MC22XXX", 0.25, 1.0, None),
        ("YW29SPZ", 0.0, 0.0, 0.0),
    ],
)
def test_colour_type_and_descriptors(description: str, colour: float, type_: float, descriptors: float | None) -> None:
    agreed = agreements(bag(description=description), bag(**MISSED))
    assert agreed[MatchElement.COLOUR] == colour
    assert agreed[MatchElement.TYPE] == type_
    assert agreed.get(MatchElement.DESCRIPTORS) == descriptors


def test_the_name_that_a_passenger_reports_on_the_bag_counts_where_no_other_is_known() -> None:
    assert agreement("SURNAME", {"name_on_bag": "GONZALEZ"}, {"name_on_bag": "M. González"}) == 1.0


def test_near_codes_are_near_both_ways() -> None:
    for near in (NEAR_COLOURS, NEAR_TYPES):
        assert all(one in near[other] for one, others in near.items() for other in others)


def test_contents_in_another_language_and_with_common_things_that_count_little() -> None:
    same = agreement("CONTENTS", {"contents": "CLOTHES, SHOES, CAMERA, GIFTS"}, MISSED)
    everyday = agreement("CONTENTS", {"contents": "roupas, sapatos, tripod"}, MISSED)
    misspelt = agreement("CONTENTS", {"contents": "binoculaes"}, {"contents": "libros; binoculares"})
    part = agreement("CONTENTS", {"contents": "camera"}, MISSED)
    whole = agreement("CONTENTS", MISSED, {"contents": "camera"})
    assert (same, misspelt, part, whole) == (1.0, 1.0, 1.0, 1.0)
    assert everyday is not None
    assert everyday < 0.5
    assert {canonical_word(word) for word in ("ZAPATOS", "SAPATO", "SHOES")} == {"SHOE"}
    assert canonical_word("CON") is canonical_word("A") is None


@pytest.mark.parametrize(
    ("brand", "agrees"), [("SAMSONITE", 1.0), ("Samsonte", 0.78), ("Totto", 0.0), ("no brand", None)]
)
def test_brands(brand: str, agrees: float | None) -> None:
    expected = None if agrees is None else pytest.approx(agrees, abs=0.01)
    assert agreement("BRAND", {"brand": brand}, MISSED) == expected


def test_route_flight_and_date() -> None:
    assert agreement("ROUTE", {"stations": ["PTY"]}, MISSED) == 1.0
    assert agreement("ROUTE", {"stations": ["LIM", "GRU"]}, MISSED) == 0.5
    assert agreement("FLIGHT", {"flights": ["CM758/2025-07-01"]}, MISSED) == 1.0
    assert agreement("FLIGHT", {"flights": ["CM758/2025-07-02"]}, MISSED) == 0.6
    assert agreement("FLIGHT", {"flights": ["CM758/2025-07-09", "CM100/2025-07-01"]}, MISSED) == 0.0
    days = {days: agreement("DATE", {"at": DAY + timedelta(days=days)}, MISSED) for days in (-4, -2, 0, 3, 24, 60)}
    assert days == {-4: 0.0, -2: 1.0, 0: 1.0, 3: 1.0, 24: 0.5, 60: 0.0}


def test_the_score_is_of_what_both_sides_have() -> None:
    found = bag(tags=["0230456782"], description="GN22RHW", at=DAY)
    agreed = score(found, bag(**MISSED))
    possible = sum(WEIGHTS[MatchElement(name)] for name in ("TAG", "COLOUR", "TYPE", "DESCRIPTORS", "DATE"))
    assert agreed.points == possible - WEIGHTS[MatchElement.COLOUR]
    assert agreed.percentage == round(100 * agreed.points / possible, 1)
    assert [one.element for one in agreed.contradicting] == ["COLOUR"]
    assert {one.element for one in agreed.matched} == {"TAG", "TYPE", "DESCRIPTORS", "DATE"}
    [colour] = agreed.contradicting
    assert (colour.found, colour.reported, colour.earned) == ("GN", "BK", 0.0)


def test_two_bags_that_share_nothing_have_no_score_but_of_the_date() -> None:
    agreed = score(bag(), bag())
    assert (agreed.percentage, agreed.contradicting) == (100.0, ())
    assert agreed.points == WEIGHTS[MatchElement.DATE], "too few points for a proposal"


# Keys


def shared(found: dict[str, Any], missed: dict[str, Any] = MISSED) -> set[str]:
    both = wanted_keys(bag(**found)).keys() & set(keys(bag(**missed)))
    opposite = wanted_keys(bag(**missed)).keys() & set(keys(bag(**found)))
    assert {key[0] for key in both} == {key[0] for key in opposite}, "either side finds the other"
    return {key[0] for key in both}


@pytest.mark.parametrize(
    ("found", "kinds"),
    [
        ({"tags": ["0230456782"]}, {"T"}),
        ({"tags": ["3230456782"]}, {"T"}),
        ({"tags": ["0230456792"]}, {"T"}),
        ({"tags": ["0023045682"]}, {"T"}),
        ({"tags": ["0230999999"]}, set()),
        ({"name_on_bag": "GONSALES"}, {"N"}),
        ({"name_on_bag": "MARIA"}, {"N"}),
        ({"name_on_bag": "SMITH"}, set()),
        ({"description": "BK22RHW", "stations": ["PTY"]}, {"L"}),
        ({"description": "GY22RHW", "stations": ["PTY"]}, {"L"}),
        ({"description": "BK02RHW", "stations": ["PTY"]}, {"L"}),
        ({"description": "BK22RHW", "stations": ["LIM"]}, set()),
        ({"description": "BK22RHW", "brand": "Samsonitte"}, {"B"}),
        ({"contents": "gifts"}, {"C"}),
        ({"contents": "shoes"}, set()),
        ({"flights": ["CM758/2025-07-01"]}, {"F"}),
    ],
)
def test_bags_that_may_be_the_same_share_a_key(found: dict[str, Any], kinds: set[str]) -> None:
    assert shared(found) == kinds


@pytest.mark.parametrize(
    ("on_the_label", "surname", "given_names"),
    [
        ("LI MING", "李", "明"),
        ("李明", "LI", "MING"),
        ("Musorgskiy", "Мусоргский", ""),
        ("Ol'ga Ольга", "OLGA", ""),
        ("ØDEGÅRD", "Odegard", ""),
        ("mhmd", "محمد", ""),
    ],
)
def test_names_in_other_scripts_are_compared_by_their_letters(
    on_the_label: str, surname: str, given_names: str
) -> None:
    found = {"name_on_bag": on_the_label}
    assert agreement("SURNAME", found, {"surname": surname, "given_names": given_names}) == 1.0


@pytest.mark.parametrize(
    "spellings",
    [("GONZALEZ", "GONSALES", "GONSALEZ"), ("VALDES", "BALDEZ"), ("JIMENEZ", "GIMENES"), ("QUINTERO", "KINTERO")],
)
def test_names_are_found_by_their_sound(spellings: tuple[str, ...]) -> None:
    assert len({sound(name) for name in spellings}) == 1
    assert len({sound(name) for name in ("GONZALEZ", "PEREZ", "SMITH", "SOUZA", "SILVA")}) == 5


def test_what_is_compared_is_bounded() -> None:
    huge = bag(
        contents="a" * MAX_CHARACTERS + " tripod", surname="Ana " * 500, tags=[f"02304567{n}" for n in range(10, 40)]
    )
    assert "TRIPOD" not in huge.contents
    assert len(huge.names[0]) <= MAX_WORDS
    assert len(keys(huge)) == len(wanted_keys(huge)) == MAX_KEYS


TEXTS = st.text(max_size=3_000)


@given(TEXTS, TEXTS, st.lists(st.text("0123456789", min_size=9, max_size=10), max_size=4))
def test_any_text_is_compared_with_itself(name: str, contents: str, tags: list[str]) -> None:
    one = bag(surname=name, given_names=name, brand=name, contents=contents, tags=tags, stations=["PTY"])
    agreed = score(one, one)
    assert agreed.contradicting == ()
    assert agreed.percentage == 100.0
    assert len(keys(one)) <= MAX_KEYS
    assert len(wanted_keys(one)) <= MAX_KEYS
