"""What passengers are told of their files: one milestone as a short message and as an email, in their language.

A short message names the airline first, then tags, file, airports by code and at most one link; no name, address or
contents. An email repeats it with names of cities, deadlines and what to do about expenses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from html import escape
from zoneinfo import ZoneInfo

from integrations.records.codes import day_and_month
from integrations.records.effects import Trigger
from integrations.records.passengers import Language
from integrations.records.sms import Sms, gsm_safe, measure
from resolvers.notifications.wording.en import ENGLISH
from resolvers.notifications.wording.es import SPANISH
from resolvers.notifications.wording.layout import BUTTON, DETAIL, NOTE, PAGE, PARAGRAPH
from resolvers.notifications.wording.pt import PORTUGUESE
from resolvers.notifications.wording.words import Phrasebook, fill

PHRASEBOOKS = {Language.ES: SPANISH, Language.EN: ENGLISH, Language.PT: PORTUGUESE}

# Teletype months, as on tags and tickets, in every language.

# What the table of an email shows beside the file, its tags and its destination.
DETAILS = {
    Trigger.BAG_LOCATED: ("place",),
    Trigger.BAG_FORWARDED: ("flight_on",),
    Trigger.OUT_FOR_DELIVERY: ("window", "courier"),
}

# What is known to fit 320 characters with everything else at its longest.
SMS_TAGS = 3
SMS_COURIER = 30


@dataclass(frozen=True, slots=True)
class Milestone:
    """A file at the moment its passenger is told of it. What is not known is not spoken of.

    Args:
        airline: the brand.
        station: the passenger's destination, by IATA code; with its city for emails.
        zone: the station's time zone.
        tags: of all bags of the file, in printed form: ``CM456781``.
        reference: ``GRUCM12345``; None until WorldTracer has assigned it.
        surname: for the greeting of an email.
        place: where the bag was seen last, by IATA code; with its city for emails.
        flight: the designator of the flight that carries the bag to the station, and its local date of departure.
        window: when the delivery begins and ends.
        courier: who delivers.
        damage_claim_by: the last day for a complaint about damage; this and the next two by the station's calendar.
        delay_claim_by: the last day for a complaint about the delay.
        suit_by: the last day for legal action.
        liability_limit_sdr: where the Montreal Convention governs the journey.
        tracking_url: the page of a file is this, a slash and its reference.
    """

    airline: str
    station: str
    zone: ZoneInfo
    tags: tuple[str, ...] = ()
    reference: str | None = None
    station_city: str | None = None
    surname: str | None = field(default=None, repr=False)
    place: str | None = None
    place_city: str | None = None
    flight: str | None = None
    flight_date: date | None = None
    window: tuple[datetime, datetime] | None = None
    courier: str | None = None
    damage_claim_by: date | None = None
    delay_claim_by: date | None = None
    suit_by: date | None = None
    liability_limit_sdr: int | None = None
    tracking_url: str | None = None


@dataclass(frozen=True, slots=True)
class Mail:
    """An email ready to be sent; html and text say the same."""

    subject: str
    html: str = field(repr=False)
    text: str = field(repr=False)


def render_sms(trigger: Trigger, language: str, milestone: Milestone) -> Sms:
    """The milestone as a short message in GSM-7 of at most 320 characters; in English for an unknown language."""
    book = phrasebook(language)
    values = {
        **_common_values(milestone),
        "airline": milestone.airline,
        "station": milestone.station,
        "place": milestone.place,
        "tags": _short_list(milestone.tags),
        "courier": milestone.courier[:SMS_COURIER].strip() if milestone.courier else None,
        "damage_claim_by": _teletype_day(milestone.damage_claim_by),
    }
    safe = {name: value if name == "link" or value is None else gsm_safe(value) for name, value in values.items()}
    known = _with_baggage(book, safe)
    said = " ".join(fill(book.milestones[trigger].sms, known))
    return measure(f"{known['airline']}: {said}")


def render_email(trigger: Trigger, language: str, milestone: Milestone) -> Mail:
    """The milestone as an email; in English for an unknown language."""
    book = phrasebook(language)
    known = _email_values(book, milestone)
    words = book.milestones[trigger]
    subject, greeting = _line(words.subject, known), _line(book.greeting, known)
    paragraphs, notes = fill(words.body, known), fill(book.notes, known)
    shown = ("reference", "tags", *DETAILS.get(trigger, ()), "station")
    details = {book.details[name]: known[name] for name in shown if name in known}
    return Mail(
        subject,
        PAGE.substitute(
            lang=book.tag,
            subject=escape(subject),
            airline=escape(milestone.airline),
            headline=escape(words.headline),
            greeting=escape(greeting),
            paragraphs="\n".join(PARAGRAPH.substitute(text=escape(text)) for text in paragraphs),
            details="\n".join(
                DETAIL.substitute(label=escape(label), value=escape(value)) for label, value in details.items()
            ),
            button=BUTTON.substitute(link=escape(known["link"]), label=escape(words.button)) if "link" in known else "",
            notes="\n".join(NOTE.substitute(text=escape(text)) for text in notes),
        ),
        "\n\n".join(
            (
                words.headline,
                greeting,
                *paragraphs,
                "\n".join(f"{label}: {value}" for label, value in details.items()),
                *([f"{words.button}: {known['link']}"] if "link" in known else []),
                *notes,
            )
        )
        + "\n",
    )


def phrasebook(language: str) -> Phrasebook:
    """The words of a language; English for one that has none here (SITA's rule of a company default)."""
    return PHRASEBOOKS[Language(language)] if language in Language.__members__ else ENGLISH


def _common_values(milestone: Milestone) -> dict[str, str | None]:
    filed = milestone.reference and milestone.tracking_url
    return {
        "reference": milestone.reference,
        "flight": milestone.flight if milestone.flight_date else None,
        "flight_date": _teletype_day(milestone.flight_date),
        "window": _window(milestone),
        "link": f"{milestone.tracking_url}/{milestone.reference}" if filed else None,
    }


def _email_values(book: Phrasebook, milestone: Milestone) -> Mapping[str, str]:
    common = _common_values(milestone)
    return _with_baggage(
        book,
        {
            **common,
            "airline": milestone.airline,
            "surname": milestone.surname,
            "station": _place(milestone.station, milestone.station_city),
            "place": _place(milestone.place, milestone.place_city),
            "tags": ", ".join(milestone.tags) or None,
            "flight_on": f"{common['flight']}, {common['flight_date']}" if common["flight"] else None,
            "courier": milestone.courier,
            "damage_claim_by": _day(book, milestone.damage_claim_by),
            "delay_claim_by": _day(book, milestone.delay_claim_by),
            "suit_by": _day(book, milestone.suit_by),
            "limit": _number(book, milestone.liability_limit_sdr),
        },
    )


def _with_baggage(book: Phrasebook, values: Mapping[str, str | None]) -> dict[str, str]:
    """What is known of the values, and the baggage as it is named in and at the head of a sentence."""
    known = {name: value for name, value in values.items() if value}
    baggage = _line(book.baggage, known)
    return {**known, "baggage": baggage, "Baggage": baggage[0].upper() + baggage[1:]}


def _line(text: str, values: Mapping[str, str]) -> str:
    (line,) = fill(text, values)
    return line


def _short_list(tags: tuple[str, ...]) -> str | None:
    more = f" +{len(tags) - SMS_TAGS}" if len(tags) > SMS_TAGS else ""
    return ", ".join(tags[:SMS_TAGS]) + more or None


def _place(code: str | None, city: str | None) -> str | None:
    return f"{code} ({city})" if code and city else code


def _window(milestone: Milestone) -> str | None:
    """``24NOV 14:00-18:00`` on the clock of the station; the second day is named where it is another."""
    if milestone.window is None:
        return None
    start, end = (moment.astimezone(milestone.zone) for moment in milestone.window)
    other_day = f"{_teletype_day(end.date())} " if end.date() != start.date() else ""
    return f"{_teletype_day(start.date())} {start:%H:%M}-{other_day}{end:%H:%M}"


def _teletype_day(day: date | None) -> str | None:
    return day_and_month(day) if day else None


def _day(book: Phrasebook, day: date | None) -> str | None:
    if day is None:
        return None
    return _line(book.date, {"day": str(day.day), "month": book.months[day.month - 1], "year": str(day.year)})


def _number(book: Phrasebook, number: int | None) -> str | None:
    return None if number is None else f"{number:,}".replace(",", book.thousands)
