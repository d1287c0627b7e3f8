"""Structure of the wording of a language, and the function that fills in its values.

A text has one sentence a line. A line that begins with ``|`` replaces the line above it if that one names an unknown
value; a sentence without a form that can be filled is left out. An empty line separates paragraphs. Values are written
``$name``; ``resolvers.notifications.render`` lists them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Template

from integrations.records.effects import Trigger


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one milestone.

    Args:
        sms: follows the airline's name and a colon. Worded so that it needs no characters outside GSM-7 (no á í ó ú ã
            õ ç) and has no misspelling (``docs/DOMAIN.md#gsm-7``).
        subject: subject of the email, with all accents, as are the following texts.
        headline: first line of the email.
        body: paragraphs of the email.
        button: label of the email's link.
    """

    sms: str
    subject: str
    headline: str
    body: str
    button: str


@dataclass(frozen=True, slots=True)
class Phrasebook:
    """The texts of one language.

    Args:
        tag: BCP 47 tag, for screen readers and hyphenation.
        milestones: texts by milestone.
        baggage: name of the baggage within a sentence. Always a mass noun, so that the texts are the same for one bag
            and for several.
        greeting: first line of an email's body.
        date: format of a date, with ``$day``, ``$month`` and ``$year``.
        months: names of the months.
        local_time: follows a time of day in the time zone of an airport.
        thousands: separator of groups of digits.
        details: labels of the rows of the email's table, by the value that each shows.
        notes: paragraphs below every email.
    """

    tag: str
    milestones: Mapping[Trigger, Words]
    baggage: str
    greeting: str
    date: str
    months: tuple[str, ...]
    local_time: str
    thousands: str
    details: Mapping[str, str]
    notes: str


def fill(text: str, values: Mapping[str, str]) -> list[str]:
    """The paragraphs of a text, with its values filled in."""
    paragraphs = (" ".join(_sentences(block, values)) for block in text.strip().split("\n\n"))
    return [paragraph for paragraph in paragraphs if paragraph]


def _sentences(block: str, values: Mapping[str, str]) -> list[str]:
    sentences: list[str | None] = []
    for line in block.splitlines():
        if not line.startswith("|"):
            sentences.append(_filled(line, values))
        elif sentences[-1] is None:
            sentences[-1] = _filled(line.removeprefix("|").strip(), values)
    return [sentence for sentence in sentences if sentence is not None]


def _filled(line: str, values: Mapping[str, str]) -> str | None:
    form = Template(line)
    return form.substitute(values) if values.keys() >= set(form.get_identifiers()) else None
