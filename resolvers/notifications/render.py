"""Rendering of a milestone of a PIR as SMS and as email, in the passenger's language.

Rules: ``docs/DOMAIN.md#wording-rules``. An SMS names the airline first, then tags, reference, airports by code and at
most one link; no name, address or contents. An email adds names of cities, deadlines and advice about expenses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from html import escape
from zoneinfo import ZoneInfo

from integrations.records.airports import UNKNOWN_ZONE
from integrations.records.codes import day_and_month
from integrations.records.effects import Trigger
from integrations.records.passengers import Language
from integrations.records.sms import Sms, cut, gsm_safe, measure
from resolvers.notifications.wording.en import ENGLISH
from resolvers.notifications.wording.es import SPANISH
from resolvers.notifications.wording.layout import BUTTON, DETAIL, NOTE, PAGE, PARAGRAPH
from resolvers.notifications.wording.pt import PORTUGUESE
from resolvers.notifications.wording.words import Phrasebook, fill

PHRASEBOOKS = {Language.ES: SPANISH, Language.EN: ENGLISH, Language.PT: PORTUGUESE}

# Rows of the table of an email besides reference, tags and destination.
DETAILS = {
    Trigger.BAG_LOCATED: ("place",),
    Trigger.BAG_FORWARDED: ("flight_on",),
    Trigger.OUT_FOR_DELIVERY: ("window", "courier"),
}

# With these limits an SMS fits 320 characters when everything else is at its longest.
SMS_TAGS = 3
SMS_COURIER = 30


@dataclass(frozen=True, slots=True)
class Milestone:
    """The content of a message about a PIR. Unknown values are None and are left out of the message.

    Args:
        airline: brand of the airline.
        station: IATA code of the passenger's destination.
        zone: time zone of the station; UTC if the airport is unknown.
        tags: of all bags of the PIR, in printed form: ``CM456781``.
        reference: ``GRUCM12345``; None until WorldTracer has assigned it.
        station_city: city of the station, for emails.
        surname: for the greeting of an email.
        place: IATA code of the airport where the bag was seen last.
        place_city: city of that airport, for emails.
        flight: designator of the flight that carries the bag to the station.
        flight_date: local departure date of that flight.
        window: start and end of the delivery, aware datetimes.
        courier: name of the courier.
        damage_claim_by: last day for a complaint about damage, in the station's calendar.
        delay_claim_by: last day for a complaint about the delay, likewise.
        suit_by: last day for legal action, likewise.
        liability_limit_sdr: limit of liability in special drawing rights; None unless the Montreal Convention applies.
        tracking_url: page of the airline; with a slash and the reference it is the page of the PIR.
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
    """A rendered email; html and text have the same content."""

    subject: str
    html: str = field(repr=False)
    text: str = field(repr=False)


def render_sms(trigger: Trigger, language: str, milestone: Milestone) -> Sms:
    """The SMS of a milestone: GSM-7, at most 320 characters; in English for an unknown language."""
    book = phrasebook(language)
    values = {
        **_common_values(book, milestone),
        "airline": milestone.airline,
        "station": milestone.station,
        "place": milestone.place,
        "tags": _short_list(milestone.tags),
        "courier": milestone.courier,
        "damage_claim_by": day_and_month(milestone.damage_claim_by) if milestone.damage_claim_by else None,
    }
    safe = {name: value if name == "link" or value is None else gsm_safe(value) for name, value in values.items()}
    safe["courier"] = cut(safe["courier"] or "", SMS_COURIER).strip() or None
    known = _with_baggage(book, safe)
    text = " ".join(fill(book.milestones[trigger].sms, known))
    return measure(f"{known['airline']}: {text}")


def render_email(trigger: Trigger, language: str, milestone: Milestone) -> Mail:
    """The email of a milestone; in English for an unknown language."""
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
    """The phrasebook of a language; the English one for a language without (``docs/DOMAIN.md#wording-rules``)."""
    return PHRASEBOOKS[Language(language)] if language in Language.__members__ else ENGLISH


def _common_values(book: Phrasebook, milestone: Milestone) -> dict[str, str | None]:
    filed = milestone.reference and milestone.tracking_url
    return {
        "reference": milestone.reference,
        "flight": milestone.flight if milestone.flight_date else None,
        "flight_date": day_and_month(milestone.flight_date) if milestone.flight_date else None,
        "window": _window(book, milestone),
        "link": f"{milestone.tracking_url}/{milestone.reference}" if filed else None,
    }


def _email_values(book: Phrasebook, milestone: Milestone) -> Mapping[str, str]:
    common = _common_values(book, milestone)
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
    """The known values, with the name of the baggage within a sentence and at its start."""
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


def _window(book: Phrasebook, milestone: Milestone) -> str | None:
    """``24NOV 14:00-18:00, local time`` in the time zone of the station; with the date of the end if it is another.

    Times at an unknown airport are in UTC and say so.
    """
    if milestone.window is None:
        return None
    start, end = (at.astimezone(milestone.zone) for at in milestone.window)
    clock = UNKNOWN_ZONE if milestone.zone.key == UNKNOWN_ZONE else book.local_time
    other_day = f"{day_and_month(end.date())} " if end.date() != start.date() else ""
    return f"{day_and_month(start.date())} {start:%H:%M}-{other_day}{end:%H:%M}, {clock}"


def _day(book: Phrasebook, day: date | None) -> str | None:
    if day is None:
        return None
    return _line(book.date, {"day": str(day.day), "month": book.months[day.month - 1], "year": str(day.year)})


def _number(book: Phrasebook, number: int | None) -> str | None:
    return None if number is None else f"{number:,}".replace(",", book.thousands)
