"""Input formats of the product: Type B, scans as JSON, Baggage XML."""

import codecs
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import suppress

from integrations.messages.encodings import GZIP, DecodingError, decode
from integrations.messages.scans import LARGEST_SCAN
from integrations.messages.split_input import LONGEST_MESSAGE, InputPiece, PieceKind, Splitter
from integrations.messages.typeb import NUL, decoded

# Blanks before a document: those of text, a byte-order mark, and the separator of JSON text sequences.
BLANKS = b" \t\r\n\x1e\xef\xbb\xbf"
# The first character of a document; all other text is Type B.
DOCUMENT = frozenset((b"{", b"[", b"<"))

_SLICE = 65_536
_BETWEEN_SCANS = re.compile(r"[\s,\[\]\x1e\ufeff]*")
_NEXT_SCAN = re.compile(r"\n[ \t\r,\[\x1e\ufeff]*(?=\{)")
_COUNTS = re.compile(r"(?<![0-9])[0-9]{10}([0-9]{3})(?![0-9])")
# Only where a scan ends is of interest: numbers of any length are left as they are.
_JSON = json.JSONDecoder(parse_int=str, parse_float=str)
# An error counts the lines of its text, so that it must not be given all of it each time.
_LONGEST = 2 * LARGEST_SCAN
_LEVELS = 200  # fewer than what the interpreter's limit leaves for nested values
_NO_JSON = "The text is not valid JSON."
# Encodings that an XML document may declare beside UTF-8 and UTF-16, by the names of Python's codecs.
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?\bencoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_DECLARABLE = frozenset({"iso8859-1", "iso8859-15", "cp1252"})


def pieces_of(data: bytes) -> Iterator[InputPiece]:
    """Splits an input into pieces. Its first character decides: JSON scans, one XML document, or Type B.

    Scans may stand one in a line, in an array, or spread over several lines each. The input may be UTF-16 or gzip.
    """
    try:
        decoded = decode(data)
    except DecodingError as error:
        yield _broken(data.decode("latin-1"), 1, data, str(error))
        return
    start = decoded.lstrip(BLANKS)[:1]
    if start in (b"{", b"["):
        yield from _scans(decoded)
    elif start == b"<":
        yield _document(decoded.strip(BLANKS), 1)
    else:
        splitter = Splitter()
        for begin in range(0, len(decoded), _SLICE):
            yield from splitter.feed(decoded[begin : begin + _SLICE])
        yield from splitter.close()


def pieces_of_stored(text: str) -> Iterator[InputPiece]:
    """Pieces of the text of a stored piece."""
    return pieces_of(_bytes_of(text.replace(NUL, "\0")))


def body_of(piece: InputPiece) -> str:
    """The text of a piece as it is stored: as it was written, so that Type B in UTF-8 has its own letters."""
    return piece.text if piece.text.isascii() or _is_document(piece.text) else decoded(piece.text)


def _is_document(text: str) -> bool:
    return text.lstrip()[:1].encode("latin-1", "replace") in DOCUMENT


def _bytes_of(text: str) -> bytes:
    """The bytes that a stored text is read from: UTF-8.

    Damaged gzip is stored with one character for each byte, and so is the UTF-8 of Type B of earlier versions.
    """
    if not _is_document(text):
        with suppress(UnicodeError):
            data = text.encode("latin-1")
            if data.startswith(GZIP) or data.decode():
                return data
    return text.encode()


def tags_named(piece: InputPiece) -> int:
    """About as many tags as the piece can name, without parsing it; at least 1."""
    if piece.kind != PieceKind.MESSAGE:
        return 1
    if piece.text.startswith("{"):
        return 1
    if piece.text.startswith("<"):
        return 1 + piece.text.count("BagTagID") // 2
    return 1 + sum(map(int, _COUNTS.findall(piece.text)))


def _scans(data: bytes) -> Iterator[InputPiece]:
    """Each JSON object of the text as a piece; what is not JSON, up to the next line that begins an object, as one."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        yield from _lines(data)
        return
    start, line, counted = 0, 1, 0
    while (start := _end_of(_BETWEEN_SCANS.match(text, start))) < len(text):
        line, counted = line + text.count("\n", counted, start), start
        end, readable = _end_of_scan(text, start)
        scan = text[start:end].rstrip()
        if readable:
            yield _document(scan.encode(), line)
        else:
            yield _broken(scan, line, scan.encode(), _NO_JSON)
        start = end


def _end_of(match: re.Match[str] | None) -> int:
    assert match is not None  # the pattern matches the empty text
    return match.end()


def _end_of_scan(text: str, start: int) -> tuple[int, bool]:
    """Where the object ends that begins at ``start``, and whether it is one."""
    failed_at = start
    if text[start] == "{":
        try:
            return start + _JSON.raw_decode(text[start : start + _LONGEST])[1], True
        except json.JSONDecodeError as error:
            failed_at = start + error.pos
        except RecursionError:  # each level took a character at least
            failed_at = min(start + _LEVELS, len(text))
    line_start = text.rfind("\n", start, failed_at)
    following = _NEXT_SCAN.search(text, line_start if line_start >= 0 else failed_at)
    return (following.start() if following else len(text)), False


def _lines(data: bytes) -> Iterator[InputPiece]:
    for number, line in enumerate(data.split(b"\n"), start=1):
        if text := line.strip(BLANKS):
            yield _document(text, number)


def _document(data: bytes, line: int) -> InputPiece:
    """Piece of one document. Its digest covers all bytes, since a document has no origin line apart from its body."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        encoding = _declared_encoding(data)
        if encoding is None:
            return _broken(data.decode("latin-1"), line, data, "The text is not valid UTF-8.", error.start + 1)
        text = data.decode(encoding, "replace")
    return InputPiece(PieceKind.MESSAGE, text.replace("\0", NUL), line, hashlib.sha256(data).digest(), len(text))


def _declared_encoding(data: bytes) -> str | None:
    """The encoding of a document that is not UTF-8, as its XML declaration names it; None for one that is not read."""
    if match := _DECLARED.match(data):
        with suppress(LookupError):
            name = codecs.lookup(match[1].decode()).name
            return name if name in _DECLARABLE else None
    return None


def _broken(text: str, line: int, data: bytes, reason: str, column: int = 1) -> InputPiece:
    digest = hashlib.sha256(data).digest()
    kept = text[:LONGEST_MESSAGE].replace("\0", NUL)
    return InputPiece(PieceKind.BROKEN, kept, line, digest, len(text), reason, 1, column)
