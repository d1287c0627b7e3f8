"""The shape of the words, and the one way they are filled in.

A text has one sentence a line. A line that begins with ``|`` is said in place of the line above it where that one names
a value that is not known; a sentence none of whose forms can be filled is left out. Paragraphs have an empty line
between them. Values stand as ``$name``; ``resolvers.notifications.render`` lists them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Template

from integrations.records.effects import Trigger


@dataclass(frozen=True, slots=True)
class Words:
    """What is said at one milestone.

    Args:
        sms: goes on after the airline's name and a colon. Worded without characters outside GSM-7 (no á í ó ú ã õ ç),
            never misspelt.
        subject: of the email, in full spelling as are all that follow.
        headline: the email's first line, read at a glance.
        body: the email's paragraphs.
        button: what the link of the email says.
    """

    sms: str
    subject: str
    headline: str
    body: str
    button: str


@dataclass(frozen=True, slots=True)
class Phrasebook:
    """A language.

    Args:
        tag: its BCP 47 tag, for readers aloud and hyphenation.
        baggage: how the baggage is named in the middle of a sentence. Always a mass noun, so that one bag and several
            are worded alike.
        date: a day with ``$day``, ``$month`` and ``$year``.
        thousands: what groups the digits of a number.
        details: labels of the rows in the email's table, by the value that each shows.
        notes: said below every email, in paragraphs.
    """

    tag: str
    milestones: Mapping[Trigger, Words]
    baggage: str
    greeting: str
    date: str
    months: tuple[str, ...]
    thousands: str
    details: Mapping[str, str]
    notes: str


def fill(text: str, values: Mapping[str, str]) -> list[str]:
    """The paragraphs of a text with its values in place."""
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
