"""Ingestion over HTTP and from files: streams of any length, in bounded memory, batch by batch.

The first character of the decoded input decides what it is: Type B is split as it arrives, a document (JSON or XML) is
read as a whole.
"""

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.http.auth import TokenVerifier
from gateway.http.jwt import InvalidToken
from gateway.http.middleware import record_of
from gateway.http.observation import UNNAMED, observed
from integrations.batches import in_batches
from integrations.deadline import deadline
from integrations.errors import OutsideError
from integrations.messages.encodings import Decoder, DecodingError
from integrations.messages.formats import BLANKS, DOCUMENT, pieces_of
from integrations.messages.split_input import InputPiece, Splitter
from integrations.progress import Progress, ProgressTimer
from integrations.timestamps import EXAMPLE, read_timestamp
from resolvers.context import Context
from resolvers.errors import BadInput
from resolvers.ingestion.pipeline import BATCH, IngestResult, IntakeChannel, batches_of, ingest
from resolvers.ingestion.reading import receipt_time
from resolvers.installation import Installation
from schema.runtime.permissions import SENDERS

logger = logging.getLogger(__name__)

PATH = "/ingest/typeb"
BATCH_SECONDS = 20.0
# A sender that pauses longer, or that has brought too little for the time it took after the first minutes, is
# disconnected: it holds a place of others. Messages already received stay stored.
IDLE_SECONDS = 60.0
SLOW_SECONDS = 600.0
MIN_BYTES_PER_SECOND = 500
# Longest wait of a message for a full batch.
FLUSH_SECONDS = 0.1
# Longest time for the first bytes of a body, and for a document to arrive as a whole: it is small, and nothing of it is
# stored before its end. A file may come from a slow pipe.
BEGIN_SECONDS = 10.0
DOCUMENT_SECONDS = 10.0
FILE_DOCUMENT_SECONDS = 120.0
# Concurrent streams of a process and of one actor in it: each holds a batch in memory, more of them would wait for the
# same database, and one actor must leave room for others.
MAX_STREAMS = 16
MAX_STREAMS_OF_ACTOR = 8
# Batches stored concurrently: one computes while another's statements run. More would wait for each other's locks on
# bags and messages.
CONCURRENT_BATCHES = 2
RETRY_AFTER = {"Retry-After": "1"}
# Values of Content-Encoding. Compressed bodies are recognised by their first bytes.
ENCODINGS = ("identity", "gzip", "x-gzip")
CHUNK = 65_536
PROGRESS_SECONDS = 2.0
MAX_DOCUMENT = 1_048_576
# A file of scans is one document. The operator's machine has room for a long one.
MAX_FILE_DOCUMENT = 67_108_864
REPEAT = "Send the whole stream again: messages already stored are recognised."


async def batches(chunks: AsyncIterator[bytes]) -> AsyncGenerator[Sequence[InputPiece], None]:
    """Yields the pieces of a Type B stream in batches of up to ``BATCH``; those of a slow stream as they arrive."""
    splitter, waiting = Splitter(), list[InputPiece]()
    clock = asyncio.get_running_loop().time
    stored_at = clock()
    arriving = asyncio.ensure_future(anext(chunks, None))
    try:
        while True:
            timeout = max(0.0, stored_at + FLUSH_SECONDS - clock()) if waiting else None
            done, _ = await asyncio.wait({arriving}, timeout=timeout)
            if done:
                chunk = arriving.result()
                if chunk is None:
                    break
                # Reads one chunk ahead while this one is stored.
                arriving = asyncio.ensure_future(anext(chunks, None))
                waiting += splitter.feed(chunk)
            while len(waiting) >= BATCH or (waiting and clock() >= stored_at + FLUSH_SECONDS):
                yield waiting[:BATCH]
                del waiting[:BATCH]
                stored_at = clock()
        waiting += splitter.close()
        for batch in in_batches(waiting, BATCH):
            yield batch
    finally:
        arriving.cancel()
        # Otherwise the generator of the chunks still runs when its owner closes it.
        await asyncio.gather(arriving, return_exceptions=True)


class IngestEndpoint:
    """``POST /ingest/typeb``: the body is a Type B stream, or one document with scans as JSON or Baggage XML.

    The body is read no faster than it is stored, so TCP slows the sender down. The response contains the counts of
    messages by outcome; an error response contains the counts so far.

    Args:
        tokens: authenticates requests.
        installation: the airline that is served.
        now: the clock.
    """

    def __init__(self, tokens: TokenVerifier, installation: Installation, now: Callable[[], datetime]) -> None:
        self._tokens = tokens
        self._installation = installation
        self._now = now
        self._streams = Counter[str]()
        self._batches = asyncio.Semaphore(CONCURRENT_BATCHES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        request = Request(scope, receive)
        response = self._rejection(request)
        if response is None:
            actor_id = record_of(scope).actor or ""
            self._streams[actor_id] += 1
            try:
                response = await self._ingest(request)
            except ClientDisconnect:
                return
            finally:
                self._streams[actor_id] -= 1
                self._streams += Counter()  # drops actors without streams
        await response(scope, receive, send)

    def _rejection(self, request: Request) -> Response | None:
        if request.method != "POST":
            return _error(HTTPStatus.METHOD_NOT_ALLOWED, "Ingestion requires POST.", headers={"Allow": "POST"})
        try:
            actor = self._tokens.actor(request.headers.get("authorization"))
        except InvalidToken as error:
            return _error(HTTPStatus.UNAUTHORIZED, str(error), headers={"WWW-Authenticate": "Bearer"})
        record_of(request.scope).actor = actor.id
        if actor.role is None:
            message = "Ingestion requires a bearer token."
            return _error(HTTPStatus.UNAUTHORIZED, message, headers={"WWW-Authenticate": "Bearer"})
        if actor.role not in SENDERS:
            return _error(HTTPStatus.FORBIDDEN, "Your role must not send messages.")
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ENCODINGS:
            message = "A body must be plain or compressed with gzip."
            return _error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, message, headers={"Accept-Encoding": "gzip"})
        if self._streams.total() >= MAX_STREAMS:
            message = f"{MAX_STREAMS} streams are open: try again later."
            return _error(HTTPStatus.SERVICE_UNAVAILABLE, message, headers=RETRY_AFTER)
        if self._streams[actor.id] >= MAX_STREAMS_OF_ACTOR:
            message = f"{MAX_STREAMS_OF_ACTOR} streams of this actor are open: try again later."
            return _error(HTTPStatus.SERVICE_UNAVAILABLE, message, headers=RETRY_AFTER)
        return None

    async def _ingest(self, request: Request) -> Response:
        try:
            received_at = _received_at(request.headers.getlist("x-received-at"), self._now())
        except BadInput as error:
            return _error(HTTPStatus.BAD_REQUEST, f"{str(error).replace(error.field, 'X-Received-At')}.")
        except ValueError:
            message = f"X-Received-At must be one timestamp with a zone, such as {EXAMPLE}."
            return _error(HTTPStatus.BAD_REQUEST, message)
        context = Context(
            self._tokens.actor(request.headers.get("authorization")),
            record_of(request.scope).id,
            self._now,
            request.state.stores,
            self._installation,
            b"",
        )
        done = IngestResult()
        try:
            chunks = _in_time(request.stream())
            async with aclosing(pieces_as_they_arrive(chunks, MAX_DOCUMENT, DOCUMENT_SECONDS)) as stream:
                async for pieces in stream:
                    for batch in batches_of(pieces):
                        async with self._batches:
                            with deadline(BATCH_SECONDS), observed(request.scope, context.actor, "ingest", UNNAMED):
                                done += await ingest(context, batch, received_at or self._now(), IntakeChannel.HTTP)
        except TimeoutError:
            return _error(HTTPStatus.REQUEST_TIMEOUT, f"The body did not arrive in time. {REPEAT}", done)
        except DocumentTooLong as error:
            message = f"{error} A Type B stream can have any length."
            return _error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message, done)
        except DecodingError as error:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if error.too_large else HTTPStatus.BAD_REQUEST
            return _error(status, str(error), done)
        except OutsideError as error:
            logger.warning("ingestion failed: %s", error)
            message = f"PostgreSQL is unavailable. {REPEAT}"
            return _error(HTTPStatus.SERVICE_UNAVAILABLE, message, done, headers=RETRY_AFTER)
        return Response(orjson.dumps(counts_of(done)), media_type="application/json")


class DocumentTooLong(Exception):
    """A document that is read as a whole exceeds the limit."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"A document must have at most {limit} bytes.")


async def pieces_as_they_arrive(
    chunks: AsyncIterator[bytes], largest_document: int, document_seconds: float
) -> AsyncGenerator[Iterable[InputPiece], None]:
    """Yields the pieces of an input in any format and encoding, a few at a time.

    Args:
        largest_document: bytes that a document may have, decoded.
        document_seconds: longest time for a document to arrive as a whole.

    Raises:
        TimeoutError: a document did not end in time.
        DocumentTooLong: the document exceeds the limit.
        DecodingError: the compressed input is damaged, ends early, or is too large.
    """
    async with aclosing(_decoded(chunks)) as decoded:
        beginning = b""
        while not beginning.strip(BLANKS) and len(beginning) < CHUNK:
            if (chunk := await anext(decoded, None)) is None:
                break
            beginning += chunk
        if beginning.lstrip(BLANKS)[:1] in DOCUMENT:
            yield pieces_of(await _document(beginning, decoded, largest_document, document_seconds))
        else:
            async for batch in batches(_following(beginning, decoded)):
                yield batch


async def _in_time(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yields the chunks of a sender. Only the time until it sends counts, not the time that storing takes.

    Raises:
        TimeoutError: nothing arrived for ``IDLE_SECONDS``, or for ``BEGIN_SECONDS`` at first; or the sender has
            taken more than ``SLOW_SECONDS`` and brought fewer than ``MIN_BYTES_PER_SECOND`` beyond them.
    """
    clock = asyncio.get_running_loop().time
    waited, received = 0.0, 0
    while True:
        asked_at = clock()
        allowed = SLOW_SECONDS + received / MIN_BYTES_PER_SECOND - waited
        async with asyncio.timeout(min(IDLE_SECONDS if received else BEGIN_SECONDS, allowed)):
            chunk = await anext(chunks, None)
        if chunk is None:
            return
        waited += clock() - asked_at
        received += len(chunk)
        yield chunk


async def _decoded(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    decoder = Decoder()
    async for chunk in chunks:
        for part in decoder.feed(chunk):
            yield part
    for part in decoder.close():
        yield part


async def _following(beginning: bytes, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    yield beginning
    async for chunk in chunks:
        yield chunk


async def _document(beginning: bytes, chunks: AsyncIterator[bytes], limit: int, seconds: float) -> bytes:
    document = bytearray(beginning)
    async with asyncio.timeout(seconds):
        while len(document) <= limit:
            if (chunk := await anext(chunks, None)) is None:
                return bytes(document)
            document += chunk
    raise DocumentTooLong(limit)


def _received_at(headers: Sequence[str], now: datetime) -> datetime | None:
    if len(headers) > 1:
        raise ValueError(headers)
    return receipt_time(read_timestamp(headers[0]), now) if headers else None


def counts_of(done: IngestResult) -> dict[str, int]:
    """Returns the counts of messages by outcome, under the names of the API."""
    return {
        "messages": done.messages,
        "duplicates": done.duplicates,
        "deadLetters": done.dead_letters,
        "others": done.others,
        "events": done.events,
        "bags": done.bags,
        "unknownAirports": done.unknown_airports,
    }


def _error(
    status: HTTPStatus, message: str, done: IngestResult | None = None, headers: dict[str, str] | None = None
) -> Response:
    body = {"error": message, **(counts_of(done) if done else {})}
    # The rest of the body is not read, so the connection cannot serve another request.
    return Response(
        orjson.dumps(body),
        status_code=status,
        media_type="application/json",
        headers={**(headers or {}), "Connection": "close"},
    )


async def ingest_file(context: Context, path: str, received_at: datetime | None, progress: Progress) -> int:
    """Ingests a file, or standard input for ``-``, and reports progress; returns the exit code.

    The file may have any format of ``integrations.messages.formats``, and may be compressed with gzip. The exit code is
    0 if all messages are stored or were before, 1 if some could not be parsed (they are kept as ``deadLetters``), some
    text is no baggage message, or the file could not be read: the same whenever the file is ingested. It can be
    ingested again after an error of a store.

    Args:
        received_at: when the file was received; None for now.

    Raises:
        OutsideError: PostgreSQL is unavailable.
    """
    try:
        receipt_time(received_at, context.now())
    except BadInput as error:
        progress(f"{str(error).replace(error.field, '--received-at')}.")
        return 1
    counts = _IngestCounts(progress)
    try:
        file = sys.stdin.buffer if path == "-" else await asyncio.to_thread(Path(path).open, "rb")
    except OSError as error:
        progress(f"{path}: {error.strerror}")
        return 1
    fault: str | None = None
    with file:
        try:
            async with aclosing(pieces_as_they_arrive(_read(file), MAX_FILE_DOCUMENT, FILE_DOCUMENT_SECONDS)) as stream:
                async for pieces in stream:
                    for batch in batches_of(pieces):
                        with deadline(BATCH_SECONDS):
                            counts.add(await ingest(context, batch, received_at or context.now(), IntakeChannel.FILE))
        except (DecodingError, DocumentTooLong) as error:
            fault = str(error)
        except TimeoutError:
            fault = f"A document must arrive within {FILE_DOCUMENT_SECONDS:g} s."
        finally:
            counts.end()
    if fault is not None:
        progress(f"{path}: {fault}")
    return 1 if fault is not None or counts.done.unread else 0


async def _read(file: BinaryIO) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, CHUNK):
        yield chunk


class _IngestCounts:
    """Counts of messages by outcome; reports them and the rate every 2 seconds."""

    def __init__(self, progress: Progress) -> None:
        self.done = IngestResult()
        self._progress = progress
        self._timer = ProgressTimer(PROGRESS_SECONDS)

    def add(self, more: IngestResult) -> None:
        self.done += more
        if self._timer.is_due():
            self._progress(self._text())

    def end(self) -> None:
        self._progress(self._text())
        if self.done.others:
            self._progress("Other texts are stored, but say nothing of bags: check that the file is the right one.")
        if self.done.dead_letters:
            self._progress("Messages that could not be parsed are kept: query `deadLetters`, correct and replay them.")
        if known := self.done.unread - self.done.dead_letters - self.done.others:
            self._progress(f"{known:,} texts that could not be read were stored before, or come twice: none is new.")

    def _text(self) -> str:
        done, rate = self.done, self._timer.rate(self.done.events)
        return (
            f"{done.messages:,} messages, {done.events:,} events ({rate:,.0f}/s), {done.duplicates:,} duplicates, "
            f"{done.dead_letters:,} dead letters, {done.others:,} others"
        )
