"""Messages to passengers, in each language and with any values missing."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.records.airports import zone_at
from integrations.records.effects import Trigger
from integrations.records.passengers import Language
from integrations.records.sms import Encoding, gsm_safe, measure
from resolvers.notifications.render import PHRASEBOOKS, Milestone, render_email, render_sms

LITTLE = Milestone("Copa", "GRU", ZoneInfo("America/Sao_Paulo"))
FULL = Milestone(
    airline="Copa",
    station="GRU",
    zone=ZoneInfo("America/Sao_Paulo"),
    tags=("CM456781",),
    reference="GRUCM12345",
    station_city="São Paulo",
    surname="González",
    place="PTY",
    place_city="Ciudad de Panamá",
    flight="CM702",
    flight_date=date(2026, 11, 24),
    window=(datetime(2026, 11, 24, 17, tzinfo=UTC), datetime(2026, 11, 24, 21, tzinfo=UTC)),
    courier="Entrega Rápida",
    damage_claim_by=date(2026, 12, 1),
    delay_claim_by=date(2026, 12, 15),
    suit_by=date(2028, 11, 23),
    liability_limit_sdr=1519,
    tracking_url="https://copa.example/b",
)
LONGEST = replace(
    FULL,
    airline="Copa Airlines Colombia",
    tags=tuple(f"CM45678{number}" for number in range(10)),
    flight="CM1234A",
    window=(datetime(2026, 11, 24, 17, tzinfo=UTC), datetime(2026, 11, 25, 21, tzinfo=UTC)),
    courier="Mensajería y Encomiendas " * 10,
    tracking_url="https://equipaje.copa-airlines.example/seguimiento",
)
EVERY = list(product(Trigger, Language))


@pytest.mark.parametrize(("trigger", "language"), EVERY)
def test_the_words_of_a_short_message_need_no_sign_outside_gsm_7(trigger: Trigger, language: Language) -> None:
    words = PHRASEBOOKS[language].milestones[trigger].sms.replace("|", "")
    assert gsm_safe(words) == words


@pytest.mark.parametrize(("trigger", "language"), EVERY)
@pytest.mark.parametrize("milestone", [LITTLE, FULL, LONGEST], ids=["little", "full", "longest"])
def test_an_sms_is_short_and_holds_no_more_than_it_may(
    trigger: Trigger, language: Language, milestone: Milestone
) -> None:
    sms = render_sms(trigger, language, milestone)
    assert sms.encoding == Encoding.GSM_7
    assert sms == measure(sms.text)
    assert sms.text.startswith(f"{milestone.airline}: ")
    assert len(sms.text) <= 320
    assert sms.parts <= (3 if milestone is LONGEST else 2 if milestone is FULL else 1)
    assert sms.text.count("https://") <= 1
    for private in ("González", "São", "Sao", "Panam", "$", "None", "|"):
        assert private not in sms.text
    assert ("GRUCM12345" in sms.text) == (milestone.reference is not None)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (
            "ES",
            (
                "Copa: su equipaje CM456781 sale a entrega: 24NOV 14:00-18:00, hora local. "
                "Lo lleva Entrega Rapida. Reporte (PIR) GRUCM12345. Siga su estado: https://copa.example/b/GRUCM12345"
            ),
        ),
        (
            "EN",
            (
                "Copa: your baggage CM456781 is out for delivery: 24NOV 14:00-18:00, local time. "
                "By Entrega Rapida. Report (PIR) GRUCM12345. Track it: https://copa.example/b/GRUCM12345"
            ),
        ),
        (
            "PT",
            (
                "Copa: sua bagagem CM456781 saiu para entrega: 24NOV 14:00-18:00, hora local. "
                "Entrega por Entrega Rapida. Registro (PIR) GRUCM12345. Acompanhe: https://copa.example/b/GRUCM12345"
            ),
        ),
    ],
)
def test_a_delivery_window_is_in_local_time(language: str, text: str) -> None:
    assert render_sms(Trigger.OUT_FOR_DELIVERY, language, FULL).text == text


@pytest.mark.parametrize("language", Language)
def test_a_delivery_window_at_an_unknown_airport_is_in_utc_and_says_so(language: Language) -> None:
    """``docs/DOMAIN.md#rule-13``: a time in UTC must not be called local."""
    unknown = replace(FULL, station="QQS", station_city=None, zone=zone_at({}, "QQS"))
    sms = render_sms(Trigger.OUT_FOR_DELIVERY, language, unknown)
    mail = render_email(Trigger.OUT_FOR_DELIVERY, language, unknown)
    for text in (sms.text, mail.subject, mail.text):
        assert "24NOV 17:00-21:00, UTC" in text
        assert PHRASEBOOKS[language].local_time not in text


def test_a_message_without_a_reference_leaves_it_out() -> None:
    assert render_sms(Trigger.FILE_OPENED, "ES", replace(FULL, reference=None)).text == (
        "Copa: su equipaje CM456781 con destino GRU figura como demorado. "
        "Abrimos un reporte (PIR) y lo estamos buscando. Conserve el comprobante de equipaje."
    )


def test_many_tags_are_counted() -> None:
    assert "your baggage CM456780, CM456781, CM456782 +7 was" in render_sms(Trigger.DELIVERED, "EN", LONGEST).text
    assert "CM456789" in render_email(Trigger.DELIVERED, "EN", LONGEST).text


def test_a_delivery_after_midnight_names_both_days() -> None:
    late = replace(FULL, window=(datetime(2026, 11, 25, 1, tzinfo=UTC), datetime(2026, 11, 25, 4, tzinfo=UTC)))
    assert "24NOV 22:00-25NOV 01:00," in render_sms(Trigger.OUT_FOR_DELIVERY, "PT", late).text


@pytest.mark.parametrize("language", ["FR", "es-PA", "", "en"])
def test_an_unknown_language_gets_english(language: str) -> None:
    assert render_sms(Trigger.DELIVERED, language, FULL) == render_sms(Trigger.DELIVERED, "EN", FULL)
    assert render_email(Trigger.DELIVERED, language, FULL) == render_email(Trigger.DELIVERED, "EN", FULL)


@pytest.mark.parametrize(("trigger", "language"), EVERY)
def test_nothing_is_called_lost_before_it_may_be_claimed(trigger: Trigger, language: Language) -> None:
    words = PHRASEBOOKS[language].milestones[trigger]
    said = re.search(r"\b(lost|loss|perdid|pérdida|perda|extravia)", f"{words} {PHRASEBOOKS[language].notes}".lower())
    assert said is None or trigger is Trigger.CLAIM_STAGE


class Outline(HTMLParser):
    """The words of a page and the addresses that it would load; unclosed and crossed elements are errors."""

    VOID = ("meta", "br", "img", "link")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style" and data.strip():
            self.words.append(data.strip())

    def values(self, tag: str, name: str) -> list[str | None]:
        return [value for *where, value in self.attributes if where == [tag, name]]


@pytest.mark.parametrize(("trigger", "language"), EVERY)
@pytest.mark.parametrize("milestone", [LITTLE, FULL, LONGEST], ids=["little", "full", "longest"])
def test_an_email_has_the_same_content_in_html_and_in_text(
    trigger: Trigger, language: Language, milestone: Milestone
) -> None:
    mail = render_email(trigger, language, milestone)
    page = Outline(mail.html)
    assert page.values("html", "lang") == [language.lower()]
    assert "src" not in {name for _, name, _ in page.attributes}
    assert "url(" not in mail.html
    link = f"{milestone.tracking_url}/{milestone.reference}"
    assert page.values("a", "href") == ([link] if milestone.reference else [])
    assert (link in mail.text) == (milestone.reference is not None)
    title, brand, *said = page.words
    assert (title, brand) == (mail.subject, milestone.airline)
    assert all(words in mail.text for words in said)
    assert 10 < len(mail.subject) < 80
    for unfilled in ("$", "None", "|", "  "):
        assert unfilled not in mail.text
        assert unfilled not in mail.subject


def test_an_email_greets_by_surname_and_names_cities_days_and_the_limit() -> None:
    text = render_email(Trigger.DELIVERED, "ES", FULL).text
    for words in ("señor/a González:", "GRU (São Paulo)", "1 de diciembre de 2026", "15 de diciembre", "1519 DEG"):
        assert words in text
    assert "Estimado/a cliente:" in render_email(Trigger.DELIVERED, "ES", LITTLE).text
    assert "1,519 SDR" in render_email(Trigger.FILE_OPENED, "EN", FULL).text
    assert "vuelo CM702 del 24NOV" in render_email(Trigger.BAG_FORWARDED, "ES", FULL).text
    assert "Vuelo: " not in text


@given(st.sampled_from(Trigger), st.text(), st.text())
def test_what_is_filled_in_is_text_and_nothing_else(trigger: Trigger, before: str, after: str) -> None:
    said = f"{before}<img src=x>\"'&$tags{after}"
    hostile = replace(FULL, airline=said, surname=said, station_city=said, place_city=said, courier=said)
    mail = render_email(trigger, "EN", hostile)
    assert "<img" not in mail.html
    assert said in mail.text
    assert render_sms(trigger, "EN", hostile).encoding == Encoding.GSM_7


def luminance(colour: str) -> float:
    channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("#ffffff", "#123a7a"),
        ("#1c2229", "#ffffff"),
        ("#55606d", "#ffffff"),
        ("#e8eaed", "#1c2229"),
        ("#aab4bf", "#1c2229"),
        ("#11151a", "#8ab4f8"),
    ],
)
def test_colours_have_enough_contrast(text: str, ground: str) -> None:
    html = render_email(Trigger.DELIVERED, "EN", FULL).html
    assert text in html
    assert ground in html
    light, dark = sorted((luminance(text), luminance(ground)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5
