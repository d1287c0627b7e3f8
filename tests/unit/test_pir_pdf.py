"""The printed report: its content in each language, and hostile texts."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from reportlab.platypus import SimpleDocTemplate

from integrations.records.passengers import Language
from integrations.records.pirs import LiabilityRegime, PirKind
from resolvers.documents.pir_pdf import PaperSize, PrintedBag, PrintedPir, ZonedTime, printed_pir, render
from resolvers.documents.pir_pdf_words import PRINTED_WORDS, PrintedWords
from resolvers.notifications.case_file import CaseFile
from resolvers.rules.deadlines import Deadlines, LiabilityCase, deemed_lost, suit

SAO_PAULO, PANAMA = ZoneInfo("America/Sao_Paulo"), ZoneInfo("America/Panama")
NIGHT = datetime(2026, 11, 24, 1, 5, tzinfo=UTC)
CASE = LiabilityCase(PirKind.DELAYED, NIGHT, None)
LAW = Deadlines(
    None, None, deemed_lost(CASE, SAO_PAULO), suit(CASE, SAO_PAULO), LiabilityRegime.MONTREAL, "not printed", 1_519
)
BAG = PrintedBag(
    seq=1,
    tag="CM456782 (0230456782)",
    rush_tag="CM000457 (2230000457)",
    description="BK22RHW",
    brand="Samsonite",
    name_on_bag="GONZALEZ/MARIA",
    contents="Ropa, cámara & <zapatos>",
    damage="Rueda rota",
)
REPORT = PrintedPir(
    airline="Copa Airlines",
    kind=PirKind.DELAYED,
    reference="GRUCM12345",
    number=17,
    station="GRU São Paulo",
    opened_at=ZonedTime(NIGHT, SAO_PAULO),
    printed_at=ZonedTime(NIGHT + timedelta(minutes=20), PANAMA),
    deadlines=LAW,
    bags=(BAG,),
    flights=("CM335 MIA-PTY 23NOV2026", "CM758 PTY-GRU 23NOV2026"),
    origin="MIA Miami",
    destination="GRU Guarulhos",
    expected_arrival_at=ZonedTime(NIGHT, SAO_PAULO),
    delivered_at=ZonedTime(NIGHT + timedelta(days=2), SAO_PAULO),
    closed_at=ZonedTime(NIGHT + timedelta(days=3), SAO_PAULO),
    previous="GRUCM00007",
    surname="González Peña",
    given_names="María José Conceição",
    locator="F7K2QX",
    frequent_flyer="ConnectMiles Gold 000000001",
    phone="+1 305 555 0142",
    email="maria@example.com",
    spoken="ES",
    address="Rua Augusta 1000",
    remarks="BAG MISSED CM758.",
    reason_for_loss="56",
    fault_station="PTY",
)


def read(report: PrintedPir, language: Language = Language.ES, size: PaperSize = PaperSize.A4) -> PdfReader:
    return PdfReader(BytesIO(render(report, language, size)))


def text(report: PrintedPir, language: Language = Language.ES) -> str:
    return " ".join(" ".join(page.extract_text() for page in read(report, language).pages).split())


@pytest.mark.parametrize("language", Language)
def test_every_value_of_the_file_is_printed(language: Language) -> None:
    printed_text = text(REPORT, language)
    for value in (
        *("Copa Airlines", "GRUCM12345", "GRU São Paulo", "GRUCM00007", "González Peña", "María José Conceição"),
        *("F7K2QX", "ConnectMiles Gold 000000001", "+1 305 555 0142", "maria@example.com", "Rua Augusta 1000"),
        *("CM335 MIA-PTY 23NOV2026", "CM758 PTY-GRU 23NOV2026", "MIA Miami", "GRU Guarulhos"),
        *("CM456782 (0230456782)", "CM000457 (2230000457)", "BK22RHW", "Samsonite", "GONZALEZ/MARIA"),
        *("Ropa, cámara & <zapatos>", "Rueda rota", "BAG MISSED CM758.", "56", "PTY", "1 519 SDR"),
        *("14DEC2026 America/Sao_Paulo", "23NOV2028 America/Sao_Paulo"),
        "23NOV2026 22:05 America/Sao_Paulo (UTC-03:00)",
        "23NOV2026 20:25 America/Panama (UTC-05:00)",
        PRINTED_WORDS[language].no_admission,
        PRINTED_WORDS[language].passenger_signature,
    ):
        assert value in printed_text, value


def test_nothing_is_printed_of_what_is_not_known() -> None:
    unknown = PrintedPir(
        airline="Copa Airlines",
        kind=PirKind.ON_HAND,
        reference=None,
        number=17,
        station="PTY",
        opened_at=ZonedTime(NIGHT, PANAMA),
        printed_at=ZonedTime(NIGHT, PANAMA),
        deadlines=None,
        bags=(
            replace(BAG, tag="", rush_tag="", brand="", name_on_bag="", contents=" ", damage="", description="ZZ98XXX"),
        ),
    )
    words = PRINTED_WORDS[Language.EN]
    printed_text = text(unknown, Language.EN)
    assert words.no_reference in printed_text
    assert "no. 17" in printed_text
    assert "ZZ98XXX" in printed_text
    assert words.no_admission in printed_text
    for label in (words.surname, words.brand, words.contents, words.deadlines, words.closed, words.remarks, words.tag):
        assert label not in printed_text


def test_every_language_has_every_text() -> None:
    spoken = list(PRINTED_WORDS.values())
    for part in fields(PrintedWords):
        values = [getattr(words, part.name) for words in spoken]
        if isinstance(values[0], Mapping):
            assert len({tuple(value) for value in values}) == 1, part.name
            values = [one for value in values for one in value.values()]
        assert all(values), part.name
    assert PRINTED_WORDS.keys() == set(Language)


@pytest.mark.parametrize("size", PaperSize)
def test_an_ordinary_report_fits_one_page(size: PaperSize) -> None:
    [page] = read(replace(REPORT, bags=(BAG, replace(BAG, seq=2))), Language.PT, size).pages
    assert round(page.mediabox.height) == {PaperSize.A4: 842, PaperSize.LETTER: 792}[size]


def test_equal_values_give_equal_bytes() -> None:
    assert render(REPORT, Language.ES) == render(replace(REPORT), Language.ES)


def test_threads_print_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two concurrent renderings would get wrong letters or a KeyError, since they share the position in a font."""
    build = SimpleDocTemplate.build
    printing = []

    def slow_build(document: SimpleDocTemplate, *story: Any, **pages: Any) -> None:
        printing.append(document)
        time.sleep(0.01)
        assert printing == [document]
        build(document, *story, **pages)
        printing.remove(document)

    monkeypatch.setattr(SimpleDocTemplate, "build", slow_build)
    with ThreadPoolExecutor(4) as threads:
        papers = list(threads.map(lambda report: render(report, Language.ES), [REPORT] * 8))
    assert len(set(papers)) == 1


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("Łukasz Şahin", "Łukasz Şahin"),
        ("Hőgyes Nguyễn", "Hogyes Nguyen"),
        ("Jose\u0301", "José"),
        ("Иван 山田", "Ivan ShanTian"),
        ("李明", "LiMing"),
        ("محمد", "mhmd"),
        ("東京都千代田区1-1", "DongJingDouQianDaiTianQu1-1"),
        ("Ana 🧳🧳 López", "Ana [?] López"),
        ("\u202eanA\u200b", "anA"),
        ("<b>A&B</b>\x00\ud800", "<b>A&B</b>"),
        ("x" * 300, "x [… +60]"),
    ],
)
def test_letters_that_the_font_lacks_are_shown_as_such(written: str, printed: str) -> None:
    printed_text = text(replace(REPORT, surname=written))
    assert printed.replace(" ", "") in printed_text.replace(" ", ""), "long words are broken"
    assert printed_text.count("[?]") == printed.count("[?]")


def test_any_amount_of_text_stays_within_bounds() -> None:
    huge = "ﷺ camisa <b> 🧳 \u202e" * 12_000 + "w" * 5_000
    bags = tuple(
        replace(BAG, seq=seq, contents=huge, damage=huge, brand=huge, name_on_bag=huge) for seq in range(1, 31)
    )
    values = dict.fromkeys(("surname", "given_names", "phone", "email", "address", "remarks", "station"), huge)
    paper = render(replace(REPORT, bags=bags, flights=("CM758",) * 500, **cast("dict[str, Any]", values)), Language.PT)
    pages = PdfReader(BytesIO(paper)).pages
    assert len(pages) <= 10
    assert len(paper) < 500_000
    assert f"+ 18 {PRINTED_WORDS[Language.PT].more_bags}" in pages[-1].extract_text() + pages[-2].extract_text()


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=400), st.text(max_size=400))
def test_no_text_breaks_it(one: str, other: str) -> None:
    bag = replace(BAG, contents=one, brand=other, damage=one, tag=other, description=one)
    report = replace(REPORT, bags=(bag,), surname=one, reference=other or None, airline=one, remarks=other)
    assert read(report, Language.EN).pages


# From records


def test_a_case_file_becomes_a_report() -> None:
    airport = SimpleNamespace(iata="PTY", city="Panamá", time_zone="America/Panama")
    flight = SimpleNamespace(designator="CM758", origin="PTY", destination="GRU", departure_date=NIGHT.date())
    bag = SimpleNamespace(
        seq=1,
        tag="0230456782",
        rush_tag="2999000457",
        description="BK22RHW",
        brand="Samsonite",
        name_on_bag="GONZALEZ",
        contents="Ropa",
        damage="",
    )
    pir = SimpleNamespace(
        id=17,
        kind="DELAYED",
        reference="GRUCM12345",
        station="PTY",
        origin="MIA",
        destination="GRU",
        opened_at=NIGHT,
        expected_arrival_at=NIGHT,
        delivered_at=None,
        closed_at=None,
        delivery_address=None,
        remarks="",
        reason_for_loss="56",
        fault_station="PTY",
    )
    case = SimpleNamespace(
        pir=pir,
        bags=[bag],
        passenger=SimpleNamespace(
            surname="Peña",
            given_names="José",
            locator=None,
            loyalty_programme="ConnectMiles",
            loyalty_tier=None,
            loyalty_number="7",
        ),
        itinerary=[flight],
        airports={"PTY": airport},
        issuers={"230": "CM"},
        old_reference=None,
        language="PT",
        phone=None,
        email="jose@example.com",
        zone=SAO_PAULO,
    )
    report = printed_pir(cast(CaseFile, case), "Copa Airlines", LAW, NIGHT)
    assert report == PrintedPir(
        airline="Copa Airlines",
        kind=PirKind.DELAYED,
        reference="GRUCM12345",
        number=17,
        station="PTY Panamá",
        opened_at=ZonedTime(NIGHT, PANAMA),
        printed_at=ZonedTime(NIGHT, PANAMA),
        deadlines=LAW,
        bags=(PrintedBag(1, "CM456782 (0230456782)", "2999000457", "BK22RHW", "Samsonite", "GONZALEZ", "Ropa", ""),),
        flights=("CM758 PTY-GRU 24NOV2026",),
        origin="MIA",
        destination="GRU",
        expected_arrival_at=ZonedTime(NIGHT, SAO_PAULO),
        surname="Peña",
        given_names="José",
        frequent_flyer="ConnectMiles 7",
        email="jose@example.com",
        spoken="PT",
    )
