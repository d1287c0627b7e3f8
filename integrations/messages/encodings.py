"""Decoder of an input's bytes: gzip, UTF-16 and UTF-32 become the plain bytes that the other formats are read from.

The first bytes decide, so that files and broker messages, which name no encoding, are read like HTTP bodies.
"""

import codecs
import zlib
from collections.abc import Iterator

GZIP = b"\x1f\x8b\x08"
# Largest size of a decompressed input: a small body can stand for gigabytes.
LARGEST_DECOMPRESSED = 268_435_456
_STEP = 65_536
# Bytes that an encoding is recognised by: the mark of UTF-32 is also that of UTF-16 before a zero character.
_HEAD = 8
# By byte-order mark; the longer first.
_WIDE = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


class DecodingError(ValueError):
    """The compressed input is damaged, ends early, or is too large.

    Args:
        too_large: whether it exceeds ``LARGEST_DECOMPRESSED``.
    """

    def __init__(self, reason: str, *, too_large: bool = False) -> None:
        super().__init__(reason)
        self.too_large = too_large


class Decoder:
    """Decodes an input as it arrives, in steps of at most 64 KiB. Input in no known encoding stays as it is.

    UTF-16 and UTF-32 become UTF-8. Without a byte-order mark UTF-16 is recognised by the zero bytes of its first two
    characters.
    """

    def __init__(self) -> None:
        self._gunzip: _Gunzip | None = None
        self._wide: codecs.IncrementalDecoder | None = None
        self._packed_head: bytes | None = b""
        self._head: bytes | None = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yields the decoded parts of a chunk.

        Raises:
            DecodingError: the compressed input is damaged or too large.
        """
        if self._packed_head is not None:
            self._packed_head += data
            if len(self._packed_head) < len(GZIP):
                return
            data, self._packed_head = self._packed_head, None
            if data.startswith(GZIP):
                self._gunzip = _Gunzip()
        for part in self._gunzip.feed(data) if self._gunzip else (data,):
            yield from self._text(part)

    def close(self) -> Iterator[bytes]:
        """Yields what was held back. Call it once, after the last chunk.

        Raises:
            DecodingError: the compressed input ends early.
        """
        if self._packed_head:
            yield from self._text(self._packed_head)
        if self._gunzip:
            self._gunzip.close()
        if self._head:
            yield from self._plain(self._head)
        if self._wide:
            yield self._wide.decode(b"", True).encode()

    def _text(self, data: bytes) -> Iterator[bytes]:
        if self._head is not None:
            self._head += data
            if len(self._head) < _HEAD:
                return
            data, self._head = self._head, None
            mark, name = _wide_encoding(data)
            if name:
                self._wide = codecs.getincrementaldecoder(name)("replace")
                data = data[len(mark) :]
        yield from self._plain(data)

    def _plain(self, data: bytes) -> Iterator[bytes]:
        yield self._wide.decode(data).encode() if self._wide else data


def decode(data: bytes) -> bytes:
    """Decodes a whole input.

    Raises:
        DecodingError: the compressed input is damaged, ends early, or is too large.
    """
    decoder = Decoder()
    return b"".join([*decoder.feed(data), *decoder.close()])


def _wide_encoding(head: bytes) -> tuple[bytes, str]:
    """The byte-order mark of the first bytes, and the encoding; both may be empty."""
    for mark, name in _WIDE.items():
        if head.startswith(mark) and (mark != codecs.BOM_UTF32_LE or head[6:8] == b"\0\0"):
            return mark, name
    if head[0] and head[2] and head[1] == head[3] == 0:
        return b"", "utf-16-le"
    if head[1] and head[3] and head[0] == head[2] == 0:
        return b"", "utf-16-be"
    return b"", ""


class _Gunzip:
    """Decompresses gzip of one or several members, in bounded steps."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._room = LARGEST_DECOMPRESSED

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data or not self._member.eof:
            if self._member.eof:
                data = data.lstrip(b"\0")  # padding between and behind members
                if not data:
                    return
                self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            try:
                part = self._member.decompress(data, _STEP)
            except zlib.error:
                raise DecodingError("The gzip data is damaged.") from None
            data = self._member.unused_data or self._member.unconsumed_tail
            self._room -= len(part)
            if self._room < 0:
                raise DecodingError(f"The input must have at most {LARGEST_DECOMPRESSED} bytes.", too_large=True)
            if part:
                yield part
            elif not data:
                return

    def close(self) -> None:
        if not self._member.eof:
            raise DecodingError("The gzip data ends early.")
