"""Ingestion over HTTP and from files: streams of any length, in bounded memory, batch by batch."""

import asyncio
import logging
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
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
from integrations.batches import in_batches
from integrations.deadline import deadline
from integrations.errors import OutsideError
from integrations.messages.formats import pieces_of
from integrations.messages.split_input import InputPiece, Splitter
from integrations.progress import Progress, ProgressTimer
from resolvers.context import Context
from resolvers.ingestion.pipeline import BATCH, IngestResult, IntakeChannel, ingest
from resolvers.installation import Installation
from schema.runtime.permissions import SENDERS

logger = logging.getLogger(__name__)

PATH = "/ingest/typeb"
BATCH_SECONDS = 20.0
# A sender that pauses longer is disconnected; messages already received stay stored.
IDLE_SECONDS = 60.0
# Longest wait of a message for a full batch.
FLUSH_SECONDS = 0.1
# Concurrent streams of a process: each holds a batch in memory, and more of them would wait for the same database.
MAX_STREAMS = 8
# Batches stored concurrently: one computes while another's statements run. More would wait for each other's locks on
# bags and messages.
CONCURRENT_BATCHES = 2
RETRY_AFTER = {"Retry-After": "1"}
DOCUMENTS = ("application/json", "application/x-ndjson", "application/xml", "text/xml")
CHUNK = 65_536
PROGRESS_SECONDS = 2.0
MAX_DOCUMENT = 1_048_576
REPEAT = "Send the whole stream again: messages already stored are recognised."


async def batches(chunks: AsyncIterator[bytes]) -> AsyncGenerator[Sequence[InputPiece], None]:
    """Yields the pieces of a Type B stream in batches of up to ``BATCH``; those of a slow stream as they arrive.

    Raises:
        TimeoutError: nothing arrived for ``IDLE_SECONDS``.
    """
    splitter, waiting = Splitter(), list[InputPiece]()
    clock = asyncio.get_running_loop().time
    stored_at = clock()
    arriving = asyncio.ensure_future(anext(chunks, None))
    try:
        while True:
            timeout = max(0.0, stored_at + FLUSH_SECONDS - clock()) if waiting else IDLE_SECONDS
            done, _ = await asyncio.wait({arriving}, timeout=timeout)
            if done:
                chunk = arriving.result()
                if chunk is None:
                    break
                # Reads one chunk ahead while this one is stored.
                arriving = asyncio.ensure_future(anext(chunks, None))
                waiting += splitter.feed(chunk)
            elif not waiting:
                raise TimeoutError
            while len(waiting) >= BATCH or (waiting and clock() >= stored_at + FLUSH_SECONDS):
                yield waiting[:BATCH]
                del waiting[:BATCH]
                stored_at = clock()
        waiting += splitter.close()
        for batch in in_batches(waiting, BATCH):
            yield batch
    finally:
        arriving.cancel()


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
        self._streams = 0
        self._batches = asyncio.Semaphore(CONCURRENT_BATCHES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        request = Request(scope, receive)
        response = self._rejection(request)
        if response is None:
            self._streams += 1
            try:
                response = await self._ingest(request)
            except ClientDisconnect:
                return
            finally:
                self._streams -= 1
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
        if self._streams >= MAX_STREAMS:
            return _error(
                HTTPStatus.SERVICE_UNAVAILABLE, f"{MAX_STREAMS} streams are open: try again later.", headers=RETRY_AFTER
            )
        return None

    async def _ingest(self, request: Request) -> Response:
        try:
            received_at = _received_at(request.headers.get("x-received-at"))
        except ValueError:
            return _error(
                HTTPStatus.BAD_REQUEST, "X-Received-At must be a timestamp with a zone, such as 2026-11-23T19:12:05Z."
            )
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
            async with aclosing(_pieces(request)) as stream:
                async for pieces in stream:
                    async with self._batches:
                        with deadline(BATCH_SECONDS):
                            done += await ingest(context, pieces, received_at or self._now(), IntakeChannel.HTTP)
        except TimeoutError:
            return _error(HTTPStatus.REQUEST_TIMEOUT, f"Nothing was received for {IDLE_SECONDS:g} s. {REPEAT}", done)
        except _DocumentTooLong:
            message = (
                f"A document must not exceed {MAX_DOCUMENT} bytes; a Type B stream (text/plain) can have any length."
            )
            return _error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
        except OutsideError as error:
            logger.warning("ingestion failed: %s", error)
            message = f"PostgreSQL is unavailable. {REPEAT}"
            return _error(HTTPStatus.SERVICE_UNAVAILABLE, message, done, headers=RETRY_AFTER)
        return Response(orjson.dumps(counts_of(done)), media_type="application/json")


class _DocumentTooLong(Exception):
    """A document that is read as a whole exceeds ``MAX_DOCUMENT``."""


async def _pieces(request: Request) -> AsyncGenerator[Sequence[InputPiece], None]:
    chunks = request.stream()
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() in DOCUMENTS:
        document = bytearray()
        async for chunk in chunks:
            document += chunk
            if len(document) > MAX_DOCUMENT:
                raise _DocumentTooLong
        for batch in in_batches(pieces_of(bytes(document)), BATCH):
            yield batch
        return
    async for batch in batches(chunks):
        yield batch


def _received_at(text: str | None) -> datetime | None:
    if text is None:
        return None
    timestamp = datetime.fromisoformat(text)
    if timestamp.tzinfo is None:
        raise ValueError(text)
    return timestamp.astimezone(UTC)


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

    The exit code is 0 if all messages are stored, 1 if some could not be parsed (they are kept as ``deadLetters``) or
    the file could not be read. The file can be ingested again after an error of a store.
    """
    counts = _IngestCounts(progress)
    try:
        file = sys.stdin.buffer if path == "-" else await asyncio.to_thread(Path(path).open, "rb")
    except OSError as error:
        progress(f"{path}: {error.strerror}")
        return 1
    with file:
        async with aclosing(batches(_read(file))) as stream:
            async for pieces in stream:
                with deadline(BATCH_SECONDS):
                    counts.add(await ingest(context, pieces, received_at or context.now(), IntakeChannel.FILE))
    counts.end()
    return 1 if counts.done.dead_letters else 0


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
        if self.done.dead_letters:
            self._progress("Messages that could not be parsed are kept: query `deadLetters`, correct and replay them.")

    def _text(self) -> str:
        done, rate = self.done, self._timer.rate(self.done.events)
        return (
            f"{done.messages:,} messages, {done.events:,} events ({rate:,.0f}/s), {done.duplicates:,} duplicates, "
            f"{done.dead_letters:,} dead letters, {done.others:,} others"
        )
