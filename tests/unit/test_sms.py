"""Number of parts of an SMS: alphabets of 3GPP TS 23.038 and the counts measured for them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.records.sms import GSM_7, GSM_7_EXTENSION, Encoding, cut, gsm_safe, measure


@pytest.mark.parametrize(
    ("text", "encoding", "characters", "parts"),
    [
        (
            (
                "Copa: your bag CM456781 did not arrive with you at GRU. File GRUCM12345 is open "
                "and we are tracing it. Track: copa.example/b/GRUCM12345"
            ),
            Encoding.GSM_7,
            135,
            1,
        ),
        (
            (
                "Copa: su maleta CM456781 no llegó con usted a GRU. Abrimos el reporte GRUCM12345 "
                "y la estamos buscando. Siga su estado en copa.example/b/GRUCM12345"
            ),
            Encoding.UCS_2,
            147,
            3,
        ),
        (
            (
                "Copa: buenas noticias. Su maleta CM456781 fue localizada en PTY y viaja a GRU en CM758 el 24NOV. "
                "Reporte GRUCM12345."
            ),
            Encoding.GSM_7,
            116,
            1,
        ),
        (
            "Copa: su maleta CM456781 sale hoy a su domicilio entre 14:00 y 18:00. Reporte GRUCM12345.",
            Encoding.GSM_7,
            89,
            1,
        ),
        (
            "Copa: su maleta CM456781 está en camino a la dirección indicada, hoy 14:00-18:00. Reporte GRUCM12345.",
            Encoding.UCS_2,
            101,
            2,
        ),
    ],
)
def test_measured_messages(text: str, encoding: Encoding, characters: int, parts: int) -> None:
    sms = measure(text)
    assert (sms.encoding, len(sms.text), sms.parts) == (encoding, characters, parts)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("€" * 76 * 2, 2),
        # 153 is odd: an extension character that would begin in the last place moves to the next part.
        ("€" * 76 * 2 + "€", 3),
        ("á" * 70, 1),
        ("á" * 71, 2),
        ("á" * 134, 2),
        ("á" * 135, 3),
        ("🧳" * 35, 1),
        ("🧳" * 66, 2),
        # 67 is odd: a pair of surrogates is not cut.
        ("🧳" * 67, 3),
    ],
)
def test_parts(text: str, parts: int) -> None:
    assert measure(text).parts == parts


def test_the_table_of_accents() -> None:
    assert all(sign in GSM_7 for sign in "éÉñÑüÜ¿¡àèìòùäöåÇ")
    assert not any(sign in GSM_7 or sign in GSM_7_EXTENSION for sign in "áíóúÁÍÓÚçãõâêôº°“–")  # noqa: RUF001
    assert (len(GSM_7), len(GSM_7_EXTENSION)) == (127, 10)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("Bogotá", "Bogota"),
        ("São Paulo", "Sao Paulo"),
        ("São", "Sao"),
        ("Señor Núñez é", "Señor Nuñez é"),
        ("“Fragile” – 5º", '"Fragile" - 5o'),  # noqa: RUF001
        ("bag 🧳 1", "bag :luggage: 1"),
        ("[1] 5 €", "[1] 5 €"),
        ("Łódź, Đặng, Şükrü, Þór", "Lodz, Dang, Sükrü, Thor"),
        ("Ελλάδα Москва", "Ellada Moskva"),
        ("佐川急便", "ZuoChuanJiBian"),
        ("O`Neill\u00a0a\tb", "O'Neill a b"),
    ],
)
def test_data_are_taken_back_to_the_alphabet(text: str, safe: str) -> None:
    assert gsm_safe(text) == safe


@pytest.mark.parametrize(
    ("text", "septets", "kept"), [("abc", 2, "ab"), ("a€b", 2, "a"), ("a€b", 3, "a€"), ("", 5, "")]
)
def test_a_character_of_the_extension_counts_as_two(text: str, septets: int, kept: str) -> None:
    assert cut(text, septets) == kept


@given(st.text(max_size=400))
def test_safe_text_is_gsm_7_and_stays_as_it_is(text: str) -> None:
    safe = gsm_safe(text)
    sms = measure(safe)
    assert sms.encoding == Encoding.GSM_7
    septets = len(safe) + sum(character in GSM_7_EXTENSION for character in safe)
    assert sms.parts >= (1 if septets <= 160 else math.ceil(septets / 153))
    assert measure(cut(safe, 160)).parts == 1
    assert safe.startswith(cut(safe, 30))
    assert gsm_safe(safe) == safe
