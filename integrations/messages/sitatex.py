"""Headings of a SITATEX file, which stand for the envelope of a message.

A file has one section for each heading, and the message's text under ``=TEXT``::

    =HEADER
    RCV,2026/11/30 19:01
    =DESTINATION TYPE B
    STX,PTYKPCM
    =ORIGIN
    MIAKMCM
    =MSGID
    301901
    =SMI
    BSM
    =TEXT
    .V/1LPTY
"""

import re
from dataclasses import dataclass, field

from integrations.messages.typeb import ORIGIN

FIRST_HEADING = "=HEADER"
# Headings that a file may begin with.
HEADING = re.compile(r"=(?:HEADER|PRIORITY|DESTINATION(?: TYPE B)?|ORIGIN|MSGID|SMI|TEXT)", re.IGNORECASE)
_MOST_LINES = 64
_PRIORITY = re.compile(r"Q[A-Z]")
_ADDRESS = re.compile(r"(?:STX,)?([A-Z]{3}[A-Z0-9]{4})")
# Lines of the message itself: the file has no =TEXT.
_TEXT = re.compile(r"\.[A-Z]/.*|\.[A-Z]{3}[A-Z0-9]{4} .*|END[A-Z0-9]+", re.IGNORECASE)


@dataclass(slots=True)
class Headings:
    """The headings of one file, while they arrive.

    Args:
        complete: whether ``=TEXT`` has come.
    """

    lines: list[str] = field(default_factory=list)
    sections: dict[str, list[str]] = field(default_factory=dict)
    complete: bool = False
    _current: str = ""

    def add(self, text: str) -> bool:
        """Takes a line; returns whether it can belong to the headings."""
        if len(self.lines) == _MOST_LINES or _TEXT.fullmatch(text):
            return False
        self.lines.append(text)
        line = text.upper()
        if line[0] == "=":
            self._current = line.partition(" ")[0]
            self.sections[self._current] = []
            self.complete = line == "=TEXT"
        else:
            self.sections[self._current].append(line)
        return True

    def identifier(self) -> str:
        """Identifier of the message; empty where the file does not name it."""
        return self._first("=SMI")

    def envelope(self) -> list[str]:
        """The address lines and the origin line that the headings stand for."""
        addresses = [match[1] for text in self.sections.get("=DESTINATION", []) if (match := _ADDRESS.fullmatch(text))]
        priority = self._first("=PRIORITY")
        lines = [" ".join([priority, *addresses] if _PRIORITY.fullmatch(priority) else addresses)] if addresses else []
        origin = f".{self._first('=ORIGIN')} {self._first('=MSGID')}"
        return [*lines, origin] if ORIGIN.fullmatch(origin) else lines

    def _first(self, heading: str) -> str:
        return next(iter(self.sections.get(heading, [])), "")
