"""What came in, in any of the forms that the product reads: Type B, scans as JSON, Baggage XML."""

import hashlib
from collections.abc import Iterator

from integrations.messages.split_input import InputPiece, PieceKind, Splitter

_BLANKS = b" \t\r\n\xef\xbb\xbf"
_NUL = "\u2400"


def pieces_of(data: bytes) -> list[InputPiece]:
    """The pieces of a text: by its first sign it is JSON (a scan in each line), one XML document, or Type B."""
    start = data.lstrip(_BLANKS)[:1]
    if start == b"{":
        return list(_lines(data))
    if start == b"<":
        return [_document(data.strip(_BLANKS), 1)]
    splitter = Splitter()
    return [*splitter.feed(data), *splitter.close()]


def pieces_again(text: str) -> list[InputPiece]:
    """The pieces of the text of a piece: of Type B it has a character for each byte (Latin-1), but for NUL."""
    document = text.lstrip()[:1] in ("{", "<")
    return pieces_of(text.replace(_NUL, "\0").encode("utf-8" if document else "latin-1", "replace"))


def _lines(data: bytes) -> Iterator[InputPiece]:
    for number, line in enumerate(data.split(b"\n"), start=1):
        if text := line.strip(_BLANKS):
            yield _document(text, number)


def _document(data: bytes, line: int) -> InputPiece:
    """Its identity are its bytes: a document has no origin line that could differ from its body."""
    digest = hashlib.sha256(data).digest()
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        text = data.decode("latin-1").replace("\0", _NUL)
        return InputPiece(PieceKind.BROKEN, text, line, digest, len(text), "This is no UTF-8.", 1, error.start + 1)
    return InputPiece(PieceKind.MESSAGE, text.replace("\0", _NUL), line, digest, len(text))
