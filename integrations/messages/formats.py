"""Input formats of the product: Type B, scans as JSON, Baggage XML."""

import hashlib
from collections.abc import Iterator

from integrations.messages.split_input import InputPiece, PieceKind, Splitter

_BLANKS = b" \t\r\n\xef\xbb\xbf"
_NUL = "\u2400"


def pieces_of(data: bytes) -> list[InputPiece]:
    """Splits an input into pieces. Its first character decides: JSON (one scan a line), one XML document, or Type B."""
    start = data.lstrip(_BLANKS)[:1]
    if start == b"{":
        return list(_lines(data))
    if start == b"<":
        return [_document(data.strip(_BLANKS), 1)]
    splitter = Splitter()
    return [*splitter.feed(data), *splitter.close()]


def pieces_of_stored(text: str) -> list[InputPiece]:
    """Pieces of the text of a stored piece. Type B texts hold one character for each byte (Latin-1), except NUL."""
    is_document = text.lstrip()[:1] in ("{", "<")
    return pieces_of(text.replace(_NUL, "\0").encode("utf-8" if is_document else "latin-1", "replace"))


def _lines(data: bytes) -> Iterator[InputPiece]:
    for number, line in enumerate(data.split(b"\n"), start=1):
        if text := line.strip(_BLANKS):
            yield _document(text, number)


def _document(data: bytes, line: int) -> InputPiece:
    """Piece of one document. Its digest covers all bytes, since a document has no origin line apart from its body."""
    digest = hashlib.sha256(data).digest()
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        text = data.decode("latin-1").replace("\0", _NUL)
        reason = "The text is not valid UTF-8."
        return InputPiece(PieceKind.BROKEN, text, line, digest, len(text), reason, 1, error.start + 1)
    return InputPiece(PieceKind.MESSAGE, text.replace("\0", _NUL), line, digest, len(text))
