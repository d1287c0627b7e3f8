"""Parser and writer of RP1745 messages: text to elements, and back.

Grammar and sources: ``docs/DOMAIN.md#grammar``; what makes a message a dead letter: ``docs/DOMAIN.md#rule-13``.
``integrations.messages.typeb_reader`` reads what the elements mean.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from integrations.records.instructions import InstructionAction, MessageKind, Source

# Teletype has one case, and some senders write the other: these forms are matched in both.
IDENTIFIER = re.compile(r"[Bb][A-Za-z]{2}")
# City, department and airline, several in a line, after a priority: ``QU PTYKPCM MIAKMCM``.
ADDRESSES = re.compile(r"(?:[Qq][A-Za-z] ?)?[A-Za-z]{3}[A-Za-z0-9]{4}(?: +[A-Za-z]{3}[A-Za-z0-9]{4})*\.?")
# Sender and UTC time: ``.MIAKMCM 231205``. An element has a slash after its letter, so no element looks like this.
ORIGIN = re.compile(r"\.[A-Za-z]{3}[A-Za-z0-9]{4} +(?:[A-Za-z0-9]+/)?([0-9]{6})(?:[ /A-Za-z].*)?")
# End of a part of a message: ``ENDPART1``, without its first three letters.
PART_END = re.compile(r"PART0*([1-9][0-9]{0,2})")

NUL = "\u2400"  # how a text shows the character NUL, which PostgreSQL's texts cannot hold
# Characters without meaning at the ends of a line: blanks and all controls, such as those that frame a message.
MARGIN = "".join(map(chr, range(33))) + "\x7f" + NUL

# Scans and Baggage XML have no identifier.
_KINDS = {kind.value: kind for kind in MessageKind if kind not in (MessageKind.SCAN, MessageKind.XML)}
IDENTIFIERS = frozenset(_KINDS)
STATUSES = {"ADD": InstructionAction.NEW, "CHG": InstructionAction.CHG, "DEL": InstructionAction.DEL}
# Status words of the kinds that name bags. In other kinds a line without an element may be a subtype, such as FCM.
_STATUSES_OF = {
    MessageKind.BSM: STATUSES,
    MessageKind.BTM: STATUSES,
    MessageKind.BUM: {"ADD": InstructionAction.NEW},
    MessageKind.BPM: {"ADD": InstructionAction.NEW},
    MessageKind.BNS: {"ADD": InstructionAction.NEW},
}
_VERSION = re.compile(r"1([LTRX])([A-Z]{3})")
# A tag of a line that is no element: it would be passed over.
_LOST = re.compile(r"[0-9]{10}")
# The end of a field where another element was joined to the line.
_JOINED = re.compile(r"\.[A-Z]$")
_PART = re.compile(r"(?:PART)?0*([1-9][0-9]{0,2})")


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
        change: NEW where the message has no CHG or DEL line (``docs/DOMAIN.md#rule-13``).
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
    """Parses the structure of one message, with or without its envelope, in capital letters.

    Args:
        text: one character for each byte (Latin-1), or any text of Unicode.

    Raises:
        TypeBError: the identifier or the status is unknown, END is missing or wrong, or ``.V`` is missing, repeated or
            unreadable.
    """
    text = text.upper() if text.isascii() else decoded(text).replace(NUL, "").upper()
    if not text.replace("\n", "").isprintable():
        text = _without_controls(text)
    lines = [(number, line) for number, raw in enumerate(text.split("\n"), start=1) if (line := raw.strip(MARGIN))]
    addresses, origin, body = _envelope(lines)
    if not body:
        raise TypeBError(1, 1, "The text has no message.")
    number, identifier = body[0]
    kind = _KINDS.get(identifier)
    if kind is None:
        raise TypeBError(number, 1, f"The message identifier is unknown; known are {', '.join(_KINDS)}.")
    ended_part = ""
    if body[-1][1] != f"END{identifier}":
        ended_part = _ended_part(*body[-1], identifier)
    elements = tuple([_element(number, line) for number, line in body[1:-1]])
    names = [element.name for element in elements]
    change = InstructionAction.NEW
    if "" in names and kind in _STATUSES_OF:
        change, elements = _without_status(elements, _STATUSES_OF[kind])
        names = [element.name for element in elements]
    if text.count(".") > len(names) - names.count("") + (origin is not None):
        _check_beginnings(elements)
    if "V" not in names:
        raise TypeBError(number, 1, "The message has no .V.")
    place = names.index("V")
    if "V" in names[place + 1 :]:
        raise TypeBError(elements[names.index("V", place + 1)].line, 1, "The message has a second .V.")
    stated = elements[place]
    version = _VERSION.fullmatch(stated.fields[0])
    if version is None:
        raise TypeBError(stated.line, 4, "The .V must begin with version, source and airport, such as 1LPTY.")
    part, reference = stated.text(1), stated.text(2)
    if ended_part and not ((match := _PART.fullmatch(part)) and match[1] == ended_part):
        raise TypeBError(body[-1][0], 1, "The message ends as a part that its .V does not name.")
    return TypeBMessage(kind, change, origin, addresses, Source(version[1]), version[2], part, reference, elements)


def _check_beginnings(elements: Sequence[Element]) -> None:
    """Checks that no element stands within the line of another one, where it would be passed over.

    Raises:
        TypeBError: one does.
    """
    for element in elements:
        if element.name == "R":  # free text
            continue
        for index, text in enumerate(element.fields[:-1]):
            if _JOINED.search(text):
                raise TypeBError(element.line, element.column(index), "An element must begin its line.")


def _ended_part(line: int, end: str, identifier: str) -> str:
    """Number of the part that the last line ends."""
    match = PART_END.fullmatch(end, 3) if end.startswith("END") else None
    if match is None:
        raise TypeBError(line, 1, f"The message does not end with END{identifier}.")
    return match[1]


def decoded(text: str) -> str:
    """The text with its letters beyond ASCII, where its bytes are UTF-8.

    Args:
        text: one character for each byte (Latin-1) and U+2400 for NUL, or any text of Unicode, which is returned.
    """
    try:
        return text.replace(NUL, "\0").encode("latin-1").decode().replace("\0", NUL)
    except UnicodeError:
        return text


def _without_controls(text: str) -> str:
    """The text without controls and other characters that nothing shows, as a damaged line has them in a name."""
    return "".join([one if one == "\n" or one.isprintable() else " " if one.isspace() else "" for one in text])


def _without_status(
    elements: tuple[Element, ...], statuses: Mapping[str, InstructionAction]
) -> tuple[InstructionAction, tuple[Element, ...]]:
    """Takes the status out of the elements (``docs/DOMAIN.md#rule-13``).

    Raises:
        TypeBError: a line before the first element is no known status, a status stands behind it or is a second one,
            or a line is the identifier of another message.
    """
    change: InstructionAction | None = None
    before = True
    for element in elements:
        word = "" if element.name else element.fields[0]
        before = before and element.name in ("", "V")
        if _LOST.search(word):
            raise TypeBError(element.line, 1, "The line has a tag and is no element.")
        if word in IDENTIFIERS:
            raise TypeBError(element.line, 1, "Another message begins within this one.")
        if word and before and word not in statuses:
            raise TypeBError(element.line, 1, f"The status is unknown; known here are: {', '.join(statuses)}.")
        if word in STATUSES:
            if not before or change is not None:
                raise TypeBError(element.line, 1, "A message must have one status at most, before its first element.")
            change = statuses[word]
    kept = tuple([element for element in elements if element.name or element.fields[0] not in STATUSES])
    return change or InstructionAction.NEW, kept


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
    if line.startswith("ENDB"):
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
