"""Tags in the forms people and messages write them; rules of IATA Resolutions 740 and 751 and of RP1745."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.records.tags import InvalidTagError, TagQuery, parse_tag, printed_form

plates = st.from_regex(r"[0-9]{10}", fullmatch=True)


@pytest.mark.parametrize("text", ["0230456781", " 0230 456781 ", "0230-456-781", "0 230 456 781", "0230456781\n"])
def test_ten_digits_are_a_plate_however_they_are_spaced(text: str) -> None:
    assert parse_tag(text) == TagQuery(numbers=("0230456781",))


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("CM456781", ("CM", "456781")),
        ("cm 456 781", ("CM", "456781")),
        ("P5-123456", ("P5", "123456")),
        ("\uff23\uff2d\uff14\uff15\uff16\uff17\uff18\uff11", ("CM", "456781")),
        ("cm\u3000456\u2011781", ("CM", "456781")),
        ("\ufeffCM456781\u200b", ("CM", "456781")),
    ],
)
def test_the_printed_form_has_lost_its_leading_digit(text: str, printed: tuple[str, str]) -> None:
    assert parse_tag(text) == TagQuery(printed=printed)


def test_nine_digits_get_their_zero_back_and_say_so() -> None:
    assert parse_tag("230456781") == TagQuery(numbers=("0230456781",), repaired=True)


def test_a_count_names_consecutive_plates() -> None:
    assert parse_tag("0085123456003").numbers == ("0085123456", "0085123457", "0085123458")


def test_a_count_may_reach_the_last_serial_and_not_pass_it() -> None:
    assert parse_tag("0085999998002").numbers == ("0085999998", "0085999999")
    with pytest.raises(InvalidTagError, match="past serial 999999"):
        parse_tag("0085999998003")


def test_a_count_of_none_is_no_tag() -> None:
    with pytest.raises(InvalidTagError, match="001"):
        parse_tag("0085123456000")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12345678",  # eight digits: no printed form without a letter
        "12345678901",
        "CM4567812",
        "COP456781",
        "CM45678A",
        "\u0660230456781",
        "ßM456781",
        "0230456781\0",
    ],
)
def test_other_texts_are_no_tags(text: str) -> None:
    with pytest.raises(InvalidTagError):
        parse_tag(text)


@given(plates)
def test_the_printed_form_of_a_plate_leads_back_to_its_serial(number: str) -> None:
    query = parse_tag(printed_form(number, "CM"))
    assert query.printed == ("CM", number[4:])


@given(plates)
def test_a_plate_of_an_unknown_issuer_is_printed_in_full(number: str) -> None:
    assert printed_form(number, None) == number


@given(plates, st.integers(1, 999))
def test_a_counted_tag_is_so_many_plates_of_one_issuer(number: str, count: int) -> None:
    try:
        numbers = parse_tag(f"{number}{count:03d}").numbers
    except InvalidTagError:
        assert int(number[4:]) + count > 1_000_000
    else:
        assert len(set(numbers)) == count
        assert {one[:4] for one in numbers} == {number[:4]}
        assert numbers[0] == number


@given(st.text(max_size=20))
def test_any_text_is_parsed_or_rejected_with_a_reason(text: str) -> None:
    try:
        query = parse_tag(text)
    except InvalidTagError as error:
        assert str(error)  # noqa: PT017 # most texts are none, and that is as well
    else:
        assert all(re.fullmatch("[0-9]{10}", number) for number in query.numbers)
        assert query.numbers or query.printed
