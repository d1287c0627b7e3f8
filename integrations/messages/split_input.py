"""Splitter of a byte stream into messages and the text between them, in bounded memory and for any chunk size."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from integrations.messages import sitatex
from integrations.messages.telegrams import Telegram, depends_on_origin
from integrations.messages.typeb import (
    ADDRESSES,
    IDENTIFIER,
    IDENTIFIERS,
    MARGIN,
    NUL,
    ORIGIN,
    PART_END,
    STATUSES,
    decoded,
)

# Teletype lines have 69 characters and Type B messages a few thousand. These limits leave room for senders that exceed
# them.
LONGEST_LINE = 4_096
LONGEST_MESSAGE = 131_072
_SLICE = 65_536
# Largest number of envelope lines that are kept until their message begins.
_MOST_ENVELOPE_LINES = 64

# The heading of a message, its text and the next message may share one line, with only these between them: the controls
# that frame a message, the end of a file, and the byte-order mark of the next file.
_FRAME = re.compile(r"[\x01-\x04\x1a]|\xef\xbb\xbf")
_FRAMING = re.compile(r"[\x01-\x04\x1a\xef]")
# Within an element such a control is noise, unless what follows it may stand in a line of its own.
_ELEMENT = re.compile(r"[\x00-\x20\x7f\u2400]*\.[A-Z]/", re.IGNORECASE)
_FRAME_BEHIND_ELEMENT = re.compile(
    rf"(?:{_FRAME.pattern})(?=[\x00-\x20\x7f\u2400]*(?:\Z|[.=\x01-\x04\x1a\xef]|END|B[A-Z]{{2}}\s*\Z))", re.IGNORECASE
)
# Text that has these and is no message is a message that lost its identifier, a document within Type B, or a message in
# EBCDIC (its ENDB), and never other text (``docs/DOMAIN.md#rule-13``).
_BAGGAGE = re.compile(r"\.V/1|\.N/[0-9]|ENDB|\"tag\"\s*:|BagTagID|\xc5\xd5\xc4\xc2", re.IGNORECASE)


class PieceKind(Enum):
    """Kind of a piece of the stream."""

    MESSAGE = "MESSAGE"
    BROKEN = "BROKEN"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class InputPiece:
    """A part of a stream: a message with its envelope, a broken message, or text that is not a baggage message.

    The text has line feeds between lines, no empty lines, and no blanks or controls around lines. Of a SITATEX file it
    has the envelope that the headings stand for. Each byte is one character, that of its number in Unicode (Latin-1),
    so that nothing is lost in any encoding. Only NUL is replaced, by U+2400, since PostgreSQL's texts cannot hold it.

    Args:
        line: line of the stream where the piece begins, from 1.
        digest: see ``identity``. For a text that is too long to keep, the digest covers the whole text.
        length: characters of the whole text; larger than ``text`` where the text is too long to keep.
        reason: of a broken piece, a sentence that quotes nothing.
        error_line: line of ``text`` to which the reason refers, from 1; 0 without a reason.
        column: column in that line, from 1; 0 without a reason.
        text_id: of a message, the stream: a digest of the first message in it (``docs/DOMAIN.md#rule-15``); else 0.
    """

    kind: PieceKind
    text: str
    line: int
    digest: bytes
    length: int
    reason: str = ""
    error_line: int = 0
    column: int = 0
    text_id: int = 0


def identity(text: str) -> bytes:
    """Identity of a message: SHA-256 of its origin line and body, 32 bytes (``docs/DOMAIN.md#rule-3``).

    Address lines do not count, since relays change them; nor do empty lines, blanks around lines, line ends, and the
    case of letters.
    """
    lines = text.replace("\r", "\n").split("\n")
    digest: bytes = _sha256([line for raw in lines if (line := raw.strip(MARGIN))]).digest()
    return digest


def _sha256(lines: Sequence[str]) -> Any:
    first = next((place for place, line in enumerate(lines) if not ADDRESSES.fullmatch(line)), 0)
    text = "\n".join(lines[first:])
    return hashlib.sha256(_bytes(text) if text.isascii() else _bytes_in_capitals(text))


def _bytes(text: str) -> bytes:
    """The bytes that stand for a text in its digest, with capital letters of ASCII."""
    return text.replace(NUL, "\0").encode("latin-1", "backslashreplace").upper()


def _bytes_in_capitals(text: str) -> bytes:
    """As ``_bytes``, with all letters in capitals. A text in capitals has the bytes that it came in."""
    letters = decoded(text)
    return _bytes(text.upper()) if letters == text else letters.replace(NUL, "\0").upper().encode()


@dataclass(slots=True)
class _Lines:
    """Lines that belong together, kept up to a limit.

    Args:
        start: line of the stream where they begin.
        identifier: identifier of their message in capitals; empty for an envelope and for other text.
        inner: index of a line that begins another message if ``.V`` follows; 0 for none.
        origin: the origin line of the envelope; empty for none.
        telegram: the telegram that a message without an envelope may belong to.
        sha256: running digest of all lines, from the first line that is not kept.
    """

    start: int
    identifier: str = ""
    lines: list[str] = field(default_factory=list)
    length: int = 0
    room: int = LONGEST_MESSAGE
    inner: int = 0
    origin: str = ""
    telegram: Telegram | None = None
    error: tuple[str, int, int] | None = None
    sha256: Any = None

    def add(self, line: str) -> None:
        size = len(line) + 1
        if self.sha256 is not None:
            self.sha256.update(_bytes("\n" + line if self.length else line))
        self.length += size
        self.room -= size
        if self.room >= 0:
            self.lines.append(line)
        elif self.sha256 is None:
            self.set_error(f"A message must have at most {LONGEST_MESSAGE} characters.", 1)
            self.sha256 = _sha256([*self.lines, line])

    def end_in_telegram(self) -> Telegram | None:
        """Gives an ended message the origin line of its telegram (``docs/DOMAIN.md#rule-2``).

        Returns:
            The telegram that a message right behind this one may belong to.
        """
        telegram, origin = self.telegram, self.origin
        if telegram is not None and self.sha256 is None and telegram.continues(self.identifier, self.lines):
            origin = telegram.origin
            if depends_on_origin(self.identifier, self.lines):
                self.lines.insert(0, origin)
                self.length += len(origin) + 1
        return Telegram(origin, self.identifier, self.lines) if origin else None

    def add_long(self, line: str) -> None:
        """Adds the beginning of a line that is too long; ``more`` adds the rest."""
        if self.sha256 is None:
            self.sha256 = _sha256(self.lines)
        self.add(line[:LONGEST_LINE])
        self.set_error(f"A line must have at most {LONGEST_LINE} characters.", LONGEST_LINE + 1)
        self.more(line[LONGEST_LINE:])

    def more(self, text: str) -> None:
        self.length += len(text)
        self.sha256.update(_bytes(text))

    def set_error(self, reason: str, column: int) -> None:
        """Records an error of the last line, unless there is an earlier one."""
        self.error = self.error or (reason, max(1, len(self.lines)), column)

    def piece(self, kind: PieceKind, text_id: int = 0) -> InputPiece:
        text = "\n".join(self.lines)
        digest = (self.sha256 or _sha256(self.lines)).digest()
        if self.error is None:
            if kind is PieceKind.MESSAGE and not text_id:
                text_id = int.from_bytes(digest[:7])
            return InputPiece(kind, text, self.start, digest, self.length - 1, text_id=text_id)
        return InputPiece(PieceKind.BROKEN, text, self.start, digest, self.length - 1, *self.error)


class Splitter:
    """Splits a stream into pieces as it arrives. The same bytes give the same pieces for any size of chunks.

    A message extends from its envelope, or its identifier, to its END or that of its part. A message without END, or
    with the END of another kind, is broken. Another one begins at an origin line, at the heading of a SITATEX file, and
    at a known identifier after a blank line or before ``.V`` (``docs/DOMAIN.md#rule-13``). CR LF, LF and CR end a line.
    The splitter holds at most one line, one envelope and two messages, each up to its limit: the message before may be
    of the same telegram.
    """

    def __init__(self) -> None:
        self._line = 0
        self._partial = ""
        self._in_long_line = False
        self._after_cr = False
        self._framed = False
        self._blank = 0  # the last line that is blank, or has a frame behind its text
        self._headings: sitatex.Headings | None = None
        self._named = ""  # identifier that the headings of a SITATEX file name, until its text begins
        self._envelope: _Lines | None = None
        self._telegram: Telegram | None = None  # of the message that has just ended
        self._open: _Lines | None = None
        self._text_id = 0  # until the first message
        self._done: list[InputPiece] = []

    def feed(self, chunk: bytes) -> list[InputPiece]:
        """Pieces that end in this chunk."""
        for start in range(0, len(chunk), _SLICE):
            self._take(chunk[start : start + _SLICE])
        return self._hand_over()

    def close(self) -> list[InputPiece]:
        """Pieces that end with the stream. Call it once, after the last chunk."""
        if self._in_long_line:
            self._end_long_line()
        elif self._partial:
            self._on_line(self._partial)
            self._partial = ""
        self._keep_headings()
        self._keep_envelope()
        self._finish()
        return self._hand_over()

    def _hand_over(self) -> list[InputPiece]:
        done, self._done = self._done, []
        return done

    def _take(self, data: bytes) -> None:
        if self._after_cr and data[:1] == b"\n":
            data = data[1:]
        self._after_cr = data[-1:] == b"\r"
        text = data.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n").replace("\0", NUL)
        self._framed = self._framed or _FRAMING.search(text) is not None
        lines = text.split("\n")
        lines[0] = self._partial + lines[0]
        unended = lines.pop()
        for line in lines:
            if self._in_long_line or len(line) > LONGEST_LINE:
                self._on_long_line(line)
                self._end_long_line()
            else:
                self._on_line(line)
        if self._in_long_line or len(unended) > LONGEST_LINE:
            self._on_long_line(unended)
            unended = ""
        self._partial = unended

    def _on_long_line(self, text: str) -> None:
        """Handles a line that is too long. Outside of a message it is a piece of its own."""
        if self._in_long_line and self._open is not None:
            self._open.more(text)
            return
        self._line += 1
        self._in_long_line, self._telegram = True, None
        if self._open is None or not self._open.identifier:
            self._keep_headings()
            self._keep_envelope()
            self._finish()
            self._open = _Lines(self._line)
        self._open.add_long(text)

    def _end_long_line(self) -> None:
        self._in_long_line = False
        if self._open is not None and not self._open.identifier:
            self._finish()

    def _on_line(self, raw: str) -> None:
        self._line += 1
        for part in self._parts(raw) if self._framed else (raw,):
            if text := part.strip(MARGIN):
                self._on_text(text)
            else:
                self._blank = self._line
                self._telegram = None

    def _parts(self, raw: str) -> Sequence[str]:
        """The parts of a line between the controls that frame messages."""
        within = self._open is not None and self._open.identifier and _ELEMENT.match(raw)
        return (_FRAME_BEHIND_ELEMENT if within else _FRAME).split(raw)

    def _on_text(self, text: str) -> None:
        message = self._open
        if message is None or not message.identifier:
            self._between(text)
        elif text[2:3] == "/":
            if message.inner:
                message = self._begun_within(message, text)
            message.add(text)
        elif text[:3].upper() == "END":
            self._on_end(message, text)
        elif self._begins_another(message, text):
            self._envelope = _taken(message, len(message.lines), self._line)
            self._finish()
            self._between(text)
        else:
            if text.upper() in IDENTIFIERS:
                message.inner = len(message.lines)
            elif text.upper() not in STATUSES:
                message.inner = 0
            message.add(text)

    def _on_end(self, message: _Lines, text: str) -> None:
        ended, following = text[3:].upper(), ""
        if ended != message.identifier:
            text, following = _divided_end(text, message.identifier)
            ended = text[3:].upper()
        message.add(text)
        if ended == message.identifier or PART_END.fullmatch(ended):
            self._telegram = message.end_in_telegram()
            piece = message.piece(PieceKind.MESSAGE, self._text_id)
            self._text_id = piece.text_id
            self._done.append(piece)
            self._open = None
            if following:
                self._between(following)
        elif IDENTIFIER.fullmatch(ended):
            self._finish()

    def _begins_another(self, message: _Lines, text: str) -> bool:
        """Whether a line within a message certainly begins another one."""
        if text.upper() in IDENTIFIERS:
            return self._blank >= self._line - 1 or message.sha256 is not None
        return ORIGIN.fullmatch(text) is not None or text.upper() == sitatex.FIRST_HEADING

    def _begun_within(self, message: _Lines, text: str) -> _Lines:
        """The message that an element belongs to: a ``.V`` after an identifier is the first of another message.

        The identifier may belong to the message, as a subtype, as long as this has no ``.V`` of its own.
        """
        start, message.inner = message.inner, 0
        is_second = text[:3].upper() == ".V/" and any(line[:3].upper() == ".V/" for line in message.lines)
        identifier = message.lines[start].upper() if start < len(message.lines) else ""
        following = _taken(message, start, self._line) if is_second else None
        if following is None:
            return message
        following.identifier = identifier
        self._finish()
        self._open = following
        return following

    def _between(self, text: str) -> None:
        if self._headings is not None or (text[0] == "=" and not self._named and sitatex.HEADING.fullmatch(text)):
            self._on_heading(text)
        elif self._named and not (ORIGIN.fullmatch(text) or ADDRESSES.fullmatch(text)):
            identifier, self._named = self._named, ""
            if not IDENTIFIER.fullmatch(text):
                self._outside(identifier)
            self._on_text(text)
        else:
            self._outside(text)

    def _on_heading(self, text: str) -> None:
        """Takes a line of the headings of a SITATEX file; at their end they become an envelope and an identifier."""
        self._telegram = None
        headings = self._headings = self._headings or sitatex.Headings()
        if not headings.add(text):
            self._keep_headings()
            self._on_text(text)
        elif headings.complete:
            self._headings = None
            for line in headings.envelope():
                self._outside(line)
            self._named = identifier if (identifier := headings.identifier()) in IDENTIFIERS else ""

    def _keep_headings(self) -> None:
        """Makes lines that looked like the headings of a file other text."""
        self._named = ""
        if self._headings is not None:
            lines, self._headings = self._headings.lines, None
            for line in lines:
                if self._open is None or not self._open.identifier:
                    self._outside(line)
                else:
                    self._on_text(line)

    def _outside(self, text: str) -> None:
        if IDENTIFIER.fullmatch(text):
            message = self._envelope or _Lines(self._line, telegram=self._telegram)
            message.origin = message.lines[-1] if message.lines and message.lines[-1][0] == "." else ""
            self._envelope = self._telegram = None
            self._finish()
            message.identifier = text.upper()
            message.add(text)
            self._open = message
            return
        self._telegram = None
        if ORIGIN.fullmatch(text) or ADDRESSES.fullmatch(text):
            envelope = self._envelope
            if envelope is None or envelope.lines[-1][0] == "." or len(envelope.lines) == _MOST_ENVELOPE_LINES:
                self._keep_envelope()
                envelope = self._envelope = _Lines(self._line)
            envelope.add(text)
        else:
            self._keep_envelope()
            if self._open is None or self._open.room <= len(text):
                self._finish()
                self._open = _Lines(self._line)
            self._open.add(text)

    def _keep_envelope(self) -> None:
        """Makes lines that looked like an envelope the beginning of other text."""
        if self._envelope is not None:
            self._finish()
            self._open, self._envelope = self._envelope, None

    def _finish(self) -> None:
        """Ends the open piece. A message that is still open has no END and is broken."""
        if self._open is not None:
            if self._open.identifier:
                self._open.set_error(f"The message does not end with END{self._open.identifier}.", 1)
            elif any(_BAGGAGE.search(line.replace(NUL, "")) for line in self._open.lines):
                self._open.set_error("The text has parts of a baggage message, but is none.", 1)
            self._done.append(self._open.piece(PieceKind.OTHER))
            self._open = None


def _divided_end(text: str, identifier: str) -> tuple[str, str]:
    """The END of a line, and the beginning of the next message that is joined to it; empty where none surely is."""
    end = 3 + len(identifier)
    following = text[end:].strip(MARGIN)
    if text[3:end].upper() == identifier and (following.upper() in IDENTIFIERS or ORIGIN.fullmatch(following)):
        return text[:end], following
    return text, ""


def _taken(message: _Lines, end: int, line: int) -> _Lines | None:
    """Removes the lines of an unfinished message from ``end``, and the address lines before it.

    They belong to what begins at ``line``. None if there are none, or the message is too long to be kept whole.
    """
    while end > 1 and ADDRESSES.fullmatch(message.lines[end - 1]):
        end -= 1
    taken = message.lines[end:]
    if not taken or message.sha256 is not None:
        return None
    del message.lines[end:]
    message.length -= sum(len(address) + 1 for address in taken)
    message.inner = 0
    envelope = _Lines(line - len(taken))
    for address in taken:
        envelope.add(address)
    return envelope
