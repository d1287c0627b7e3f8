"""Parser and writer of RP1745 messages: text to elements, and back.

Grammar and sources: ``docs/DOMAIN.md#grammar``; what makes a message a dead letter: ``docs/DOMAIN.md#rule-13``.
``integrations.messages.typeb_reader`` reads what the elements mean.
"""

import re
from dataclasses import dataclass, field

from integrations.records.instructions import InstructionAction, MessageKind, Source

IDENTIFIER = re.compile(r"B[A-Z]{2}")
# City, department and airline, several in a line, after a priority: ``QU PTYKPCM MIAKMCM``.
ADDRESSES = re.compile(r"(?:Q[A-Z] ?)?[A-Z]{3}[A-Z0-9]{4}(?: +[A-Z]{3}[A-Z0-9]{4})*\.?")
# Sender and UTC time: ``.MIAKMCM 231205``. An element has a slash after its letter, so no element looks like this.
ORIGIN = re.compile(r"\.[A-Z]{3}[A-Z0-9]{4} +(?:[A-Z0-9]+/)?([0-9]{6})(?:[ /A-Z].*)?")

# Characters without meaning at the ends of a line: blanks, and the controls that frame a message (SOH, STX, ETX, EOT,
# VT, FF).
MARGIN = " \t\r\x01\x02\x03\x04\x0b\x0c"

# Scans and Baggage XML have no identifier.
_KINDS = {kind.value: kind for kind in MessageKind if kind not in (MessageKind.SCAN, MessageKind.XML)}
_CHANGES = {MessageKind.BSM: ("CHG", "DEL"), MessageKind.BTM: ("CHG", "DEL")}
_VERSION = re.compile(r"[0-9]([LTRX])([A-Z]{3})")


class TypeBError(ValueError):
    """The text is not a message, or a value in it is invalid.

    Args:
        line: line of the text, from 1.
        column: column in that line, from 1.
        reason: a sentence that quotes no passenger.
    """

    def __init__(self, line: int, column: int, reason: str) -> None:
        super().__init__(f"line {line}, column {column}: {reason}")
        self.line = line
        self.column = column
        self.reason = reason


# Not frozen, unlike other records: a frozen one takes four times as long to construct, and a message has ten of them.
@dataclass(slots=True)
class Element:
    """One line of a body: ``.F/CM758/23NOV/GRU/Y`` has the name F and four fields. It is never changed.

    A line of any other form has an empty name and itself as its only field. Equality does not depend on ``line``.

    Args:
        line: line of the message's text, from 1.
    """

    name: str
    fields: tuple[str, ...]
    line: int = field(default=0, compare=False)

    def text(self, index: int) -> str:
        """A field; empty where the element ends before it, since trailing fields may be dropped."""
        return self.fields[index] if index < len(self.fields) else ""

    def column(self, index: int) -> int:
        """Column where a field begins in its line, from 1; for a dropped field, the one after the line."""
        if not self.name:
            return 1
        return 4 + sum(len(text) + 1 for text in self.fields[:index]) - (index >= len(self.fields))


@dataclass(frozen=True, slots=True)
class TypeBMessage:
    """A message as elements. Only blank lines and blanks around lines are left out.

    Args:
        change: NEW where the message has no CHG or DEL line.
        origin: the line with sender and time, word for word; None where the envelope has been removed.
        addresses: the lines above it, word for word.
        source: how the bags stand to the airport, from ``.V``.
        airport: the station that the message is about, from ``.V``.
        part: number of this part of a split message, as written; empty for a message that is not split.
        reference: the message reference that parts share, as written.
    """

    kind: MessageKind
    change: InstructionAction
    origin: str | None
    addresses: tuple[str, ...]
    source: Source
    airport: str
    part: str
    reference: str
    elements: tuple[Element, ...]


def parse(text: str) -> TypeBMessage:
    """Parses the structure of one message, with or without its envelope.

    Raises:
        TypeBError: the identifier is unknown, END is missing or wrong, or ``.V`` is missing, repeated or unreadable.
    """
    lines = [(number, line) for number, raw in enumerate(text.split("\n"), start=1) if (line := raw.strip(MARGIN))]
    addresses, origin, body = _envelope(lines)
    if not body:
        raise TypeBError(1, 1, "The text has no message.")
    number, identifier = body[0]
    kind = _KINDS.get(identifier)
    if kind is None:
        raise TypeBError(number, 1, f"The message identifier is unknown; known are {', '.join(_KINDS)}.")
    if body[-1][1] != f"END{identifier}":
        raise TypeBError(body[-1][0], 1, f"The message does not end with END{identifier}.")
    change = InstructionAction.NEW
    if body[1][1] in _CHANGES.get(kind, ()):
        change = InstructionAction(body[1][1])
        del body[1]
    elements = tuple([_element(number, line) for number, line in body[1:-1]])
    versions = [element for element in elements if element.name == "V"]
    if not versions:
        raise TypeBError(number, 1, "The message has no .V.")
    if len(versions) > 1:
        raise TypeBError(versions[1].line, 1, "The message has a second .V.")
    version = _VERSION.fullmatch(versions[0].fields[0])
    if version is None:
        raise TypeBError(versions[0].line, 4, "The .V must begin with version, source and airport, such as 1LPTY.")
    part, reference = versions[0].text(1), versions[0].text(2)
    return TypeBMessage(kind, change, origin, addresses, Source(version[1]), version[2], part, reference, elements)


def _envelope(lines: list[tuple[int, str]]) -> tuple[tuple[str, ...], str | None, list[tuple[int, str]]]:
    """Splits the lines into address lines, origin line, and the numbered lines below them."""
    start = 0
    while start < len(lines) and ADDRESSES.fullmatch(lines[start][1]):
        start += 1
    addresses = tuple([line for _, line in lines[:start]])
    if start < len(lines) and ORIGIN.fullmatch(lines[start][1]):
        return addresses, lines[start][1], lines[start + 1 :]
    return addresses, None, lines[start:]


def _element(number: int, line: str) -> Element:
    if line[2:3] == "/" and line[0] == "." and "A" <= line[1] <= "Z":
        return Element(line[1], tuple(line[3:].split("/")), number)
    if IDENTIFIER.fullmatch(line) or line.startswith("ENDB"):
        raise TypeBError(number, 1, "Another message begins or ends within this one.")
    return Element("", (line,), number)


def write(message: TypeBMessage) -> str:
    """Formats the message, one line each, ended by line feeds. ``parse`` returns an equal message.

    Raises:
        ValueError: a part of the message does not fit in one line.
    """
    lines = [
        *message.addresses,
        *([message.origin] if message.origin is not None else ()),
        message.kind.value,
        *([message.change.value] if message.change != InstructionAction.NEW else ()),
        *(f".{each.name}/{'/'.join(each.fields)}" if each.name else each.fields[0] for each in message.elements),
        f"END{message.kind}",
    ]
    if any(line != line.strip(MARGIN) or "\n" in line for line in lines):
        raise ValueError("A line of a message must have no line end, and no blank at its ends.")
    return "\n".join(lines) + "\n"
