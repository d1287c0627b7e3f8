"""Telegrams with several messages: the messages behind the first one have no envelope of their own.

A text without an envelope may also be a telegram by itself, whose envelope has been removed. It is taken as part of the
telegram before it only where nothing speaks against it (``docs/DOMAIN.md#rule-2``).
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from integrations.records.instructions import MessageKind

_INSTRUCTIONS = frozenset({MessageKind.BSM, MessageKind.BTM, MessageKind.BUM})
_SCANS = frozenset({MessageKind.BPM, MessageKind.BNS})
_STATION = re.compile(r"\.V/1[LTRX]([A-Z]{3})(?:/.*)?", re.IGNORECASE)
# A .J with a time: the scan does not depend on an origin line.
_TIMED = re.compile(r"\.J/[^/]*/[^/]*/[^/]*/[^/]*/[^/].*", re.IGNORECASE)


class Telegram(NamedTuple):
    """A telegram up to the end of a message, which another one may follow.

    Args:
        origin: its origin line.
        identifier: of the message.
        lines: of the message.
    """

    origin: str
    identifier: str
    lines: Sequence[str]

    def continues(self, identifier: str, lines: Sequence[str]) -> bool:
        """Whether the next message is of this telegram: it is of the same station and kind, or also an instruction."""
        of_kind = identifier == self.identifier or (identifier in _INSTRUCTIONS and self.identifier in _INSTRUCTIONS)
        return of_kind and _station_of(lines) == _station_of(self.lines) != ""


def depends_on_origin(identifier: str, lines: Sequence[str]) -> bool:
    """Whether a message without an origin line has no time: only a scan may have its own."""
    return identifier not in _SCANS or not any(_TIMED.fullmatch(line) for line in lines)


def _station_of(lines: Sequence[str]) -> str:
    """The airport of ``.V`` in capitals; empty where it cannot be read."""
    for line in lines:
        if line[:3].upper() == ".V/":
            match = _STATION.fullmatch(line)
            return match[1].upper() if match else ""
    return ""
