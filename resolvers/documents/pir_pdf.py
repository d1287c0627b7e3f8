"""Printable PIR: a PDF in the passenger's language, of one page if it fits, to be signed by passenger and agent.

The same values give the same bytes. The font has the Latin letters of most European languages; other scripts are
transliterated, and other characters printed as plain letters or as ``[?]``. Long texts are cut and say how many
characters are missing.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from html import escape
from io import BytesIO
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

from reportlab.graphics.barcode.code128 import Code128
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4, LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from integrations.batches import in_batches
from integrations.records.airports import zone_at
from integrations.records.codes import day_and_month
from integrations.records.flights import FlightColumns
from integrations.records.passengers import Language
from integrations.records.pirs import PirBag, PirKind
from integrations.records.tags import printed_form
from integrations.records.transliteration import transliterate
from resolvers.documents.pir_pdf_words import PRINTED_WORDS, PrintedWords
from resolvers.notifications.case_file import CaseFile
from resolvers.rules.deadlines import Deadline, Deadlines


class PaperSize(StrEnum):
    """Paper size of the report."""

    A4 = "A4"
    LETTER = "LETTER"


@dataclass(frozen=True, slots=True)
class PrintedBag:
    """A bag of the report.

    Args:
        seq: number of the bag in the PIR.
        tag: printed form with all ten digits: ``CM456781 (0230456781)``; so is ``rush_tag``.
        description: colour, type and descriptors as CCTTDDD.
    """

    seq: int
    tag: str
    rush_tag: str
    description: str
    brand: str
    name_on_bag: str = field(repr=False)
    contents: str = field(repr=False)
    damage: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ZonedTime:
    """A timestamp with the time zone that it is printed in."""

    at: datetime
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class PrintedPir:
    """The values of a report; unknown values are empty and are not printed.

    Args:
        airline: name of the airline.
        reference: assigned by WorldTracer; None until then.
        number: our id of the PIR, printed in place of a missing reference.
        station: IATA code and city of the station that opened the PIR; so are ``origin`` and ``destination``.
        previous: reference of the PIR that this one follows.
        flights: in travel order, such as ``CM758 PTY-GRU 24NOV2026``.
        closed_at: when the PIR was closed; reason for loss and fault station are printed only then.
        spoken: code of the passenger's language.
    """

    airline: str
    kind: PirKind
    reference: str | None
    number: int
    station: str
    opened_at: ZonedTime
    printed_at: ZonedTime
    deadlines: Deadlines | None
    bags: tuple[PrintedBag, ...]
    flights: tuple[str, ...] = ()
    origin: str = ""
    destination: str = ""
    expected_arrival_at: ZonedTime | None = None
    delivered_at: ZonedTime | None = None
    closed_at: ZonedTime | None = None
    previous: str = ""
    surname: str = field(default="", repr=False)
    given_names: str = field(default="", repr=False)
    locator: str = field(default="", repr=False)
    frequent_flyer: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    spoken: str = ""
    address: str = field(default="", repr=False)
    remarks: str = field(default="", repr=False)
    reason_for_loss: str = ""
    fault_station: str = ""


def printed_pir(case: CaseFile, airline: str, deadlines: Deadlines | None, now: datetime) -> PrintedPir:
    """The values of the report of a PIR.

    Args:
        airline: name of the airline.
        deadlines: legal deadlines; None for a found bag.
        now: when the report is printed, UTC.
    """
    pir, passenger = case.pir, case.passenger
    station = zone_at(case.airports, pir.station)
    loyalty = (passenger.loyalty_programme, passenger.loyalty_tier, passenger.loyalty_number) if passenger else ()
    closed = pir.closed_at is not None
    return PrintedPir(
        airline=airline,
        kind=PirKind(pir.kind),
        reference=pir.reference,
        number=pir.id,
        station=_place(case, pir.station),
        opened_at=ZonedTime(pir.opened_at, station),
        printed_at=ZonedTime(now, station),
        deadlines=deadlines,
        bags=tuple(_bag(case, bag) for bag in case.bags),
        flights=tuple(map(_flight, case.itinerary)),
        origin=_place(case, pir.origin),
        destination=_place(case, pir.destination),
        expected_arrival_at=ZonedTime(pir.expected_arrival_at, case.zone) if pir.expected_arrival_at else None,
        delivered_at=ZonedTime(pir.delivered_at, case.zone) if pir.delivered_at else None,
        closed_at=ZonedTime(pir.closed_at, station) if pir.closed_at else None,
        previous=case.old_reference or "",
        surname=passenger.surname if passenger else "",
        given_names=passenger.given_names if passenger else "",
        locator=(passenger.locator or "") if passenger else "",
        frequent_flyer=" ".join(part for part in loyalty if part),
        phone=case.phone or "",
        email=case.email or "",
        spoken=case.language,
        address=pir.delivery_address or "",
        remarks=pir.remarks,
        reason_for_loss=(pir.reason_for_loss or "") if closed else "",
        fault_station=(pir.fault_station or "") if closed else "",
    )


def _place(case: CaseFile, code: str | None) -> str:
    airport = case.airports.get(code or "")
    return f"{airport.iata} {airport.city}".strip() if airport else code or ""


def _bag(case: CaseFile, bag: PirBag) -> PrintedBag:
    return PrintedBag(
        seq=bag.seq,
        tag=_tag(case, bag.tag),
        rush_tag=_tag(case, bag.rush_tag),
        description=bag.description,
        brand=bag.brand,
        name_on_bag=bag.name_on_bag,
        contents=bag.contents,
        damage=bag.damage,
    )


def _tag(case: CaseFile, number: str | None) -> str:
    if not number:
        return ""
    printed = printed_form(number, case.issuers.get(number[1:4]))
    return number if printed == number else f"{printed} ({number})"


def _flight(flight: FlightColumns) -> str:
    return f"{flight.designator} {flight.origin}-{flight.destination} {_day(flight.departure_date)}"


FONT, BOLD = "Vera", "VeraBd"  # Bitstream Vera, free to be embedded and passed on; they come with reportlab
MARGIN = 14 * mm
PADDING = 6  # of reportlab's frames, on each side
GREY, DARK = HexColor("#d5d9de"), HexColor("#1f2d3d")
TEXT = ParagraphStyle("text", fontName=FONT, fontSize=8.2, leading=10.2)
STATEMENT = ParagraphStyle("statement", TEXT, fontName=BOLD)
LABEL = ParagraphStyle("label", TEXT, fontSize=6.4, leading=7.8, textColor=HexColor("#5b6672"))
HEADING = ParagraphStyle(
    "heading", TEXT, fontName=BOLD, fontSize=8.6, leading=11, textColor=DARK, spaceBefore=5, keepWithNext=1
)
TITLE = ParagraphStyle("title", TEXT, fontName=BOLD, fontSize=12, leading=15, textColor=DARK)
REFERENCE = ParagraphStyle("reference", TITLE, fontSize=15, leading=20)
SIZES = {PaperSize.A4: A4, PaperSize.LETTER: LETTER}

# Maximum number of characters of a short value, and of a list or remark.
SHORT, LONG = 240, 1_200
MAX_BAGS = 12
UNKNOWN = "[?]"
LONGEST_SIGN = 6  # letters of a transliterated sign: SHUANG

# All documents share the fonts, and a font of reportlab reads its file at one position: rendering is not thread-safe.
_RENDER_LOCK = Lock()


def render(pir: PrintedPir, language: Language, size: PaperSize = PaperSize.A4) -> bytes:
    """Renders the report as a PDF; one thread at a time.

    Takes some tens of milliseconds of CPU, too long for the event loop.
    """
    words = PRINTED_WORDS[language]
    paper = BytesIO()
    document = SimpleDocTemplate(
        paper,
        pagesize=SIZES[size],
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=f"{words.title} {_name(pir)}",
        author=_printable(pir.airline, SHORT),
        lang=language.value.lower(),
        invariant=1,
    )

    def footer(canvas: Canvas, _document: Any) -> None:
        canvas.saveState()
        canvas.setFont(FONT, 6.5)
        canvas.drawString(MARGIN + PADDING, 9 * mm, f"{_name(pir)} · {words.printed} {_zoned_time(pir.printed_at)}")
        canvas.drawRightString(SIZES[size][0] - MARGIN - PADDING, 9 * mm, f"{words.page} {canvas.getPageNumber()}")
        canvas.restoreState()

    with _RENDER_LOCK:
        _register_fonts()
        document.build(_story(pir, words, document.width - 2 * PADDING), onFirstPage=footer, onLaterPages=footer)
    return paper.getvalue()


@cache
def _register_fonts() -> None:
    for name in (FONT, BOLD):
        registerFont(TTFont(name, f"{name}.ttf"))


@cache
def _letters() -> frozenset[str]:
    """The characters that the font has."""
    return frozenset(map(chr, TTFont(FONT, f"{FONT}.ttf").face.charToGlyph))


def _name(pir: PrintedPir) -> str:
    return pir.reference or f"{pir.airline} {pir.number}"


def _story(pir: PrintedPir, words: PrintedWords, width: float) -> list[Flowable]:
    return [
        _head(pir, words, width),
        *_section(
            "",
            [
                (words.station, pir.station),
                (words.opened, _zoned_time(pir.opened_at)),
                (words.previous, pir.previous),
            ],
            width,
        ),
        *_section(
            words.passenger,
            [
                (words.surname, pir.surname),
                (words.given_names, pir.given_names),
                (words.locator, pir.locator),
                (words.frequent_flyer, pir.frequent_flyer),
                (words.phone, pir.phone),
                (words.email, pir.email),
                (words.language, pir.spoken),
                (words.address, pir.address),
            ],
            width,
        ),
        *_section(
            words.journey,
            [
                (words.itinerary, ", ".join(pir.flights)),
                (words.route, " - ".join(filter(None, (pir.origin, pir.destination)))),
                (words.expected_arrival, _zoned_time(pir.expected_arrival_at)),
                (words.delivered, _zoned_time(pir.delivered_at)),
            ],
            width,
        ),
        *_bags(pir.bags, words, width),
        *_long(words.remarks, pir.remarks, HEADING),
        *_section(
            words.closed if pir.closed_at else "",
            [
                (words.closed, _zoned_time(pir.closed_at)),
                (words.reason_for_loss, pir.reason_for_loss),
                (words.fault_station, pir.fault_station),
            ],
            width,
        ),
        *_deadlines(pir, words, width),
        KeepTogether([Spacer(0, 6), Paragraph(words.no_admission, STATEMENT), _signatures(words, width)]),
    ]


def _head(pir: PrintedPir, words: PrintedWords, width: float) -> Flowable:
    left = [
        Paragraph(_markup(f"{pir.airline}", SHORT), HEADING),
        Paragraph(words.title, TITLE),
        Paragraph(words.kinds[pir.kind], HEADING),
    ]
    right: list[Flowable] = [Paragraph(words.reference if pir.reference else words.no_reference, LABEL)]
    right.append(Paragraph(_markup(pir.reference or f"no. {pir.number}", SHORT), REFERENCE))
    if pir.reference:
        right.append(Spacer(0, 2))
        right.append(Code128(_printable(pir.reference, SHORT), barHeight=9 * mm, barWidth=0.9, quiet=False))
    return _table([[left, right]], [width * 0.62, width * 0.38], [("LINEBELOW", (0, 0), (-1, 0), 1, DARK)])


def _section(heading: str, values: Iterable[tuple[str, str]], width: float, columns: int = 3) -> list[Flowable]:
    """Labelled values side by side; nothing if all are empty."""
    known = [[Paragraph(label, LABEL), Paragraph(_markup(value, SHORT), TEXT)] for label, value in values if value]
    if not known:
        return []
    known += [[] for _ in range(-len(known) % columns)]
    rows = [list(row) for row in in_batches(known, columns)]
    table = _table(rows, [width / columns] * columns, [("LINEBELOW", (0, 0), (-1, -1), 0.4, GREY)])
    return [Paragraph(heading, HEADING), table] if heading else [table]


def _bags(bags: Sequence[PrintedBag], words: PrintedWords, width: float) -> list[Flowable]:
    printed = [flowable for bag in bags[:MAX_BAGS] for flowable in _bag_section(bag, words, width)]
    further = len(bags) - MAX_BAGS
    return [*printed, Paragraph(f"+ {further} {words.more_bags}", TEXT)] if further > 0 else printed


def _bag_section(bag: PrintedBag, words: PrintedWords, width: float) -> list[Flowable]:
    looks = [words.colours.get(bag.description[:2], ""), words.types.get(bag.description[2:4], "")]
    in_words = ", ".join(filter(None, looks))
    values = [
        (words.tag, bag.tag),
        (words.rush_tag, bag.rush_tag),
        (words.looks, f"{bag.description} ({in_words})" if in_words else bag.description),
        (words.brand, bag.brand),
        (words.name_on_bag, bag.name_on_bag),
    ]
    return [
        *_section(f"{words.bag} {bag.seq}", values, width),
        *_long(words.contents, bag.contents),
        *_long(words.damage, bag.damage),
    ]


def _long(label: str, value: str, style: ParagraphStyle = LABEL) -> list[Flowable]:
    return [Paragraph(label, style), Paragraph(_markup(value, LONG), TEXT)] if value.strip() else []


def _deadlines(pir: PrintedPir, words: PrintedWords, width: float) -> list[Flowable]:
    law = pir.deadlines
    if law is None or pir.kind == PirKind.ON_HAND:
        return []
    values = [
        (words.damage_complaint, _last_day(law.damage_complaint)),
        (words.delay_complaint, _last_day(law.delay_complaint)),
        (words.deemed_lost, _last_day(law.deemed_lost)),
        (words.suit, _last_day(law.suit)),
        (
            words.liability_limit,
            f"{law.liability_limit_sdr:,} SDR".replace(",", " ") if law.liability_limit_sdr else "",
        ),
    ]
    return [
        *_section(words.deadlines, values, width),
        Paragraph(f"{words.complaint} {words.regimes[law.regime]}", LABEL),
    ]


def _signatures(words: PrintedWords, width: float) -> Flowable:
    labels = [
        Paragraph(label, LABEL) for label in (words.passenger_signature, words.agent_signature, words.place_and_date)
    ]
    row: list[list[Flowable]] = []
    for label in labels:
        row += [[label], []]
    part = width / 3
    lines = [("LINEABOVE", (column, 0), (column, 0), 0.7, DARK) for column in (0, 2, 4)]
    spaced = _table([row[:-1]], [part - 12, 18, part - 12, 18, part - 12], lines)
    spaced.spaceBefore = 16 * mm
    return spaced


def _table(rows: list[list[Any]], widths: list[float], lines: Sequence[Any]) -> Table:
    plain: list[Any] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 6),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
    ]
    return Table(rows, colWidths=widths, style=TableStyle([*plain, *lines]))


def _zoned_time(time: ZonedTime | None) -> str:
    """``24NOV2026 14:05 America/Panama (UTC-05:00)``."""
    if time is None:
        return ""
    local = time.at.astimezone(time.zone)
    offset = f"{local:%z}"
    return f"{_day(local.date())} {local:%H:%M} {time.zone.key} (UTC{offset[:3]}:{offset[3:5]})"


def _last_day(deadline: Deadline | None) -> str:
    return f"{_day(deadline.date)} {deadline.zone}" if deadline else ""


def _day(day: date) -> str:
    return f"{day_and_month(day)}{day.year}"


def _markup(text: str, limit: int) -> str:
    return escape(_printable(text, limit))


def _printable(text: str, limit: int) -> str:
    """The text in one line, in characters that the font has, cut to a number of characters."""
    kept = unicodedata.normalize("NFC", text[:limit])
    letters = "".join(map(_letter, kept))
    line = re.sub(r"\s+", " ", re.sub(r"(\[\?\])(\s*\[\?\])+", r"\1", letters)).strip()
    return f"{line} [… +{len(text) - limit}]" if len(text) > limit else line


def _letter(sign: str) -> str:
    if sign.isspace():
        return " "
    if sign in _letters():
        return sign
    if unicodedata.category(sign)[0] in "LMN":
        return transliterate(sign)[:LONGEST_SIGN]
    if unicodedata.category(sign) in {"Cc", "Cf", "Cs"}:
        return ""
    plain = "".join(part for part in unicodedata.normalize("NFKD", sign) if part in _letters())
    return plain[:LONGEST_SIGN] or UNKNOWN
